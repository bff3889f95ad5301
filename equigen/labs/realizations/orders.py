"""What the order of a filter costs in accuracy: the error of the fit, the conditioning of a basis, and rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.filters.conditioning import condition_number
from equigen.graphs.filters.polynomial import Chebyshev
from equigen.graphs.graph import Graph
from equigen.graphs.realizations.realizing import realize
from equigen.graphs.shifts import adjacency, normalised_adjacency
from equigen.labs.realizations.setting import Setting

__all__ = [
    "SINGULAR",
    "Bases",
    "Fits",
    "Rounding",
    "bases_found",
    "fits_found",
    "highest",
    "orthonormal",
    "rounding_found",
    "slope",
]

_GRID = 4001  # points at which a response is compared on [-1, 1]
SINGULAR = 1e16
"""A condition number beyond which a matrix is singular in double precision; such ones are infinite here."""


@dataclass(frozen=True)
class Fits:
    """How far two polynomials of each order are from the rational filter on [-1, 1].

    Args:
        orders: of the polynomials.
        chebyshev: largest error of the expansion in Chebyshev polynomials.
        walks: of the series of powers.
        cut: what the first should be, in closed form.
        best: what no polynomial of this order can be below.
        series: what the second should be.
    """

    orders: list[int]
    chebyshev: list[float]
    walks: list[float]
    cut: list[float]
    best: list[float]
    series: list[float]


@dataclass(frozen=True)
class Bases:
    """Condition numbers of bases of polynomials on the eigenvalues of one graph, by order.

    Args:
        graph: in words.
        orders: of the polynomials.
        adjacency: of the powers of A.
        scaled: of the powers of A over its largest absolute eigenvalue.
        powers: of the powers of the normalised A.
        chebyshev: of Chebyshev polynomials of it.
        orthonormal: of polynomials that are orthonormal on its own eigenvalues.
    """

    graph: str
    orders: list[int]
    adjacency: list[float]
    scaled: list[float]
    powers: list[float]
    chebyshev: list[float]
    orthonormal: list[float]

    @property
    def scale_of_powers(self) -> tuple[int, float]:
        """An order, and the share that the scale of A has in what its powers are worse than those of normalised A.

        In digits of the condition number; the order is 8, or the highest if that is less.
        """
        at = min(8, len(self.orders)) - 1
        bare, scaled, normalised = (math.log10(one[at]) for one in (self.adjacency, self.scaled, self.powers))
        return self.orders[at], (bare - scaled) / (bare - normalised) if bare != normalised else 0.0


@dataclass(frozen=True)
class Rounding:
    """Errors of the filter T_K by order: the worst over the eigenvectors, against its largest value, 1.

    Args:
        orders: of the polynomials.
        errors: of single precision, by form.
        bound: rounding of single precision times the sum of the taps' absolute values.
        double: the error of the direct form in double precision.
    """

    orders: list[int]
    errors: dict[str, list[float]]
    bound: list[float]
    double: list[float]


def fits_found(shown: Setting, orders: Sequence[int]) -> Fits:
    """Errors of the fit by order."""
    grid = torch.linspace(-1.0, 1.0, _GRID, dtype=torch.float64)
    goal = shown.response(grid)

    def largest(response: Tensor) -> float:
        return float((response - goal).abs().max())

    return Fits(
        list(orders),
        [largest(shown.chebyshev(k).response(grid)) for k in orders],
        [largest(shown.walks(k).response(grid)) for k in orders],
        [shown.cut(k) for k in orders],
        [shown.best(k) for k in orders],
        [shown.psi ** (k + 1) for k in orders],
    )


def bases_found(graph: Graph, name: str, orders: Sequence[int]) -> Bases:
    """Condition numbers by order on one graph.

    Args:
        graph: symmetric.
        name: in words.
        orders: of the polynomials.
    """
    plain = torch.linalg.eigvalsh(adjacency(graph).dense().double())
    normalised = torch.linalg.eigvalsh(normalised_adjacency(graph).dense().double())
    return Bases(
        name,
        list(orders),
        [condition_number("powers", plain, k) for k in orders],
        [condition_number("powers", plain / plain.abs().max(), k) for k in orders],
        [condition_number("powers", normalised, k) for k in orders],
        [condition_number("chebyshev", normalised.clamp(-1.0, 1.0), k, -1.0, 1.0) for k in orders],
        [_condition(orthonormal(normalised, k)) for k in orders],
    )


def orthonormal(values: Tensor, order: int) -> Tensor:
    """Polynomials that are orthonormal over some points, at these points.

    p_0 is constant, and p_{k+1} is lambda p_k made orthogonal to all before it, as T. Stieltjes, 1884, and C. Lanczos,
    1950, have it; orthogonal twice over, against rounding.

    Args:
        values: the points, float64 (n,).
        order: K, below the number of different points.

    Returns:
        p_k(lambda_i), float64 (n, K + 1); columns of rounding where there are too few points.

    Example:
        >>> columns = orthonormal(torch.tensor([-1.0, 0.0, 1.0, 2.0], dtype=torch.float64), 2)
        >>> bool((columns.T @ columns - torch.eye(3, dtype=torch.float64)).abs().max() < 1e-14)
        True
    """
    columns = (torch.ones_like(values) / math.sqrt(len(values)))[:, None]
    for _ in range(order):
        column = values * columns[:, -1]
        for _ in range(2):
            column = column - columns @ (columns.T @ column)
        columns = torch.cat((columns, (column / column.norm())[:, None]), 1)
    return columns


def _condition(matrix: Tensor) -> float:
    singular = torch.linalg.svdvals(matrix)
    return float(singular[0] / singular[-1])


def rounding_found(shown: Setting, orders: Sequence[int]) -> Rounding:
    """Errors of T_K by form and order, on the ring, whose eigenvalues fill [-1, 1]."""
    shift = normalised_adjacency(shown.ring)
    values, vectors = torch.linalg.eigh(shift.dense().double())
    values = values.clamp(-1.0, 1.0)
    errors: dict[str, list[float]] = {form: [] for form in ("direct", "transposed", "cascade", "chebyshev")}
    bound, double = [], []

    def worst(form: str, order: int, dtype: torch.dtype) -> float:
        given = highest(order)
        given = given.to_polynomial() if form in ("direct", "transposed") else given
        y = realize(given, form).apply(shift, vectors.to(dtype)).double()
        return float((y - vectors * torch.cos(order * torch.acos(values))).norm(dim=0).max())

    for order in orders:
        for form, told in errors.items():
            told.append(worst(form, order, torch.float32))
        double.append(worst("direct", order, torch.float64))
        bound.append(2.0**-24 * float(highest(order).to_polynomial().taps.abs().sum()))
    return Rounding(list(orders), errors, bound, double)


def highest(order: int) -> Chebyshev:
    """T_K, the polynomial with the largest taps of all that stay within 1 on [-1, 1].

    Example:
        >>> highest(2).to_polynomial().taps.tolist()
        [-1.0, 0.0, 2.0]
    """
    taps = torch.zeros(order + 1, dtype=torch.float64)
    taps[-1] = 1.0
    return Chebyshev(taps, -1.0, 1.0)


def slope(orders: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """By how many decades values grow with each order, with the error of the fitted line.

    Args:
        orders: three or more.
        values: positive.

    Example:
        >>> [round(one, 6) for one in slope([1, 2, 3, 4], [1e1, 1e2, 1e3, 1e4])]
        [1.0, 0.0]
    """
    x = torch.tensor(orders, dtype=torch.float64)
    y = torch.tensor(values, dtype=torch.float64).log10()
    x = x - x.mean()
    gain = float((x * y).sum() / x.square().sum())
    left = y - y.mean() - gain * x
    return gain, math.sqrt(float(left.square().sum()) / (len(orders) - 2) / float(x.square().sum()))
