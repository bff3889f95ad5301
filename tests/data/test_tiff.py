"""TIFF: every type of numbers as it is, folders and stacks, written back as it was brought."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import equigen.data.readers.tiff as tiff
from equigen.data.images import Images
from equigen.data.loading import load
from equigen.data.writing import write_samples
from tests.data.conftest import pixels

TYPES = ("uint8", "uint16", "uint32", "int16", "int32", "float16", "float32")


def stored(dtype: str, channels: int, count: int = 3) -> np.ndarray:
    numbers = 200 * np.random.default_rng(0).random((count, 9, 8, channels))
    return (numbers - 100 * (np.dtype(dtype).kind != "u")).astype(dtype)


def write(path, image: np.ndarray, **options) -> None:
    image = image[..., 0] if image.shape[-1] == 1 else image
    tifffile.imwrite(path, image, photometric="rgb" if image.shape[-1] == 3 else "minisblack", **options)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_folder_keeps_every_bit_and_is_written_back(tmp_path, dtype, channels):
    images = stored(dtype, channels)
    for place, image in enumerate(images):
        write(tmp_path / f"{place}.tif", image)
    found = load(tmp_path)
    assert found.encoding.dtype == dtype
    assert (found.encoding.encode(found.x) == images).all()
    paths = write_samples(found.x, found.encoding, tmp_path / "out", formats=("tif",))
    assert [path.name for path in paths] == ["sample-00000.tif", "sample-00001.tif", "sample-00002.tif"]
    again = load(tmp_path / "out")
    assert torch.equal(again.x, found.x)
    assert again.encoding == found.encoding
    assert (tifffile.imread(paths[1]).reshape(images[1].shape) == images[1]).all()


def test_floats_are_not_scaled_and_16_bits_are_not_halved(tmp_path):
    images = stored("float32", 1)
    for place, image in enumerate(images):
        write(tmp_path / f"{place}.tif", image)
    assert (load(tmp_path).x[:, 0].numpy() == images[..., 0]).all()
    deep = np.array([0, 1, 257, 65535], np.uint16).repeat(16).reshape(1, 8, 8)
    tifffile.imwrite(tmp_path / "deep.tiff", np.concatenate([deep, deep[:, ::-1]]))
    found = load(tmp_path / "deep.tiff")
    assert (found.x[0, 0].unique() * 65535).round().tolist() == [0, 1, 257, 65535]


@pytest.mark.parametrize(
    "options",
    [{}, {"imagej": True}, {"compression": "zlib"}, {"byteorder": ">"}, {"ome": True, "metadata": {"axes": "ZYX"}}],
)
def test_a_stack_is_a_set(tmp_path, options, monkeypatch):
    images = stored("uint16", 1, 5)[..., 0]
    tifffile.imwrite(tmp_path / "stack.tif", images, **options)
    found = load(tmp_path / "stack.tif")
    assert found.encoding.layout == "nhw"
    assert (found.encoding.encode(found.x) == images).all()
    monkeypatch.setattr("equigen.data.memory.SHARE", 0.0)
    large = load(tmp_path / "stack.tif")
    assert isinstance(large.x, Images) == ("compression" not in options)
    assert torch.equal(large.x[:], found.x)


@pytest.mark.parametrize("mode", ["L", "I;16", "F", "RGB"])
def test_lzw_is_read_as_it_was_written(tmp_path, mode):
    dtype = {"I;16": "uint16", "F": "float32"}.get(mode, "uint8")
    images = stored(dtype, 3 if mode == "RGB" else 1)
    pictures = [Image.fromarray(image if mode == "RGB" else image[..., 0]) for image in images]
    pictures[0].save(tmp_path / "stack.tif", save_all=True, append_images=pictures[1:], compression="tiff_lzw")
    found = load(tmp_path / "stack.tif")
    assert (found.encoding.encode(found.x).reshape(images.shape) == images).all()


def test_channels_and_turns(tmp_path):
    planes = stored("uint8", 3).transpose(0, 3, 1, 2)
    (tmp_path / "a").mkdir()
    for place, image in enumerate(planes):
        tifffile.imwrite(tmp_path / "a" / f"{place}.tif", image, photometric="rgb", planarconfig="separate")
    assert (load(tmp_path / "a").x.numpy() == planes / np.float32(255)).all()
    (tmp_path / "b").mkdir()
    for place, image in enumerate(planes):
        tifffile.imwrite(tmp_path / "b" / f"{place}.tif", image[0], extratags=[(274, 3, 1, 3, True)])
    assert (load(tmp_path / "b").x[:, 0].numpy() == planes[:, 0, ::-1, ::-1] / np.float32(255)).all()
    tifffile.imwrite(tmp_path / "c.tif", planes.astype(np.float32), imagej=True)
    assert (load(tmp_path / "c.tif").x.numpy() == planes).all()


def test_tiff_beside_png(folder):
    tifffile.imwrite(folder / "d.TIF", pixels(9, 8, 10))
    assert len(load(folder)) == 4
    tifffile.imwrite(folder / "e.tif", pixels(9, 8, 10).astype(np.float32))
    with pytest.raises(ValueError, match=r"e\.tif has float32 values, but 4 of the 5 images have uint8"):
        load(folder)


def test_what_is_no_set_of_images_is_refused(tmp_path, refused):
    tifffile.imwrite(tmp_path / "one.tif", pixels(0, 9, 8))
    refused(tmp_path / "one.tif", "one image", "folder")
    tifffile.imwrite(tmp_path / "colour.tif", pixels(0, 9, 8, 3), photometric="rgb")
    refused(tmp_path / "colour.tif", "one image", "folder")
    tifffile.imwrite(tmp_path / "time.tif", pixels(0, 4, 5, 9, 8), imagej=True, metadata={"axes": "TZYX"})
    refused(tmp_path / "time.tif", "TZYX", "(N, H, W)")
    with tifffile.TiffWriter(tmp_path / "sizes.tif") as file:
        file.write(pixels(0, 9, 8))
        file.write(pixels(0, 8, 8))
    refused(tmp_path / "sizes.tif", "2 kinds")
    for name, options in {
        "palette": {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
        "negative": {"photometric": "miniswhite"},
    }.items():
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", pixels(0, 9, 8), **options)
        refused(tmp_path / name, "a.tif", "grey")
    (tmp_path / "pages").mkdir()
    tifffile.imwrite(tmp_path / "pages" / "a.tif", pixels(0, 5, 9, 8), metadata=None)
    refused(tmp_path / "pages", "a.tif holds 5 pages", "the file itself")


def test_transparency_is_refused_and_opacity_dropped(tmp_path, refused):
    images = pixels(0, 2, 9, 8, 4)
    images[..., 3] = 255
    for place, image in enumerate(images):
        tifffile.imwrite(tmp_path / f"{place}.tif", image, photometric="rgb", extrasamples=["unassalpha"])
    assert (load(tmp_path).x.numpy() == images[..., :3].transpose(0, 3, 1, 2) / np.float32(255)).all()
    images[1, 2, 3, 3] = 254
    tifffile.imwrite(tmp_path / "1.tif", images[1], photometric="rgb", extrasamples=["unassalpha"])
    refused(tmp_path, "1.tif", "transparent")


def test_a_codec_that_is_missing_is_named(tmp_path, refused, monkeypatch):
    for name in "ab":
        Image.fromarray(pixels(ord(name), 16, 16)).save(tmp_path / f"{name}.tif", compression="tiff_lzw")
    assert len(load(tmp_path)) == 2
    monkeypatch.setattr(tiff, "_by_pillow", lambda page, path: np.zeros((16, 16), np.int32))  # bits are lost
    refused(tmp_path, "a.tif", "LZW", "pip install imagecodecs")


@pytest.mark.parametrize(("package", "name"), [("tifffile", "a.tif"), ("h5py", "a.h5")])
def test_a_missing_extra_is_one_sentence_with_the_command(tmp_path, refused, monkeypatch, package, name):
    (tmp_path / name).write_bytes(b"II*\0")
    monkeypatch.setitem(sys.modules, package, None)
    refused(tmp_path / name, package, "pip install 'equigen[data]'")
