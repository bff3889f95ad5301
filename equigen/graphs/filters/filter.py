"""What a graph filter is: a function h of the shift's eigenvalue, h(S) = U h(Lambda) U^T where S = U Lambda U^T.

Two filters are multiplied where one is applied after the other, h(S) g(S), added where they stand side by side, and
composed, `outer.of(inner)` = h(g(S)), where one filter is the shift of the other.

The constants that stability depends on are maxima over an interval that holds the eigenvalues,

    largest              max |h(lambda)|
    lipschitz            max |h'(lambda)|
    integral_lipschitz   max |lambda h'(lambda)|.

Source: F. Gama, J. Bruna, A. Ribeiro, Stability properties of graph neural networks, 2020, definitions 2 and 4.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

__all__ = ["Filter", "checked_interval"]


class Filter(ABC):
    """A function h of the eigenvalue, and what is asked of it.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.filters.rational import Rational
        >>> low_pass = Rational([1.0], [1.0, 1.0]) * Polynomial([1.0, -0.5])           # (1 - l/2) / (1 + l)
        >>> low_pass.response(torch.tensor([0.0, 1.0, 2.0])).tolist()
        [1.0, 0.25, 0.0]
        >>> low_pass.lipschitz(0.0, 2.0)
        1.5
    """

    def response(self, eigenvalue: Tensor) -> Tensor:
        """h(lambda) for each eigenvalue, computed in float64 and given in the dtype of the eigenvalues.

        Args:
            eigenvalue: any shape, real or complex; whole numbers are answered in float64.

        Returns:
            Of the same shape.

        Error: rounding, times the conditioning of the form (see `condition_number`).
        """
        real_or_complex = torch.complex128 if eigenvalue.is_complex() else torch.float64
        value = self._response(eigenvalue.to(real_or_complex))
        return value.to(eigenvalue.dtype) if eigenvalue.is_floating_point() or eigenvalue.is_complex() else value

    def derivative(self, eigenvalue: Tensor) -> Tensor:
        """h'(lambda), as `response` gives h."""
        return self.differentiated().response(eigenvalue)

    def largest(self, low: float, high: float) -> float:
        """max |h(lambda)| over low <= lambda <= high.

        Args:
            low: smallest eigenvalue, or a lower bound of it.
            high: largest eigenvalue, or an upper bound of it.

        Raises:
            ValueError: the interval has no numbers, or h is not a number, or infinite, somewhere on it.

        Error: rounding for polynomials and rationals, whose turning points are roots; a spectral filter is as exact
        if it turns at most once between 4,097 samples.
        """
        low, high = checked_interval(low, high)
        value = self.response(self.turning_points(low, high)).detach().abs().max().item()
        if not math.isfinite(value):
            what = "not a number" if math.isnan(value) else "infinite"
            raise ValueError(
                f"the filter is {what} somewhere on [{low:g}, {high:g}], but its maximum was asked for: "
                "give the interval of eigenvalues on which it is finite."
            )
        return value

    def lipschitz(self, low: float, high: float) -> float:
        """max |h'(lambda)| over low <= lambda <= high; arguments and error as for `largest`."""
        return self.differentiated().largest(low, high)

    def integral_lipschitz(self, low: float, high: float) -> float:
        """max |lambda h'(lambda)| over low <= lambda <= high; arguments and error as for `largest`."""
        return self.differentiated().times_eigenvalue().largest(low, high)

    @abstractmethod
    def differentiated(self) -> Filter:
        """The filter h'."""

    @abstractmethod
    def times_eigenvalue(self) -> Filter:
        """The filter lambda h(lambda)."""

    @abstractmethod
    def turning_points(self, low: float, high: float) -> Tensor:
        """Points of the interval, its ends among them, in one of which |h| is largest: float64 (m,)."""

    @abstractmethod
    def of(self, inner: Filter) -> Filter:
        """The composition h(inner(lambda)), within the family.

        Raises:
            TypeError: the composition is no filter of the family.
        """

    def __mul__(self, other: Filter) -> Filter:
        one, two = self._in_one_family(other, "product")
        return one._multiplied(two)

    def __add__(self, other: Filter) -> Filter:
        one, two = self._in_one_family(other, "sum")
        return one._added(two)

    def _in_one_family(self, other: Filter, what: str) -> tuple[Filter, Filter]:
        """Both as filters of the family that holds both."""
        if not isinstance(other, Filter):
            raise TypeError(f"{other!r} is no filter, but a {what} needs two: Polynomial([number]) is a number.")
        adopted = self._adopted(other)
        if adopted is not None:
            return self, adopted
        adopted = other._adopted(self)
        if adopted is None:
            raise TypeError(
                f"a {what} of {type(self).__name__} and {type(other).__name__} is in neither family: "
                "take Spectral(filter.response) for one of them."
            )
        return adopted, other

    @abstractmethod
    def _response(self, x: Tensor) -> Tensor:
        """h at numbers of double precision."""

    @abstractmethod
    def _adopted(self, other: Filter) -> Filter | None:
        """Another filter as one of this family, if it is one."""

    @abstractmethod
    def _multiplied(self, other: Any) -> Filter:
        """The product with one of the same family."""

    @abstractmethod
    def _added(self, other: Any) -> Filter:
        """The sum with one of the same family."""


def checked_interval(low: float, high: float, *, point: bool = True) -> tuple[float, float]:
    """An interval as two finite numbers in order.

    Args:
        low: its lower end.
        high: its upper end.
        point: whether both may be the same.

    Raises:
        ValueError: they are not finite, or not in order.
    """
    low, high = float(low), float(high)
    if not (math.isfinite(low) and math.isfinite(high)) or low > high or (low == high and not point):
        raise ValueError(
            f"the interval is [{low:g}, {high:g}], but eigenvalues lie between two finite numbers in ascending order: "
            "give low < high, interval(shift) say."
        )
    return low, high
