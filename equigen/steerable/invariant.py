"""Invariant maps: from each field to what the group does not change."""

from __future__ import annotations

import copy
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from equigen.groups.representation import Representation, trivial
from equigen.steerable.activations.fields import fields_of
from equigen.steerable.activations.plain import PlainInvariant
from equigen.steerable.field_type import FieldType
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import SteerableModule, check_channels, require_field_type

__all__ = ["Invariant"]

_Kind = Literal["max", "mean", "norm"]


class Invariant(SteerableModule):
    """One invariant channel per field: its largest value, its mean over the group, or its length.

        max    max_g f(g)                     regular and quotient fields, whose channels are the values
        mean   (1/|G|) sum_g f(g)             spaces of functions on the group, band-limited ones too
        norm   |v|                            every field

    Trivial channels are invariant already and stay as they are, each of them. The gradient of "norm" at v = 0 is 0, and
    of "max" it is shared by equal values, so that it commutes with the group.

    Args:
        in_type: of the fields.
        kind: which of the three.

    Attributes:
        out_type: as many trivial irreps, in order of the fields.

    Raises:
        TypeError: `in_type` is no field type.
        ValueError: an unknown kind, or a field that has no such invariant.

    Error: float32 3e-7, float64 5e-16 relative.

    Source: T. Cohen, M. Welling, Group equivariant convolutional networks, ICML 2016, section 6 (pooling over
        the group); D. Worrall et al., Harmonic networks, CVPR 2017 (length).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> layer = Invariant(FieldType(Cyclic(4), "1xregular + 1x1"), "norm")
        >>> layer(torch.tensor([1.0, 1.0, 1.0, 1.0, 3.0, 4.0]).view(1, 6, 1, 1)).flatten().tolist()
        [2.0, 5.0]
        >>> str(layer.out_type)
        '1x0e + 1x0e'
    """

    def __init__(self, in_type: FieldType, kind: _Kind) -> None:
        require_field_type(in_type, "in_type", "Invariant")
        if kind not in get_args(_Kind):
            fix = 'Invariant(in_type, "norm")'
            raise ValueError(f'kind is {kind!r}, but an invariant is "max", "mean" or "norm": {fix}.')
        terms = in_type.terms
        counts = [count * rep.size if rep.is_trivial else count for count, rep in terms]
        with outside_modes():
            out_type = FieldType(in_type.group, [(count, trivial(in_type.group)) for count in counts])
            if kind == "max":
                for _, rep in terms:
                    _require_values(rep)
            means = [_mean(rep) if kind == "mean" and not rep.is_trivial else None for _, rep in terms]
        super().__init__(in_type, out_type)
        self.kind = kind
        self.body = PlainInvariant(fields_of(in_type), kind, means)

    def forward(self, x: Tensor) -> Tensor:
        """The invariants of each field.

        Args:
            x: (B, in_type.size, H, W).

        Returns:
            (B, out_type.size, H, W).

        Raises:
            ValueError: another number of channels.
        """
        check_channels(x, self.in_type, "Invariant")
        return self.body(x)

    def plain(self) -> nn.Module:
        """The same function."""
        return copy.deepcopy(self.body)

    def extra_repr(self) -> str:
        """The types and the kind."""
        return f"{super().extra_repr()}, {self.kind}"


def _require_values(rep: Representation) -> None:
    if not (rep.is_permutation or rep.is_trivial):
        fix = "mean" if rep.origin is not None else "norm"
        raise ValueError(
            f"{rep} of {rep.group.name} does more than permute its channels, but a maximum needs a permutation: "
            f'Invariant(in_type, "{fix}").'
        )


def _mean(rep: Representation) -> Tensor:
    """The row w with mean of f = w . x, float64 (1, d)."""
    if rep.is_permutation:
        return torch.full((1, rep.size), 1 / rep.size, dtype=torch.float64)
    directions = rep.invariants()
    if rep.origin is None or not directions.shape[1]:
        raise ValueError(
            f"{rep} of {rep.group.name} is no space of functions with a mean, but a mean is asked for: "
            f'Invariant(in_type, "norm").'
        )
    return (directions @ (directions.T @ rep.origin))[None]
