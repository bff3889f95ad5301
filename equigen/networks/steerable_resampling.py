"""The way back to a finer map, exact under the motions of the grid at every size.

Of a map of n pixels along an axis ceil(n/2) were left. Where n is even, each of them stands for two pixels and is
repeated, or joined to the next by straight lines; where n is odd, they stand on every second pixel, with straight lines
between. Where rows and columns differ in that, straight lines between the centres of cells that share the map evenly.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.wrapped import Wrapped

__all__ = ["Finer", "PlainFiner", "halved"]


class PlainFiner(nn.Module):
    """Maps of any fields twice as fine, each axis less one pixel where the finer one has an odd number of pixels.

    Args:
        odd: whether (rows, columns) of the finer map are odd in number.
        smooth: whether pixels of even maps are joined by straight lines rather than repeated.

    Example:
        >>> import torch
        >>> PlainFiner((True, True))(torch.tensor([[[[0.0, 1.0]]]]))[0, 0].tolist()
        [[0.0, 0.5, 1.0]]
    """

    def __init__(self, odd: tuple[bool, bool], *, smooth: bool = False) -> None:
        super().__init__()
        self.odd, self.smooth = odd, smooth

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 2 H or 2 H - 1, 2 W or 2 W - 1) from (B, C, H, W)."""
        if self.odd == (False, False):
            return functional.interpolate(x, scale_factor=2.0, mode="bilinear" if self.smooth else "nearest")
        size = tuple(2 * side - odd for side, odd in zip(x.shape[-2:], self.odd, strict=True))
        return functional.interpolate(x, size=size, mode="bilinear", align_corners=self.odd == (True, True))


class Finer(Wrapped[PlainFiner]):
    """Makes a map finer, exactly under quarter turns and flips: `PlainFiner` for fields of any kind.

    Args:
        in_type: the fields; the output has the same type.
        odd: whether (rows, columns) of the finer map are odd in number.
        smooth: whether pixels of even maps are joined by straight lines rather than repeated.

    Error: quarter turns and flips exactly where pixels are repeated, else to 1e-7 (float32) and 1e-15 (float64).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> Finer(FieldType(Cyclic(2), "1x0e"), (False, True)).grid_step(5, 5).width
        9
    """

    def __init__(self, in_type: FieldType, odd: tuple[bool, bool], *, smooth: bool = False) -> None:
        super().__init__(in_type, in_type, PlainFiner(odd, smooth=smooth))
        self.odd, self.smooth = odd, smooth

    def grid_step(self, height: int, width: int) -> GridStep:
        """Twice as fine, less one pixel where the number is to be odd."""
        limit = "straight lines between pixels pass waves shorter than two pixels of the coarser map"
        if self.odd == (False, False) and not self.smooth:
            limit = "repeated pixels are squares, which are not round"
        square, size = self.odd[0] == self.odd[1], (2 * height - self.odd[0], 2 * width - self.odd[1])
        return GridStep(*size, square=square, limit=limit)

    def extra_repr(self) -> str:
        """The type, what is odd, and whether it is smooth."""
        return f"{self.in_type}, odd={self.odd}, smooth={self.smooth}"


def halved(size: tuple[int, int]) -> tuple[int, int]:
    """Half of the sides, rounded up.

    Example:
        >>> halved((28, 9))
        (14, 5)
    """
    return -(-size[0] // 2), -(-size[1] // 2)
