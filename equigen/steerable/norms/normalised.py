"""Normalised fields with a derivative of their own: channels are read as few times as the formula allows.

With s = w / sqrt(v + eps) and c, v the moments of the groups (see `field_moments`), each pooled over n positions and
the d channels of a group,

    y  = s (x - P c) + b,
    dx = s dy - Q (s dy) + a (x - P c),   a = - s_0^3 <w dy, x - P c> / (n d),   s_0 = 1 / sqrt(v + eps)

with Q the mean invariant part, over positions and group, and the scalar product over both. The sums over positions of
dy and of dy (x - mean) are all that is needed of the whole maps before dx can be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from equigen.steerable.eager import ordinary
from equigen.steerable.norms.field_moments import FieldMoments, channel_moments

__all__ = ["normalised", "scaled"]

_CACHE = 2**18
"""Numbers of a map that are at work at a time: a mebibyte in single precision."""


def scaled(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """x scale + shift, channel by channel.

    Args:
        x: (B, C, H, W).
        scale: (C,), or (B, C) for a map of each item.
        shift: as `scale`.

    Returns:
        (B, C, H, W), in the dtype of x.

    Example:
        >>> scaled(torch.ones(1, 2, 1, 1), torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])).flatten().tolist()
        [2.0, 4.0]
    """
    if not ordinary(x) or scale.dtype != x.dtype:
        return torch.addcmul(shift[..., None, None], x, scale[..., None, None]).to(x.dtype)
    scale, shift = scale.flatten(), shift.flatten()
    zero, one = scale.new_zeros(len(scale)), scale.new_ones(len(scale))
    rows = x.reshape(-1, len(scale), *x.shape[2:])
    y = functional.batch_norm(rows, zero, one, scale, shift, False, 0.0, 0.0)
    # Not .view, from which a function with a derivative of its own gives what nothing may write over.
    return torch.ops.aten._unsafe_view(y, x.shape)


def normalised(
    x: Tensor,
    moments: FieldMoments,
    groups: Sequence[int],
    eps: float,
    weight: Tensor | None,
    bias: Tensor | None,
    *,
    over_batch: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fields without their invariant mean, of mean square one, then scaled and shifted.

    Args:
        x: (B, C, H, W).
        moments: of the fields of x.
        groups: number of groups of each term.
        eps: added to v.
        weight: scales of the channels (C,), or None.
        bias: shifts of the channels (C,), or None.
        over_batch: whether the items are pooled.

    Returns:
        y (B, C, H, W) in the dtype of x, differentiable twice, and c and v of the groups, without derivative: (sum of
        groups t,) and (sum of groups,), behind an axis of the batch if the items are not pooled.

    Example:
        >>> moments = FieldMoments((1,), (torch.zeros(2, 0),))
        >>> x = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
        >>> y, mean, variance = normalised(x, moments, (1,), 1e-9, None, None, over_batch=False)
        >>> round(y.square().sum().item(), 5), tuple(mean.shape), variance.tolist()
        (2.0, (1, 0), [[12.5]])
    """
    settings = moments, groups, eps, over_batch
    if ordinary(x) and all(given is None or given.dtype == x.dtype for given in (weight, bias)):
        y, mean, variance, *_ = _Normalised.apply(x.contiguous(), weight, bias, *settings)
        return y, mean, variance
    y, mean, variance = _by_formula(x, weight, bias, *settings)
    return y, mean.detach(), variance.detach()


def _by_formula(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    moments: FieldMoments,
    groups: Sequence[int],
    eps: float,
    over_batch: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same as torch derives it, for whatever derives, compiles or watches operations."""
    mean, variance = moments(*channel_moments(x, over_batch=over_batch), groups)
    scale = moments.scales(torch.rsqrt(variance + eps), groups)
    scale = scale if weight is None else scale * weight
    shift = -scale * moments.shifts(mean, groups)
    return scaled(x, scale, shift if bias is None else shift + bias), mean, variance


def _pieces(rows: Tensor) -> list[slice]:
    """A few rows of (rows, ...) at a time."""
    step = max(1, _CACHE // rows[0].numel())
    return [slice(first, first + step) for first in range(0, len(rows), step)]


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of (items, channels, pixels) over items and pixels, in two passes."""
    mean = x.mean(2).mean(0)
    squares, memory = torch.zeros_like(mean), None
    for piece in _pieces(x):
        part = x[piece]
        memory = torch.empty_like(part) if memory is None else memory
        rest = torch.sub(part, mean[:, None], out=memory[: len(part)])
        squares += torch.linalg.vector_norm(rest, dim=2).square_().sum(0)
    return mean, squares / (len(x) * x.shape[2])


def _slopes(slope: Tensor, x: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of slope, and of slope (x - centre), over the items and pixels of (items, channels, pixels)."""
    along, memory = torch.zeros_like(centre), None
    for piece in _pieces(x):
        part = x[piece]
        memory = torch.empty_like(part) if memory is None else memory
        rest = torch.sub(part, centre[:, None], out=memory[: len(part)])
        along += rest.mul_(slope[piece]).sum(2).sum(0)
    return slope.sum(2).sum(0), along


class _Normalised(torch.autograd.Function):
    """With the items pooled, maps are (items, channels, pixels); else (1, items channels, pixels)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        moments: FieldMoments,
        groups: Sequence[int],
        eps: float,
        over_batch: bool,
    ) -> tuple[Tensor, ...]:
        shape = x.shape[1:2] if over_batch else x.shape[:2]
        mean, variance = _moments(x.flatten(2) if over_batch else x.flatten(0, 1).flatten(1)[None])
        centre, variance = moments(mean.view(shape), variance.view(shape), groups)
        own = moments.scales(torch.rsqrt(variance + eps), groups)
        scale = own if weight is None else own * weight
        middle = moments.shifts(centre, groups)
        shift = -scale * middle
        y = scaled(x, scale, shift if bias is None else shift + bias)
        ctx.save_for_backward(x, weight, bias, own, middle)
        ctx.settings = moments, groups, eps, over_batch
        ctx.mark_non_differentiable(centre, variance)
        return y, centre, variance

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Any, ...]:
        again = torch.is_grad_enabled()
        with torch.autocast(slopes[0].device.type, enabled=False):
            if not again and ordinary(slopes[0]):
                found = _derived(ctx, slopes[0])
            else:
                found = _derived_by_formula(ctx, slopes[0], again)
        return *found, None, None, None, None


def _derived(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
    """The derivatives in x, weight and bias."""
    x, weight, _, own, middle = ctx.saved_tensors
    moments, groups, _, over_batch = ctx.settings
    rows = x.flatten(2) if over_batch else x.flatten(0, 1).flatten(1)[None]
    steep = slope.reshape(rows.shape)
    sums, along = (each.view(own.shape) for each in _slopes(steep, rows, middle.flatten()))
    weighed = own if weight is None else own * weight
    positions = rows.shape[0] * rows.shape[2]
    inner = along if weight is None else along * weight
    factor = -moments.scales(moments.means(inner, groups), groups) * own**3 / positions
    back = moments.shifts(moments.centres(sums * weighed, groups), groups) / positions
    shift = -(back + factor * middle)
    dx = scaled(slope, weighed, shift).view(rows.shape).addcmul_(rows, factor.view(-1, 1)).view(x.shape)
    dw, db = along * own, sums
    if not over_batch:
        dw, db = dw.sum(0), db.sum(0)
    return dx, (dw if ctx.needs_input_grad[1] else None), (db if ctx.needs_input_grad[2] else None)


def _derived_by_formula(ctx: Any, slope: Tensor, again: bool) -> tuple[Tensor | None, ...]:
    """The same, for slopes that are no ordinary tensors, and to be derived again."""
    given, wanted = ctx.saved_tensors[:3], ctx.needs_input_grad[:3]
    asked = [value for value, needed in zip(given, wanted, strict=True) if needed]
    with torch.enable_grad():
        out = _by_formula(*given, *ctx.settings)[0]
        found = iter(torch.autograd.grad(out, asked, slope, create_graph=again))
    return tuple(next(found) if needed else None for needed in wanted)
