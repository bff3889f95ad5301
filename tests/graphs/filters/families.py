"""Filters of every family, and how their constants are found by brute force."""

import torch

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral

LOW, HIGH = -0.4, 2.0
ALL_FILTERS = {
    "constant": Polynomial([0.7]),
    "straight": Polynomial([1.0, -0.5]),
    "polynomial": Polynomial([0.3, -1.2, 0.4, 0.9, -0.35]),
    "polynomial with zeros at its end": Polynomial([0.3, -1.2, 0.4, 0.0, 0.0]),
    "chebyshev constant": Chebyshev([0.7], LOW, HIGH),
    "chebyshev": Chebyshev([0.1, 0.4, -0.3, 0.2, 0.5, -0.1], LOW, HIGH),
    "rational": Rational([1.0, 0.3, -0.2], [1.5, 0.4, 0.6]),
    "rational of a constant": Rational([2.0], [4.0]),
    "spectral": Spectral(lambda x: torch.exp(-x) * torch.sin(3.0 * x)),
    "spectral constant": Spectral(lambda x: torch.full_like(x, 0.7)),
}


def dense_largest(function, low=LOW, high=HIGH):
    """The largest absolute value on two million even samples."""
    return float(function(torch.linspace(low, high, 2_000_001, dtype=torch.float64)).abs().max())


def slope(filter, x):
    """h' by central differences of float64, to about 1e-8."""
    step = 6e-6
    return (filter.response(x + step) - filter.response(x - step)) / (2.0 * step)
