"""Reading one picture: against Pillow's own reading, and against arrays that were written here."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from equigen.data.errors import DataError
from equigen.data.readers.images import read_image, read_image_header
from tests.data.conftest import pixels, sentence_faults

GREY_ALPHA, RGB, RGBA = 4, 2, 6


def deep_png(array: np.ndarray, colour: int, filters: bool = False) -> bytes:
    """A 16-bit PNG (H, W, C); with filters, each row is stored as its difference from the row above."""
    height, width = array.shape[:2]
    rows = array.astype(">u2").reshape(height, -1).view(np.uint8)
    kind = 0
    if filters:
        rows, kind = rows - np.concatenate([np.zeros_like(rows[:1]), rows[:-1]]), 2
    lines = np.concatenate([np.full((height, 1), kind, np.uint8), rows], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    parts = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def header_agrees(path) -> bool:
    header, image = read_image_header(path), read_image(path)
    return (header.height, header.width, header.channels, header.dtype) == (*image.shape, image.dtype.name)


@pytest.mark.parametrize(("shape", "dtype"), [((8, 11), "uint8"), ((8, 11), "uint16"), ((8, 11, 3), "uint8")])
def test_png_pixels_are_those_written(tmp_path, shape, dtype):
    image = pixels(0, *shape, dtype=dtype)
    Image.fromarray(image).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == image.reshape(8, 11, -1)).all()
    assert header_agrees(tmp_path / "a.png")


@pytest.mark.parametrize("filters", [False, True])
def test_16_bit_colour_keeps_all_bits(tmp_path, filters):
    image = pixels(0, 8, 11, 3, dtype="uint16")
    (tmp_path / "a.png").write_bytes(deep_png(image, RGB, filters))
    assert (read_image(tmp_path / "a.png") == image).all()
    assert header_agrees(tmp_path / "a.png")
    assert (np.asarray(Image.open(tmp_path / "a.png")).astype(int) * 257 != image).any()  # Pillow alone loses half


def test_16_bit_opaque_alpha_is_dropped(tmp_path):
    image = pixels(0, 8, 11, 4, dtype="uint16")
    image[..., 3] = 65535
    (tmp_path / "a.png").write_bytes(deep_png(image, RGBA))
    assert (read_image(tmp_path / "a.png") == image[..., :3]).all()
    image[3, 4, 3] = 65534
    (tmp_path / "b.png").write_bytes(deep_png(image, RGBA))
    with pytest.raises(DataError, match=r"b\.png has transparent pixels"):
        read_image(tmp_path / "b.png")


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_dropped_where_opaque_and_refused_where_not(tmp_path, mode):
    image = pixels(0, 8, 11, len(mode))
    image[..., -1] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == image[..., :-1]).all()
    assert header_agrees(tmp_path / "a.png")
    image[0, 0, -1] = 254
    Image.fromarray(image).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b\.png has transparent pixels"):
        read_image(tmp_path / "b.png")


def test_a_transparent_colour_is_refused_where_it_is_used(tmp_path):
    image = np.full((8, 8), 7, np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png", transparency=9)
    assert (read_image(tmp_path / "a.png") == 7).all()
    Image.fromarray(image).save(tmp_path / "b.png", transparency=7)
    with pytest.raises(DataError, match="transparent"):
        read_image(tmp_path / "b.png")


def test_palette_and_two_level_images(tmp_path):
    colour = Image.fromarray(pixels(0, 8, 11, 3)).quantize(16)
    colour.save(tmp_path / "p.png")
    assert (read_image(tmp_path / "p.png") == np.asarray(colour.convert("RGB"))).all()
    bits = pixels(0, 8, 11) > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert (read_image(tmp_path / "bits.png")[..., 0] == bits * 255).all()
    assert header_agrees(tmp_path / "p.png")
    assert header_agrees(tmp_path / "bits.png")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_pixels_are_pillows(tmp_path, mode):
    Image.fromarray(pixels(0, 8, 11, 3)).convert(mode).save(tmp_path / "a.JPG", format="JPEG")
    theirs = np.asarray(Image.open(tmp_path / "a.JPG")).reshape(8, 11, -1)
    assert (read_image(tmp_path / "a.JPG") == theirs).all()
    assert header_agrees(tmp_path / "a.JPG")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_camera_turns_are_pillows(tmp_path, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels(0, 8, 11, 3)).save(path, exif=exif)
    theirs = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    assert (read_image(path) == theirs).all()
    assert header_agrees(path)


def refusals(tmp_path):
    image = Image.fromarray(pixels(0, 32, 32, 3))
    image.save(tmp_path / "whole.png")
    image.save(tmp_path / "whole.jpg")
    for suffix in ("png", "jpg"):
        data = (tmp_path / f"whole.{suffix}").read_bytes()
        (tmp_path / f"half.{suffix}").write_bytes(data[: len(data) // 2])
        (tmp_path / f"head.{suffix}").write_bytes(data[:20])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    image.save(tmp_path / "animated.png", save_all=True, append_images=[image.rotate(90)])
    (tmp_path / "deep-la.png").write_bytes(deep_png(pixels(0, 8, 8, 2, dtype="uint16"), GREY_ALPHA))
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    bomb = bytearray((tmp_path / "whole.png").read_bytes())
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    (tmp_path / "bomb.png").write_bytes(bytes(bomb))
    return sorted(path for path in tmp_path.iterdir() if path.stem != "whole")


def test_every_unreadable_picture_is_named_in_one_sentence(tmp_path):
    paths = refusals(tmp_path)
    assert len(paths) == 11
    for path in paths:
        with pytest.raises(DataError) as caught:
            read_image(path)
        message = str(caught.value)
        assert str(path) in message
        assert not sentence_faults(message), message


def test_truncated_picture_is_found_though_its_header_is_whole(tmp_path):
    refusals(tmp_path)
    assert read_image_header(tmp_path / "half.png").height == 32
