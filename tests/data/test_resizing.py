from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from equigen.data.resizing import resize_images


def test_halving_agrees_with_pillow():
    """Oracle: Pillow's antialiased bilinear filter, within one grey level of rounding."""
    image = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(image).resize((24, 24), Image.Resampling.BILINEAR)).astype(int)
    ours = resize_images(image[None, ..., None], 24)[0, ..., 0].astype(int)
    assert np.abs(ours - theirs).max() <= 1


def test_planted_plain_sampling_disagrees_with_pillow():
    image = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(image[::2, ::2].astype(int) - theirs).max() > 1


@pytest.mark.parametrize(("height", "width"), [(30, 20), (20, 30), (21, 20)])
def test_the_centred_square_is_kept(height, width):
    image = np.zeros((1, height, width, 1), dtype=np.float32)
    top, left = (height - 20) // 2, (width - 20) // 2
    image[:, top : top + 20, left : left + 20] = 1
    assert (resize_images(image, 10) == 1).all()
    assert (resize_images(image, 20) == 1).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float16", "float32", "float64"])
def test_type_and_constants_are_kept(dtype):
    images = np.full((3, 9, 9, 2), 77, dtype=dtype)
    out = resize_images(images, 16)
    assert out.dtype == dtype
    assert out.shape == (3, 16, 16, 2)
    assert (out == 77).all()


def test_large_integers_are_scaled_in_double_precision():
    images = np.full((2, 9, 9, 1), (1 << 30) + 1, dtype=np.int32)
    assert (resize_images(images, 16) == (1 << 30) + 1).all()


def test_right_size_is_untouched():
    images = np.random.default_rng(0).random((3, 9, 9, 2))
    assert resize_images(images, 9) is images


def test_chunks_do_not_show():
    images = np.random.default_rng(0).random((300, 9, 9, 1))
    alone = np.concatenate([resize_images(images[i : i + 1], 6) for i in range(300)])
    assert np.allclose(resize_images(images, 6), alone, rtol=0, atol=1e-12)
