"""Reader of one PNG or JPEG file: what is in it, from its header alone, and its pixels.

The policy: grey images have 1 channel and keep it; colour and palette images have 3. An alpha channel that is opaque
everywhere is dropped; real transparency is refused, since what lies behind it is the user's to say. 8 bits stay 8
bits and 16 stay 16 (1, 2 and 4 bits become 8). The turn that a camera notes in EXIF is carried out.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from equigen.data.errors import DataError
from equigen.data.source import reading

__all__ = ["SWAPPED", "ImageHeader", "opaque", "read_image", "read_image_header", "upright"]

SWAPPED: tuple[int, ...] = (5, 6, 7, 8)
"""Orientations, as EXIF and TIFF number them, that exchange rows and columns."""

_ORIENTATION = 0x0112  # the EXIF tag
_CHANNELS = {"1": 1, "L": 1, "LA": 1, "I;16": 1, "I;16B": 1, "I": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3}


@dataclass(frozen=True)
class ImageHeader:
    """Size of an image in pixels as it is looked at, its channels, and the type of its numbers."""

    height: int
    width: int
    channels: int
    dtype: str


def read_image_header(path: Path) -> ImageHeader:
    """What a PNG or JPEG file says of itself; no pixel is decoded.

    Raises:
        DataError: it is no such file, or of a kind that is not read.
    """
    with _open(path) as image:
        width, height = image.size
        if _orientation(image) in SWAPPED:
            width, height = height, width
        return ImageHeader(height, width, _CHANNELS[image.mode], "uint16" if _is_deep(image) else "uint8")


def read_image(path: Path) -> np.ndarray:
    """The pixels of a PNG or JPEG file, (H, W, C) with C = 1 or 3, uint8 or uint16.

    Raises:
        DataError: the file is broken, or has transparent pixels.
    """
    with _open(path) as image:
        deep = _is_deep(image)
        orientation = _orientation(image)
        if deep and image.mode in ("RGB", "RGBA"):
            pixels = _deep_colour(image, path)
        elif deep:
            pixels = np.asarray(image).astype(np.uint16)
        else:
            pixels = np.asarray(_plain(image))
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return upright(opaque(pixels, path) if pixels.shape[2] in (2, 4) else pixels, orientation)


def opaque(pixels: np.ndarray, path: Path) -> np.ndarray:
    """Pixels (H, W, C) without their last channel, which says how opaque they are.

    Raises:
        DataError: a pixel is not opaque.

    Example:
        >>> opaque(np.full((1, 1, 2), 255, dtype=np.uint8), Path("a.png")).tolist()
        [[[255]]]
    """
    full = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    if not (pixels[..., -1] == full).all():
        raise DataError(
            f"{path} has transparent pixels, but images need to be opaque: lay it over a background, or save the "
            "set as one .npy file with 4 channels."
        )
    return pixels[..., :-1]


@contextmanager
def _open(path: Path) -> Iterator[ImageFile.ImageFile]:
    with reading(path, "a PNG or JPEG image"):
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes), but an image is needed: replace or remove it.")
        try:
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                _require_readable(image, path)
                yield image
        except UnidentifiedImageError as error:
            raise DataError(f"{path} is no PNG or JPEG image, though it is named so: replace or remove it.") from error
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DataError(
                f"{path} claims more than {Image.MAX_IMAGE_PIXELS} pixels, but no more are decoded: make it smaller."
            ) from error


def _require_readable(image: ImageFile.ImageFile, path: Path) -> None:
    if image.mode not in _CHANNELS:
        raise DataError(f"{path} is stored as {image.mode}, but grey or RGB is needed: convert it.")
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise DataError(f"{path} is an animation, but one image per file is needed: save its frames as files.")
    if _is_deep(image) and ("transparency" in image.info or image.tile[0].args == "LA;16B"):
        raise DataError(f"{path} has 16 bits and transparency in a form that is not read: save it without alpha.")


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether the file stores 16 bits per channel; Pillow's modes say so for grey images only."""
    return image.mode.startswith("I") or (bool(image.tile) and str(image.tile[0].args).endswith(";16B"))


def _orientation(image: ImageFile.ImageFile) -> int:
    return Image.Image.getexif(image).get(_ORIENTATION, 1)  # PngImageFile's own method would decode the pixels first


def _plain(image: Image.Image) -> Image.Image:
    """The same 8-bit image as L, LA, RGB or RGBA."""
    see_through = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    mode = "L" if _CHANNELS[image.mode] == 1 else "RGB"
    return image.convert(mode + "A" if see_through else mode)


def _deep_colour(image: ImageFile.ImageFile, path: Path) -> np.ndarray:
    """All 16 bits of a colour PNG, of which Pillow keeps the upper 8: decoded twice.

    Read as if their bytes were swapped, the same numbers give their lower bytes in place of the upper ones.
    """
    upper = np.asarray(image).astype(np.uint16)
    with Image.open(path, formats=("PNG",)) as again:
        tile = again.tile[0]
        again.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L"))]
        return (upper << 8) | np.asarray(again)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels (H, W, C) as the orientation, numbered as in EXIF and TIFF, says that they are looked at.

    Example:
        >>> upright(np.array([[[1], [2]]]), 3).tolist()
        [[[2], [1]]]
    """
    if orientation in SWAPPED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
