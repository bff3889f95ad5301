"""Dropout of fields: all channels of a field fall, or none."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule, check_channels

__all__ = ["FieldDropout"]


class FieldDropout(SteerableModule):
    """In training, each field of each item is set to zero with probability p, and divided by 1 - p otherwise.

    A field falls at all positions at once, as a channel does in `torch.nn.Dropout2d`, which this is for trivial fields.
    For one draw of what falls the layer commutes with the group. It draws from torch's own generator, as torch's
    layers do.

    Args:
        in_type: type of the fields, in and out.
        p: probability in [0, 1).

    Raises:
        ValueError: p is out of range.

    Source: J. Tompson et al., Efficient object localization using convolutional networks, 2015 (SpatialDropout).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> dropout = FieldDropout(FieldType(Cyclic(4), "64xregular"), 0.5)
        >>> sorted(set(dropout(torch.ones(1, 256, 1, 1)).unflatten(1, (64, 4)).sum(2).flatten().tolist()))
        [0.0, 8.0]
    """

    def __init__(self, in_type: FieldType, p: float = 0.5) -> None:
        super().__init__(in_type, in_type)
        if not 0 <= p < 1:
            raise ValueError(
                f"p is {p}, but the probability that a field falls lies in [0, 1): FieldDropout(in_type, 0.1)."
            )
        self.p = p
        self._fields = tuple(count for count, _ in in_type.terms)
        self._sizes = tuple(rep.size for _, rep in in_type.terms)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W), in the dtype of x."""
        check_channels(x, self.in_type, "FieldDropout")
        if not self.training or self.p == 0:
            return x
        kept = functional.dropout2d(x.new_ones(x.shape[0], sum(self._fields), 1, 1), self.p, training=True)
        pieces = zip(kept.split(self._fields, 1), self._sizes, strict=True)
        return x * torch.cat([piece.expand(-1, -1, size, -1).flatten(1, 2)[:, :, None] for piece, size in pieces], 1)

    def plain(self) -> nn.Module:
        """`torch.nn.Identity`, which dropout is in evaluation."""
        return nn.Identity().train(self.training)

    def extra_repr(self) -> str:
        """The type and the probability, for `print(network)`."""
        return f"{super().extra_repr()}, p={self.p}"
