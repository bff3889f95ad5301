"""What a layer does to the grid of pixels: the size it gives, and which motions of the grid it commutes with.

A window of k pixels, dilated by d, that moves by a stride s over H pixels with p of padding at both ends, leaves a
margin of (H + 2 p - d (k - 1) - 1) mod s pixels at one end alone. Only if there is none do the windows lie
symmetrically about the middle, and a flip of the pixels is a flip of the result: stride | (H + 2 p - d (k - 1) - 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from equigen.groups.plane import PlaneGroup

__all__ = ["GridStep", "window_step"]


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
        for angle, flip in group.on_grid().elements().tolist():
            turns = round(angle / (math.pi / 2))
            square = turns % 2 == 1
            rows = (flip == 1 and turns in (0, 1)) or (flip == 0 and turns > 0)
            columns = (flip == 1 and turns in (1, 2)) or (flip == 0 and turns > 0)
            if (square and not self.square) or (rows and not self.rows) or (columns and not self.columns):
                return False
        return True


def window_step(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> tuple[int, bool]:
    """How many windows fit along an axis, and whether they lie symmetrically about its middle.

    Args:
        size: pixels along the axis.
        kernel: pixels of the window.
        stride: pixels from one window to the next.
        padding: pixels added at both ends.
        dilation: pixels from one tap of the window to the next.

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
            f"a window of {reach} does not fit into {size} pixels with padding {padding}: pad or shrink it."
        )
    return room // stride + 1, room % stride == 0
