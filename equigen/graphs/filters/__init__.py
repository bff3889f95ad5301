"""Filters as values: functions of a shift's eigenvalue, whatever way they are computed in."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Chebyshev": "polynomial",
        "Filter": "filter",
        "Polynomial": "polynomial",
        "Rational": "rational",
        "Spectral": "spectral",
        "condition_number": "conditioning",
        "fit": "fitting",
        "fit_error": "fitting",
    },
)
