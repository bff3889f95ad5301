"""Whether the law of every iterate is invariant, by two tests.

One has exact p-values and looks at everything: whole paths of some hundred samples, or their iterates. One looks at the
poses only, but at many samples: the eight elements of D4 take one sector of 45 degrees to the eight of them, so that
under an invariant law the counts are those of a fair die with eight faces.
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
from equigen.labs.symmetry.walking import normals, walk
from equigen.symmetry.invariance_test import invariance_test

__all__ = ["LOOKS", "MANY", "Tested", "sector_counts", "sector_p_value", "tested"]

LOOKS = 5
"""Iterates of a path that are tested, the first and the last among them."""

MANY = 40
"""Times as many samples as are tested otherwise have their poses counted."""
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
        sectors: of the last iterates of many paths, the counts of the eight sectors.
        sector_p_value: of these being even.
    """

    name: str
    wrong: float
    steps: Sequence[int]
    p_values: Sequence[float]
    p_value: float
    detectable: float
    samples: Tensor
    sectors: Sequence[int]
    sector_p_value: float

    @property
    def shares(self) -> list[float]:
        """The counts of the sectors over their mean, less 1."""
        return [count * len(self.sectors) / sum(self.sectors) - 1.0 for count in self.sectors]


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
    given, many = (normals(setting, count, steps, seed + k, draws=1) for k, count in enumerate((n, MANY * n)))
    looks = torch.linspace(0, steps, LOOKS).round().long().unique().tolist()
    found = []
    for name, denoiser in denoisers.items():
        path = walk(denoiser, EulerMaruyama(), given, setting.data_std)
        seen = [path[k] / path[k].square().mean().sqrt() for k in looks]
        values = [invariance_test(x, setting.action, draws=min(_FEW, draws), seed=seed + 1).p_value for x in seen]
        whole = invariance_test(torch.stack(seen, 1), setting.action, draws=draws, seed=seed + 2)
        off = above(denoiser, at, setting)
        counts = sector_counts(walk(denoiser, EulerMaruyama(), many, setting.data_std)[-1])
        sectors = counts, sector_p_value(counts)
        found.append(Tested(name, off, looks, values, whole.p_value, whole.smallest_detectable, path[-1], *sectors))
    return found


def sector_counts(x: Tensor) -> list[int]:
    """How many points (n, 2) lie in each of the eight sectors of 45 degrees, from the first axis on.

    Example:
        >>> sector_counts(torch.tensor([[2.0, 1.0], [1.0, 2.0], [2.0, 0.5], [1.0, -0.1]]))
        [2, 1, 0, 0, 0, 0, 0, 1]
    """
    turn = torch.remainder(torch.atan2(x[:, 1], x[:, 0]) / math.tau, 1.0)
    return torch.bincount((turn * _SECTORS).long().clamp(max=_SECTORS - 1), minlength=_SECTORS).tolist()


def sector_p_value(counts: Sequence[int]) -> float:
    """The probability that even shares give counts at least as uneven, by Pearson's statistic.

    Error: that of the chi-square law, some percent of the value where each count is 100 or more.

    Source: K. Pearson, 1900.

    Example:
        >>> round(sector_p_value([100, 100, 110, 90, 100, 100, 100, 100]), 3)
        0.966
        >>> sector_p_value([150, 50, 100, 100, 100, 100, 100, 100]) < 1e-6
        True
    """
    told = torch.tensor(counts, dtype=torch.float64)
    statistic = ((told - told.mean()).square() / told.mean()).sum()
    freedom = torch.tensor((len(counts) - 1) / 2.0, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic / 2.0))
