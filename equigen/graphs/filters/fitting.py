"""Filters made to measure: the one of a family and order whose response is nearest to a target."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from equigen.graphs.filters.filter import Filter, checked_interval
from equigen.graphs.filters.polynomial import Chebyshev
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.filters.turning import chebyshev_coefficients, chebyshev_nodes

__all__ = ["fit", "fit_error"]

_KINDS = ("polynomial", "chebyshev", "rational")
_ROUNDS = 30


def fit(target: Callable[[Tensor], Tensor], kind: str, order: int, low: float, high: float) -> Filter:
    """The filter whose response is nearest to a target, by least squares at Chebyshev's nodes.

    Polynomials and Chebyshev series are truncated Chebyshev expansions of the target, whose largest error is at most
    4 + 4 / pi^2 log(K + 1) times the best possible. Rationals, with numerator and denominator of the order, minimise
    sum_j |p(x_j) - f(x_j) q(x_j)|^2 / |q_before(x_j)|^2, again and again with the last denominator as weight; the round
    with the smallest largest error is kept, among those whose denominator has no root on the interval.

    Args:
        target: the response that is wanted, elementwise on float64 (m,).
        kind: "polynomial", "chebyshev" or "rational".
        order: of the filter, at least 0.
        low: lower end of the interval that holds the eigenvalues.
        high: upper end, above it.

    Raises:
        ValueError: an unknown kind, an order that is no whole number, no such interval, a target that is not finite,
            or no rational without a root on the interval.

    Error: that of the approximation is told by `fit_error`. The taps of a "polynomial" lose digits beside those of
    "chebyshev" (see `Chebyshev.to_polynomial`); so do those of a "rational" of an order above 10.

    Source: C. Sanathanan, J. Koerner, Transfer function synthesis as a ratio of two complex polynomials, 1963 (the
    rounds of the rational); L. Trefethen, Approximation Theory and Approximation Practice, 2013, theorem 16.1.

    Example:
        >>> def low_pass(eigenvalue): return torch.exp(-2.0 * eigenvalue)
        >>> fits = [fit(low_pass, kind, 4, 0.0, 2.0) for kind in ("chebyshev", "rational")]
        >>> [f"{fit_error(each, low_pass, 0.0, 2.0):.0e}" for each in fits]
        ['3e-03', '1e-08']
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ValueError(f"order is {order!r}, but a filter's order is a whole number, 0 or more: order=10, say.")
    if kind not in _KINDS:
        raise ValueError(f"{kind!r} is no kind of filter that is fitted: take one of {', '.join(_KINDS)}.")
    low, high = checked_interval(low, high, point=False)
    nodes = chebyshev_nodes(max(512, 8 * (order + 1)), low, high)
    values = Spectral(target).response(nodes).detach()
    if not bool(values.isfinite().all()):
        raise ValueError(
            f"target is not finite somewhere on [{low:g}, {high:g}], but a filter is: give an interval on which it is."
        )
    if kind == "rational":
        return _fit_rational(values, order, low, high)
    series = Chebyshev(chebyshev_coefficients(values, order), low, high)
    return series if kind == "chebyshev" else series.to_polynomial()


def fit_error(filter: Filter, target: Callable[[Tensor], Tensor], low: float, high: float) -> float:
    """The largest |h(lambda) - target(lambda)| over an interval.

    Args:
        filter: h.
        target: elementwise on float64 (m,).
        low: lower end.
        high: upper end.

    Error: as for the maximum of a spectral filter, see `Filter.largest`.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> round(fit_error(Polynomial([1.0]), torch.cos, 0.0, 3.0), 6)                 # 1 - cos 3
        1.989992
    """
    return Spectral(lambda x: filter.response(x) - target(x)).largest(low, high)


def _fit_rational(values: Tensor, order: int, low: float, high: float) -> Rational:
    """p = sum_k a_k T_k, q = 1 + sum_(k>0) b_k T_k; a q without a root has a positive mean, so that q_0 = 1 is free."""
    count = len(values)
    angle = math.pi * (torch.arange(count, dtype=torch.float64) + 0.5) / count
    waves = torch.cos(angle[:, None] * torch.arange(order + 1, dtype=torch.float64))
    nodes, weight = chebyshev_nodes(count, low, high), torch.ones_like(values)
    best, smallest = None, math.inf
    for _ in range(_ROUNDS):
        rows = torch.cat((waves, -values[:, None] * waves[:, 1:]), dim=1) * weight[:, None]
        solution = torch.linalg.lstsq(rows, (weight * values)[:, None], rcond=1e-14, driver="gelsd").solution[:, 0]
        over = solution[: order + 1]
        under = torch.cat((over.new_ones(1), solution[order + 1 :]))
        below = waves @ under
        if bool((below > 0).all()):
            found = Rational(*(Chebyshev(taps, low, high).to_polynomial().taps for taps in (over, under)))
            error = float((found.response(nodes) - values).abs().max())
            if error < smallest and _is_regular(found, low, high):
                best, smallest = found, error
        weight = 1.0 / below.abs().clamp_min(1e-12 * float(below.abs().max()))
    if best is None:
        raise ValueError(
            f"no rational filter of order {order} was found whose denominator has no root on [{low:g}, {high:g}]: take "
            "another order, or kind='chebyshev'."
        )
    return best


def _is_regular(found: Rational, low: float, high: float) -> bool:
    """Whether the denominator has no root on the interval."""
    try:
        found.require_no_pole(low, high)
    except ValueError:
        return False
    return True
