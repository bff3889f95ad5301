"""The forms a filter can take, by name."""

from __future__ import annotations

import difflib

from equigen.graphs.filters.filter import Filter
from equigen.graphs.realizations.cascade import CascadeForm
from equigen.graphs.realizations.clenshaw import ClenshawForm
from equigen.graphs.realizations.direct import DirectForm
from equigen.graphs.realizations.iterated import IteratedForm
from equigen.graphs.realizations.parallel import ParallelForm
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.solved import SolvedForm
from equigen.graphs.realizations.spectral_form import SpectralForm
from equigen.graphs.realizations.transposed import TransposedForm

__all__ = ["FORMS", "realize"]

_BY_NAME: dict[str, type[Realization]] = {
    kind.form: kind
    for kind in (
        DirectForm,
        TransposedForm,
        CascadeForm,
        ParallelForm,
        ClenshawForm,
        SolvedForm,
        IteratedForm,
        SpectralForm,
    )
}

FORMS: tuple[str, ...] = tuple(_BY_NAME)
"""The names of the forms."""


def realize(filter: Filter, form: str) -> Realization:
    """Choose the way in which a filter is computed.

    ==========================  =========================================
    "direct", "transposed",     polynomials, in powers or in Chebyshev's
    "cascade", "chebyshev"
    "parallel"                  polynomials and rational filters
    "rational-solve",           rational filters
    "rational-iteration"
    "spectral"                  all, of symmetric shifts
    ==========================  =========================================

    Args:
        filter: h.
        form: one of `FORMS`.

    Raises:
        ValueError: an unknown form, or one that the filter does not have.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> FORMS
        ('direct', 'transposed', 'cascade', 'parallel', 'chebyshev', 'rational-solve', 'rational-iteration', 'spectral')
        >>> realize(Polynomial([1.0, 2.0]), "cascade").formula
        'y = \\\\prod_{i=1}^{1} (b_{i0} I + b_{i1} S) \\\\, x'
    """
    if form not in _BY_NAME:
        near = difflib.get_close_matches(str(form), FORMS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(FORMS)}."
        raise ValueError(f"{form!r} is no form of a filter: {hint}")
    return _BY_NAME[form](filter)
