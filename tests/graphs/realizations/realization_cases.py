"""Filters of every family, the dense matrix each of them is, and what is counted while torch runs."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.realizations.norms import norm_bounds
from equigen.graphs.shift import Shift

POLYNOMIALS = ("direct", "transposed", "cascade", "parallel", "chebyshev")
RATIONALS = ("parallel", "rational-solve", "rational-iteration")

FILTERS: dict[str, Filter] = {
    "constant": Polynomial([0.7]),
    "line": Polynomial([0.5, -1.5]),
    "zero": Polynomial([0.0, 0.0, 0.0]),
    "square": Polynomial([1.0, 0.3, 0.2]),
    "quartic": Polynomial([0.2, -1.0, 0.5, 0.25, -0.125]),
    "no-end": Polynomial([0.0, 0.4, 0.0, 0.2, 0.0, 0.0]),
    "chebyshev-constant": Chebyshev([0.4], -1.0, 3.0),
    "chebyshev": Chebyshev([0.4, -1.0, 0.5, 0.25, 0.3, -0.7], -2.5, 3.0),
    "chebyshev-long": Chebyshev([1.0 / (k + 1) for k in range(13)], -6.0, 6.0),
    "rational": Rational([1.0, 0.3], [20.0, 1.0, 0.5]),
    "rational-real-poles": Rational([0.5], [150.0, 25.0, 1.0]),
    "rational-proper-not": Rational([1.0, 0.5, 0.25, 0.1], [30.0, 2.0, 0.4]),
}

SHORT = {name: FILTERS[name] for name in ("line", "quartic", "chebyshev", "rational")}


def norm_of(shift: Shift) -> float:
    return float(norm_bounds(shift).max())


def forms_of(filter: Filter) -> tuple[str, ...]:
    return RATIONALS if isinstance(filter, Rational) else POLYNOMIALS


def matrix_of(filter: Filter, shift: torch.Tensor) -> torch.Tensor:
    """h(S) in float64, from the definition: sums of powers, of Chebyshev polynomials, and a quotient."""
    shift = shift.double()
    eye = torch.eye(shift.shape[-1], dtype=torch.float64).expand_as(shift)

    def powers(taps: torch.Tensor) -> torch.Tensor:
        total, power = torch.zeros_like(eye), eye
        for tap in taps:
            total, power = total + tap * power, power @ shift
        return total

    if isinstance(filter, Polynomial):
        return powers(filter.taps)
    if isinstance(filter, Rational):
        return torch.linalg.solve(powers(filter.denominator), powers(filter.numerator))
    assert isinstance(filter, Chebyshev)
    moved = (2 * shift - (filter.high + filter.low) * eye) / (filter.high - filter.low)
    total, before, now = torch.zeros_like(eye), moved, eye  # T_-1 = T_1
    for tap in filter.taps:
        total, before, now = total + tap * now, now, 2 * moved @ now - before
    return total


class Counting(TorchDispatchMode):
    """Multiplications, additions and products with entries that torch makes on arrays of a size."""

    def __init__(self, columns: int, axes: int = 2) -> None:
        super().__init__()
        self.axes, self.columns, self.products, self.multiplications, self.additions = axes, columns, 0, 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[1]
        if name == "sparse_product":
            columns, weights, x = args[1], args[5], args[6]
            wide = x.shape[1] * x.shape[2]
            if wide % self.columns:  # a bound of the norm is looked for, not a result
                return result
            self.products += wide // self.columns
            self.additions += len(columns) * wide
            self.multiplications += 0 if weights is None else len(columns) * wide
        elif name in ("bmm", "mm"):
            inner = args[0].shape[-1]
            self.products += result.shape[-1] // self.columns
            self.additions += inner * result.numel()
            self.multiplications += inner * result.numel()
        elif isinstance(result, torch.Tensor) and result.ndim == self.axes and result.shape[-1] % self.columns == 0:
            self.multiplications += result.numel() * (name in ("mul", "addcmul"))
            self.additions += result.numel() * (name in ("add", "sub", "addcmul"))
        return result
