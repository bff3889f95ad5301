"""Memorisation, C_T: are samples nearer to the training items than items that the model has never seen?

With distances a_i of m samples and b_j of k held-out items to their nearest training items, U counts the pairs in which
the sample is farther, ties as one half. If samples follow the law of the data, all orders of the m + k distances are
equally likely, and

    C_T = (U - m k / 2) / sqrt(m k / 12 (N + 1 - sum over ties (t^3 - t) / (N (N - 1)))),      N = m + k,

is close to a standard normal, whatever the law and the number of pixels. **Negative: nearer than unseen items are, as
copies are. Positive: farther, as samples are that have not learned the data.** Samples that are smoother than data are
near to everything and score negative too: the pairs of nearest neighbours tell which it is.

The floor takes real items for samples: one half of the held-out items against the other half, in random halves. It
shows the standard normal that theory promises, at half of the size.

Source: C. Meehan, K. Chaudhuri, S. Dasgupta, A non-parametric test to detect data-copying in generative models, 2020,
section 3.1, with all of the space as one cell; ties: E. Lehmann, Nonparametrics, 1975, chapter 1.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.metrics.addresses import Use
from equigen.random import Stream, permutation

__all__ = ["Memorisation", "copying_statistic", "memorisation"]


@dataclass(frozen=True)
class Memorisation:
    """C_T of generated sets beside that of real items, which is about a standard normal.

    Args:
        value: mean over the generated sets; negative: nearer to the training items than held-out items are.
        values: of each generated set, against the same held-out items.
        floors: of one half of the held-out items against the other, for each random halving.
        farther: share of the pairs (sample, held-out item) in which the sample is farther; 1/2 for real data.
        n: samples in a set.
        held_out: held-out items.
    """

    value: float
    values: tuple[float, ...]
    floors: tuple[float, ...]
    farther: float
    n: int
    held_out: int

    @property
    def copying(self) -> bool:
        """Whether samples lie nearer than chance explains: below -1.96, and below all that real items score.

        Example:
            >>> Memorisation(-5.0, (-5.0,), (0.3, -0.2), 0.3, 100, 100).copying
            True
        """
        return self.value < min(-1.96, *self.floors)

    @property
    def far(self) -> bool:
        """Whether samples lie farther than chance explains: above 1.96, and above all that real items score."""
        return self.value > max(1.96, *self.floors)


def copying_statistic(samples: Tensor, held_out: Tensor) -> float:
    """C_T, the standardised Mann-Whitney statistic of two sets of distances; negative where samples are nearer.

    Args:
        samples: (m,) distances of samples to their nearest training items.
        held_out: (k,) distances of held-out items to theirs.

    Returns:
        About a standard normal if both follow one law; 0 where all distances are equal.

    Raises:
        ValueError: a side is empty.

    Error: of the normal approximation, order (m + k)^-1.

    Example:
        >>> near, far = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
        >>> round(copying_statistic(near, far), 4), round(copying_statistic(far, near), 4)    # -+2 / sqrt(5/3)
        (-1.5492, 1.5492)
    """
    farther, deviation = _mann_whitney(samples, held_out)
    return (farther - 0.5) / deviation if deviation > 0 else 0.0


def _mann_whitney(samples: Tensor, held_out: Tensor) -> tuple[float, float]:
    """U over the number of pairs, and its standard deviation if both sides follow one law."""
    m, k = len(samples), len(held_out)
    if not m or not k:
        raise ValueError(f"{m} samples and {k} held-out items were given, but each side needs one or more: give more.")
    pool, count = torch.cat((samples.double(), held_out.double())).unique(return_counts=True)
    last = count.cumsum(0)
    middle = last - (count - 1) / 2  # the mean rank of each value
    ranks = middle[torch.searchsorted(pool, samples.double())]
    total = m + k
    ties = float((count.double() ** 3 - count).sum()) / (total * max(1, total - 1))
    variance = max(0.0, (total + 1 - ties) / (12 * m * k))
    return (float(ranks.sum()) - m * (m + 1) / 2) / (m * k), variance**0.5


def memorisation(samples: Sequence[Tensor], held_out: Tensor, *, seed: int, draws: int = 10) -> Memorisation:
    """C_T of each generated set, beside that of random halves of the held-out items.

    Args:
        samples: for each set the distances (m,) to the nearest training items.
        held_out: distances (k,) of held-out items to theirs, k >= 2.
        seed: of the halvings.
        draws: number of halvings.

    Returns:
        The record.

    Raises:
        ValueError: a side is empty, or a single held-out item, which has no halves.

    Example:
        >>> held_out = torch.linspace(1, 2, 100)
        >>> memorisation([held_out / 10], held_out, seed=0).copying
        True
        >>> memorisation([held_out], held_out, seed=0).value
        0.0
    """
    half = len(held_out) // 2
    floors = []
    for draw in range(draws):
        order = permutation(len(held_out), seed=seed, stream=Stream.METRIC, item=draw, step=int(Use.HALVES))
        floors.append(copying_statistic(held_out[order[:half]], held_out[order[half:]]))
    values = [copying_statistic(one, held_out) for one in samples]
    return Memorisation(
        value=statistics.fmean(values),
        values=tuple(values),
        floors=tuple(floors),
        farther=statistics.fmean(_mann_whitney(one, held_out)[0] for one in samples),
        n=len(samples[0]),
        held_out=len(held_out),
    )
