"""A picture inside a page: its data, its words, and its size on the page."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

from equigen.report.grid import Grid

__all__ = ["TOGETHER", "Picture", "drawn_picture", "grid_picture"]

TOGETHER = (1, 3)
"""Numbers of channels that make one picture; others stand side by side."""

_DPI_RATIO = 160 / 96  # of the figures' pixels to those of a page


@dataclass(frozen=True)
class Picture:
    """A picture inside the page.

    Args:
        source: a data URI.
        alt: what it shows, for those who do not see it.
        caption: the words under it.
        width: on the page, in CSS pixels.
        height: likewise.
        pixels: whether it consists of enlarged pixels, which must not be smoothed.
    """

    source: str
    alt: str
    caption: str
    width: int
    height: int
    pixels: bool = False


def drawn_picture(png: bytes, alt: str, caption: str) -> Picture:
    """A figure as it stands on the page.

    Args:
        png: content of the file.
        alt: what it shows.
        caption: the words under it.
    """
    width, height = struct.unpack(">II", png[16:24])  # of the header of a PNG file
    return Picture(_uri(png), alt, caption, round(width / _DPI_RATIO), round(height / _DPI_RATIO))


def grid_picture(shown: Grid, alt: str, caption: str) -> Picture:
    """A grid of images as it stands on the page, its pixels not smoothed.

    Args:
        shown: the grid.
        alt: what it shows.
        caption: the words under it.
    """
    width, height = shown.picture.size
    return Picture(_uri(shown.png()), alt, caption, width, height, pixels=True)


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
