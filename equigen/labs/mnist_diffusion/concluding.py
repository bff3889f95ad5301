"""What the measurements decide."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise

from equigen.labs.lab import Conclusion
from equigen.labs.mnist_diffusion.ablation import ByNoise, Gap, gap_in, paired_gap, score_slope
from equigen.labs.mnist_diffusion.judging import SameNoise
from equigen.labs.mnist_diffusion.measuring import DIVIDED, KARRAS, PLAIN, Samples
from equigen.labs.mnist_diffusion.process import Process
from equigen.metrics.floor import Measured

__all__ = [
    "MODERATE",
    "NOTICE",
    "at_levels",
    "of_process",
    "of_samples",
    "of_the_division",
    "of_time",
    "smallest_visible",
]

NOTICE = 0.02
"""Accuracy above the floor that counts as noticing."""
MODERATE = (0.03, 0.5)
"""Noise, in standard deviations of the data, at which the division is asked to help."""
_SMALL = 0.35  # noise up to which the drift of scores is followed


def of_process(found: Process) -> list[Conclusion]:
    """Whether small steps of dx = g dw have the variance of the closed form, in the mean over the times looked at."""
    ratio = (found.moved / found.variance[:, None]).mean(0)  # of each item
    error = float(ratio.std() / len(ratio) ** 0.5)
    claim = "small steps of the process have the variance of the closed form"
    return [Conclusion.within(claim, float(ratio.mean()), error, 1.0, tolerance=0.03)]


def of_time(found: Mapping[str, ByNoise]) -> list[Conclusion]:
    """What not knowing the time costs, and the scales 1 and 300 against 30, averaged over all levels."""
    return [
        _above(f"{what}, over all noise levels", gap_in(found[name], found[DIVIDED], 0.0, math.inf))
        for name, what in (
            ("off", "a network that is not told the time has a larger loss than one that is"),
            ("scale 1", "Fourier features of time of scale 1 have a larger loss than those of scale 30"),
            ("scale 300", "Fourier features of time of scale 300 have a larger loss than those of scale 30"),
        )
    ]


def of_the_division(found: Mapping[str, ByNoise]) -> list[Conclusion]:
    """Where dividing by sigma(t) helps, and where it harms."""
    divided = found[DIVIDED]
    low, high = paired_gap(divided, divided.leaving), paired_gap(divided, divided.mean_image)
    slope = score_slope(divided, _SMALL)
    least, most = float(divided.noise[0]), float(divided.noise[-1])
    return [
        _above(
            f"without the division the loss is larger at noise {MODERATE[0]:g} to {MODERATE[1]:g}",
            gap_in(found[PLAIN], divided, *MODERATE),
        ),
        _above(
            f"with the division, at the smallest noise {least:.2g}, the image comes out worse than it was",
            Gap(low.value[0], low.error[0]),
        ),
        _above(
            f"with the division, at the largest noise {most:.2g}, the answer is worse than the mean image",
            Gap(high.value[-1], high.error[-1]),
        ),
        _above(
            f"at the largest noise {most:.2g} the division loses against Karras's preconditioning",
            _last(paired_gap(divided, found[KARRAS])),
        ),
        Conclusion.within(
            f"below noise {_SMALL:g} the divided scores of two trainings drift apart as $\\sigma^{{-1}}$",
            float(slope.value),
            float(slope.error),
            -1.0,
            tolerance=0.25,
        ),
    ]


def of_samples(found: Samples) -> list[Conclusion]:
    """How near solvers come, how far the law of the samples is from the data's, and whether a classifier sees it."""
    frechet = found.frechet
    conclusions = [
        *_nearer(found.same),
        Conclusion.above(
            "the Frechet distance of the samples lies above that of real images",
            frechet.value - frechet.floor,
            _error(frechet),
            0.0,
        ),
    ]
    for name, test in found.tests.items():
        found_accuracy = test.accuracy
        conclusions.append(
            Conclusion.above(
                f"a classifier that sees {name} tells samples from real images more often than real from real",
                found_accuracy.value - found_accuracy.floor,
                _error(found_accuracy),
                NOTICE,
            )
        )
    return conclusions


def _nearer(same: SameNoise) -> list[Conclusion]:
    if not {"euler", "dpm-solver-2m"} <= set(same.distance):
        return []
    apart = same.distance["euler"] - same.distance["dpm-solver-2m"]
    claim = f"with {same.budget} evaluations Euler ends farther from the exact flow than DPM-Solver++ (2M)"
    return [Conclusion.above(claim, float(apart.mean()), float(apart.std() / len(apart) ** 0.5), 0.0)]


def _above(claim: str, gap: Gap) -> Conclusion:
    return Conclusion.above(claim, float(gap.value), float(gap.error), 0.0)


def _last(gap: Gap) -> Gap:
    return Gap(gap.value[-1], gap.error[-1])


def _error(found: Measured) -> float:
    """Standard error of value - floor: two of them are the joint 95 % Student interval."""
    halves = [(high - low) / 2 for low, high in (found.interval, found.floor_interval)]
    single = len(found.values) < 2 or len(found.floors) < 2
    return math.nan if single else math.hypot(*halves) / 2


def at_levels(one: ByNoise, other: ByNoise) -> list[str]:
    """At each level: whether one loss is larger ("helps": the other is better), smaller ("harms"), or neither.

    Three errors are asked for, as several levels are looked at.
    """
    gap = paired_gap(one, other)
    return [
        "helps" if value > 3 * error else "harms" if value < -3 * error else "not resolved"
        for value, error in zip(gap.value.tolist(), gap.error.tolist(), strict=True)
    ]


def smallest_visible(strengths: Sequence[float], accuracies: Sequence[Sequence[float]], level: float) -> float:
    """The strength of noise on real images at which the classifier does as well as on the samples, interpolated.

    Returns:
        NaN where it does better or worse at every strength.

    Example:
        >>> smallest_visible([0.0, 1.0], [[0.5], [0.7]], 0.6)
        0.5
    """
    means = [statistics.fmean(one) for one in accuracies]
    for (low, high), (before, after) in zip(pairwise(strengths), pairwise(means), strict=True):
        if before <= level <= after and after > before:
            return round(low + (high - low) * (level - before) / (after - before), 6)
    return math.nan
