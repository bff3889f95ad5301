"""Instance normalisation of fields: moments of each field over the positions, item by item."""

from __future__ import annotations

from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.module import check_channels
from equigen.steerable.norms.field_norm import FieldNorm
from equigen.steerable.norms.plain_norms import group_norm, plain_group_norm

__all__ = ["InstanceNorm"]


class InstanceNorm(FieldNorm):
    """Each field of mean zero in its trivial part and of mean square one, over the positions of its item.

        y = w (x - P c) / sqrt(v + eps) + P b,   c = P^T E[x] / d,   v = E |x - P c|^2 / d

    with E over the positions, d the channels of a field and P (d, t) its trivial irreps (see `field_moments`). It is
    group normalisation with one field to a group.

    Args:
        in_type: type of the fields, in and out.
        eps: added to v.
        affine: whether there are w (one per field) and b (one per trivial irrep).

    Raises:
        ValueError: eps is not positive.

    Error: relative 1e-6 (float32), 1e-15 (float64); half precision is normalised in float32.

    Source: D. Ulyanov, A. Vedaldi, V. Lempitsky, Instance Normalization, 2016.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> norm = InstanceNorm(FieldType(Cyclic(4), "1xregular"))
        >>> y = norm(torch.tensor([4.0, 2.0, 4.0, 2.0]).reshape(1, 4, 1, 1))
        >>> [round(number, 4) for number in y.flatten().tolist()]
        [1.0, -1.0, 1.0, -1.0]
    """

    def __init__(self, in_type: FieldType, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(in_type, eps, affine)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W), in the dtype of x."""
        check_channels(x, self.in_type, "InstanceNorm")
        return group_norm(x, self.moments, self.fields, self.eps, *self.channel_affine())

    def plain(self) -> nn.Module:
        """`torch.nn.GroupNorm` for one term of regular, quotient or trivial fields, else a module that pools fields."""
        norm = plain_group_norm(self.moments, self.fields, self.eps, *self.channel_affine())
        return norm.train(self.training)
