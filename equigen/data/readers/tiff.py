"""Reader of TIFF: one image per file, or a stack of pages as a set of its own.

All types of numbers that a set may have are read as they are: 8, 16 and 32 bits, integers and floats, grey, colour or
up to ten channels. The policy on alpha channels and turned images is that of PNG and JPEG files. Everything is read by
tifffile; where that lacks a codec (LZW, JPEG), by Pillow, if Pillow keeps every bit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from equigen.data.encoding import Layout, require_dtype
from equigen.data.errors import DataError
from equigen.data.extras import require_package
from equigen.data.memory import require_memory
from equigen.data.readers.images import SWAPPED, ImageHeader, opaque, upright
from equigen.data.source import Request, Source, reading

__all__ = ["TIFF", "read_tiff", "read_tiff_image", "read_tiff_image_header"]

TIFF: tuple[str, ...] = (".tif", ".tiff")
"""Ends of the names of TIFF files, in any case."""

_ORIENTATION = 274  # the tag
_WHITE_IS_ZERO, _PALETTE = 0, 3  # of the tag that says what numbers mean
_ALPHA = (1, 2)  # kinds of extra channels that say how opaque a pixel is
_WIDEST = 1 << 16  # pixels of a side; an image that claims more is broken, or no image of a set


def read_tiff_image_header(path: Path) -> ImageHeader:
    """What the TIFF file of one image says of itself; no pixel is decoded.

    Raises:
        DataError: it is no TIFF file, holds several pages, or is of a kind that is not read.
    """
    with _open(path) as file:
        page = _only_page(file, path)
        height, width, channels = _size(page, path)
        if _orientation(page) in SWAPPED:
            height, width = width, height
        return ImageHeader(height, width, channels - _has_alpha(page), require_dtype(page.dtype, str(path)))


def read_tiff_image(path: Path) -> np.ndarray:
    """The pixels of the TIFF file of one image, (H, W, C), in the type stored.

    Raises:
        DataError: it is broken, holds several pages, or has transparent pixels.
    """
    with _open(path) as file:
        page = _only_page(file, path)
        height, width, channels = _size(page, path)
        pixels = _decoded(page, path)
        pixels = np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels
        pixels = pixels.reshape(height, width, channels)
        alpha, orientation = _has_alpha(page), _orientation(page)
    return upright(opaque(pixels, path) if alpha else pixels, orientation)


def read_tiff(path: Path, request: Request) -> Source:
    """Read a stack: a TIFF file whose pages are the images.

    Raises:
        DataError: it is broken, holds one image only, or pages of several kinds.
    """
    with _open(path) as file:
        kinds = [series for series in file.series if len(series.shape) > 1]
        for page in file.pages:
            _size(page.keyframe, path)
        if len(kinds) != 1:
            raise DataError(f"{path} holds pages of {len(kinds)} kinds, but a set needs one: save them in files.")
        (series,) = kinds
        layout = _layout(series, path)
        require_dtype(series.dtype, str(path))
        if series.dataoffset is not None:
            dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
            images = np.memmap(path, dtype, "r", series.dataoffset, tuple(series.shape))
            return Source(images, layout, on_demand=True)
        require_memory(tuple(series.shape), str(path))
        stack = [_decoded(page, path) for page in series.pages]
        return Source(np.stack(stack).reshape(series.shape), layout)


def _layout(series: Any, path: Path) -> Layout | None:
    """What the axes of a stack are; None leaves two readings of them to the user's word or their sizes."""
    axes, shape = series.axes, tuple(series.shape)
    if len(axes) < 3 or (len(axes) == 3 and "S" in axes):
        raise DataError(f"{path} is one image, but a set is needed: give the folder that holds the images.")
    if len(axes) == 3 and axes.endswith("YX"):
        return "nhw"
    if len(axes) == 4 and axes.endswith("YXS"):
        return "nhwc"
    if len(axes) == 4 and axes.endswith(("CYX", "SYX")):
        return "nchw"
    if len(axes) == 4 and axes.endswith("QYX"):
        return None
    raise DataError(
        f"{path} has shape {shape} with the axes {axes}, but a set of images has one axis of images, one of channels, "
        "rows and columns: save it as (N, H, W), or as (N, C, H, W) in a .npy file."
    )


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    tifffile = require_package("tifffile", path)
    with reading(path, "a TIFF file"):
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes), but an image is needed: replace or remove it.")
        log = logging.getLogger("tifffile")
        before, log.disabled = log.disabled, True  # it writes about details on the screen: what matters it raises
        try:
            with tifffile.TiffFile(path) as file:
                yield file
        finally:
            log.disabled = before


def _only_page(file: Any, path: Path) -> Any:
    if len(file.pages) != 1:
        raise DataError(
            f"{path} holds {len(file.pages)} pages, but one image per file is needed in a folder: give the path of the "
            "file itself to take its pages as the set."
        )
    return file.pages[0]


def _size(page: Any, path: Path) -> tuple[int, int, int]:
    """Height, width and channels of a page, alpha included."""
    if page.axes not in ("YX", "YXS", "SYX"):
        raise DataError(
            f"{path} holds a page of axes {page.axes}, but rows, columns and channels are read: convert it."
        )
    if page.photometric == _PALETTE or (page.photometric == _WHITE_IS_ZERO):
        what = "a palette" if page.photometric == _PALETTE else "white as zero"
        raise DataError(f"{path} stores {what}, but grey levels or channels are needed: convert it to grey or RGB.")
    size = dict(zip(page.axes, page.shape, strict=True))
    height, width, channels = size["Y"], size["X"], size.get("S", 1)
    if not (0 < height < _WIDEST and 0 < width < _WIDEST and 0 < channels < 256):
        raise DataError(
            f"{path} claims {height}x{width} pixels and {channels} channels, but no image of a set has so many: "
            "replace or remove it."
        )
    require_memory((height, width, channels), str(path))
    return height, width, channels


def _has_alpha(page: Any) -> bool:
    extra = tuple(page.extrasamples or ())
    return len(extra) == 1 and extra[0] in _ALPHA


def _orientation(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION)
    return tag.value if tag is not None else 1


def _decoded(page: Any, path: Path) -> np.ndarray:
    try:
        return page.asarray(maxworkers=1)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        pixels = _by_pillow(page, path)
        if pixels.shape != tuple(page.shape) or pixels.dtype != page.dtype:
            raise DataError(
                f"{path} is compressed by {page.compression.name}, which is not read for {page.dtype} numbers: save it "
                "without compression, or pip install imagecodecs."
            ) from error
        return pixels


def _by_pillow(page: Any, path: Path) -> np.ndarray:
    with Image.open(path, formats=("TIFF",)) as image:
        image.seek(page.index)
        return np.asarray(image)
