"""What a check is: a number measured, the number it should be, and how far apart the two may lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from equigen.report.plain import plain

__all__ = ["Check", "Trend", "Verdict", "Verification", "slope"]

Verdict = Literal["pass", "fail", "not resolved", "told"]
"""What a check comes to: "told" is a number that nothing is claimed of."""

_ERRORS = 2.0  # standard errors on either side


@dataclass(frozen=True)
class Check:
    """One line of the table.

    Args:
        name: what is measured, in words.
        measured: the number.
        expected: what it should be.
        tolerance: largest distance of the two; None: nothing is claimed, the number is told.
        source: where the expectation comes from.
        error: standard error of the measured number; 0 where it is no estimate.
        at_most: whether the number may lie below what is expected, however far.

    Example:
        >>> Check("variance", 1.02, 1.0, tolerance=0.05, source="closed form").verdict
        'pass'
        >>> Check("variance", 1.02, 1.0, tolerance=0.05, error=0.1, source="closed form").verdict
        'not resolved'
    """

    name: str
    measured: float
    expected: float
    tolerance: float | None
    source: str
    error: float = 0.0
    at_most: bool = False

    @property
    def verdict(self) -> Verdict:
        """Either "pass" or "fail" where two standard errors leave no doubt; a number that is not finite fails."""
        if self.tolerance is None:
            return "told"
        distance = self.measured - self.expected if self.at_most else abs(self.measured - self.expected)
        if not math.isfinite(distance) or distance - _ERRORS * self.error > self.tolerance:
            return "fail"
        return "pass" if distance + _ERRORS * self.error <= self.tolerance else "not resolved"

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-plain."""
        return plain({**self.__dict__, "verdict": self.verdict})


@dataclass(frozen=True)
class Trend:
    """An error that falls with what is spent on it, or with the tolerance asked for.

    Args:
        name: of the curve.
        group: of the curves that share a picture.
        quantity: the words of the vertical axis.
        what: is varied, the words of the horizontal axis.
        x: its values, positive.
        error: measured at each of them, positive.
        power: claimed: error ~ x^power; None where nothing is.
    """

    name: str
    group: str
    quantity: str
    what: str
    x: Sequence[float]
    error: Sequence[float]
    power: float | None

    @property
    def slope(self) -> float:
        """The power that was measured."""
        return slope(self.x, self.error)

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-plain."""
        return plain({**self.__dict__, "slope": self.slope})


@dataclass(frozen=True)
class Verification:
    """What was verified, and what each check came to.

    Args:
        subject: what was verified.
        checks: in the order of the table.
        trends: errors to be drawn.
        meaning: what a failure says of the subject, in words.

    Example:
        >>> found = Verification("a coin", [Check("share of heads", 0.7, 0.5, 0.1, "symmetry")])
        >>> found.passed, [check.name for check in found.failures]
        (False, ['share of heads'])
    """

    subject: str
    checks: Sequence[Check]
    trends: Sequence[Trend] = field(default_factory=tuple)
    meaning: str = ""

    @property
    def failures(self) -> list[Check]:
        """The checks that fail."""
        return [check for check in self.checks if check.verdict == "fail"]

    @property
    def passed(self) -> bool:
        """Whether no check fails."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-plain."""
        return {
            "subject": self.subject,
            "passed": self.passed,
            "checks": [check.to_dict() for check in self.checks],
            "trends": [trend.to_dict() for trend in self.trends],
        }


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The power p in y ~ x^p, by least squares of the logarithms; NaN where a number is not positive and finite.

    Example:
        >>> round(slope([10, 20, 40], [1.0, 0.25, 0.0625]), 6)
        -2.0
    """
    if not all(0.0 < value < math.inf for value in (*x, *y)):
        return math.nan
    u, v = ([math.log(value) for value in values] for values in (x, y))
    middle = sum(u) / len(u)
    return sum((a - middle) * b for a, b in zip(u, v, strict=True)) / sum((a - middle) ** 2 for a in u)
