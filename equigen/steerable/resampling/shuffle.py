"""Pixel shuffles: blocks of pixels to channels and back, as the representation that the group acts by on them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import check_channels, require_field_type
from equigen.steerable.resampling.block import block_order, block_type
from equigen.steerable.resampling.plain_resampling import ChannelOrder
from equigen.steerable.wrapped import Wrapped

__all__ = ["PixelShuffle", "PixelUnshuffle"]


class PixelUnshuffle(Wrapped[nn.Sequential]):
    """Blocks of pixels become channels: a coarser map that has lost nothing, exactly under quarter turns and flips.

    y(P)_q = x(P + q) for the pixels q of a block, ordered as elements of the group move them (`block_type`): under C4 a
    2 x 2 block of a scalar is the regular representation. `PixelShuffle` is the inverse.

    Args:
        in_type: the fields, under a group that maps the grid of pixels onto itself; the output has the type
            `block_type(in_type, factor)`.
        factor: side of a block in pixels, from 2 on.

    Raises:
        ValueError: a group with elements that do not map pixels onto pixels, or a factor out of range.

    Error: none; numbers are moved, not changed.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> unshuffle = PixelUnshuffle(FieldType(Cyclic(4), "1x0e"))
        >>> str(unshuffle.out_type), unshuffle(torch.arange(4.0).view(1, 1, 2, 2)).flatten().tolist()
        ('1xregular', [1.0, 0.0, 2.0, 3.0])
    """

    def __init__(self, in_type: FieldType, factor: int = 2) -> None:
        out_type, order = block_type(in_type, factor), block_order(in_type, factor)
        super().__init__(in_type, out_type, nn.Sequential(nn.PixelUnshuffle(factor), ChannelOrder(order)))
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The blocks of `x` (B, C, H, W) as channels, (B, factor^2 C, H/factor, W/factor).

        Raises:
            ValueError: the factor does not divide H and W.
        """
        check_channels(x, self.in_type, "PixelUnshuffle")
        self._require_blocks(x.shape[-2], x.shape[-1])
        return self.body(x)

    def grid_step(self, height: int, width: int) -> GridStep:
        """A factor coarser, exactly, on maps that the factor divides; others are refused.

        Raises:
            ValueError: the factor does not divide the map.
        """
        self._require_blocks(height, width)
        return GridStep(height // self.factor, width // self.factor)

    def _require_blocks(self, height: int, width: int) -> None:
        if height % self.factor or width % self.factor:
            more = tuple(size + -size % self.factor for size in (height, width))
            raise ValueError(
                f"the map has {height} x {width} pixels, but PixelUnshuffle takes blocks of {self.factor} x "
                f"{self.factor}: resize it to {more[0]} x {more[1]}."
            )

    def extra_repr(self) -> str:
        """The types and the factor."""
        return f"{self.in_type} -> {self.out_type}, factor={self.factor}"


class PixelShuffle(Wrapped[nn.Sequential]):
    """Channels become blocks of pixels: the inverse of `PixelUnshuffle`, exactly under quarter turns and flips.

    y(P + q) = x(P)_q. The same channels can be blocks of different fields, so both types are given.

    Args:
        in_type: `block_type(out_type, factor)`.
        out_type: the fields on the finer map, under a group that maps the grid of pixels onto itself.
        factor: side of a block in pixels, from 2 on.

    Raises:
        ValueError: the types do not belong together, a group with elements that do not map pixels onto pixels, or a
            factor out of range.

    Error: none; numbers are moved, not changed.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> image = FieldType(Cyclic(4), "1x0e")
        >>> shuffle = PixelShuffle(block_type(image), image)
        >>> shuffle(torch.tensor([1.0, 0.0, 2.0, 3.0]).view(1, 4, 1, 1)).tolist()
        [[[[0.0, 1.0], [2.0, 3.0]]]]
    """

    def __init__(self, in_type: FieldType, out_type: FieldType, factor: int = 2) -> None:
        require_field_type(in_type, "in_type", "PixelShuffle")
        needed = block_type(out_type, factor)
        if in_type != needed:
            raise ValueError(
                f"in_type is {in_type} of {in_type.group.name}, but blocks of {factor} x {factor} pixels of {out_type} "
                f"of {out_type.group.name} are {needed}: pass in_type=block_type(out_type, {factor})."
            )
        with outside_modes():
            order = torch.argsort(block_order(out_type, factor))
        super().__init__(in_type, out_type, nn.Sequential(ChannelOrder(order), nn.PixelShuffle(factor)))
        self.factor = factor

    def grid_step(self, height: int, width: int) -> GridStep:
        """A factor finer, exactly, on every map."""
        return GridStep(height * self.factor, width * self.factor)

    def extra_repr(self) -> str:
        """The types and the factor."""
        return f"{self.in_type} -> {self.out_type}, factor={self.factor}"
