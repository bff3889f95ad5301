"""One filter in every form: what each computes, what it costs, and how far rounding carries it off."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.filters.filter import Filter
from equigen.graphs.realizations.operation_count import OperationCount
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.realizing import realize
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import normalised_adjacency
from equigen.labs.realizations.setting import Setting

__all__ = ["FormFound", "counted", "forms_found", "relative", "through_spectrum"]

_TIMES = 15  # runs of which the median is told


@dataclass(frozen=True, eq=False)
class FormFound:
    """One filter in one form.

    Args:
        form: its name.
        filter: what it computes, in words.
        realization: the thing itself.
        counted: products with the shift while it ran in single precision.
        cost: what it states for single precision.
        error64: relative difference from the eigendecomposition, in double precision.
        error32: likewise in single precision.
        from_rational: relative difference from the rational filter, in double precision.
        gain: norm of the result over that of the signal.
        seconds: median of a few runs in single precision.
    """

    form: str
    filter: str
    realization: Realization
    counted: int
    cost: OperationCount
    error64: float
    error32: float
    from_rational: float
    gain: float
    seconds: float


def forms_found(shown: Setting) -> list[FormFound]:
    """The polynomial and the rational filter in all forms that they have, on the normalised adjacency."""
    shift = normalised_adjacency(shown.graph)
    goal = through_spectrum(shown.rational, shift, shown.x)
    powers, chebyshev, rational = shown.powers(shown.order), shown.chebyshev(shown.order), shown.rational
    plan: Sequence[tuple[str, Filter, str]] = (
        *((form, powers, "polynomial") for form in ("direct", "transposed", "cascade", "parallel")),
        ("chebyshev", chebyshev, "polynomial"),
        ("spectral", powers, "polynomial"),
        ("rational-solve", rational, "rational"),
        ("rational-iteration", rational, "rational"),
    )
    return [_found(form, given, kind, shift, shown.x, goal) for form, given, kind in plan]


def _found(form: str, given: Filter, kind: str, shift: Shift, x: Tensor, goal: Tensor) -> FormFound:
    made, own, single = realize(given, form), through_spectrum(given, shift, x), x.float()
    y, (z, products) = made.apply(shift, x), counted(made, shift, single)
    return FormFound(
        form,
        kind,
        made,
        products,
        made.cost(shift, x.shape[1]),
        relative(y, own),
        relative(z, own),
        relative(y, goal),
        float(y.norm() / x.norm()),
        _seconds(made, shift, single),
    )


def through_spectrum(given: Filter, shift: Shift, x: Tensor) -> Tensor:
    """U h(Lambda) U^T x of a symmetric shift, by a dense eigendecomposition in float64: what all forms are held to.

    Args:
        given: the filter.
        shift: symmetric.
        x: (n, F).

    Returns:
        float64 (n, F).
    """
    values, vectors = torch.linalg.eigh(shift.dense().double())
    return vectors @ (given.response(values)[:, None] * (vectors.T @ x.double()))


def relative(y: Tensor, goal: Tensor) -> float:
    """||y - goal|| / ||goal||.

    Example:
        >>> relative(torch.tensor([3.0, 5.0]), torch.tensor([3.0, 4.0]))
        0.2
    """
    return float((y.double() - goal.double()).norm() / goal.double().norm())


def counted(made: Realization, shift: Shift, x: Tensor) -> tuple[Tensor, int]:
    """What a realization gives, and how many products with the shift it took.

    Args:
        made: the realization.
        shift: whose products are counted, whichever shift the realization makes of it.
        x: (n, F).
    """
    taken = []

    class Counting(Shift):
        def product(self, x: Tensor, *, transposed: bool = False) -> Tensor:
            taken.append(1)
            return super().product(x, transposed=transposed)

    y = made.apply(Counting(shift.graph, shift.left, shift.right, shift.diagonal), x)
    return y, len(taken)


def _seconds(made: Realization, shift: Shift, x: Tensor) -> float:
    def once() -> float:
        start = time.perf_counter()
        made.apply(shift, x)
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(_TIMES))
