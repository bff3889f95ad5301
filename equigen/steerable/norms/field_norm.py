"""What the norms share: one scale per field, one shift per trivial irrep."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from equigen.groups.representation import Representation
from equigen.steerable.field_type import FieldType
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import SteerableModule
from equigen.steerable.norms.field_moments import FieldMoments

__all__ = ["FieldNorm", "trivial_patterns"]


def trivial_patterns(rep: Representation) -> Tensor:
    """The columns that span the trivial irreps of a representation, each of squared length d.

    Args:
        rep: of size d, with t trivial irreps.

    Returns:
        float64 (d, t); the entry of largest size in each column is positive.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic
        >>> trivial_patterns(regular(Cyclic(4))).mT.tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    patterns = rep.invariants() * math.sqrt(rep.size)
    if not patterns.numel():
        return patterns
    patterns = patterns * patterns.gather(0, patterns.abs().argmax(0, keepdim=True)).sign()
    near = patterns.round()
    return torch.where((patterns - near).abs() < 1e-12, near, patterns)  # whole numbers are kept by every dtype


class FieldNorm(SteerableModule):
    """Moments of the fields, and the affine map behind them.

    The affine map multiplies each field by its weight and adds P b, P the columns of squared length d that span the
    field's trivial irreps: of maps "times a number, plus a constant" on each field, no others commute with the group.
    It starts as the identity.

    Args:
        in_type: type of the fields, in and out.
        eps: added to the second moments, in their unit.
        affine: whether there are weights (one per field) and biases (one per trivial irrep).

    Attributes:
        weight: (fields,), or None.
        bias: (trivial irreps,), or None, also where there are no trivial irreps.

    Raises:
        ValueError: eps is not positive.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.norms.layer_norm import LayerNorm
        >>> norm = LayerNorm(FieldType(Cyclic(4), "1x0e + 2x1"))
        >>> norm.weight.shape, norm.bias.shape
        (torch.Size([3]), torch.Size([1]))
    """

    def __init__(self, in_type: FieldType, eps: float, affine: bool) -> None:
        super().__init__(in_type, in_type)
        if not eps > 0:
            raise ValueError(f"eps is {eps}, but a field of zeros needs a positive one: eps=1e-5.")
        self.eps = eps
        self.fields = tuple(count for count, _ in in_type.terms)
        with outside_modes():
            patterns = [trivial_patterns(rep) for _, rep in in_type.terms]
        self.moments = FieldMoments(self.fields, patterns)
        self.trivials = sum(t * n for t, n in zip(self.moments.trivials, self.fields, strict=True))
        self.weight = nn.Parameter(torch.ones(sum(self.fields))) if affine else None
        self.bias = nn.Parameter(torch.zeros(self.trivials)) if affine and self.trivials else None

    def channel_affine(self) -> tuple[Tensor | None, Tensor | None]:
        """Weights and shifts of the channels, (C,) each, or None where there are none."""
        weight = None if self.weight is None else self.moments.scales(self.weight, self.fields)
        return weight, None if self.bias is None else self.moments.shifts(self.bias, self.fields)
