"""An exact test that addressed noise is the standard normal of its space, and independent of other draws.

With unit directions u and n items z_i, under the hypothesis z_i ~ N(0, P) exactly

    sum_i <u, z_i> / sqrt(n v) ~ N(0, 1),    sum_i <u, z_i>^2 / v ~ chi^2 (n),    v = |P u|^2,
    sum_i <u, z_i> <u, w_i> / sqrt(v sum_i <u, z_i>^2) ~ N(0, 1)                  for w independent of z.

The directions are the coordinates, where a pattern shows, and cosines, where a filter shows. Probabilities are
multiplied by the number of tests (Bonferroni): the test rejects a true hypothesis once in a million seeds at most.

Source: C. Bonferroni, 1936, for many tests at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.random import Stream
from equigen.spaces.space import BoundSpace
from equigen.symmetry.certificate import Claim

__all__ = ["independent_claim", "normal_claim"]

_NUMBERS = 1 << 20  # drawn for one test
_LEVEL = 1e-6
_WAVES = 256  # cosines, at most
_SMALL = 1e-12  # a direction with less variance is not in the space


def normal_claim(statement: str, space: BoundSpace, *, stream: Stream, seed: int, step: int = 0) -> Claim:
    """The claim that the draws of a stream are standard normals of the space; errors in standard deviations.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> normal_claim("the prior", Euclidean(4).at(), stream=Stream.PRIOR, seed=0).verdict
        'exact'
    """
    z = _draws(space, stream, seed, step)
    along, variance = _along(space, z)
    inside = variance > _SMALL
    outside = float(along[:, ~inside].abs().max()) if bool((~inside).any()) else 0.0
    along, variance = along[:, inside], variance[inside]
    n = len(z)
    mean = along.sum(0) / torch.sqrt(n * variance)
    square = along.square().sum(0) / variance / 2.0
    half = torch.full_like(square, n / 2.0)
    low, high = torch.special.gammainc(half, square), torch.special.gammaincc(half, square)
    unlikely = torch.cat((2.0 * torch.special.ndtr(-mean.abs()), 2.0 * torch.minimum(low, high)))
    return _claim(f"{statement} ({n} draws, standard deviations)", unlikely, broken=outside > 1e-9)


def independent_claim(statement: str, space: BoundSpace, *, seed: int, draws: tuple[tuple[Stream, int], ...]) -> Claim:
    """The claim that draws at several (stream, step) of one item are independent; errors in standard deviations.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> two = ((Stream.SOLVER, 0), (Stream.SOLVER, 0))
        >>> independent_claim("steps", Euclidean(4).at(), seed=0, draws=two).verdict
        'broken'
    """
    parts = [_along(space, _draws(space, stream, seed, step)) for stream, step in draws]
    inside = parts[0][1] > _SMALL
    unlikely = []
    for k, (first, variance) in enumerate(parts):
        for other, _ in parts[k + 1 :]:
            size = torch.sqrt(variance * first.square().sum(0))[inside]
            unlikely.append(2.0 * torch.special.ndtr(-((first * other).sum(0)[inside] / size).abs()))
    return _claim(f"{statement} ({len(parts[0][0])} draws, standard deviations)", torch.cat(unlikely))


def _claim(statement: str, unlikely: Tensor, broken: bool = False) -> Claim:
    """Probabilities as the standard deviations of a normal that are as unlikely on both sides."""
    tests = len(unlikely)
    least = float(unlikely.min()) if tests and bool(unlikely.isfinite().all()) else 0.0
    measured, bound = (_deviations(p) for p in (least, _LEVEL / max(tests, 1)))
    verdict = "broken" if broken or measured > bound else "exact"
    return Claim(statement, True, measured, bound, verdict)


def _deviations(p: float) -> float:
    return -float(torch.special.ndtri(torch.tensor(max(p / 2.0, 1e-300), dtype=torch.float64)))


def _draws(space: BoundSpace, stream: Stream, seed: int, step: int) -> Tensor:
    count = min(max(_NUMBERS // math.prod(space.shape), 256), 8192)
    return space.noise(seed=seed, stream=stream, item=torch.arange(count), step=step, dtype=torch.float64)


def _along(space: BoundSpace, z: Tensor) -> tuple[Tensor, Tensor]:
    """Components (n, K) along the directions, and the variance of a standard normal of the space along each."""
    size = math.prod(space.shape)
    waves = _waves(space.shape)
    # The projection of a coordinate has its own entry for a square norm.
    whole = torch.eye(size, dtype=torch.float64).split(512)
    own = [space.project(rows.reshape(-1, *space.shape)).flatten(1).square().sum(1) for rows in whole]
    along = torch.cat((z.flatten(1), z.flatten(1) @ waves.flatten(1).T), dim=1)
    return along, torch.cat((*own, space.project(waves).flatten(1).square().sum(1)))


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
