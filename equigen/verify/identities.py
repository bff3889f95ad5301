"""What the exact posterior mean obeys, measured of a learned one on held-out items, noise level by noise level.

D(x_t, t) = E[x_0 | x_t] is the projection of x_0 onto the functions of x_t: what is left over, D - x_0, is orthogonal
to all of them. Two of them make the identities of the score, E<x, s> = -ndof and E s = 0, since s + z / sigma =
alpha (D - x_0) / sigma^2 and E<x, -z / sigma> = -ndof exactly; held against the noise that was drawn, little of the
noise of the measurement is left. The third is the tower property, E[D(x_r, r) | x_t] = D(x_t, t) for r < t.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.laws.covariance import Dense, Diagonal
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.schedules.schedule import Schedule
from equigen.verify.check import Check

__all__ = ["Held", "identities", "linear_denoiser", "noise_times"]

_LEVELS = (0.1, 0.3, 1.0, 3.0)  # sigma / (alpha std of the data)
_WIDE = 2048  # numbers of an item above which the linear reference takes its coordinates as independent
_STEIN, _MEAN, _TOWER, _EXCESS = 0.05, 0.02, 0.05, 0.02
_REPEATS = 4


class Held(NamedTuple):
    """Held-out items in the units of the denoiser, with all that belongs to them.

    Args:
        x_0: (B, *shape), in the space.
        denoiser: bound to their conditions and space.
        item: their numbers, which address the noise.
        linear: the linear reference.
    """

    x_0: Tensor
    denoiser: BoundDenoiser
    item: Tensor
    linear: Denoiser


def linear_denoiser(x: Tensor, schedule: Schedule) -> Denoiser:
    """The best linear denoiser of items: that of the normal law with their mean and covariance.

    Args:
        x: items (N, *shape), two or more.
        schedule: the kernel.

    Example:
        >>> from equigen.diffusion import EDM
        >>> D = linear_denoiser(torch.tensor([[-1.0], [1.0]]), EDM())            # variance 2
        >>> round(D(torch.tensor([[3.0]]), torch.tensor(1.0)).item(), 6)
        2.0
    """
    flat = x.flatten(1).double()
    shift = flat - flat.mean(0)
    if flat.shape[1] > _WIDE:
        covariance = Diagonal(flat.var(0).reshape(x.shape[1:]))
    else:
        covariance = Dense(shift.T @ shift / (len(x) - 1))
    return Gaussian(flat.mean(0).reshape(x.shape[1:]), covariance).denoiser(schedule)


def noise_times(schedule: Schedule, data_std: float) -> list[tuple[float, Tensor]]:
    """The noise levels that a schedule reaches, in standard deviations of the data, with their times."""
    low, high = schedule.relative_noise(torch.tensor([schedule.t_min, schedule.t_max], dtype=torch.float64)).tolist()
    std = data_std or 1.0
    inside = [level for level in _LEVELS if low < level * std < high]
    return [(level, schedule.time_at_noise(torch.tensor(level * std, dtype=torch.float64))) for level in inside]


def identities(held: Held, data_std: float, seed: int) -> Iterator[Check]:
    """The identities at each noise level, and the loss beside that of the linear reference.

    Args:
        held: the items.
        data_std: standard deviation of the data in the units of the denoiser.
        seed: of the noise.
    """
    levels = noise_times(held.denoiser.schedule, data_std)
    for place, (level, t) in enumerate(levels):
        yield from _at_level(held, f"noise {level:g}", t.to(held.x_0), seed, place)
    for (low, r), (high, t) in pairwise(levels):
        yield _tower(held, f"noise {low:g} < {high:g}", r.to(held.x_0), t.to(held.x_0), seed)


def _at_level(held: Held, where: str, t: Tensor, seed: int, place: int) -> Iterator[Check]:
    space, schedule, ndof = held.denoiser.space, held.denoiser.schedule, _ndof(held)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    stein, means, ours, theirs = [], [], [], []
    for draw in range(_REPEATS):
        z = _noise(held, seed, place, draw)
        x_t = alpha * held.x_0 + sigma * z
        left = held.denoiser(x_t, t) - held.x_0
        stein.append(alpha * space.inner(x_t, left) / (sigma**2 * ndof))
        means.append(alpha / sigma * space.project(left) / ndof.sqrt().reshape(-1, *[1] * (left.ndim - 1)))
        other = space.project(held.linear(x_t, t)) - held.x_0
        ours.append(space.inner(left, left))
        theirs.append(space.inner(other, other))
    value, error = _mean(torch.stack(stein).mean(0))
    yield Check(f"score along x, E<x, s> / ndof, {where}", value - 1.0, -1.0, _STEIN, "partial integration", error)
    value, error = _squared_mean(torch.stack(means).mean(0))
    yield Check(f"mean score, sigma^2 |E s|^2 / ndof, {where}", value, 0.0, _MEAN, "partial integration", error)
    yield _ratio(torch.stack(ours).mean(0), torch.stack(theirs).mean(0), where)


def _ratio(ours: Tensor, theirs: Tensor, where: str) -> Check:
    """The loss over that of the linear reference; its error is that of the difference of the two, item by item."""
    value, error = _mean((ours - theirs) / theirs.mean())
    name, source = f"loss over the best linear denoiser's, {where}", "the normal law of the training moments"
    return Check(name, 1.0 + value, 1.0, _EXCESS, source, error, at_most=True)


def _tower(held: Held, where: str, r: Tensor, t: Tensor, seed: int) -> Check:
    """E<D(x_r, r) - D(x_t, t), D(x_t, t)> over E|D(x_t, t)|^2, with x_t noised further from x_r."""
    space, schedule = held.denoiser.space, held.denoiser.schedule
    ratio = schedule.alpha(t) / schedule.alpha(r)
    spread = torch.sqrt(schedule.sigma(t) ** 2 - (ratio * schedule.sigma(r)) ** 2)
    gaps, sizes = [], []
    for draw in range(_REPEATS):
        x_r = schedule.alpha(r) * held.x_0 + schedule.sigma(r) * _noise(held, seed, 100, 2 * draw)
        x_t = ratio * x_r + spread * _noise(held, seed, 100, 2 * draw + 1)
        far = held.denoiser(x_t, t)
        gaps.append(space.inner(held.denoiser(x_r, r) - far, far))
        sizes.append(space.inner(far, far))
    value, error = _mean(torch.stack(gaps).mean(0) / torch.stack(sizes).mean())
    name = f"estimate along a path, E<D_r - D_t, D_t> / E|D_t|^2, {where}"
    return Check(name, value, 0.0, _TOWER, "E[D(x_r, r) | x_t] = D(x_t, t)", error)


def _noise(held: Held, seed: int, place: int, draw: int) -> Tensor:
    address = {"seed": seed, "stream": random.Stream.METRIC, "item": held.item, "step": place, "draw": draw}
    return held.denoiser.space.noise(dtype=held.x_0.dtype, device=held.x_0.device, **address)


def _ndof(held: Held) -> Tensor:
    """Degrees of freedom of each item, (B,)."""
    return held.denoiser.space.ndof.to(held.x_0).expand(len(held.x_0)).clamp_min(1.0)


def _mean(values: Tensor) -> tuple[float, float]:
    """The mean and its standard error."""
    values = values.double()
    return float(values.mean()), float(values.std()) / len(values) ** 0.5


def _squared_mean(vectors: Tensor) -> tuple[float, float]:
    """|E v|^2 without bias, as the mean inner product of the two halves of the items, and its standard error.

    Products share their items, so the means over rows and over columns vary by more than independent products would.
    The excess counts in full, and the rest as if independent: the variance of a U-statistic of two samples.
    """
    first, second = vectors.flatten(1).double().tensor_split(2)
    products = first @ second.T
    alone = products.var() / products.numel()
    variance = alone
    for means in (products.mean(1), products.mean(0)):
        variance = variance + (means.var() / len(means) - alone).clamp_min(0.0)
    return float(products.mean()), float(variance.sqrt())
