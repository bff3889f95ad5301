"""What a layer does to the grid of pixels: the size it gives, and which motions of the grid it commutes with.

A window of k pixels, dilated by d, that moves by a stride s over H pixels with p of padding at both ends, leaves a
margin of (H + 2 p - d (k - 1) - 1) mod s pixels at one end alone. Only if there is none do the windows lie
symmetrically about the middle, and a flip of the pixels is a flip of the result: stride | (H + 2 p - d (k - 1) - 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from equigen.groups.plane import PlaneGroup
from equigen.steerable.modes import outside_modes

__all__ = ["GridStep", "pair_of_pixels", "window_step"]


@dataclass(frozen=True)
class GridStep:
    """What one layer does to a map of pixels.

    Args:
        height: rows of its output.
        width: columns of its output.
        rows: whether it commutes with turning the rows upside down.
        columns: whether it commutes with mirroring the columns.
        square: whether it treats rows and columns alike.
        limit: what limits its equivariance under other angles than quarter turns, "" if nothing does.
        reason: why it does not commute, "" if it does.
        repairs: the nearest settings that do, as code.

    Example:
        >>> GridStep(8, 8).quarter_turns, GridStep(8, 8, rows=False).flips
        (True, False)
    """

    height: int
    width: int
    rows: bool = True
    columns: bool = True
    square: bool = True
    limit: str = ""
    reason: str = ""
    repairs: tuple[str, ...] = ()

    @property
    def flips(self) -> bool:
        """Whether it commutes with flips of either axis, and so with half turns."""
        return self.rows and self.columns

    @property
    def quarter_turns(self) -> bool:
        """Whether it commutes with quarter turns, and with flips."""
        return self.flips and self.square

    def exact_under(self, group: PlaneGroup) -> bool:
        """Whether it commutes with every motion of the grid in a group, `group.on_grid()`.

        A transposition asks only that rows and columns are treated alike, since what is left over lies at the last
        row and at the last column.

        Example:
            >>> from equigen.groups.plane_groups import Cyclic
            >>> GridStep(8, 8, rows=False).exact_under(Cyclic(4)), GridStep(8, 8, rows=False).exact_under(Cyclic(3))
            (False, True)
        """
        with outside_modes():
            motions = group.on_grid().elements().tolist()
        for angle, flip in motions:
            turns = round(angle / (math.pi / 2))
            square = turns % 2 == 1
            rows = (flip == 1 and turns in (0, 1)) or (flip == 0 and turns > 0)
            columns = (flip == 1 and turns in (1, 2)) or (flip == 0 and turns > 0)
            if (square and not self.square) or (rows and not self.rows) or (columns and not self.columns):
                return False
        return True


def window_step(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, *, layer: str = "the layer"
) -> tuple[int, bool]:
    """How many windows fit along an axis, and whether they lie symmetrically about its middle.

    Args:
        size: pixels along the axis.
        kernel: pixels of the window.
        stride: pixels from one window to the next.
        padding: pixels added at both ends.
        dilation: pixels from one tap of the window to the next.
        layer: whose window it is, for the message.

    Returns:
        (the number of windows, stride | (size + 2 padding - dilation (kernel - 1) - 1)).

    Raises:
        ValueError: not one window fits.

    Example:
        >>> window_step(28, kernel=3, stride=2, padding=1), window_step(29, kernel=3, stride=2, padding=1)
        ((14, False), (15, True))
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        reach = dilation * (kernel - 1) + 1
        raise ValueError(
            f"a window of {reach} does not fit into {size} pixels with padding={padding}, but {layer} needs one that "
            f"does: pass kernel_size={max(1, (room + dilation * (kernel - 1)) // dilation + 1)}, or "
            f"padding={padding - room // 2}."
        )
    return room // stride + 1, room % stride == 0


def pair_of_pixels(size: int | Sequence[int]) -> tuple[int, int]:
    """The height and width of a map, given as one number for both or as a pair.

    Args:
        size: pixels along each side, or (rows, columns).

    Raises:
        ValueError: neither a whole number from 1 on nor a pair of them.

    Example:
        >>> pair_of_pixels(28), pair_of_pixels((28, 32))
        ((28, 28), (28, 32))
        >>> pair_of_pixels((1, 28, 28))
        Traceback (most recent call last):
        ValueError: size is (1, 28, 28), but a map has whole numbers of rows and columns from 1 on: pass size=(28, 28).
    """
    pair: tuple[Any, ...] = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2 or any(isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in pair):
        raise ValueError(
            f"size is {size!r}, but a map has whole numbers of rows and columns from 1 on: pass size={_nearest(size)}."
        )
    return pair[0], pair[1]


def _nearest(size: object) -> str:
    """What was meant by a size that is none, as code; 28 where that cannot be told."""
    if isinstance(size, (tuple, list)):
        sides = [int(side) for side in size[-2:] if isinstance(side, (int, float)) and 1 <= side < math.inf]
        return f"({sides[0]}, {sides[-1]})" if sides else "(28, 28)"
    if isinstance(size, str) and size.isdecimal() and int(size) >= 1:
        return size
    return str(int(size)) if isinstance(size, (int, float)) and 1 <= size < math.inf else "28"
