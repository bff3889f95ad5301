"""Filters of finite order: polynomials of the eigenvalue, by its powers and by Chebyshev's polynomials.

    Polynomial      h(lambda) = sum_k h_k lambda^k
    Chebyshev       h(lambda) = sum_k c_k T_k(t),    t = (2 lambda - low - high) / (high - low)

They are the same functions. The taps of the second are well conditioned on the interval, those of the first are not:
see `condition_number`.

Source: D. Hammond, P. Vandergheynst, R. Gribonval, Wavelets on graphs via spectral graph theory, 2011, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from equigen.graphs.filters.filter import Filter, checked_interval
from equigen.graphs.filters.taps import checked_taps, product_of_taps, slope_of_taps, sum_of_taps
from equigen.graphs.filters.turning import chebyshev_coefficients, chebyshev_nodes, roots_near

__all__ = ["Chebyshev", "Polynomial"]


@dataclass(frozen=True, eq=False)
class Polynomial(Filter):
    """h(lambda) = sum_k h_k lambda^k.

    Args:
        taps: h_0, ..., h_K, (K + 1,); held in float64.

    Raises:
        TypeError: complex taps.
        ValueError: no list of finite numbers.

    Example:
        >>> smoother = Polynomial([1.0, -0.5])
        >>> (smoother * smoother).taps.tolist(), (smoother + smoother).taps.tolist()
        ([1.0, -1.0, 0.25], [2.0, -1.0])
        >>> smoother.of(smoother).taps.tolist()                                         # 1 - (1 - l/2) / 2
        [0.5, 0.25]
    """

    taps: Tensor

    def __init__(self, taps: Tensor | Sequence[float]) -> None:
        object.__setattr__(self, "taps", checked_taps("taps", taps))

    @property
    def order(self) -> int:
        """K, the highest power."""
        return len(self.taps) - 1

    def differentiated(self) -> Polynomial:
        """sum_k k h_k lambda^(k-1)."""
        return Polynomial(slope_of_taps(self.taps))

    def times_eigenvalue(self) -> Polynomial:
        """sum_k h_k lambda^(k+1)."""
        return Polynomial(functional.pad(self.taps, (1, 0)))

    def turning_points(self, low: float, high: float) -> Tensor:
        """The ends and the roots of h': see `Filter.turning_points`."""
        slope = self.differentiated()
        return roots_near(slope.response, slope.order, low, high)

    def of(self, inner: Filter) -> Polynomial:
        """sum_k h_k g(lambda)^k for a polynomial g; order K times that of g.

        Raises:
            TypeError: g is of another family.
        """
        if not isinstance(inner, Polynomial):
            raise TypeError(
                f"the inner filter is {type(inner).__name__}, but a polynomial of it is no polynomial of powers: "
                "take both of one family, or Spectral(outer.response).of(inner)."
            )
        taps = self.taps[-1:]
        for k in range(self.order - 1, -1, -1):
            taps = sum_of_taps(product_of_taps(taps, inner.taps), self.taps[k : k + 1])
        return Polynomial(taps)

    def to_chebyshev(self, low: float, high: float) -> Chebyshev:
        """The same function by Chebyshev's polynomials on an interval.

        Args:
            low: lower end.
            high: upper end, above it.

        Raises:
            ValueError: no such interval.

        Error: rounding of the largest h_k lambda^k on the interval.

        Example:
            >>> Polynomial([0.0, 0.0, 1.0]).to_chebyshev(-2.0, 2.0).taps.round(decimals=12).abs().tolist()
            [2.0, 0.0, 2.0]
        """
        low, high = checked_interval(low, high, point=False)
        nodes = chebyshev_nodes(self.order + 1, low, high).to(self.taps.device)
        return Chebyshev(chebyshev_coefficients(self.response(nodes), self.order), low, high)

    def _response(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        for tap in self.taps.to(x.device).flip(0).unbind():
            y = y * x + tap
        return y

    def _adopted(self, other: Filter) -> Polynomial | None:
        return other if isinstance(other, Polynomial) else None

    def _multiplied(self, other: Polynomial) -> Polynomial:
        return Polynomial(product_of_taps(self.taps, other.taps))

    def _added(self, other: Polynomial) -> Polynomial:
        return Polynomial(sum_of_taps(self.taps, other.taps))


@dataclass(frozen=True, eq=False)
class Chebyshev(Filter):
    """h(lambda) = sum_k c_k T_k(t) with t = (2 lambda - low - high) / (high - low), from -1 to 1 on the interval.

    Args:
        taps: c_0, ..., c_K, (K + 1,); held in float64.
        low: lower end of the interval.
        high: upper end, above it.

    Raises:
        TypeError: complex taps.
        ValueError: no list of finite numbers, or no such interval.

    Example:
        >>> band = Chebyshev([0.5, 0.0, -0.5], 0.0, 2.0)                                # 1 - t^2 with t = l - 1
        >>> band.response(torch.tensor([0.0, 1.0, 2.0])).tolist()
        [0.0, 1.0, 0.0]
        >>> band.to_polynomial().taps.tolist()
        [0.0, 2.0, -1.0]
    """

    taps: Tensor
    low: float
    high: float

    def __init__(self, taps: Tensor | Sequence[float], low: float, high: float) -> None:
        low, high = checked_interval(low, high, point=False)
        for name, value in (("taps", checked_taps("taps", taps)), ("low", low), ("high", high)):
            object.__setattr__(self, name, value)

    @property
    def order(self) -> int:
        """K, the highest polynomial."""
        return len(self.taps) - 1

    def differentiated(self) -> Chebyshev:
        """By T_k' = 2 k (T_(k-1) + T_(k-3) + ...), in which T_0 counts half."""
        k = torch.arange(self.order + 1, device=self.taps.device)
        lower = k[:-1, None] if self.order else k[:, None]
        matrix = torch.where((k > lower) & ((k - lower) % 2 == 1), 2.0 * k, 0.0).double()
        matrix[0] *= 0.5
        return Chebyshev(matrix @ self.taps * (2.0 / (self.high - self.low)), self.low, self.high)

    def times_eigenvalue(self) -> Chebyshev:
        """By lambda = (low + high)/2 T_0 + (high - low)/2 T_1."""
        return self._multiplied(Polynomial([0.0, 1.0]).to_chebyshev(self.low, self.high))

    def turning_points(self, low: float, high: float) -> Tensor:
        """The ends and the roots of h': see `Filter.turning_points`."""
        slope = self.differentiated()
        return roots_near(slope.response, slope.order, low, high)

    def of(self, inner: Filter) -> Chebyshev:
        """h(g(lambda)) for a Chebyshev series g, on the interval of g; order K times that of g.

        Raises:
            TypeError: g is of another family.
        """
        if not isinstance(inner, Chebyshev):
            raise TypeError(
                f"the inner filter is {type(inner).__name__}, but a Chebyshev series of it has no interval: "
                "take .to_chebyshev(low, high) of a polynomial, or Spectral(outer.response).of(inner)."
            )
        order = self.order * inner.order
        nodes = chebyshev_nodes(order + 1, inner.low, inner.high).to(inner.taps.device)
        return Chebyshev(chebyshev_coefficients(self.response(inner.response(nodes)), order), inner.low, inner.high)

    def to_polynomial(self) -> Polynomial:
        """The same function by powers of the eigenvalue.

        Error: rounding, multiplied by up to about (1 + sqrt 2)^K on [-1, 1] and (3 + sqrt 8)^K on [0, 2], where taps
        of equal size keep three digits of the response at order 20; taps that fall fast lose little.
        """
        width = self.high - self.low
        argument = self.taps.new_tensor([-(self.low + self.high) / width, 2.0 / width])
        one, two = self.taps.new_zeros(1), self.taps.new_zeros(1)
        for k in range(self.order, 0, -1):  # Clenshaw's recursion, on taps
            before = sum_of_taps(product_of_taps(2.0 * argument, one), -two)
            one, two = sum_of_taps(before, self.taps[k : k + 1]), one
        last = sum_of_taps(product_of_taps(argument, one), -two)
        return Polynomial(sum_of_taps(last, self.taps[:1])[: self.order + 1])

    def _response(self, x: Tensor) -> Tensor:
        t = (2.0 * x - (self.low + self.high)) / (self.high - self.low)
        one, two = torch.zeros_like(t), torch.zeros_like(t)
        first, *rest = self.taps.to(x.device).unbind()
        for tap in reversed(rest):
            one, two = 2.0 * t * one - two + tap, one
        return t * one - two + first

    def _adopted(self, other: Filter) -> Chebyshev | None:
        if isinstance(other, Polynomial):
            return other.to_chebyshev(self.low, self.high)
        return other if isinstance(other, Chebyshev) else None

    def _multiplied(self, other: Chebyshev) -> Chebyshev:
        self._require_same_interval(other)
        order = self.order + other.order
        nodes = chebyshev_nodes(order + 1, self.low, self.high).to(self.taps.device)
        values = self.response(nodes) * other.response(nodes)
        return Chebyshev(chebyshev_coefficients(values, order), self.low, self.high)

    def _added(self, other: Chebyshev) -> Chebyshev:
        self._require_same_interval(other)
        return Chebyshev(sum_of_taps(self.taps, other.taps), self.low, self.high)

    def _require_same_interval(self, other: Chebyshev) -> None:
        if (self.low, self.high) != (other.low, other.high):
            raise ValueError(
                f"the filters' intervals are [{self.low:g}, {self.high:g}] and [{other.low:g}, {other.high:g}], but "
                "series are joined on one: other.to_polynomial().to_chebyshev(low, high)."
            )
