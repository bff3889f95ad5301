from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import torch
from PIL import Image

from equigen.data.encoding import Encoding
from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.data.readers.images import read_image
from equigen.data.writing import write_samples
from tests.data.conftest import pixels


def opened(path):
    image = Image.open(path)
    image.load()
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pictures_and_arrays_load_as_the_data_did(tmp_path, dtype, channels):
    """A set that is written and loaded again is the same set, from its pictures and from its array."""
    stored = pixels(0, 6, 8, 9, channels, dtype=dtype)
    encoding = Encoding(dtype, "nhwc")
    x = encoding.decode(stored)
    paths = write_samples(x, encoding, tmp_path / "out", formats=("png", "npz", "npy"))
    assert [path.name for path in paths[5:]] == ["sample-00005.png", "samples.npz", "samples.npy"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in paths)
    array = load(tmp_path / "out" / "samples.npz")
    assert torch.equal(array.x, x)
    assert (array.encoding, array.x.dtype) == (encoding, torch.float32)
    assert (np.load(tmp_path / "out" / "samples.npy") == stored).all()
    for path in paths[6:]:
        path.unlink()
    pictures = load(tmp_path / "out")
    assert torch.equal(pictures.x, x)
    assert pictures.encoding == encoding


def test_digits_are_written_over_the_whole_grey_range(tmp_path):
    digits = load("digits")
    paths = write_samples(digits.x[:3], digits.encoding, tmp_path)
    first = read_image(paths[0])[..., 0]
    assert (first == np.rint(digits.x[0, 0].numpy() * 255)).all()
    assert opened(paths[0]).info["Comment"] == "stored value 0 is black, 16 is white"
    again = load(tmp_path / "samples.npz", layout="nhw")
    assert (again.encoding.encode(again.x) == digits.encoding.encode(digits.x[:3])).all()


def test_floats_are_stretched_over_all_samples_and_say_so(tmp_path):
    x = torch.zeros(2, 1, 8, 8)
    x[0, 0, 0, 0], x[1, 0, 0, 0], x[1, 0, 0, 1] = -2.0, 6.0, 2.0
    paths = write_samples(x, Encoding("float32", "nchw"), tmp_path)
    assert read_image(paths[0])[0, 0, 0] == 0
    assert read_image(paths[1])[0, :2, 0].tolist() == [255, 128]
    assert (read_image(paths[0])[1:] == 64).all()  # zero lies a quarter up, in every picture
    assert opened(paths[0]).info["Comment"] == "stretched over these samples: stored value -2 is black, 6 is white"
    assert (np.load(paths[2])["images"] == x.numpy()).all()


def test_constant_floats_are_written(tmp_path):
    assert (read_image(write_samples(torch.ones(2, 1, 8, 8), Encoding(), tmp_path)[0]) == 0).all()


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_other_channels_stand_side_by_side(tmp_path, channels):
    stored = pixels(0, 2, channels, 8, 9)
    encoding = Encoding("uint8", "nchw")
    paths = write_samples(encoding.decode(stored), encoding, tmp_path)
    image = read_image(paths[1])[..., 0]
    assert image.shape == (8, 9 * channels)
    assert (image[:, 9:18] == stored[1, 1]).all()
    assert f"{channels} channels side by side" in opened(paths[1]).info["Comment"]


def test_labels_go_with_the_array(tmp_path):
    write_samples(torch.rand(5, 1, 8, 8), Encoding("uint8", "nhw"), tmp_path, beside={"labels": torch.arange(5)})
    found = load(tmp_path / "samples.npz")
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2, 3, 4]


def test_no_samples_give_an_empty_array(tmp_path):
    (path,) = write_samples(torch.zeros(0, 1, 8, 8), Encoding("float32", "nhw"), tmp_path)
    assert np.load(path)["images"].shape == (0, 8, 8)


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (torch.zeros(2, 1, 8, 8), {"formats": ("gif",)}),
        (torch.zeros(2, 1, 8, 8), {"beside": {"labels": torch.zeros(3)}}),
        (torch.full((2, 1, 8, 8), torch.nan), {}),
        (torch.zeros(8, 8), {}),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is(tmp_path, x, options):
    with pytest.raises(DataError):
        write_samples(x, Encoding("uint8", "nhw"), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_keeps_the_file_that_was_there(tmp_path, monkeypatch):
    encoding = Encoding("uint8", "nhw")
    (path,) = write_samples(torch.rand(2, 1, 8, 8), encoding, tmp_path, formats=("npz",))
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_samples(torch.rand(2, 1, 8, 8), encoding, tmp_path, formats=("npz",))
    assert [entry.name for entry in tmp_path.iterdir()] == ["samples.npz"]
    assert path.read_bytes() == before


def test_a_file_in_the_folders_place_is_an_os_error(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match="out"):
        write_samples(torch.zeros(2, 1, 8, 8), Encoding("uint8", "nhw"), tmp_path / "out")
