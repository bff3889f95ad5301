"""Upsampling: pixels repeated, or joined by straight lines."""

from __future__ import annotations

from typing import Literal

from torch import nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.wrapped import Wrapped

__all__ = ["Upsample"]

_LIMITS = {
    "nearest": "repeated pixels are squares, which are not round",
    "bilinear": "straight lines between pixels pass waves shorter than two pixels of the coarser map",
}


class Upsample(Wrapped[nn.Upsample]):
    """Makes a map finer by a whole factor, exactly under quarter turns and flips on maps of every size.

    "nearest" repeats each pixel; "bilinear" interpolates between the centres of pixels, and repeats the border. Fields
    of any kind.

    Args:
        in_type: the fields; the output has the same type.
        factor: how many times finer, a whole number from 2 on.
        mode: "nearest" or "bilinear".

    Raises:
        ValueError: another factor or mode.

    Error: quarter turns and flips exactly ("nearest"), to 1e-7 (float32) and 1e-15 (float64) ("bilinear").

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> finer = Upsample(FieldType(Cyclic(4), "1x0e"), mode="nearest")
        >>> finer(torch.arange(2.0).expand(1, 1, 1, 2))[0, 0].tolist()
        [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """

    def __init__(
        self, in_type: FieldType, factor: int = 2, *, mode: Literal["nearest", "bilinear"] = "bilinear"
    ) -> None:
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 2:
            raise ValueError(f"factor is {factor!r}, but Upsample takes a whole number from 2 on: pass factor=2.")
        if mode not in _LIMITS:
            raise ValueError(f'mode is {mode!r}, but Upsample knows "nearest" and "bilinear": pass mode="bilinear".')
        super().__init__(in_type, in_type, nn.Upsample(scale_factor=factor, mode=mode))
        self.factor, self.mode = factor, mode

    def grid_step(self, height: int, width: int) -> GridStep:
        """A factor finer, exactly, on every map."""
        return GridStep(height * self.factor, width * self.factor, limit=_LIMITS[self.mode])

    def extra_repr(self) -> str:
        """The type, the factor and the mode."""
        return f"{self.in_type}, factor={self.factor}, mode={self.mode!r}"
