"""Linear scores: the law of every step in closed form, and what of it a group changes.

Where the denoiser is linear, x_s = M x_t + N z in a step of the sampler. From a centred normal law every law is one,

    C_s = M C_t M^T + N N^T.

M and N are read off the library's own solver, which is given the unit vectors. The law is invariant exactly where
rho(g) C rho(g)^T = C for all g.

Scores fitted to n random items of an invariant law, each in a random pose, know the second moments S' = sum x x^T / n.
In closed form, with S those of the law and the orthogonal R = rho(g), which commutes with S,

    E ||R S' R^T - S'||^2 = (2 / n) ((tr S)^2 + tr S^2 - (tr R S)^2 - tr R^2 S^2)         for normal items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.covariance import Dense
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.sampling import prior_std
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.solver import State
from equigen.diffusion.time_grid import KarrasGrid
from equigen.groups.plane_groups import Cyclic
from equigen.labs.extremes import largest
from equigen.labs.symmetry.setting import SCHEDULE
from equigen.symmetry.image_action import ImageAction

__all__ = ["Fitted", "Stepped", "asymmetry", "decay", "fitted", "invariant_moments", "law_of_steps", "stepped"]

_SIDE = 4  # pixels
_SIZE = _SIDE * _SIDE
_FEATURES = 5
_ACTION = ImageAction(Cyclic(4))
_LEVELS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # of the noise, at which a score is compared with the exact one


@dataclass(frozen=True)
class Stepped:
    """The laws of the steps under one linear score.

    Args:
        name: of the score.
        wrong: root mean square of D - D* over that of D*, over noise levels, in closed form.
        asymmetry: of the covariance before each step and after the last, the largest over the group.
    """

    name: str
    wrong: float
    asymmetry: Sequence[float]

    @property
    def largest(self) -> float:
        """The largest asymmetry of all steps."""
        return largest(self.asymmetry)


@dataclass(frozen=True)
class Fitted:
    """Scores fitted to so many items in random poses.

    Args:
        items: they were fitted to.
        wrong: as in `Stepped`, the mean over the draws of the items.
        moments: mean of the squared asymmetry of the second moments over one quarter turn, ||R S' R^T - S'||^2.
        moments_error: its standard error.
        expected: the same in closed form.
        asymmetry: of the law of the last step, root mean square over the draws.
        asymmetry_error: its standard error.
    """

    items: int
    wrong: float
    moments: float
    moments_error: float
    expected: float
    asymmetry: float
    asymmetry_error: float


class _Matrix(nn.Module):
    """F(x, noise) = A x, whatever the noise."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        matrix = self.matrix
        assert isinstance(matrix, Tensor)
        return (x.flatten(1) @ matrix.T).reshape(x.shape)


def invariant_moments(seed: int) -> Tensor:
    """Second moments (16, 16) of random images of 4 x 4 pixels that a quarter turn leaves as they are, trace 16."""
    where = {"seed": seed, "stream": random.Stream.LAW, "dtype": torch.float64}
    some = random.normal((_SIZE, _FEATURES), **where)
    found = _over_orbit(some @ some.T + 0.3 * torch.eye(_SIZE, dtype=torch.float64))
    return found * (_SIZE / found.trace())


def law_of_steps(denoiser: Denoiser, steps: int) -> list[Tensor]:
    """The covariances (16, 16) of the iterates of Euler-Maruyama, before each step and after the last.

    Args:
        denoiser: linear in x.
        steps: of the sampler.
    """
    times = KarrasGrid()(SCHEDULE, steps)
    shape, solver = (1, _SIDE, _SIDE), EulerMaruyama()
    unit = torch.eye(_SIZE, dtype=torch.float64).reshape(_SIZE, *shape)
    nothing = torch.zeros_like(unit)
    covariance = prior_std(SCHEDULE, times[0], 1.0) ** 2 * torch.eye(_SIZE, dtype=torch.float64)
    found = [covariance]
    for t, s in pairwise(times):
        carried = solver.step(denoiser, State(unit), t, s, lambda _: nothing).x.flatten(1)  # rows M e_i
        blown = solver.step(denoiser, State(nothing), t, s, lambda _: unit).x.flatten(1)
        covariance = carried.T @ covariance @ carried + blown.T @ blown
        found.append(covariance)
    return found


def asymmetry(covariance: Tensor) -> float:
    """The largest ||R C R^T - C|| / ||C|| over quarter turns of the images."""
    return largest(float((turn @ covariance @ turn.T - covariance).norm() / covariance.norm()) for turn in _turns())


def stepped(items: int, steps: int, seed: int) -> list[Stepped]:
    """The exact score, a wrong one that commutes with quarter turns, and one fitted to items in random poses.

    Args:
        items: that the last one is fitted to.
        steps: of the sampler.
        seed: of everything.
    """
    moments = invariant_moments(seed)
    where = {"seed": seed, "stream": random.Stream.LAW, "dtype": torch.float64}
    mixing = _over_orbit(random.normal((_SIZE, _SIZE), draw=1, **where))
    mixing = mixing / torch.linalg.matrix_norm(mixing, 2)
    wrong = NetworkDenoiser(_Matrix(mixing), SCHEDULE, KarrasPreconditioning())
    found = {
        "exact": _linear(moments),
        "random, commutes": wrong,
        "fitted to random poses": _linear(_seen(moments, items, seed, draw=0)),
    }
    return [
        Stepped(name, _wrong(one, moments), [asymmetry(law) for law in law_of_steps(one, steps)])
        for name, one in found.items()
    ]


def fitted(counts: Sequence[int], draws: int, steps: int, seed: int) -> list[Fitted]:
    """Scores fitted to ever more items in random poses.

    Args:
        counts: numbers of items.
        draws: of the items, for each number.
        steps: of the sampler.
        seed: of everything.
    """
    moments, turn = invariant_moments(seed), _turns()[0]
    both = moments.trace() ** 2 + (moments @ moments).trace()
    less = (turn @ moments).trace() ** 2 + (turn @ turn @ moments @ moments).trace()
    found = []
    for count in counts:
        squares, last, wrong = [], [], []
        for draw in range(draws):
            seen = _seen(moments, count, seed, draw + 1)
            denoiser = _linear(seen)
            squares.append(float((turn @ seen @ turn.T - seen).square().sum()))
            last.append(asymmetry(law_of_steps(denoiser, steps)[-1]) ** 2)
            wrong.append(_wrong(denoiser, moments))
        square, square_error = _mean(squares)
        end, end_error = _mean(last)
        root = math.sqrt(end)
        expected = 2.0 / count * float(both - less)
        found.append(Fitted(count, sum(wrong) / draws, square, square_error, expected, root, 0.5 * end_error / root))
    return found


def decay(found: Sequence[Fitted]) -> tuple[float, float]:
    """The slope of the logarithm of the last asymmetry over that of the items, and its standard error.

    Example:
        >>> few, many = (Fitted(n, 0.1, 1.0, 0.1, 1.0, 0.1 / n**0.5, 0.0) for n in (100, 400))
        >>> slope, error = decay([few, many])
        >>> round(slope, 6), error
        (-0.5, 0.0)
    """
    at = torch.tensor([math.log(one.items) for one in found])
    value = torch.tensor([math.log(one.asymmetry) for one in found])
    error = torch.tensor([one.asymmetry_error / one.asymmetry for one in found])
    lever = (at - at.mean()) / (at - at.mean()).square().sum()
    return float((lever * value).sum()), float((lever * error).norm())


def _turns() -> list[Tensor]:
    """The matrices of the three quarter turns on images laid out as vectors, (16, 16)."""
    unit = torch.eye(_SIZE, dtype=torch.float64).reshape(_SIZE, 1, _SIDE, _SIDE)
    return [_ACTION(g, unit).flatten(1).T for g in _ACTION.group.elements()[1:]]


def _over_orbit(matrix: Tensor) -> Tensor:
    """The mean of R A R^T over the group."""
    return torch.stack([matrix, *(turn @ matrix @ turn.T for turn in _turns())]).mean(0)


def _seen(moments: Tensor, items: int, seed: int, draw: int) -> Tensor:
    """Second moments of random items; those of an invariant law come in random poses."""
    z = random.normal((_SIZE,), seed=seed, stream=random.Stream.METRIC, item=torch.arange(items), draw=draw,
                      dtype=torch.float64)  # fmt: skip
    x = z @ torch.linalg.cholesky(moments).T
    return x.T @ x / items


def _linear(moments: Tensor) -> Denoiser:
    """The exact denoiser of centred normal images."""
    return Gaussian(torch.zeros(1, _SIDE, _SIDE), Dense(moments)).denoiser(SCHEDULE)


def _wrong(denoiser: Denoiser, moments: Tensor) -> float:
    """Root mean square of D - D* over that of D*, each level of the noise counted alike."""
    unit = torch.eye(_SIZE, dtype=torch.float64).reshape(_SIZE, 1, _SIDE, _SIDE)
    shares = []
    for noise in _LEVELS:
        t = torch.tensor(noise, dtype=torch.float64)
        law = torch.linalg.cholesky(moments + noise**2 * torch.eye(_SIZE, dtype=torch.float64))
        off, on = (law.T @ one(unit, t).flatten(1) for one in (denoiser, _linear(moments)))
        shares.append(float((off - on).square().sum() / on.square().sum()))
    return math.sqrt(sum(shares) / len(shares))


def _mean(values: Sequence[float]) -> tuple[float, float]:
    told = torch.tensor(values, dtype=torch.float64)
    return float(told.mean()), float(told.std()) / math.sqrt(len(told)) if len(told) > 1 else math.nan
