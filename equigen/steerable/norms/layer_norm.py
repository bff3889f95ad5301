"""Layer normalisation of fields: moments over all channels of one position."""

from __future__ import annotations

from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.module import check_channels
from equigen.steerable.norms.field_norm import FieldNorm
from equigen.steerable.norms.plain_norms import PlainFieldNorm, layer_norm

__all__ = ["LayerNorm"]


class LayerNorm(FieldNorm):
    """All channels of a position without their invariant mean, and of mean square one.

        y = w (x - m) / sqrt(|x - m|^2 / C + eps) + P b,   m = s (s . x) / |s|^2

    with s the sum of the columns of P over all fields: ones on trivial, regular and quotient fields, zeros on fields
    without a trivial irrep. For a type of regular fields this is `torch.nn.LayerNorm` over the channels.

    Args:
        in_type: type of the fields, in and out.
        eps: added to the mean square.
        affine: whether there are w (one per field) and b (one per trivial irrep).

    Raises:
        ValueError: eps is not positive.

    Error: relative 1e-6 (float32), 1e-15 (float64); half precision is normalised in float32.

    Source: J. L. Ba, J. R. Kiros, G. E. Hinton, Layer Normalization, 2016.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> norm = LayerNorm(FieldType(Cyclic(4), "1x0e + 1x1"))
        >>> y = norm(torch.tensor([7.0, 3.0, 4.0]).reshape(1, 3, 1, 1))
        >>> [round(number, 4) for number in y.flatten().tolist()]      # mean 0 of what is trivial, mean square 1
        [0.0, 1.0392, 1.3856]
    """

    def __init__(self, in_type: FieldType, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(in_type, eps, affine)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W), in the dtype of x."""
        check_channels(x, self.in_type, "LayerNorm")
        return layer_norm(x, self.moments, self.eps, *self.channel_affine())

    def plain(self) -> nn.Module:
        """A module that normalises the channels of each position; torch has one for the last axis only."""
        return PlainFieldNorm(self.moments, None, self.eps, *self.channel_affine()).train(self.training)
