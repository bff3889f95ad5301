"""Bits per dimension of held-out items, with the error in its parts, beside the normal law of the training data.

Stored whole numbers are dequantised: a number v spreads evenly over [v - 1/2, v + 1/2), at an address of its own. With
p the density in stored units, -log2 p of such an item is on average at least the bits that a model needs for the whole
numbers themselves, for any density: here for that of the model at the time when its noise has the variance 1/12 of the
rounding, or at t_min if there the noise is larger. A model that never saw noise between the levels is not asked for it.
Data that are not whole numbers have a density only; its bits per dimension depend on the unit of the data.

The baseline is the normal law with the mean and covariance of the training items and the same noise, on the same
dequantised items: what knowing second moments alone is worth.

Source: B. Uria, I. Murray, H. Larochelle, RNADE, NIPS 2013, section 5; L. Theis, A. van den Oord, M. Bethge, A note on
the evaluation of generative models, ICLR 2016, section 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.metrics.addresses import Use
from equigen.metrics.floor import drawn
from equigen.metrics.loss import device_of
from equigen.random import Stream, uniform
from equigen.spaces.batch import Batch

__all__ = ["Likelihood", "dequantised", "held_out_likelihood", "level_distance"]

_FULL = 1024  # numbers of an item, up to which the baseline knows all covariances
_TRAIN = 20_000  # training items that the baseline looks at
_NATS_TO_BITS = 1.0 / math.log(2.0)


@dataclass(frozen=True)
class Likelihood:
    """Bits per dimension of held-out items under a model and under a baseline.

    Args:
        bits: mean over the items of -log2 p / degrees of freedom; an upper bound of the bits for stored whole numbers.
        standard_error: of the mean, from items and probes together.
        item_error: the part of it that other items would change.
        probe_error: the part of it that other probes would change.
        solver_error: largest shift of the mean by the solver of the flow.
        n: number of items.
        quantised: whether the data are whole numbers, dequantised; else p is the density in data units.
        noise: relative noise sigma / alpha at which the density is taken.
        baseline: the same of the normal law with the moments of the training data.
        baseline_covariance: "full" or "diagonal".
        gain: baseline - bits.
        gain_error: its standard error, over the same items.
        evaluations: of the denoiser, mean over the items.
    """

    bits: float
    standard_error: float
    item_error: float
    probe_error: float
    solver_error: float
    n: int
    quantised: bool
    noise: float
    baseline: float
    baseline_covariance: str
    gain: float
    gain_error: float
    evaluations: float


def level_distance(data: DataSet, rows: Tensor) -> float | None:
    """The distance of two neighbouring levels in data units, by how the items were stored; None if they are no levels.

    Args:
        data: the split.
        rows: places of the items that are looked at: resized images need not lie on the levels any more.

    Example:
        >>> from equigen.data.loading import load
        >>> 1 / level_distance(load("digits"), torch.arange(10))            # stored as 0 .. 16
        16.0
    """
    if data.encoding.bounds is None:
        return None
    stored = data.whole(rows).x.double() * data.encoding.scale + data.encoding.offset
    on_levels = bool((stored - stored.round()).abs().max() < 1e-3)
    return 1.0 / data.encoding.scale if on_levels else None


def dequantised(x: Tensor, distance: float, *, seed: int, item: Tensor) -> Tensor:
    """Items spread evenly over their levels: x + distance (u - 1/2), u uniform at an address.

    Args:
        x: items on levels, (B, *shape).
        distance: of two levels.
        seed: the key.
        item: numbers of the items, int64 (B,).

    Example:
        >>> x = dequantised(torch.zeros(1, 1000), 0.5, seed=0, item=torch.arange(1))
        >>> bool(x.min() > -0.25), bool(x.max() < 0.25), round(float(x.var() * 12 / 0.5**2), 1)
        (True, True, 1.0)
    """
    where: dict[str, Any] = {"item": item.to(x.device), "dtype": x.dtype, "device": x.device}
    return x + distance * (uniform(x.shape[1:], seed=seed, stream=Stream.DEQUANTISATION, **where) - 0.5)


def held_out_likelihood(
    model: Any, train: DataSet, held_out: DataSet, n: int, *, seed: int, tolerance: float = 1e-2
) -> Likelihood | None:
    """Bits per dimension of draw 0 of the held-out items, with their structures and conditions.

    Args:
        model: with `.log_prob(batch, seed=, noise=, tolerance=)`, `.scale` and `.denoiser`, as `DiffusionModel`.
        train: training split, of which the baseline knows the moments.
        held_out: held-out split.
        n: items; fewer where the split holds fewer.
        seed: of the draw, the dequantisation and the probes.
        tolerance: of the solver, in nats for each degree of freedom.

    Returns:
        The record; None of fewer than 2 items, or where the model has no log density.

    Raises:
        ArithmeticError: the flow of the model is not smooth.
    """
    n = min(n, len(held_out))
    if n < 2 or not hasattr(model, "log_prob"):
        return None
    rows = drawn(len(held_out), n, use=Use.HELD_OUT_DRAW, seed=seed, index=0)
    distance, found = level_distance(held_out, rows), held_out.whole(rows)
    x = found.x if distance is None else dequantised(found.x, distance, seed=seed, item=rows)
    batch = replace(found, x=x).to(device_of(model) or "cpu")
    noise = _noise(model, distance)
    measured = model.log_prob(batch, seed=seed, noise=noise, tolerance=tolerance)
    ndof = held_out.space.at(found.structure).ndof.expand(n)
    to_bits, shift = _NATS_TO_BITS / ndof, 0.0 if distance is None else -math.log2(distance)
    own = measured._replace(
        value=shift - to_bits * measured.value.cpu(),
        probe_error=to_bits * measured.probe_error.cpu(),
        solver_error=to_bits * measured.solver_error.cpu(),
    )
    density, covariance = _normal(model, train, replace(found, x=x), noise)
    baseline = shift - to_bits * density
    gain, mean = baseline - own.value, own.mean()
    return Likelihood(
        bits=mean.value,
        standard_error=mean.standard_error,
        item_error=mean.item_error,
        probe_error=mean.probe_error,
        solver_error=mean.solver_error,
        n=n,
        quantised=distance is not None,
        noise=noise,
        baseline=float(baseline.mean()),
        baseline_covariance=covariance,
        gain=float(gain.mean()),
        gain_error=float(gain.std()) / n**0.5,
        evaluations=float(measured.evaluations.double().mean()),
    )


def _noise(model: Any, distance: float | None) -> float:
    """The relative noise with the variance of the rounding, or the least of the schedule."""
    schedule = model.denoiser.schedule
    least = float(schedule.relative_noise(torch.tensor(schedule.t_min, dtype=torch.float64)))
    if distance is None:
        return least
    return max(least, distance / 12.0**0.5 / float(torch.exp(torch.log(model.scale.factor).mean())))


def _normal(model: Any, train: DataSet, batch: Batch, noise: float) -> tuple[Tensor, str]:
    """Log densities (n,) in data units under the normal law of the training items and the noise; what it knows."""
    some = train.whole(torch.linspace(0, len(train) - 1, min(len(train), _TRAIN)).long())
    x, spread = some.x.double(), (noise * model.scale.factor.double().cpu()) ** 2
    extra = spread.reshape(-1, *[1] * (x.ndim - 2)).expand(x.shape[1:]) if spread.ndim else spread.expand(x.shape[1:])
    given = batch.x.double()
    if batch.structure is None and x[0].numel() <= _FULL:
        covariance = torch.cov(x.flatten(1).T, correction=0) + torch.diag(extra.flatten())
        factor = torch.linalg.cholesky(covariance)
        offset = torch.linalg.solve_triangular(factor, (given - x.mean(0)).flatten(1).T, upper=False)
        volume = torch.log(factor.diagonal()).sum() + 0.5 * len(factor) * math.log(2.0 * math.pi)
        return -0.5 * offset.square().sum(0) - volume, "full"
    within = torch.ones_like(x) if some.structure is None else some.structure.expand(x.shape).double()
    axes = (0,) if some.structure is None else (0, *range(2, x.ndim))  # each pixel, or each channel
    count = within.sum(axes, keepdim=True).clamp_min(1.0)
    mean = (within * x).sum(axes, keepdim=True) / count
    variance = (within * (x - mean) ** 2).sum(axes, keepdim=True) / count + extra
    logs = -0.5 * ((given - mean) ** 2 / variance + torch.log(2.0 * math.pi * variance))
    valid = torch.ones_like(given) if batch.structure is None else batch.structure.expand(given.shape).double()
    return (valid * logs).flatten(1).sum(1), "diagonal"
