"""Whether a picture of the plane has one scale for both coordinates."""

from __future__ import annotations

from matplotlib.axes import Axes
from torch import Tensor

__all__ = ["stretched", "true_to_scale"]

_LONGEST = 5.0  # a picture that is longer than wide by more than this would be a line


def stretched(low: Tensor, high: Tensor) -> bool:
    """Whether a box with these corners, (2,) each, is too long to be drawn with one scale for both coordinates.

    Example:
        >>> import torch
        >>> stretched(torch.zeros(2), torch.tensor([3.0, 1.0])), stretched(torch.zeros(2), torch.tensor([1e6, 1.0]))
        (False, True)
    """
    width, height = (high - low).tolist()
    return max(width, height) > _LONGEST * min(width, height)


def true_to_scale(axes: Axes, low: Tensor, high: Tensor) -> None:
    """One scale for both coordinates, unless the box to be seen is stretched.

    Args:
        axes: of the picture.
        low: lower left corner, (2,).
        high: upper right corner, (2,).
    """
    axes.set_aspect("auto" if stretched(low, high) else "equal")
