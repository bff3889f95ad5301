"""Downsampling: means over cells that share a map of any size evenly."""

from __future__ import annotations

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.resampling.plain_resampling import PlainDownsample, coarser
from equigen.steerable.wrapped import Wrapped

__all__ = ["Downsample"]


class Downsample(Wrapped[PlainDownsample]):
    """Makes a map of any size coarser by a factor, exactly under quarter turns and flips.

    Of n pixels along an axis m = ceil(n/factor) cells are left. Cell i holds the mean of the pixels floor(i n/m) to
    ceil((i + 1) n/m) - 1: counted from the other end, the same pixels. Where the factor divides n this is
    `AveragePool`; elsewhere neighbouring cells share a pixel. Fields of any kind.

    Args:
        in_type: the fields; the output has the same type.
        factor: how many times coarser, 2 or more.

    Raises:
        ValueError: the factor is no whole number from 2 on.

    Error: quarter turns and flips to 1e-7 (float32) and 2e-16 (float64) on maps of every size.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> half = Downsample(FieldType(Cyclic(4), "1x0e"))
        >>> half(torch.arange(5.0).expand(1, 1, 5, 5))[0, 0, 0].tolist()
        [0.5, 2.0, 3.5]
    """

    def __init__(self, in_type: FieldType, factor: int = 2) -> None:
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 2:
            raise ValueError(f"factor is {factor!r}, but a coarser map needs a whole number from 2 on: pass factor=2.")
        super().__init__(in_type, in_type, PlainDownsample(factor))
        self.factor = factor

    def grid_step(self, height: int, width: int) -> GridStep:
        """A factor coarser, exactly, on every map."""
        limit = f"means over cells of {self.factor} x {self.factor} pixels, which are not round"
        return GridStep(coarser(height, self.factor), coarser(width, self.factor), limit=limit)

    def extra_repr(self) -> str:
        """The type and the factor."""
        return f"{self.in_type}, factor={self.factor}"
