"""Group normalisation of fields: moments over the positions and over the fields of a group, item by item."""

from __future__ import annotations

import math

from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.module import check_channels
from equigen.steerable.norms.field_norm import FieldNorm
from equigen.steerable.norms.plain_norms import group_norm, plain_group_norm

__all__ = ["GroupNorm"]


class GroupNorm(FieldNorm):
    """Groups of fields of mean zero in their trivial part and of mean square one, over positions, item by item.

        y = w (x - P c) / sqrt(v + eps) + P b,   c = P^T E[x] / d,   v = E |x - P c|^2 / d

    with E over the positions and the fields of a group, d the channels of a field and P (d, t) its trivial irreps (see
    `field_moments`). Every term of the type is cut into the same number of groups, so a group has fields of one kind. A
    type of one regular, quotient or trivial term is normalised by `torch.nn.functional.group_norm` itself.

    Args:
        in_type: type of the fields, in and out.
        groups: number of groups of each term.
        eps: added to v.
        affine: whether there are w (one per field) and b (one per trivial irrep).

    Raises:
        ValueError: eps is not positive, or the fields of a term cannot be cut into so many groups.

    Error: relative 1e-6 (float32), 1e-15 (float64); half precision is normalised in float32.

    Source: Y. Wu, K. He, Group Normalization, 2018.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> norm = GroupNorm(FieldType(Cyclic(4), "2x1"), groups=1)
        >>> y = norm(torch.tensor([3.0, 4.0, 0.0, 0.0]).reshape(1, 4, 1, 1))
        >>> round(y.square().mean().item(), 4)
        1.0
    """

    def __init__(self, in_type: FieldType, groups: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(in_type, eps, affine)
        whole = isinstance(groups, int) and not isinstance(groups, bool)
        if not whole or groups < 1 or any(count % groups for count in self.fields):
            common = math.gcd(*self.fields)
            legal = ", ".join(str(n) for n in range(1, common + 1) if common % n == 0)
            raise ValueError(
                f"groups is {groups!r}, but the terms of {in_type} are cut evenly into {legal} groups only: "
                f"GroupNorm(in_type, groups={common})."
            )
        self.groups = (groups,) * len(self.fields)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W), in the dtype of x."""
        check_channels(x, self.in_type, "GroupNorm")
        return group_norm(x, self.moments, self.groups, self.eps, *self.channel_affine())

    def plain(self) -> nn.Module:
        """`torch.nn.GroupNorm` for one term of regular, quotient or trivial fields, else a module that pools fields."""
        norm = plain_group_norm(self.moments, self.groups, self.eps, *self.channel_affine())
        return norm.train(self.training)
