"""Fields that are gated by what is invariant in them: the nonlinearity of fields of low frequencies.

A function on the group, given by its low frequencies, is multiplied by a function of its own mean over the group:

    y = x sigmoid(c(x)),      c(x) = p^T x,

with p the unit vector that the group leaves alone. The constant part alone becomes c sigmoid(c), SiLU. A field is only
made longer or shorter, so that every rotation commutes exactly, at each pixel; frequencies are mixed by the filters.
What it brings against SiLU of samples of the function is told in `equigen.networks.steerable_filters`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.modes import outside_modes
from equigen.steerable.wrapped import Wrapped

__all__ = ["FieldGate", "PlainFieldGate"]


class PlainFieldGate(nn.Module):
    """Each field times the sigmoid of one of its channels.

    Args:
        size: channels of a field.
        place: of the channel, in each field.

    Example:
        >>> x = torch.tensor([0.0, 3.0, 4.0]).view(1, 3, 1, 1)
        >>> PlainFieldGate(3, 0)(x).flatten().tolist()
        [0.0, 1.5, 2.0]
    """

    def __init__(self, size: int, place: int) -> None:
        super().__init__()
        self.size, self.place = size, place

    def forward(self, x: Tensor) -> Tensor:
        """Fields (B, C, H, W) to fields of the same shape."""
        fields = x.unflatten(1, (-1, self.size))
        return (fields * torch.sigmoid(fields[:, :, self.place : self.place + 1])).flatten(1, 2)


class FieldGate(Wrapped[PlainFieldGate]):
    """y = x sigmoid(c), c the channel of each field that the group leaves alone.

    Args:
        in_type: fields of one kind, with one trivial irrep that is a channel; also the output type.

    Raises:
        ValueError: fields of several kinds, or without such a channel.

    Error: every element of the group to 1e-7 (float32) and 3e-16 (float64), relative.

    Source: M. Weiler et al., 3D steerable CNNs, NeurIPS 2018, section 4.3, with the gate taken from the field itself.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> layer = FieldGate(FieldType(SO2(), "2xregular(1)"))
        >>> layer(torch.tensor([0.0, 3.0, 4.0, 100.0, 1.0, 2.0]).view(1, 6, 1, 1)).flatten().tolist()
        [0.0, 1.5, 2.0, 100.0, 1.0, 2.0]
    """

    def __init__(self, in_type: FieldType) -> None:
        (_, representation), *others = in_type.terms
        with outside_modes():
            invariants = representation.invariants().abs()
        place = int(invariants.sum(1).argmax()) if invariants.numel() else 0
        if others or invariants.size(1) != 1 or not bool(invariants[place].min() > 1 - 1e-12):
            raise ValueError(
                f"in_type is {in_type}, but a gate is one channel of every field that the group leaves alone: give "
                'fields of one kind, as "4xregular(2)".'
            )
        super().__init__(in_type, in_type, PlainFieldGate(representation.size, place))
