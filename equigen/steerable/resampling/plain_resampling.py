"""Resampling without types, where torch has no layer of its own: what `plain()` hands out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ChannelOrder", "PlainDownsample"]


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
        height, width = -(-x.shape[-2] // self.factor), -(-x.shape[-1] // self.factor)
        return functional.adaptive_avg_pool2d(x, (height, width))


class ChannelOrder(nn.Module):
    """Channels in another order: channel i of the output is channel order[i] of the input.

    Args:
        order: whole numbers, each channel once.
    """

    order: Tensor

    def __init__(self, order: Tensor) -> None:
        super().__init__()
        self.register_buffer("order", order.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The channels of `x` (B, C, H, W) in their new order."""
        return torch.index_select(x, 1, self.order)
