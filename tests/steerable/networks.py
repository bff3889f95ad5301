"""Whole networks for tests: twenty layers with everything in them, fitted to the parity of the map."""

from __future__ import annotations

from torch import nn

from equigen.groups.plane_groups import plane_group
from equigen.steerable.activations.fourier import FourierActivation
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.attention import SelfAttention
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.conv_transpose import SteerableConvTranspose2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule
from equigen.steerable.norms.group_norm import GroupNorm
from equigen.steerable.resampling.blur import BlurPool
from equigen.steerable.sequential import SteerableSequential

__all__ = ["deep"]


def deep(name: str, text: str, size: int | None, side: int) -> SteerableSequential:
    """20 layers for maps of `side`: convolutions, norms, activations, two ways down, one way up, attention.

    `size` is what the network is told at construction; None leaves its promise unchecked.
    """
    group = plane_group(name)
    image, fields = FieldType(group, "1x0e"), FieldType(group, text)
    regular = all(representation.is_permutation for _, representation in fields.terms)

    def act() -> SteerableModule:
        return Pointwise(fields, nn.SiLU()) if regular else FourierActivation(fields, nn.SiLU(), samples=16)

    def conv(kernel: int, **settings: int) -> SteerableConv2d:
        return SteerableConv2d(fields, fields, kernel, **settings)

    down = conv(4, stride=2, padding=1) if side % 2 == 0 else conv(3, stride=2, padding=1)
    half = side // 2 if side % 2 == 0 else (side + 1) // 2
    blur = BlurPool(fields, 4 if half % 2 == 0 else 5)
    return SteerableSequential(
        SteerableConv2d(image, fields, 5, padding=2),
        GroupNorm(fields, 1),
        act(),
        conv(3, padding=2, dilation=2),
        act(),
        down,
        GroupNorm(fields, 1),
        act(),
        conv(3, padding=1),
        act(),
        blur,
        conv(3, padding=1),
        GroupNorm(fields, 1),
        act(),
        SelfAttention(fields),
        conv(2, padding=1),
        act(),
        SteerableConvTranspose2d(fields, fields, 4, stride=2, padding=1),
        GroupNorm(fields, 1),
        SteerableConv2d(fields, fields, 1),
        size=size,
    )
