from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from equigen.data.png import encode_png
from equigen.data.readers.images import read_image
from tests.data.conftest import pixels


@pytest.mark.parametrize(("shape", "dtype"), [((5, 7), "uint8"), ((5, 7), "uint16"), ((5, 7, 3), "uint8")])
def test_pillow_reads_what_is_written(shape, dtype):
    image = pixels(0, *shape, dtype=dtype)
    found = Image.open(io.BytesIO(encode_png(image, "grüße")))
    assert (np.asarray(found) == image).all()
    assert found.info["Comment"] == "grüße"


def test_16_bit_colour_is_read_back(tmp_path):
    image = pixels(0, 5, 7, 3, dtype="uint16")
    (tmp_path / "a.png").write_bytes(encode_png(image))
    assert (read_image(tmp_path / "a.png") == image).all()


def test_checksums_hold():
    data = encode_png(pixels(0, 5, 7))
    Image.open(io.BytesIO(data)).verify()
    broken = bytearray(data)
    broken[-20] ^= 1  # among the pixels
    with pytest.raises(SyntaxError):
        Image.open(io.BytesIO(bytes(broken))).verify()


@pytest.mark.parametrize("shape", [(5,), (5, 7, 1), (5, 7, 4), (2, 5, 7, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="PNG holds"):
        encode_png(np.zeros(shape, np.uint8))


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="PNG holds"):
        encode_png(np.zeros((5, 7), np.float32))
