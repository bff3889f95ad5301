"""A picture inside a page: its data, its words, and its size on the page."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from equigen.report.grid import Grid

__all__ = ["TOGETHER", "Picture", "drawn_picture", "grid_picture", "pictures"]

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

    @property
    def name(self) -> str:
        """What it shows, as the name of a file.

        Example:
            >>> Picture("", "loss, by noise level", "", 1, 1).name
            'loss-by-noise-level'
        """
        return "-".join(re.findall(r"[a-z0-9]+", self.alt.lower()))

    def png(self) -> bytes:
        """The content of its file."""
        return base64.b64decode(self.source.partition(",")[2])


def pictures(context: object) -> Iterator[Picture]:
    """All pictures in dictionaries and lists, however deep, in order.

    Example:
        >>> one = Picture("", "one", "", 1, 1)
        >>> [found.name for found in pictures({"a": [one, 3], "b": {"c": None}})]
        ['one']
    """
    if isinstance(context, Picture):
        yield context
    elif isinstance(context, Mapping):
        yield from pictures(list(context.values()))
    elif isinstance(context, list | tuple):
        for part in context:
            yield from pictures(part)


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
