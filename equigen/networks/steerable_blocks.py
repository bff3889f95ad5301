"""The blocks of the steerable U-Net: residual blocks of fields that the noise level scales and shifts.

Of maps "times a number, plus a constant" on a field, those that commute with the group scale the whole field by one
number and shift it along the vectors that the group leaves alone. So the noise level, which the group leaves alone
too, may give one scale for each field and one shift for each trivial irrep of it.

Source: adaptive group norm of P. Dhariwal, A. Nichol, Diffusion models beat GANs on image synthesis, NeurIPS 2021,
section 3; fields of M. Weiler, G. Cesa, General E(2)-Equivariant Steerable CNNs, NeurIPS 2019.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from equigen.networks.steerable_filters import FieldFilters
from equigen.networks.steerable_gate import FieldGate
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.attention import SelfAttention
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import SteerableModule, check_channels
from equigen.steerable.norms.field_moments import FieldMoments
from equigen.steerable.norms.field_norm import trivial_patterns
from equigen.steerable.norms.group_norm import GroupNorm

__all__ = ["FieldAttention", "FieldBlock", "FieldModulation", "field_activation", "field_norm", "still_zero"]

_HEAD = 32  # channels of a head, about

_Layer = TypeVar("_Layer", bound=nn.Module)


class FieldModulation(SteerableModule):
    """y = (1 + s) x + P b: each field is scaled by one number and shifted along what the group leaves alone of it.

    P (d, t) holds the trivial irreps of a field (`equigen.steerable.norms.field_norm.trivial_patterns`); s (one number
    for each field) and b (t for each field) are linear in a vector that does not turn.

    Args:
        in_type: the fields; also the output type.
        width: length of the vector.

    Error: relative 1e-7 (float32), 1e-16 (float64).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> layer = FieldModulation(FieldType(Cyclic(4), "2xregular + 1x1"), width=8)
        >>> layer.dense.out_features, layer(torch.ones(1, 10, 3, 3), torch.zeros(1, 8)).shape    # 3 scales, 2 shifts
        (5, torch.Size([1, 10, 3, 3]))
    """

    def __init__(self, in_type: FieldType, width: int) -> None:
        super().__init__(in_type, in_type)
        self.fields = tuple(count for count, _ in in_type.terms)
        with outside_modes():
            patterns = [trivial_patterns(representation) for _, representation in in_type.terms]
        self.moments = FieldMoments(self.fields, patterns)
        shifts = sum(count * pattern.shape[1] for count, pattern in zip(self.fields, patterns, strict=True))
        self.dense = nn.Linear(width, in_type.fields + shifts)

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """The fields (B, C, H, W) as vectors (B, width) say; as they are without vectors.

        Raises:
            ValueError: another number of channels.
        """
        check_channels(x, self.in_type, "FieldModulation")
        if embedding is None:
            return x
        scale, shift = self._channels(self.dense(embedding))
        return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))

    def _channels(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """1 + s and P b at each channel, (B, C, 1, 1) each."""
        scale, shift = numbers.split([self.in_type.fields, numbers.shape[1] - self.in_type.fields], dim=1)
        scales = 1.0 + self.moments.scales(scale, self.fields)
        return scales[:, :, None, None], self.moments.shifts(shift, self.fields)[:, :, None, None]

    def plain(self) -> nn.Module:
        """What it is without vectors: nothing is done."""
        return nn.Identity()


class FieldBlock(nn.Module):
    """Two steerable convolutions beside an identity; the noise level scales and shifts what lies between them.

    Args:
        in_type: fields in.
        out_type: fields out.
        width: length of the noise vector.
        filters: how the convolutions are built.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.networks.steerable_filters import filters_of
        >>> fields, filters = FieldType(Cyclic(4), "2xregular"), filters_of(Cyclic(4), (4, 4))
        >>> x = torch.arange(128.0).reshape(1, 8, 4, 4)
        >>> bool((FieldBlock(fields, fields, 8, filters)(x, torch.ones(1, 8)) == x).all())   # it starts as the identity
        True
    """

    def __init__(self, in_type: FieldType, out_type: FieldType, width: int, filters: FieldFilters) -> None:
        super().__init__()
        self.norm_1 = field_norm(in_type)
        self.act_1 = field_activation(in_type)
        self.conv_1 = filters.conv(in_type, out_type)
        self.norm_2 = field_norm(out_type)
        self.modulation = FieldModulation(out_type, width)
        self.act_2 = field_activation(out_type)
        self.conv_2 = still_zero(filters.conv(out_type, out_type, filters.second))
        self.identity = nn.Identity() if in_type == out_type else SteerableConv2d(in_type, out_type, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, out, H, W) from (B, in, H, W) and vectors (B, width)."""
        y = self.conv_1(self.act_1(self.norm_1(x)))
        y = self.modulation(self.norm_2(y), embedding)
        return self.identity(x) + self.conv_2(self.act_2(y))


class FieldAttention(nn.Module):
    """x + attention(norm(x)) over the pixels of a map of fields; it starts as nothing.

    Args:
        in_type: the fields.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> x = torch.arange(128.0).reshape(1, 8, 4, 4)
        >>> bool((FieldAttention(FieldType(Cyclic(4), "2xregular"))(x) == x).all())
        True
    """

    def __init__(self, in_type: FieldType) -> None:
        super().__init__()
        most = max(1, in_type.size // _HEAD)
        heads = next(n for n in range(most, 0, -1) if all(count % n == 0 for count, _ in in_type.terms))
        self.norm = field_norm(in_type)
        self.attention = SelfAttention(in_type, heads)
        still_zero(self.attention.outward)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W)."""
        return x + self.attention(self.norm(x))


def field_norm(in_type: FieldType) -> GroupNorm:
    """A group norm in at most 8 groups of two fields or more: the mean of a field alone would be lost.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> [field_norm(FieldType(Cyclic(4), f"{count}xregular")).groups for count in (1, 3, 6, 16)]
        [(1,), (1,), (2,), (8,)]
    """
    counts = [count for count, _ in in_type.terms]
    groups = next(g for g in (8, 4, 2, 1) if g == 1 or all(n % g == 0 and n >= 2 * g for n in counts))
    return GroupNorm(in_type, groups)


def field_activation(in_type: FieldType) -> SteerableModule:
    """SiLU of the values of functions on the group where channels are values; else fields gated by their mean.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> types = FieldType(Cyclic(8), "regular"), FieldType(SO2(), "regular(2)")
        >>> [type(field_activation(fields)).__name__ for fields in types]
        ['Pointwise', 'FieldGate']
    """
    if all(representation.is_permutation for _, representation in in_type.terms):
        return Pointwise(in_type, nn.SiLU())
    return FieldGate(in_type)


def still_zero(layer: _Layer) -> _Layer:
    """A layer that starts as zero, so that its branch starts as nothing.

    Example:
        >>> still_zero(nn.Linear(2, 2, bias=False)).weight.tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    return layer
