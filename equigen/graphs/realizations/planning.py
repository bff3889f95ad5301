"""Which realization is fastest: by what each costs, and what a product, a byte and an operation take on a processor."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.realizations.clenshaw import ClenshawForm
from equigen.graphs.realizations.direct import DirectForm
from equigen.graphs.realizations.iterated import IteratedForm, norm_bound
from equigen.graphs.realizations.operation_count import places
from equigen.graphs.realizations.powers import power_taps
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.solved import SolvedForm
from equigen.graphs.realizations.spectral_form import SpectralForm
from equigen.graphs.realizations.transposed import TransposedForm
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import interval

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
    answer. A filter in Chebyshev polynomials is taken in powers only where sum_k |h_k| norm(S)^k is less than 30 times
    its largest response.

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
    return min(found, key=lambda each: seconds(each, shift, features, dtype))


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


def _candidates(filter: Filter, shift: Shift, dtype: torch.dtype) -> Iterator[Realization]:
    """Forms that are defined, and no less accurate than others."""
    if isinstance(filter, Rational):
        yield SolvedForm(filter)
        try:
            iterated = IteratedForm(filter)
            iterated.steps(shift, dtype)
            yield iterated
        except ValueError:
            pass
    elif isinstance(filter, Chebyshev):
        yield ClenshawForm(filter)
        if _growth(filter, shift) < _GROWTH:
            yield TransposedForm(filter)
    elif isinstance(filter, Polynomial):
        yield from (TransposedForm(filter), DirectForm(filter))
    if shift.symmetric and places(shift.graph)[-1] <= _DIAGONALISED:
        yield SpectralForm(filter)


def _growth(filter: Chebyshev, shift: Shift) -> float:
    """sum_k |h_k| norm(S)^k over the largest response: how much more the powers lose."""
    taps, norm = power_taps(filter, "transposed").detach().abs(), norm_bound(shift)
    total = float((taps * norm ** torch.arange(len(taps), dtype=torch.float64)).sum())
    bounds = interval(shift)
    largest = filter.largest(float(bounds[:, 0].min()), float(bounds[:, 1].max())) if len(bounds) else 0.0
    return total / largest if largest > 0 else float("inf")
