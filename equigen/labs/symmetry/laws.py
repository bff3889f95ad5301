"""Whether the law of every iterate is invariant, by two tests.

One has exact p-values and looks at everything: whole paths of some hundred samples, or their iterates. One looks at the
poses only: the elements of D4 take one sector of 45 degrees to all eight, so that under an invariant law all are
alike. The noise of each sample comes in all eight poses, which leaves the law of a sample as it is, and takes most of
the chance away: a score that commutes puts one of the eight into each sector.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.labs.symmetry.learning import Probes, above
from equigen.labs.symmetry.setting import Setting
from equigen.labs.symmetry.walking import Normals, moved, normals, walk
from equigen.symmetry.invariance import invariance_test

__all__ = ["LOOKS", "MANY", "Tested", "sector_counts", "sector_p_value", "tested"]

LOOKS = 5
"""Iterates of a path that are tested, the first and the last among them."""

MANY = 8
"""Times as many samples as are tested otherwise have their poses counted, each with its noise in eight poses."""
_SECTORS = 8
_FEW = 199  # draws of the tests of one iterate, at most


@dataclass(frozen=True, eq=False)
class Tested:
    """The laws of the iterates under one score.

    Args:
        name: of the score.
        wrong: its loss above the least possible, relative to that, on fresh noisy items.
        steps: of the iterates that are tested.
        p_values: of each of them alone.
        p_value: of all of them together, as one item: the path.
        detectable: the smallest share of paths in one pose that this test finds in 8 sets of 10.
        samples: the last iterates (n, 2).
        shares: of many samples, how many more lie in each sector than in the mean of all, relative to that.
        shares_error: their standard errors.
        sector_p_value: of the sectors being alike.
    """

    name: str
    wrong: float
    steps: Sequence[int]
    p_values: Sequence[float]
    p_value: float
    detectable: float
    samples: Tensor
    shares: Sequence[float]
    shares_error: Sequence[float]
    sector_p_value: float


@torch.no_grad()
def tested(
    setting: Setting, denoisers: Mapping[str, Denoiser], at: Probes, n: int, steps: int, draws: int, seed: int
) -> list[Tested]:
    """Draw samples by each score, and test their iterates, alone and together.

    Iterates of one path are put side by side, each divided by the root mean square of all at its time, which is
    invariant. The group acts on all of them at once, and if the law of the path is invariant, so is that of each.

    Args:
        setting: points of the plane.
        denoisers: by name.
        at: noisy items on which scores are compared with the exact one.
        n: samples of each.
        steps: of the sampler.
        draws: of the test of whole paths.
        seed: of the normals.
    """
    given = normals(setting, n, steps, seed, draws=1)
    many = _in_all_poses(normals(setting, MANY * n, steps, seed + 1, draws=1), setting)
    looks = torch.linspace(0, steps, LOOKS).round().long().unique().tolist()
    found = []
    for name, denoiser in denoisers.items():
        path = walk(denoiser, EulerMaruyama(), given, setting.data_std)
        seen = [path[k] / path[k].square().mean().sqrt() for k in looks]
        values = [invariance_test(x, setting.action, draws=min(_FEW, draws), seed=seed + 1).p_value for x in seen]
        whole = invariance_test(torch.stack(seen, 1), setting.action, draws=draws, seed=seed + 2)
        off = above(denoiser, at, setting)
        last = walk(denoiser, EulerMaruyama(), many, setting.data_std)[-1]
        counts = sector_counts(last.reshape(-1, MANY * n, 2).transpose(0, 1))
        share = counts.double().mean(0) - 1.0
        error = counts.double().std(0) / math.sqrt(len(counts))
        sectors = share.tolist(), error.tolist(), sector_p_value(counts)
        found.append(Tested(name, off, looks, values, whole.p_value, whole.smallest_detectable, path[-1], *sectors))
    return found


def sector_counts(x: Tensor) -> Tensor:
    """How many of some points (*, n, 2) lie in each of the eight sectors of 45 degrees from the first axis on, (*, 8).

    Example:
        >>> sector_counts(torch.tensor([[2.0, 1.0], [1.0, 2.0], [2.0, 0.5], [1.0, -0.1]])).tolist()
        [2, 1, 0, 0, 0, 0, 0, 1]
    """
    turn = torch.remainder(torch.atan2(x[..., 1], x[..., 0]) / math.tau, 1.0)
    sector = (turn * _SECTORS).long().clamp(max=_SECTORS - 1)
    return torch.nn.functional.one_hot(sector, _SECTORS).sum(-2)


def sector_p_value(counts: Tensor) -> float:
    """The probability that sectors which are alike in the mean show means at least as uneven, by Hotelling's statistic.

    Args:
        counts: of independent sets of points, (m, 8).

    Returns:
        1 where every set has equally many in all sectors.

    Error: that of the chi-square law, which is the limit of many sets.

    Source: H. Hotelling, The generalization of Student's ratio, 1931.

    Example:
        >>> each = torch.eye(8).repeat(100, 1)
        >>> sector_p_value(torch.ones(50, 8)), sector_p_value(each), sector_p_value(each[:-8:]) > 0.9
        (1.0, 1.0, True)
        >>> sector_p_value(torch.cat((each, each[::8]))) < 1e-6
        True
    """
    off = counts.double() - counts.double().mean(1, keepdim=True)
    mean, scatter = off.mean(0), torch.cov(off.T) / len(off)
    statistic = mean @ torch.linalg.pinv(scatter, rtol=1e-9, hermitian=True) @ mean
    freedom = torch.tensor((_SECTORS - 1) / 2.0, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic / 2.0))


def _in_all_poses(given: Normals, setting: Setting) -> Normals:
    """The normals of each item in all poses: those of one pose behind those of another."""
    elements = setting.action.group.elements()
    copies = Normals(torch.cat([given.start] * len(elements)), torch.cat([given.steps] * len(elements), 2))
    return moved(copies, setting.action, elements.repeat_interleave(len(given.start), 0))
