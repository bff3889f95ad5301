"""An exact test that addressed noise is the standard normal of its space, and independent of other draws.

With unit directions u and n items z_i, under the hypothesis z_i ~ N(0, P) exactly

    sum_i <u, z_i> / sqrt(n v) ~ N(0, 1),    sum_i <u, z_i>^2 / v ~ chi^2 (n),    v = |P u|^2,
    sum_i <u, z_i> <u, w_i> / sqrt(v sum_i <u, z_i>^2) ~ N(0, 1)                  for w independent of z,
    sum_i <z_i, w_i> / sqrt(sum_i |z_i|^2) ~ N(0, 1),

the last of which finds what is small along each direction and the same along all. Draws can depend on each other and
have no product in the mean, as z and z times a random sign: so the lengths |z_i|, and the sizes |<u, z_i>|, are mapped
to standard normals by their distribution functions, and their products are tested in the same way.

The directions are the coordinates, where a pattern shows, and cosines, where a filter shows. Moments do not make a
normal: the largest distance D of the empirical distribution of n independent numbers from the one they should have
obeys

    P(D > d) <= 2 exp(-2 n d^2),

for the components along each direction, for |z_i|^2 ~ chi^2 (rank P), and for all coordinates of all items at once:
those of z_i + (1 - P) y_i with a standard normal y_i are independent standard normals, whatever P is.

Probabilities are multiplied by the number of tests (Bonferroni): the test rejects a true hypothesis once in a million
seeds at most.

Sources: C. Bonferroni, 1936, for many tests at once; P. Massart, 1990, for the distance, after A. Dvoretzky, J. Kiefer
and J. Wolfowitz, 1956.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from equigen.diffusion.solvers.solver import AddressedNoise
from equigen.random import Stream, normal
from equigen.spaces.space import BoundSpace
from equigen.symmetry.certificate import Claim

__all__ = ["DRAWN", "independent_claim", "normal_claim"]

DRAWN = ((Stream.PRIOR, 0), *((Stream.SOLVER, step) for step in (0, 1, 2, 18)))
"""Where a sampler of 19 steps draws: its prior, and some of the steps, in which churning draws as well."""

_NUMBERS = 1 << 20  # drawn for one test
_FEWER = 1 << 16  # of which distributions and pairs are tested, and drawn at other places
_LEVEL = 1e-6
_WAVES = 256  # cosines, at most
_LATER = 9  # steps
_OWN = 1 << 20  # a step of the stream that nothing else draws
_SMALL = 1e-12  # a direction with less variance is not in the space


def normal_claim(statement: str, space: BoundSpace, *, stream: Stream, seed: int, step: int = 0) -> Claim:
    """The claim that the draws of a stream are standard normals of the space; errors in standard deviations.

    Tested are mean and variance along directions, and the distributions along them, of |z|^2 and of all numbers; of
    noise that is not the prior's also at the second draw of the step, and nine steps later.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> normal_claim("the prior", Euclidean(4).at(), stream=Stream.PRIOR, seed=0).verdict
        'exact'
    """
    waves = _waves(space.shape)
    variance = _variance(space, waves)
    others = () if stream is Stream.PRIOR else ((step, 1), (step + _LATER, 0))
    places = [_draws(space, stream, seed, step)]
    places += [_draws(space, stream, seed, where, draw, _FEWER) for where, draw in others]
    unlikely, outside = [], False
    for z in places:
        along = _along(z, waves)
        outside |= not bool((along[:, variance <= _SMALL].abs() <= 1e-9).all())
        unlikely += [_moments(along, variance), _distributions(space, z, along, variance, seed)]
    return _claim(f"{statement} ({len(places[0])} draws, standard deviations)", torch.cat(unlikely), broken=outside)


def _moments(along: Tensor, variance: Tensor) -> Tensor:
    """Probabilities of means and variances as far off as those of components (n, K)."""
    n, inside = len(along), variance > _SMALL
    along, variance = along[:, inside], variance[inside]
    mean = along.sum(0) / torch.sqrt(n * variance)
    square = along.square().sum(0) / variance / 2.0
    half = torch.full_like(square, n / 2.0)
    low, high = torch.special.gammainc(half, square), torch.special.gammaincc(half, square)
    return torch.cat((2.0 * torch.special.ndtr(-mean.abs()), 2.0 * torch.minimum(low, high)))


def _distributions(space: BoundSpace, z: Tensor, along: Tensor, variance: Tensor, seed: int) -> Tensor:
    """Bounds of the probabilities of distributions as far off: along directions, of |z|^2, and of all numbers."""
    inside = variance > _SMALL
    rank = variance[: math.prod(space.shape)].sum()
    length = torch.special.gammainc(rank / 2.0, z.flatten(1).square().sum(1) / 2.0)
    some = torch.arange(min(_count(space, _FEWER), len(z)))
    y = normal(space.shape, seed=seed, stream=Stream.METRIC, item=some, step=_OWN, dtype=z.dtype)
    filled = z[: len(some)] + y - space.project(y)
    levels = (
        torch.special.ndtr(along[: len(some), inside] / variance[inside].sqrt()),
        length[:, None],
        torch.special.ndtr(filled.reshape(-1, 1)),
    )
    return torch.cat([_distance(level) for level in levels])


def _distance(level: Tensor) -> Tensor:
    """Bounds of the probabilities that uniform numbers are as far from uniform as the columns of (n, K)."""
    n = len(level)
    level = level.T.sort(1).values
    steps = torch.arange(n + 1, dtype=level.dtype) / n
    apart = torch.maximum((steps[1:] - level).amax(1), (level - steps[:-1]).amax(1))
    return (2.0 * torch.exp(-2.0 * n * apart.square())).clamp_max(1.0)


def independent_claim(
    statement: str, space: BoundSpace, *, seed: int, draws: Sequence[tuple[Stream, int]] = DRAWN
) -> Claim:
    """The claim that draws at several (stream, step) of one item are independent; errors in standard deviations.

    Every pair is tested, of all but the prior with the first and the second normal of the step. The noise of steps is
    drawn as a sampler draws it, in blocks of steps.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> two = ((Stream.SOLVER, 0), (Stream.SOLVER, 0))
        >>> independent_claim("steps", Euclidean(4).at(), seed=0, draws=two).verdict
        'broken'
    """
    waves = _waves(space.shape)
    variance = _variance(space, waves)
    parts = _sampled(space, seed, draws)
    if any(z.shape != parts[0].shape for z in parts):  # a block of steps that is none
        return _claim(statement, torch.zeros(1), broken=True)
    views = [_views(space, z, _along(z, waves), variance) for z in parts]
    unlikely = [_products(one, other) for k, one in enumerate(views) for other in views[k + 1 :]]
    return _claim(f"{statement} ({len(parts[0])} draws, standard deviations)", torch.cat(unlikely))


def _sampled(space: BoundSpace, seed: int, draws: Sequence[tuple[Stream, int]]) -> list[Tensor]:
    """The draws, those of solvers as they come to them."""
    item = torch.arange(_count(space, _FEWER))
    like = torch.zeros(len(item), *space.shape, dtype=torch.float64)
    steps, found = 1 + max(step for _, step in draws), []
    noise = {stream: AddressedNoise(space, seed, item, steps, like, stream) for stream, _ in draws}
    for stream, step in draws:
        if stream is Stream.PRIOR:
            found.append(_draws(space, stream, seed, step, 0, _FEWER))
        else:
            found += [noise[stream].at(step)(draw) for draw in range(2)]
    return found


def _views(space: BoundSpace, z: Tensor, along: Tensor, variance: Tensor) -> tuple[Tensor, ...]:
    """Numbers (n, K) of draws that are standard normal each, if the draws are: components, their sizes, lengths.

    With them the draws themselves, flat, which are so in the space.
    """
    inside = variance > _SMALL
    along = along[:, inside] / variance[inside].sqrt()
    rank = variance[: math.prod(space.shape)].sum()
    length = torch.special.gammainc(rank / 2.0, z.flatten(1).square().sum(1) / 2.0)[:, None]
    return along, _as_normal(torch.special.erf(along.abs() / math.sqrt(2.0))), _as_normal(length), z.flatten(1)


def _as_normal(level: Tensor) -> Tensor:
    """Uniform numbers as standard normals."""
    return torch.special.ndtri(level.clamp(1e-15, 1.0 - 1e-15))


def _products(first: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> Tensor:
    """Probabilities of sums of products as far off, by column; of the draws themselves over all of their numbers."""
    sums = [(a * b).sum(0) / a.square().sum(0).sqrt() for a, b in zip(first[:-1], other[:-1], strict=True)]
    whole = (first[-1] * other[-1]).sum() / first[-1].norm()
    return 2.0 * torch.special.ndtr(-torch.cat((*sums, whole[None])).abs())


def _claim(statement: str, unlikely: Tensor, broken: bool = False) -> Claim:
    """Probabilities as the standard deviations of a normal that are as unlikely on both sides."""
    tests = len(unlikely)
    least = float(unlikely.min()) if tests and bool(unlikely.isfinite().all()) else 0.0
    measured, bound = (_deviations(p) for p in (least, _LEVEL / max(tests, 1)))
    verdict = "broken" if broken or measured > bound else "exact"
    return Claim(statement, True, measured, bound, verdict)


def _deviations(p: float) -> float:
    return -float(torch.special.ndtri(torch.tensor(max(p / 2.0, 1e-300), dtype=torch.float64)))


def _draws(space: BoundSpace, stream: Stream, seed: int, step: int, draw: int = 0, numbers: int = _NUMBERS) -> Tensor:
    item = torch.arange(_count(space, numbers))
    return space.noise(seed=seed, stream=stream, item=item, step=step, draw=draw, dtype=torch.float64)


def _count(space: BoundSpace, numbers: int) -> int:
    return min(max(numbers // math.prod(space.shape), 256), 8192)


def _along(z: Tensor, waves: Tensor) -> Tensor:
    """Components (n, K) along the directions."""
    return torch.cat((z.flatten(1), z.flatten(1) @ waves.flatten(1).T), dim=1)


def _variance(space: BoundSpace, waves: Tensor) -> Tensor:
    """The variance of a standard normal of the space along each direction, (K,)."""
    # The projection of a coordinate has its own entry for a square norm.
    whole = torch.eye(math.prod(space.shape), dtype=torch.float64).split(512)
    own = [space.project(rows.reshape(-1, *space.shape)).flatten(1).square().sum(1) for rows in whole]
    return torch.cat((*own, space.project(waves).flatten(1).square().sum(1)))


def _waves(shape: tuple[int, ...]) -> Tensor:
    """Cosines over the axes of an array, of unit norm, (K, *shape): all, or evenly chosen ones."""
    size = math.prod(shape)
    chosen = torch.linspace(0, size - 1, min(size, _WAVES), dtype=torch.float64).round().long()
    waves = torch.ones(len(chosen), *(1 for _ in shape), dtype=torch.float64)
    for axis in reversed(range(len(shape))):
        n = shape[axis]
        k, chosen = chosen % n, chosen // n
        angle = math.pi / n * k[:, None].double() * (torch.arange(n, dtype=torch.float64) + 0.5)
        rows = torch.cos(angle) * torch.where(k == 0, 1.0, math.sqrt(2.0))[:, None] / math.sqrt(n)
        waves = waves * rows.reshape(len(k), *(n if other == axis else 1 for other in range(len(shape))))
    return waves
