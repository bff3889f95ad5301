"""Density asks whether samples lie where the data are, coverage whether the data have samples beside them.

Around each real item X_i (N of them) stands the closed ball that reaches to its k-th nearest other real item. For
samples Y_j (M of them)

    density  = 1/(k M) sum_j sum_i 1[Y_j in ball_i],        coverage = 1/N sum_i 1[some Y_j in ball_i].

When real items and samples follow one continuous law, whatever it is, E density = 1 and

    E coverage = 1 - product over j = 1 .. k of (N - j)/(N + M - j),    about 1 - 2^-k for N = M.

Density may exceed 1: samples that crowd where data are dense raise it, so a density above its floor is a warning and
not a merit. Coverage falls when modes are missing.

Source: M. Naeem, S. Oh, Y. Uh, Y. Choi, J. Yoo, Reliable fidelity and diversity metrics for generative models, 2020,
section 3.2 (definitions), lemma 2 (expected coverage). The balls are closed here, so that repeated values count.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["density_and_coverage", "expected_coverage"]


def density_and_coverage(samples: Tensor, real: Tensor, *, k: int = 5) -> tuple[float, float]:
    """Density and coverage of samples against real items, by exact nearest neighbours.

    Args:
        samples: (M, d), M >= 1.
        real: (N, d), N > k.
        k: the ball of a real item reaches to its k-th nearest other real item.

    Returns:
        (density >= 0, coverage in [0, 1]).

    Raises:
        ValueError: too few real items for k, no sample, or widths that differ.

    Example:
        >>> real = torch.arange(10.0)[:, None]
        >>> density_and_coverage(real[:1], real, k=1)
        (2.0, 0.2)
    """
    if real.ndim != 2 or samples.ndim != 2 or real.shape[1] != samples.shape[1] or not 1 <= k < len(real):
        raise ValueError(
            f"real items {tuple(real.shape)}, samples {tuple(samples.shape)} and k = {k} were given, but (N, d), "
            f"(M, d) and 1 <= k < N are needed: give more real items or a smaller k."
        )
    if not len(samples):
        raise ValueError("no sample was given, but density and coverage need at least one: generate some.")
    real, samples = real.double(), samples.double()
    between_real = _distances(real, real)
    between_real.fill_diagonal_(math.inf)
    radius = between_real.kthvalue(k, dim=1).values
    inside = _distances(real, samples) <= radius[:, None]
    return int(inside.sum()) / (k * len(samples)), int(inside.any(dim=1).sum()) / len(real)


def expected_coverage(n: int, m: int, *, k: int = 5) -> float:
    """The expected coverage when n real items and m samples follow one continuous law.

    Source: Naeem et al. 2020, lemma 2.

    Example:
        >>> round(expected_coverage(450, 450), 4)
        0.9693
    """
    return 1 - math.prod((n - j) / (n + m - j) for j in range(1, k + 1))


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # By differences: the expanded square loses the small distances, on which the balls depend.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
