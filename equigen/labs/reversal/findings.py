"""Everything that the lab reversal has measured, and the numbers that are read off it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from equigen.labs.on_the_line import cautious_error
from equigen.labs.reversal.measuring import Ends, Overshoot, Parts, Problem, Sampled
from equigen.labs.reversal.sweeps import Sweeps

__all__ = ["RESOLVED", "Found", "forgetting", "order_of", "ratio", "resolved", "times"]

RESOLVED = 1e-6
"""How finely distances are computed."""


@dataclass(frozen=True)
class Found:
    """Everything that the lab measures.

    Args:
        problem: what was sampled.
        laws: its ends.
        results: solver -> steps -> samples.
        computed: solver -> steps -> parts of the error; without those that draw several normals a step.
        adaptive: samples by RK45.
        around: what the other parts depend on.
        overshoots: the tutorial's sampler.
        recursion: variance of its samples by the recursion, for every number of grid points from few to many.
    """

    problem: Problem
    laws: Ends
    results: dict[str, dict[int, Sampled]]
    computed: dict[str, dict[int, Parts]]
    adaptive: Sampled
    around: Sweeps
    overshoots: list[Overshoot]
    recursion: dict[int, float]


def ratio(one: Sampled) -> tuple[float, float]:
    """The Wasserstein-1 distance in units of its floor, with its error."""
    found = one.transport
    value = found.value / found.floor
    shares = [
        cautious_error(values) / mean for values, mean in ((found.values, found.value), (found.floors, found.floor))
    ]
    return value, value * math.hypot(*shares)


def order_of(found: dict[int, Parts]) -> tuple[float, float]:
    """The power with which discretisation falls over the last two numbers of steps, with an error.

    A power that still changes is not yet that of small steps. By how much it changed from the pair of numbers before, 2
    where there is none, is taken for a bound of the error; half of it counts as the error, with what the quadrature
    leaves.
    """
    points = [(math.log(steps), one.discretisation[0]) for steps, one in found.items()]
    powers = [(math.log(a) - math.log(b)) / (m - n) for (n, a), (m, b) in pairwise(points)]
    (n, a), (m, b) = points[-2:]
    changed = abs(powers[-1] - powers[-2]) if len(powers) > 1 else 2.0
    return powers[-1], math.hypot(0.5 * changed, RESOLVED / a / (m - n), RESOLVED / b / (m - n))


def forgetting(flow: Parts, process: Parts) -> tuple[float, float]:
    """By how much less the wrong prior is felt after the reversed process than after the flow, with its error."""
    return flow.prior[0] - process.prior[0], RESOLVED


def times(value: float) -> str:
    """A number of times in words, with no more digits than it is good for.

    Example:
        >>> times(0.974), times(9128980.62)
        ('0.97', '9.1e+06')
    """
    return f"{value:.2f}" if value < 1000.0 else f"{value:.2g}"


def resolved(value: float) -> str:
    """A computed distance in words, as far as the quadrature resolves it.

    Example:
        >>> resolved(0.0012), resolved(3e-8)
        ('0.0012', 'less than 1e-06')
    """
    return f"{value:.2g}" if value > RESOLVED else f"less than {RESOLVED:.0e}"
