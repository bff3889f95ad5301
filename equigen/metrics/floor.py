"""A metric is measured beside its floor under equal conditions: one function does both, so they cannot drift apart.

With train and held-out items of one split, a metric d(samples, reference) and a size n,

    value_s = d(n generated items of seed s, held-out draw s)         for each generated set s
    floor_r = d(training draw r of n items,   held-out draw r)        for r = 0 .. draws - 1

where draw r is n items without replacement, addressed by (seed, r). The two sides share size, reference items, metric
and its parameters; the only difference is who stands in for the samples: the model, or the training data themselves.
So the floor is what a model would score that had learned to repeat the law of its training split perfectly.

Why training against held-out, and not held-out against held-out: n = 450 held-out items cannot be halved without
changing n, on which every one of these metrics depends. Where the held-out split has exactly n items each draw is all
of it, and value and floor are both conditional on it: what is peculiar to these n items enters both alike.

The interval is the 95 % Student interval of the mean over seeds or draws, for this split, cut to the values that the
metric can take.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

from equigen.metrics.addresses import Use
from equigen.random import Stream, permutation

__all__ = ["Measured", "Metric", "Rows", "beside_floor", "draw", "drawn", "mean_interval"]

# 97.5 % points of Student's t with 1, 2, ... degrees of freedom; beyond the table, the normal one and two corrections.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


class Rows(Protocol):
    """Items that can be counted and taken by their places: a tensor, or what reads them from a disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class Metric:
    """What a number is called, which way is better, its unit, and the least and the most it can be.

    Example:
        >>> Metric("coverage", "higher", most=1.0).better
        'higher'
    """

    name: str
    better: Literal["lower", "higher"]
    unit: str = ""
    least: float = 0.0
    most: float = math.inf


@dataclass(frozen=True)
class Measured:
    """One metric beside its real-vs-real floor at the same n.

    Args:
        name: of the metric.
        value: mean over the generated sets.
        interval: 95 % interval of that mean; both ends equal the value where there is one set only.
        floor: mean over real draws.
        floor_interval: 95 % interval of that mean.
        ratio: value / floor; None where the floor is 0.
        n: items on each side of every comparison.
        better: "lower" or "higher".
        space: in what the items are compared: "pixels" or the name of the features.
        unit: of value and floor; "" for pure numbers.
        values: of each generated set.
        floors: of each real draw.

    Example:
        >>> m = Measured("d", 3.0, (2.0, 4.0), 1.5, (1.0, 2.0), 2.0, 450, "lower", "pixels", "", (3.0,), (1.5,))
        >>> m.ratio
        2.0
    """

    name: str
    value: float
    interval: tuple[float, float]
    floor: float
    floor_interval: tuple[float, float]
    ratio: float | None
    n: int
    better: Literal["lower", "higher"]
    space: str
    unit: str
    values: tuple[float, ...]
    floors: tuple[float, ...]


def drawn(total: int, n: int, *, use: Use, seed: int, index: int) -> Tensor:
    """Places (n,) of draw `index`: n of `total` without replacement.

    Example:
        >>> len(set(drawn(100, 20, use=Use.TRAIN_DRAW, seed=0, index=3).tolist()))
        20
    """
    return permutation(total, seed=seed, stream=Stream.METRIC, item=index, step=int(use))[:n]


def draw(x: Rows, n: int, *, use: Use, seed: int, index: int) -> Tensor:
    """Draw `index` of n items without replacement, in an order that is a pure function of the address.

    Args:
        x: (N, ...), N >= n.
        n: size of the draw.
        use: TRAIN_DRAW or HELD_OUT_DRAW.
        seed: of the address.
        index: which draw.

    Returns:
        (n, ...).

    Example:
        >>> import torch
        >>> sorted(draw(torch.arange(3), 3, use=Use.TRAIN_DRAW, seed=0, index=1).tolist())
        [0, 1, 2]
    """
    return x[drawn(len(x), n, use=use, seed=seed, index=index)]


def mean_interval(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """The mean of some values and its 95 % Student interval.

    Example:
        >>> mean, (low, high) = mean_interval([1.0, 2.0, 3.0])
        >>> mean, round(low, 3), round(high, 3)
        (2.0, -0.484, 4.484)
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, (mean, mean)
    half = _student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean, (mean - half, mean + half)


def _student(freedom: int) -> float:
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def beside_floor(
    measure: Callable[[Tensor, Tensor], Sequence[float]],
    metrics: Sequence[Metric],
    generated: Sequence[Tensor],
    train: Rows,
    held_out: Rows,
    *,
    n: int,
    seed: int,
    draws: int = 10,
    space: str,
) -> list[Measured]:
    """Measure generated sets and real draws against the same held-out draws, at the same n, by the same function.

    Args:
        measure: (samples (n, ...), reference (n, ...)) -> one number per metric.
        metrics: what these numbers are.
        generated: sets of at least n items; the first n of each are used.
        train: (N, ...), N >= n.
        held_out: (H, ...), H >= n.
        n: items on each side.
        seed: of the draws.
        draws: number of real draws.
        space: in what items are compared, for the record.

    Returns:
        One Measured per metric.

    Raises:
        ValueError: a side has fewer than n items.

    Example:
        >>> import torch
        >>> x = torch.arange(8.0)
        >>> gap = lambda a, b: [float((a.mean() - b.mean()).abs())]
        >>> found = beside_floor(gap, [Metric("gap", "lower")], [x + 1], x, x, n=8, seed=0, space="pixels")
        >>> found[0].value, found[0].floor
        (1.0, 0.0)
    """
    smallest = min(len(train), len(held_out), *(len(one) for one in generated))
    if smallest < n:
        raise ValueError(f"n is {n}, but one side has {smallest} items: take n = {smallest} or fewer.")

    def against(samples: Tensor, r: int) -> Sequence[float]:
        return measure(samples, draw(held_out, n, use=Use.HELD_OUT_DRAW, seed=seed, index=r))

    values = [against(one[:n], s) for s, one in enumerate(generated)]
    floors = [against(draw(train, n, use=Use.TRAIN_DRAW, seed=seed, index=r), r) for r in range(draws)]
    return [
        _measured(metric, space, n, [one[i] for one in values], [one[i] for one in floors])
        for i, metric in enumerate(metrics)
    ]


def _measured(metric: Metric, space: str, n: int, values: list[float], floors: list[float]) -> Measured:
    def cut(interval: tuple[float, float]) -> tuple[float, float]:
        return max(interval[0], metric.least), min(interval[1], metric.most)

    value, interval = mean_interval(values)
    floor, floor_interval = mean_interval(floors)
    return Measured(
        name=metric.name,
        value=value,
        interval=cut(interval),
        floor=floor,
        floor_interval=cut(floor_interval),
        ratio=value / floor if floor > 0 else None,
        n=n,
        better=metric.better,
        space=space,
        unit=metric.unit,
        values=tuple(values),
        floors=tuple(floors),
    )
