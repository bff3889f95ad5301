"""Resampling without types, where torch has no layer of its own: what `plain()` hands out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.tables import Tables

__all__ = ["ChannelOrder", "PlainDownsample", "coarser"]


class PlainDownsample(nn.Module):
    """Means over ceil(H/factor) x ceil(W/factor) cells that share a map evenly.

    Args:
        factor: how many times coarser.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Means over cells of `x` (B, C, H, W)."""
        if torch.compiler.is_exporting():  # the pool's rows are counted when it is written down, for one size alone
            rows, columns = (_cell_means(x.shape[axis], self.factor, x) for axis in (-2, -1))
            return rows @ (x @ columns.mT)
        size = coarser(x.shape[-2], self.factor), coarser(x.shape[-1], self.factor)
        return functional.adaptive_avg_pool2d(x, size)


class ChannelOrder(Tables):
    """Channels in another order: channel i of the output is channel order[i] of the input.

    Args:
        order: whole numbers, each channel once.
    """

    def __init__(self, order: Tensor) -> None:
        super().__init__([order])

    def forward(self, x: Tensor) -> Tensor:
        """The channels of `x` (B, C, H, W) in their new order."""
        return torch.index_select(x, 1, self.table(0))


def coarser(size: int, factor: int) -> int:
    """ceil(size/factor), without the negative numbers that other runtimes divide differently.

    Example:
        >>> coarser(9, 2), coarser(8, 2)
        (5, 4)
    """
    return (size + factor - 1) // factor


def _cell_means(size: int, factor: int, like: Tensor) -> Tensor:
    """The matrix (m, size) whose row i has the weights of cell i's mean, from arithmetic on `size` alone."""
    cells = coarser(size, factor)
    cell = torch.arange(cells, device=like.device)[:, None]
    pixel = torch.arange(size, device=like.device)
    inside = (pixel >= cell * size // cells) & (pixel < ((cell + 1) * size + cells - 1) // cells)
    weights = inside.to(like.dtype)
    return weights / weights.sum(1, keepdim=True)
