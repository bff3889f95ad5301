"""A compact U-Net: residual blocks at falling resolution, joined by skips; the noise level scales and shifts them.

The upsampled half takes its sizes from the skips, so that any size of image fits. With circular padding the image is a
torus, and its sides must halve evenly, so that the network commutes with shifts by the coarsest pixel.

With a mask, invalid pixels influence nothing and come out as zero: an image in a corner of a larger canvas gives, with
a mask of its own rectangle, what it gives alone.

Source: O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015; P. Dhariwal, A. Nichol, Diffusion models beat GANs on
image synthesis, NeurIPS 2021, section 3 (adaptive group norm, attention, labels).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen import random
from equigen.networks.attention import SelfAttention
from equigen.networks.blocks import Resampling, ResidualBlock, convolution, group_norm, zero
from equigen.networks.embedding import LabelEmbedding, NoiseEmbedding, ValueEmbedding, condition_vector
from equigen.networks.masked_layers import coarser, require_mask
from equigen.networks.patches import from_patches, to_patches

__all__ = ["UNet"]

_SMALLEST, _LARGEST, _MOST_CHANNELS = 8, 256, 10


class UNet(nn.Module):
    """F(x, noise) for images (C, H, W) with 1 to 10 channels and sides of 8 to 256 pixels.

    Args:
        shape: (C, H, W) of an image.
        channels: width at each resolution; each one halves the sides of the one before, rounding up.
        patch: pixels of a side that one position of the finest resolution stands for. 2 takes a quarter of the products
            of a step, so that on images of 24 pixels and more four times as many are seen in the same time.
        blocks: residual blocks at each resolution, on the way down and on the way up.
        circular: pad as on a torus; the sides must then be divisible by patch 2^(len(channels) - 1).
        seed: of the initial weights; torch's global generator is left as it was. Classes, values and attention leave
            the initial weights of all other layers as they are without.
        classes: number of classes, if the network is to take labels.
        values: number of values an item, if it is to take values.
        attention: self-attention at the coarsest resolution.

    Raises:
        ValueError: a shape, widths or numbers that do not fit.

    Example:
        >>> network = UNet((1, 9, 13), channels=(8, 16), classes=10)
        >>> network(torch.zeros(2, 1, 9, 13), torch.zeros(2), label=torch.tensor([3, -1])).shape
        torch.Size([2, 1, 9, 13])
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int] = (32, 64, 64),
        blocks: int = 1,
        circular: bool = False,
        seed: int = 0,
        classes: int = 0,
        values: int = 0,
        attention: bool = False,
        patch: int = 1,
    ) -> None:
        super().__init__()
        _require_fit(tuple(shape), tuple(channels), blocks, circular, patch)
        _require_conditions(classes, values)
        self.shape, self.channels = tuple(shape), tuple(channels)
        self.blocks, self.circular, self.seed = blocks, circular, seed
        self.classes, self.values, self.attention, self.patch = classes, values, attention, patch
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
            self._build(shape[0] * patch**2, tuple(channels), blocks, circular)
            self._build_options(4 * channels[0], channels[-1])
        for parameter in self.parameters():
            if parameter.ndim == 4:  # a fifth faster on processors, and no slower elsewhere
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def _build(self, image_channels: int, channels: tuple[int, ...], blocks: int, circular: bool) -> None:
        width = 4 * channels[0]
        self.embedding = NoiseEmbedding(width)
        self.inward = convolution(image_channels, channels[0], circular)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, current = [channels[0]], channels[0]
        for level, out in enumerate(channels):
            if level > 0:
                self.down.append(Resampling(current, circular, stride=2))
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
                self.up.append(Resampling(current, circular, stride=1))
        self.outward = nn.Sequential(
            group_norm(current), nn.SiLU(), zero(convolution(current, image_channels, circular))
        )

    def _build_options(self, width: int, coarsest: int) -> None:
        """What not every network has, built last so that the other layers draw the same numbers either way."""
        self.self_attention = SelfAttention(coarsest) if self.attention else None
        self.label_embedding = LabelEmbedding(self.classes, width) if self.classes else None
        self.value_embedding = ValueEmbedding(self.values, width) if self.values else None

    def fit_values(self, values: Tensor) -> None:
        """Take the mean and the standard deviation of values from the training set's, (N, k), NaN where missing.

        Raises:
            ValueError: a network without values, or values that do not fit it.
        """
        if self.value_embedding is None:
            raise ValueError("values is given, but this network takes none: build it with values=1 or more.")
        self.value_embedding.fit(values)

    def forward(
        self,
        x: Tensor,
        noise: Tensor,
        label: Tensor | None = None,
        value: Tensor | None = None,
        structure: Tensor | None = None,
    ) -> Tensor:
        """F of a batch.

        Args:
            x: images (B, C, H, W).
            noise: coordinates (B,).
            label: classes, integers (B,), -1 where not given; None if nowhere.
            value: (B, k), NaN where not given; None if nowhere.
            structure: bool (B, 1, H, W), True where a pixel is valid; None if every pixel is.

        Returns:
            (B, C, H, W); zero at invalid pixels.

        Raises:
            ValueError: a condition that this network does not take, or of another shape or type.
        """
        mask = structure
        if mask is not None:
            require_mask(mask, x)
        height, width = x.shape[-2:]
        told = condition_vector(self.label_embedding, self.value_embedding, noise.shape[0], label, value)
        embedding = self.embedding(noise, told)
        x = to_patches(x, self.patch, mask)
        if mask is not None and self.patch > 1:
            mask = coarser(mask, self.patch)
        x = self.inward(x.contiguous(memory_format=torch.channels_last), mask)
        skips = [(x, mask)]
        for layer in self.down:
            x = layer(x, embedding, mask)
            if isinstance(layer, Resampling) and mask is not None:
                mask = coarser(mask)
            skips.append((x, mask))
        x = self.middle(x, embedding, mask)
        if self.self_attention is not None:
            x = self.self_attention(x, mask)
        x = from_patches(self._ascend(x, embedding, mask, skips), self.patch, height, width).contiguous()
        return x if structure is None else torch.where(structure, x, 0.0)

    def _ascend(
        self, x: Tensor, embedding: Tensor, mask: Tensor | None, skips: list[tuple[Tensor, Tensor | None]]
    ) -> Tensor:
        """From the coarsest resolution back to the finest, and to the numbers of its positions."""
        for layer in self.up:
            if isinstance(layer, ResidualBlock):
                x = layer(torch.cat((x, skips.pop()[0]), dim=1), embedding, mask)
            else:
                skip, mask = skips[-1]
                x = layer(functional.interpolate(x, size=skip.shape[-2:], mode="nearest"), embedding, mask)
        norm, nonlinearity, last = self.outward
        return last(nonlinearity(norm(x, mask)), mask)


def _require_fit(shape: tuple[int, ...], channels: tuple[int, ...], blocks: int, circular: bool, patch: int) -> None:
    if len(shape) != 3 or not 1 <= shape[0] <= _MOST_CHANNELS or not all(_SMALLEST <= s <= _LARGEST for s in shape[1:]):
        raise ValueError(
            f"shape is {shape}, but this network takes (channels, height, width) with 1 to {_MOST_CHANNELS} channels "
            f"and sides of {_SMALLEST} to {_LARGEST} pixels: resize or crop the images."
        )
    if not channels or any(c < 1 for c in channels) or blocks < 1 or patch < 1:
        raise ValueError(
            f"channels is {channels}, blocks {blocks} and patch {patch}, but a network needs one or more positive "
            "widths, at least one block and a patch of one pixel or more: channels=(32, 64, 64), blocks=1, patch=1."
        )
    factor, positions = 2 ** (len(channels) - 1), -(-min(shape[1:]) // patch)
    if positions < factor:
        raise ValueError(
            f"channels has {len(channels)} resolutions, but {positions} positions on a side can be halved only "
            f"{int(math.log2(positions))} times: give fewer channels."
        )
    if circular and any(side % (factor * patch) for side in shape[1:]):
        raise ValueError(
            f"shape is {shape}, but with circular padding and {len(channels)} resolutions the sides must be divisible "
            f"by {factor * patch}: give fewer channels, or circular=False."
        )


def _require_conditions(classes: int, values: int) -> None:
    if classes < 0 or values < 0:
        raise ValueError(
            f"classes is {classes} and values {values}, but neither can be negative: 0 for a network without them."
        )
