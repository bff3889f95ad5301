"""A U-Net whose results turn with the image: F(g x, noise) = g F(x, noise) for a group of the plane, at every size.

The shape of `equigen.networks.unet.UNet`, with its layers replaced by steerable ones: fields of functions on the group
in place of channels, changes of resolution whose windows fit the size, group norms of whole fields, and a noise level
that scales fields and shifts them only along what the group leaves alone. Channels of the image are numbers, or fields
of any kind, such as vectors.

Quarter turns and flips are exact at every size. Other elements of the group are limited by the grid of pixels; groups
that have some see images of 20 pixels and more through their largest disk, which no rotation carries out of the frame.
What lies far beyond is told from its own pixel and the noise level alone, s x + b: enough for a plain background.

Source: O. Ronneberger, P. Fischer, T. Brox, U-Net, MICCAI 2015; P. Dhariwal, A. Nichol, Diffusion models beat GANs on
image synthesis, NeurIPS 2021, section 3; M. Weiler, G. Cesa, General E(2)-Equivariant Steerable CNNs, NeurIPS 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equigen import random
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import plane_group
from equigen.networks.embedding import LabelEmbedding, NoiseEmbedding, ValueEmbedding, condition_vector
from equigen.networks.steerable_blocks import (
    FieldAttention,
    FieldBlock,
    FieldModulation,
    field_activation,
    field_norm,
    still_zero,
)
from equigen.networks.steerable_filters import field_of, filters_of
from equigen.networks.steerable_resampling import halved
from equigen.steerable.exactness import plan
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.block import block_type
from equigen.steerable.resampling.shuffle import PixelShuffle, PixelUnshuffle

__all__ = ["SteerableUNet"]

_SMALLEST, _LARGEST, _MOST_CHANNELS = 8, 256, 16


class SteerableUNet(nn.Module):
    """F(x, noise) for images (C, H, W) with F(g x, noise) = g F(x, noise), and sides of 8 to 256 pixels.

    Args:
        symmetry: name of the group: "C4", "D4", "C8", "SO2", "O2", or any other of the plane; "C1" for none.
        shape: (C, H, W) of an image; square unless the group has half turns and flips of the axes only.
        channels: width at each resolution; each one halves the sides of the one before, rounding up. There are as many
            fields as fit, at least one: a field of C_N has N channels, of D_N 2 N, of SO(2) and C_N with more than 8
            rotations 2 `frequency` + 1, and of O(2) and D_N with as many twice that.
        blocks: residual blocks at each resolution, on the way down and on the way up.
        fields: what the channels of an image are, such as "1x0e + 1x1" for a number and a vector; None: C numbers.
        frequency: largest one of the fields of SO(2), O(2) and finite groups of more than 8 rotations.
        seed: of the initial weights; torch's global generator is left as it was. Classes, values and attention leave
            the initial weights of all other layers as they are without.
        classes: number of classes, if the network is to take labels.
        values: number of values an item, if it is to take values.
        attention: self-attention at the coarsest resolution.
        patch: pixels of a side that one position of the finest resolution stands for; it divides the sides, and the
            group maps pixels onto pixels.

    Attributes:
        group: the group.
        field_type: of the channels of an image, in and out.

    Raises:
        ValueError: a group, shape, widths or numbers that do not fit.

    Error: quarter turns and flips of the group to 1e-5 (float32) and 1e-12 (float64).

    Example:
        >>> network = SteerableUNet("C4", (1, 9, 9), channels=(8, 16), classes=10)
        >>> network(torch.zeros(2, 1, 9, 9), torch.zeros(2), label=torch.tensor([3, -1])).shape, network.exact
        (torch.Size([2, 1, 9, 9]), True)
    """

    def __init__(
        self,
        symmetry: str,
        shape: Sequence[int],
        channels: Sequence[int] = (32, 64, 64),
        blocks: int = 1,
        *,
        fields: str | None = None,
        frequency: int = 2,
        seed: int = 0,
        classes: int = 0,
        values: int = 0,
        attention: bool = False,
        patch: int = 1,
    ) -> None:
        super().__init__()
        self.group = plane_group(symmetry)
        _require_fit(tuple(shape), tuple(channels), blocks, patch)
        _require_frame(self.group, tuple(shape), patch)
        _require_conditions(classes, values)
        self.symmetry, self.shape, self.channels, self.blocks = symmetry, tuple(shape), tuple(channels), blocks
        self.fields, self.frequency, self.seed = fields, frequency, seed
        self.classes, self.values, self.attention, self.patch = classes, values, attention, patch
        self.field_type = FieldType(self.group, f"{shape[0]}x0e" if fields is None else fields)
        _require_fields(self.field_type, tuple(shape), field_of(self.group, frequency).frequency)
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
            self._build(tuple(channels), blocks)
            self._build_options(4 * channels[0], self._type(channels[-1]))

    def _type(self, channels: int) -> FieldType:
        """As many functions on the group as have so many channels, at least one."""
        field = field_of(self.group, self.frequency)
        return FieldType(self.group, [(max(1, channels // field.size), field)])

    def _build(self, channels: tuple[int, ...], blocks: int) -> None:
        width, types = 4 * channels[0], [self._type(c) for c in channels]
        self.embedding = NoiseEmbedding(width)
        patched = self.patch > 1
        image = block_type(self.field_type, self.patch) if patched else self.field_type
        self.unshuffle = PixelUnshuffle(self.field_type, self.patch) if patched else nn.Identity()
        filters = filters_of(self.group, (self.shape[1], self.shape[2]))
        self.inward = filters.conv(image, types[0])
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        size, sizes = (self.shape[1] // self.patch, self.shape[2] // self.patch), []
        skips, current = [types[0]], types[0]
        for level, out in enumerate(types):
            if level > 0:
                self.down.append(filters.coarser(current, size))
                sizes.append(size)
                size = halved(size)
                skips.append(current)
            for _ in range(blocks):
                self.down.append(FieldBlock(current, out, width, filters))
                skips.append(current := out)
        self.middle = FieldBlock(current, current, width, filters)
        for level, out in reversed(list(enumerate(types))):
            for _ in range(blocks + 1):
                self.up.append(FieldBlock(_joined(current, skips.pop()), out, width, filters))
                current = out
            if level > 0:
                self.up.append(filters.finer(current, sizes.pop()))
        self.norm, self.activation = field_norm(current), field_activation(current)
        self.outward = still_zero(filters.conv(current, image))
        self.shuffle = PixelShuffle(image, self.field_type, self.patch) if patched else nn.Identity()
        self.beyond = still_zero(FieldModulation(self.field_type, width)) if filters.disk else None

    def _build_options(self, width: int, coarsest: FieldType) -> None:
        """What not every network has, built last so that the other layers draw the same numbers either way."""
        self.self_attention = FieldAttention(coarsest) if self.attention else None
        self.label_embedding = LabelEmbedding(self.classes, width) if self.classes else None
        self.value_embedding = ValueEmbedding(self.values, width) if self.values else None

    @property
    def exact(self) -> bool:
        """Whether every layer is planned to be exact under the motions of the grid in the group."""
        return plan(self, (self.shape[1], self.shape[2]), channels=self.shape[0], arguments=(torch.zeros(2),)).exact

    def fit_values(self, values: Tensor) -> None:
        """Take the mean and the standard deviation of values from the training set's, (N, k), NaN where missing.

        Raises:
            ValueError: a network without values, or values that do not fit it.
        """
        if self.value_embedding is None:
            raise ValueError("values is given, but this network takes none: build it with values=1 or more.")
        self.value_embedding.fit(values)

    def forward(self, x: Tensor, noise: Tensor, label: Tensor | None = None, value: Tensor | None = None) -> Tensor:
        """F of a batch.

        Args:
            x: images (B, C, H, W), of the shape that the network was built for.
            noise: coordinates (B,).
            label: classes, integers (B,), -1 where not given; None if nowhere.
            value: (B, k), NaN where not given; None if nowhere.

        Returns:
            (B, C, H, W).

        Raises:
            ValueError: another shape, a condition that this network does not take, or one of another shape or type.
        """
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, but this network was built for images {self.shape}: build it with "
                f"shape={tuple(x.shape[1:])}."
            )
        told = condition_vector(self.label_embedding, self.value_embedding, noise.shape[0], label, value)
        embedding = self.embedding(noise, told)
        start, x = x, self.inward(self.unshuffle(x))
        skips = [x]
        for layer in self.down:
            x = layer(x, embedding) if isinstance(layer, FieldBlock) else layer(x)
            skips.append(x)
        x = self.middle(x, embedding)
        if self.self_attention is not None:
            x = self.self_attention(x)
        for layer in self.up:
            x = layer(torch.cat((x, skips.pop()), dim=1), embedding) if isinstance(layer, FieldBlock) else layer(x)
        x = self.shuffle(self.outward(self.activation(self.norm(x))))
        return x if self.beyond is None else x + self.beyond(start, embedding) - start

    def extra_repr(self) -> str:
        """The group, the shape of an image and the fields of its channels."""
        return f"{self.group.name}, shape={self.shape}, fields={self.field_type}"


def _joined(first: FieldType, second: FieldType) -> FieldType:
    """Fields of one kind beside each other, as one term."""
    (a, field), (b, _) = first.terms[0], second.terms[0]
    return FieldType(first.group, [(a + b, field)])


def _require_fit(shape: tuple[int, ...], channels: tuple[int, ...], blocks: int, patch: int) -> None:
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
    factor, positions = 2 ** (len(channels) - 1), min(shape[1:]) // patch
    if positions < factor:
        raise ValueError(
            f"channels has {len(channels)} resolutions, but {positions} positions on a side can be halved only "
            f"{int(math.log2(max(1, positions)))} times: give fewer channels."
        )


def _require_frame(group: PlaneGroup, shape: tuple[int, ...], patch: int) -> None:
    """Refuse frames that the group does not map onto themselves, and patches that it does not map onto patches."""
    height, width = shape[1:]
    axes = not group.reflections or math.isclose(math.remainder(group.axis, math.pi / 2), 0.0, abs_tol=1e-9)
    if height != width and not (group.rotations in (1, 2) and axes):
        side = max(height, width)
        raise ValueError(
            f"shape is {shape}, but {group.name} maps square frames alone onto themselves: pad the images to "
            f'{side} x {side}, or take symmetry="C2" or "D2".'
        )
    if patch > 1 and (height % patch or width % patch):
        raise ValueError(
            f"shape is {shape} and patch {patch}, but patches must fill the frame evenly to keep the symmetry: pad "
            f"the images to {height + -height % patch} x {width + -width % patch}, or pass patch=1."
        )
    if patch > 1 and group.on_grid() != group:
        raise ValueError(
            f"patch is {patch}, but {group.name} has elements that do not map patches onto patches: pass patch=1."
        )


def _require_fields(fields: FieldType, shape: tuple[int, ...], frequency: int) -> None:
    if fields.size != shape[0]:
        raise ValueError(
            f'fields is "{fields}" with {fields.size} channels, but shape {shape} has {shape[0]}: name fields of '
            f"{shape[0]} channels, or give images of {fields.size}."
        )
    highest = max(representation.frequency for _, representation in fields.terms)
    if highest > frequency:
        raise ValueError(
            f'fields is "{fields}" with the frequency {highest}, but the fields between are of frequencies up to '
            f"{frequency}: pass frequency={highest}."
        )


def _require_conditions(classes: int, values: int) -> None:
    if classes < 0 or values < 0:
        raise ValueError(
            f"classes is {classes} and values {values}, but neither can be negative: 0 for a network without them."
        )
