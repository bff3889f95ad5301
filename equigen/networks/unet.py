"""A compact U-Net: residual blocks at falling resolution, joined by skips; the noise level scales and shifts them.

The upsampled half takes its sizes from the skips, so that any size of image fits. With circular padding the image is a
torus, and its sides must halve evenly, so that the network commutes with shifts by the coarsest pixel.

Source: O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015; P. Dhariwal, A. Nichol, Diffusion models beat GANs on
image synthesis, NeurIPS 2021, section 3 (adaptive group norm).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen import random

__all__ = ["NoiseEmbedding", "ResidualBlock", "UNet"]

_SMALLEST, _LARGEST, _MOST_CHANNELS = 8, 256, 10


class NoiseEmbedding(nn.Module):
    """A vector for each noise coordinate: cosines and sines at geometric frequencies, then two dense layers.

    Args:
        width: length of the vector.
        frequencies: number of frequencies, from 1/2 to 32 cycles per unit of the coordinate.

    Example:
        >>> NoiseEmbedding(8)(torch.zeros(3)).shape
        torch.Size([3, 8])
    """

    frequencies: Tensor

    def __init__(self, width: int, frequencies: int = 16) -> None:
        super().__init__()
        cycles = 0.5 * 64.0 ** torch.linspace(0.0, 1.0, frequencies, dtype=torch.float64)
        self.register_buffer("frequencies", (math.tau * cycles).float(), persistent=False)
        self.dense = nn.Sequential(nn.Linear(2 * frequencies, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, noise: Tensor) -> Tensor:
        """Vectors (B, width) for coordinates (B,)."""
        angle = noise[:, None] * self.frequencies.to(noise)
        return self.dense(torch.cat((angle.cos(), angle.sin()), dim=1))


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
        self.norm_1 = _norm(inward)
        self.conv_1 = _conv(inward, out, circular)
        self.modulation = nn.Linear(embedding, 2 * out)
        self.norm_2 = _norm(out)
        self.conv_2 = _zero(_conv(out, out, circular))
        self.identity = nn.Identity() if inward == out else nn.Conv2d(inward, out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, out, H, W) from (B, in, H, W) and noise vectors (B, embedding)."""
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        y = self.conv_1(functional.silu(self.norm_1(x)))
        y = self.norm_2(y) * (1.0 + scale) + shift
        return self.identity(x) + self.conv_2(functional.silu(y))


class UNet(nn.Module):
    """F(x, noise) for images (C, H, W) with 1 to 10 channels and sides of 8 to 256 pixels.

    Args:
        shape: (C, H, W) of an image.
        channels: width at each resolution; each one halves the sides of the one before, rounding up.
        blocks: residual blocks at each resolution, on the way down and on the way up.
        circular: pad as on a torus; the sides must then be divisible by 2^(len(channels) - 1).
        seed: of the initial weights; torch's global generator is left as it was.

    Raises:
        ValueError: a shape or widths that do not fit.

    Example:
        >>> network = UNet((1, 9, 13), channels=(8, 16))
        >>> network(torch.zeros(2, 1, 9, 13), torch.zeros(2)).shape
        torch.Size([2, 1, 9, 13])
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int] = (32, 64, 64),
        blocks: int = 1,
        circular: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _require_fit(tuple(shape), tuple(channels), blocks, circular)
        self.shape, self.channels = tuple(shape), tuple(channels)
        self.blocks, self.circular, self.seed = blocks, circular, seed
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
            self._build(shape[0], tuple(channels), blocks, circular)
        for parameter in self.parameters():
            if parameter.ndim == 4:  # a fifth faster on processors, and no slower elsewhere
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def _build(self, image_channels: int, channels: tuple[int, ...], blocks: int, circular: bool) -> None:
        width = 4 * channels[0]
        self.embedding = NoiseEmbedding(width)
        self.inward = _conv(image_channels, channels[0], circular)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, current = [channels[0]], channels[0]
        for level, out in enumerate(channels):
            if level > 0:
                self.down.append(_Resize(current, current, circular, stride=2))
                skips.append(current)
            for _ in range(blocks):
                self.down.append(ResidualBlock(current, out, width, circular))
                skips.append(current := out)
        self.middle = ResidualBlock(current, current, width, circular)
        for level, out in reversed(list(enumerate(channels))):
            for _ in range(blocks + 1):
                self.up.append(ResidualBlock(current + skips.pop(), out, width, circular))
                current = out
            if level > 0:
                self.up.append(_Resize(current, current, circular, stride=1))
        self.outward = nn.Sequential(_norm(current), nn.SiLU(), _zero(_conv(current, image_channels, circular)))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """F at images (B, C, H, W) and noise coordinates (B,)."""
        embedding = self.embedding(noise)
        x = self.inward(x.contiguous(memory_format=torch.channels_last))
        skips = [x]
        for layer in self.down:
            x = layer(x, embedding)
            skips.append(x)
        x = self.middle(x, embedding)
        for layer in self.up:
            if isinstance(layer, ResidualBlock):
                x = layer(torch.cat((x, skips.pop()), dim=1), embedding)
            else:
                x = layer(functional.interpolate(x, size=skips[-1].shape[-2:], mode="nearest"), embedding)
        return self.outward(x).contiguous()


class _Resize(nn.Module):
    """A convolution that halves the sides (stride 2), or follows an interpolation (stride 1)."""

    def __init__(self, inward: int, out: int, circular: bool, stride: int) -> None:
        super().__init__()
        self.conv = _conv(inward, out, circular, stride)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return self.conv(x)


def _conv(inward: int, out: int, circular: bool, stride: int = 1) -> nn.Conv2d:
    mode = "circular" if circular else "zeros"
    return nn.Conv2d(inward, out, 3, stride=stride, padding=1, padding_mode=mode)


def _norm(channels: int) -> nn.GroupNorm:
    """Group norm in at most 8 groups of at least 4 channels."""
    groups = next(g for g in (8, 4, 2, 1) if channels % g == 0 and channels // g >= min(4, channels))
    return nn.GroupNorm(groups, channels)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that starts as zero, so that its branch starts as nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _require_fit(shape: tuple[int, ...], channels: tuple[int, ...], blocks: int, circular: bool) -> None:
    if len(shape) != 3 or not 1 <= shape[0] <= _MOST_CHANNELS or not all(_SMALLEST <= s <= _LARGEST for s in shape[1:]):
        raise ValueError(
            f"shape is {shape}, but this network takes (channels, height, width) with 1 to {_MOST_CHANNELS} channels "
            f"and sides of {_SMALLEST} to {_LARGEST} pixels: resize or crop the images."
        )
    if not channels or any(c < 1 for c in channels) or blocks < 1:
        raise ValueError(
            f"channels is {channels} and blocks {blocks}, but a network needs one or more positive widths and at least "
            "one block: channels=(32, 64, 64), blocks=1."
        )
    factor = 2 ** (len(channels) - 1)
    if min(shape[1:]) < factor:
        raise ValueError(
            f"channels has {len(channels)} resolutions, but a side of {min(shape[1:])} pixels can be halved only "
            f"{int(math.log2(min(shape[1:])))} times: give fewer channels."
        )
    if circular and any(side % factor for side in shape[1:]):
        raise ValueError(
            f"shape is {shape}, but with circular padding and {len(channels)} resolutions the sides must be divisible "
            f"by {factor}: give fewer channels, or circular=False."
        )
