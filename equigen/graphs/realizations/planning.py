"""Which realization is fastest: by what each costs, and what a product, a byte and an operation take on a processor."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.realizations.clenshaw import ClenshawForm
from equigen.graphs.realizations.direct import DirectForm
from equigen.graphs.realizations.iterated import IteratedForm
from equigen.graphs.realizations.norms import norm_bounds
from equigen.graphs.realizations.operation_count import places
from equigen.graphs.realizations.powers import power_taps
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.solved import SolvedForm
from equigen.graphs.realizations.spectral_form import SpectralForm
from equigen.graphs.realizations.transposed import TransposedForm
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import interval, recentred

__all__ = ["fastest", "seconds"]

_CALL = 60e-6  # seconds for each product besides its work
_START = {"chebyshev": 300e-6, "rational-solve": 200e-6, "spectral": 300e-6}  # seconds before the first
_BANDWIDTH = 14e9  # bytes a second, as they are counted
_RATE = 12e9  # operations a second
_GROWTH = 30.0  # a form may lose so much more accuracy than the best one
_DIAGONALISED = 2048  # nodes up to which eigenvectors are thought of


def fastest(filter: Filter, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> Realization:
    """The realization that takes the least time, among those that lose no accuracy.

    By a model of one thread, measured on graphs of 20 to 20,000 nodes, so that the same question always has the same
    answer. A form is passed over where a bound of its error in the dtype is more than 30 times that of another one:

        in powers, Horner or direct      sum_k |h_k| norm(S)^k
        in Chebyshev polynomials         sum_k |c_k|, times (r + (r^2 - 1)^(1/2))^k where S is not symmetric, r the norm
                                         of the recentred shift
        by iteration                     sum_i |phi_i| / (1 - |psi_i| norm(S))^2
        solved, and spectral             the largest response: both are found in float64, and lose by the same condition

    Args:
        filter: h.
        shift: S.
        features: columns of x.
        dtype: of x.

    Raises:
        ValueError: no form of the filter is defined for this shift.

    Error: of its times a factor of about three; forms that are close together may stand in the wrong order.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> ring = Shift(Graph.from_edges([list(range(400)), [*range(1, 400), 0]], 400, undirected=True))
        >>> fastest(Polynomial([1.0, 0.5, 0.25]), ring, 16).form
        'transposed'
        >>> fastest(Chebyshev([0.0] * 30 + [1.0], -2.0, 2.0), ring, 16).form
        'chebyshev'
    """
    found = list(_candidates(filter, shift, dtype))
    if not found:
        raise ValueError(
            f"{type(filter).__name__} has only the form 'spectral', but the shift is not symmetric: take an undirected "
            "graph and a symmetric shift, or fit a polynomial to the filter."
        )
    least = min(growth for _, growth in found)
    exact = [each for each, growth in found if growth <= _GROWTH * least]
    return min(exact, key=lambda each: seconds(each, shift, features, dtype))


def seconds(realization: Realization, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> float:
    """What a realization takes on one thread of a processor, roughly.

    Args:
        realization: a form.
        shift: S.
        features: columns of x.
        dtype: of x.

    Error: a factor of about three.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> ring = Shift(Graph.from_edges([list(range(100)), [*range(1, 100), 0]], 100, undirected=True))
        >>> round(1e6 * seconds(TransposedForm(Polynomial([1.0, 0.5, 0.25])), ring, 16))            # microseconds
        127
    """
    count = realization.cost(shift, features, dtype)
    work = max(count.bytes / _BANDWIDTH, (count.multiplications + count.additions) / _RATE)
    solved = realization.form == "parallel" and isinstance(realization.filter, Rational)
    return _START.get("rational-solve" if solved else realization.form, 0.0) + _CALL * count.products + work


def _candidates(filter: Filter, shift: Shift, dtype: torch.dtype) -> Iterator[tuple[Realization, float]]:
    """Forms that are defined, each with a bound of its error: roundings of the dtype."""
    if isinstance(filter, Rational):
        yield SolvedForm(filter), _largest(filter, shift)
        try:
            iterated = IteratedForm(filter)
            iterated.steps(shift, dtype)
            yield iterated, _growth_of_feedback(iterated, shift)
        except ValueError:
            pass
    elif isinstance(filter, Chebyshev):
        yield ClenshawForm(filter), _growth_of_series(filter, shift)
        yield TransposedForm(filter), _growth_of_powers(filter, shift)
    elif isinstance(filter, Polynomial):
        growth = _growth_of_powers(filter, shift)
        yield from ((TransposedForm(filter), growth), (DirectForm(filter), growth))
    if shift.symmetric and places(shift.graph)[-1] <= _DIAGONALISED:
        # the taps themselves are worth no more than their powers
        worth = _growth_of_powers(filter, shift) if isinstance(filter, Polynomial) else _largest(filter, shift)
        yield SpectralForm(filter), worth


def _norm(shift: Shift) -> float:
    bounds = norm_bounds(shift)
    return float(bounds.max()) if len(bounds) else 0.0


def _largest(filter: Filter, shift: Shift) -> float:
    """The largest response at 2001 numbers of an interval that holds the spectrum, infinite responses left out."""
    bounds = interval(shift).detach()
    low, high = (float(bounds[:, 0].min()), float(bounds[:, 1].max())) if len(bounds) else (0.0, 0.0)
    values = filter.response(torch.linspace(low, high, 2001, dtype=torch.float64)).detach().abs()
    return max(float(values[values.isfinite()].max()), 1e-300)


def _growth_of_powers(filter: Filter, shift: Shift) -> float:
    taps = power_taps(filter, "transposed").detach().abs().cpu()
    return float((taps * _norm(shift) ** torch.arange(len(taps), dtype=torch.float64)).sum())


def _growth_of_series(filter: Chebyshev, shift: Shift) -> float:
    ratio = 1.0 if shift.symmetric else max(1.0, _norm(recentred(shift, [filter.low, filter.high])))
    taps = filter.taps.detach().abs().cpu()
    return float((taps * (ratio + (ratio**2 - 1) ** 0.5) ** torch.arange(len(taps), dtype=torch.float64)).sum())


def _growth_of_feedback(form: IteratedForm, shift: Shift) -> float:
    poles, residues, norm = form.fractions.poles, form.fractions.residues, _norm(shift)
    return float((abs(residues / poles) / (1 - norm / abs(poles)) ** 2).sum())
