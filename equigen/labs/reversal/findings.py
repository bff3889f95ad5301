"""Everything that the lab reversal has measured, and the numbers that are read off it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from equigen.labs.on_the_line import standard_error
from equigen.labs.reversal.measuring import Ends, Overshoot, Parts, Problem, Sampled
from equigen.labs.reversal.sweeps import Sweeps

__all__ = ["RESOLVED", "Found", "order_of", "ratio", "resolved"]

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
    """

    problem: Problem
    laws: Ends
    results: dict[str, dict[int, Sampled]]
    computed: dict[str, dict[int, Parts]]
    adaptive: Sampled
    around: Sweeps
    overshoots: list[Overshoot]


def ratio(one: Sampled) -> tuple[float, float]:
    """The Wasserstein-1 distance in units of its floor, with its standard error."""
    found = one.transport
    value = found.value / found.floor
    shares = [
        standard_error(values) / mean for values, mean in ((found.values, found.value), (found.floors, found.floor))
    ]
    return value, value * math.hypot(*shares)


def order_of(found: dict[int, Parts]) -> tuple[float, float]:
    """The power with which discretisation falls over the last two numbers of steps, with the error of computing it."""
    (n, a), (m, b) = [(steps, one.discretisation[0]) for steps, one in found.items()][-2:]
    span = math.log(m / n)
    return math.log(a / b) / span, math.hypot(RESOLVED / a, RESOLVED / b) / span


def resolved(value: float) -> str:
    """A computed distance in words, as far as the quadrature resolves it.

    Example:
        >>> resolved(0.0012), resolved(3e-8)
        ('0.0012', 'less than 1e-06')
    """
    return f"{value:.2g}" if value > RESOLVED else f"less than {RESOLVED:.0e}"
