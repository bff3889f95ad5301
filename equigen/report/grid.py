"""Many images become one picture that says what it shows: which channels, and which value is black and which white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

__all__ = ["Grid", "Level", "grid", "stretch"]

Level = float | Sequence[float] | np.ndarray
"""A value for all channels, or one for each."""

_GAP = 2  # pixels of white between images
_TILE = 48  # least side of an image on the picture, reached by whole factors


@dataclass(frozen=True)
class Grid:
    """A picture of many images, with the words that belong under it.

    Args:
        picture: grey ("L") or colour ("RGB").
        columns: images in a row.
        rows: number of rows.
        pitch: (width, height) from one image to the next, in pixels of the picture.
        caption: which channels are shown and what black and white mean.

    Example:
        >>> grid(np.zeros((3, 1, 8, 8)), columns=2, low=0, high=1).rows
        2
    """

    picture: Image.Image
    columns: int
    rows: int
    pitch: tuple[int, int]
    caption: str

    def png(self) -> bytes:
        """The picture as a PNG file's content."""
        buffer = BytesIO()
        self.picture.save(buffer, format="PNG", optimize=True)
        return buffer.getvalue()

    def save(self, path: Path | str) -> None:
        """Write the picture; the ending of the path decides the format."""
        self.picture.save(path)


def grid(
    images: Tensor | np.ndarray,
    columns: int = 8,
    *,
    low: Level | None = None,
    high: Level | None = None,
    tile: int = _TILE,
) -> Grid:
    """Lay images in rows, enlarged by a whole factor without smoothing.

    One channel is shown in grey, three as red, green and blue; any other number stands side by side in grey. Values
    outside [low, high] are shown as black or white.

    Args:
        images: (N, C, H, W), N >= 1, finite or not; what is not finite is shown as black.
        columns: images in a row.
        low: value shown as black, for all channels or for each (C,); None: the least finite value of all.
        high: value shown as white, likewise; None: the greatest finite value of all.
        tile: least side of an image on the picture, in pixels.

    Returns:
        The picture and its caption.

    Raises:
        ValueError: another number of axes, or no image.

    Example:
        >>> shown = grid(np.linspace(0, 1, 5 * 64).reshape(5, 1, 8, 8), columns=5, low=0, high=1)
        >>> shown.picture.size, shown.caption
        ((248, 48), 'grey, 0 is black and 1 is white')
    """
    x = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
    if x.ndim != 4 or not x.size:
        raise ValueError(f"images have shape {x.shape}, but a grid needs (N, C, H, W) with N >= 1: add the axes.")
    low, high = _range(x, low, high)
    pixels = stretch(x, low, high)
    colour = x.shape[1] == 3
    if not colour:  # (N, C, H, W) -> (N, 1, H, C W), channels side by side
        pixels = pixels.transpose(0, 2, 1, 3).reshape(len(x), 1, x.shape[2], -1)
    factor = max(1, -(-tile // max(x.shape[2:])))
    pixels = pixels.repeat(factor, axis=2).repeat(factor, axis=3)
    canvas, rows = _lay(pixels, columns)
    picture = Image.fromarray(np.ascontiguousarray(canvas.transpose(1, 2, 0)) if colour else canvas[0])
    pitch = (pixels.shape[3] + _GAP, pixels.shape[2] + _GAP)
    return Grid(picture, min(columns, len(x)), rows, pitch, _caption(x.shape[1], low, high))


def stretch(x: np.ndarray, low: Level, high: Level) -> np.ndarray:
    """Values as 8-bit levels: low becomes 0, high 255, what lies outside is clipped, what is not finite becomes 0.

    Args:
        x: of any shape; (..., C, H, W) where there is a level for each channel.
        low: for all channels or for each.
        high: likewise.

    Example:
        >>> stretch(np.array([-1.0, 0.0, 0.5, 1.0, np.nan]), 0.0, 1.0).tolist()
        [0, 0, 128, 255, 0]
    """
    bottom, top = (np.asarray(end, dtype=np.float64) for end in (low, high))
    bottom, top = (end.reshape(-1, 1, 1) if end.ndim else end for end in (bottom, top))
    span = np.where(top > bottom, top - bottom, 1.0)
    level = np.clip((x.astype(np.float64) - bottom) / span, 0, 1) * 255
    return np.where(np.isfinite(level), np.rint(level), 0).astype(np.uint8)


def _range(x: np.ndarray, low: Level | None, high: Level | None) -> tuple[Level, Level]:
    finite = x[np.isfinite(x)]
    least, greatest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return least if low is None else low, greatest if high is None else high


def _lay(pixels: np.ndarray, columns: int) -> tuple[np.ndarray, int]:
    n, channels, height, width = pixels.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    shape = (channels, rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP)
    canvas = np.full(shape, 255, dtype=np.uint8)
    for i, one in enumerate(pixels):
        top, left = (i // columns) * (height + _GAP), (i % columns) * (width + _GAP)
        canvas[:, top : top + height, left : left + width] = one
    return canvas, rows


def _caption(channels: int, low: Level, high: Level) -> str:
    if np.ndim(low) or np.ndim(high):
        return f"{channels} channels side by side, grey, each on a scale of its own"
    if channels == 3:
        return f"red, green and blue, each from {low:.3g} to {high:.3g}"
    where = "grey" if channels == 1 else f"{channels} channels side by side, grey"
    return f"{where}, {low:.3g} is black and {high:.3g} is white"
