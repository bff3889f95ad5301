"""The blocks of the U-Net: a residual block that the noise level scales and shifts, and a change of resolution.

Source: P. Dhariwal, A. Nichol, Diffusion models beat GANs on image synthesis, NeurIPS 2021, section 3 (adaptive group
norm).
"""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional

from equigen.networks.masked_layers import MaskedConv2d, MaskedGroupNorm

__all__ = ["Resampling", "ResidualBlock", "convolution", "group_norm", "zero"]

_Layer = TypeVar("_Layer", nn.Linear, MaskedConv2d)


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity; the noise level scales and shifts what lies between them.

    Args:
        inward: channels in.
        out: channels out.
        embedding: length of the noise vector.
        circular: whether the image is a torus.
    """

    def __init__(self, inward: int, out: int, embedding: int, circular: bool) -> None:
        super().__init__()
        self.norm_1 = group_norm(inward)
        self.conv_1 = convolution(inward, out, circular)
        self.modulation = nn.Linear(embedding, 2 * out)
        self.norm_2 = group_norm(out)
        self.conv_2 = zero(convolution(out, out, circular))
        self.identity = nn.Identity() if inward == out else nn.Conv2d(inward, out, 1)

    def forward(self, x: Tensor, embedding: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, out, H, W) from (B, in, H, W), vectors (B, embedding) and the mask of the pixels."""
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        y = self.conv_1(functional.silu(self.norm_1(x, mask)), mask)
        y = self.norm_2(y, mask) * (1.0 + scale) + shift
        return self.identity(x) + self.conv_2(functional.silu(y), mask)


class Resampling(nn.Module):
    """A convolution that halves the sides (stride 2), or follows an interpolation (stride 1).

    Args:
        channels: in and out.
        circular: whether the image is a torus.
        stride: 2 or 1.
    """

    def __init__(self, channels: int, circular: bool, stride: int) -> None:
        super().__init__()
        self.conv = convolution(channels, channels, circular, stride)

    def forward(self, x: Tensor, embedding: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, H', W') from (B, C, H, W) and the mask of the pixels that come in; the vectors are not used."""
        return self.conv(x, mask)


def convolution(inward: int, out: int, circular: bool, stride: int = 1) -> MaskedConv2d:
    """A 3x3 convolution that keeps the sides, or divides them by its stride, rounding up.

    Example:
        >>> import torch
        >>> convolution(1, 4, circular=False, stride=2)(torch.zeros(2, 1, 9, 8)).shape
        torch.Size([2, 4, 5, 4])
    """
    mode = "circular" if circular else "zeros"
    return MaskedConv2d(inward, out, 3, stride=stride, padding=1, padding_mode=mode)


def group_norm(channels: int) -> MaskedGroupNorm:
    """A group norm in at most 8 groups of at least 4 channels.

    Example:
        >>> [group_norm(channels).num_groups for channels in (2, 4, 8, 12, 32, 64)]
        [1, 1, 2, 2, 8, 8]
    """
    groups = next(g for g in (8, 4, 2, 1) if channels % g == 0 and channels // g >= min(4, channels))
    return MaskedGroupNorm(groups, channels)


def zero(layer: _Layer) -> _Layer:
    """A layer that starts as zero, so that its branch starts as nothing.

    Example:
        >>> bool((zero(nn.Linear(2, 2)).weight == 0).all())
        True
    """
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
