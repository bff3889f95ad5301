"""Norms of fields as plain torch modules, where torch has none: moments in, channels scaled and shifted."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.norms.field_moments import FieldMoments
from equigen.steerable.norms.normalised import normalised
from equigen.steerable.precision import wide

__all__ = ["PlainFieldNorm", "group_norm", "layer_norm", "plain_group_norm"]


def group_norm(
    x: Tensor, moments: FieldMoments, groups: Sequence[int], eps: float, weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    """Normalise the groups of each item over positions and their fields, then scale and shift the channels.

    Args:
        x: (B, C, H, W).
        moments: of the fields of x.
        groups: number of groups of each term.
        eps: added to the second moments.
        weight: scales of the channels (C,), or None.
        bias: shifts of the channels (C,), or None.

    Returns:
        (B, C, H, W), in the dtype of x.

    Example:
        >>> moments = FieldMoments((1,), (torch.zeros(2, 0),))
        >>> x = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
        >>> round(group_norm(x, moments, (1,), 1e-9, None, None).square().sum().item(), 5)
        2.0
    """
    if moments.uniform:
        return functional.group_norm(x, groups[0], weight, bias, eps).to(x.dtype)
    return normalised(x, moments, groups, eps, weight, bias, over_batch=False)[0]


def layer_norm(x: Tensor, moments: FieldMoments, eps: float, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Normalise all channels of each position, then scale and shift them.

    Args:
        x: (B, C, H, W).
        moments: of the fields of x.
        eps: added to the second moments.
        weight: scales of the channels (C,), or None.
        bias: shifts of the channels (C,), or None.

    Returns:
        (B, C, H, W), in the dtype of x.

    Example:
        >>> moments = FieldMoments((1,), (torch.zeros(2, 0),))
        >>> x = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
        >>> round(layer_norm(x, moments, 1e-9, None, None).square().sum().item(), 5)
        2.0
    """
    if moments.uniform:
        y = functional.layer_norm(x.movedim(1, -1), x.shape[1:2], weight, bias, eps)
        return y.movedim(-1, 1).to(x.dtype)
    y = wide(x)
    if any(moments.trivials):
        counts = [t * n for t, n in zip(moments.trivials, moments.fields, strict=True)]
        pattern = moments.shifts(y.new_ones(sum(counts)), moments.fields)[:, None, None]
        length = sum(n * d for n, d in zip(counts, moments.sizes, strict=True))
        y = y - pattern * ((y * pattern).sum(1, keepdim=True) / length)
    y = y * torch.rsqrt(y.square().mean(1, keepdim=True) + eps)
    y = y if weight is None else y * weight[:, None, None]
    return (y if bias is None else y + bias[:, None, None]).to(x.dtype)


class PlainFieldNorm(nn.Module):
    """`group_norm`, or `layer_norm` without groups, with copies of the weights and biases of channels.

    Args:
        moments: of the fields.
        groups: number of groups of each term; None for `layer_norm`.
        eps: added to the second moments.
        weight: of the channels (C,), or None.
        bias: of the channels (C,), or None.
    """

    def __init__(
        self,
        moments: FieldMoments,
        groups: Sequence[int] | None,
        eps: float,
        weight: Tensor | None,
        bias: Tensor | None,
    ) -> None:
        super().__init__()
        self.moments, self.eps = copy.deepcopy(moments), eps
        self.groups = None if groups is None else tuple(groups)
        self.weight = None if weight is None else nn.Parameter(weight.detach().clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W)."""
        if self.groups is None:
            return layer_norm(x, self.moments, self.eps, self.weight, self.bias)
        return group_norm(x, self.moments, self.groups, self.eps, self.weight, self.bias)


def plain_group_norm(
    moments: FieldMoments, groups: Sequence[int], eps: float, weight: Tensor | None, bias: Tensor | None
) -> nn.Module:
    """The module that is `group_norm` with these settings, torch's own where there is one; it keeps copies.

    Args:
        moments: of the fields.
        groups: number of groups of each term.
        eps: added to the second moments.
        weight: of the channels (C,), or None.
        bias: of the channels (C,), or None.

    Example:
        >>> regular = FieldMoments((8,), (torch.ones(4, 1, dtype=torch.float64),))
        >>> plain_group_norm(regular, (2,), 1e-5, torch.ones(32), torch.zeros(32)).num_groups
        2
    """
    if not moments.uniform:
        return PlainFieldNorm(moments, groups, eps, weight, bias)
    norm = nn.GroupNorm(groups[0], moments.fields[0] * moments.sizes[0], eps, affine=weight is not None)
    if weight is not None and bias is not None:
        norm.weight, norm.bias = (nn.Parameter(value.detach().clone()) for value in (weight, bias))
    return norm
