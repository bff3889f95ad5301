"""One picture of any kind: which reader opens it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from equigen.data.readers.images import ImageHeader, read_image, read_image_header
from equigen.data.readers.tiff import TIFF, read_tiff_image, read_tiff_image_header

__all__ = ["PICTURES", "read_picture", "read_picture_header"]

PICTURES: tuple[str, ...] = (".png", ".jpg", ".jpeg", *TIFF)
"""Ends of the names of pictures, in any case."""


def read_picture_header(path: Path) -> ImageHeader:
    """What a picture says of itself; no pixel is decoded.

    Raises:
        DataError: it is broken, or of a kind that is not read.
    """
    return read_tiff_image_header(path) if path.suffix.lower() in TIFF else read_image_header(path)


def read_picture(path: Path) -> np.ndarray:
    """The pixels of a picture, (H, W, C).

    Raises:
        DataError: it is broken, or of a kind that is not read.
    """
    return read_tiff_image(path) if path.suffix.lower() in TIFF else read_image(path)
