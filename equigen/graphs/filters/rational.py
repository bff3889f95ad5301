"""Rational filters, in time series called ARMA: a quotient of two polynomials of the eigenvalue.

    h(lambda) = p(lambda) / q(lambda),    p = sum_k p_k lambda^k,    q = sum_k q_k lambda^k

A filter of this kind is sharp at a low order; it has no meaning where q vanishes.

Source: E. Isufi, A. Loukas, A. Simonetto, G. Leus, Autoregressive moving average graph filtering, 2017, equation 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from equigen.graphs.filters.filter import Filter, checked_interval
from equigen.graphs.filters.polynomial import Polynomial
from equigen.graphs.filters.taps import checked_taps, product_of_taps, slope_of_taps, sum_of_taps
from equigen.graphs.filters.turning import power_roots, refined_maxima

__all__ = ["Rational"]


@dataclass(frozen=True, eq=False)
class Rational(Filter):
    """h(lambda) = sum_k p_k lambda^k / sum_k q_k lambda^k.

    Args:
        numerator: p_0, p_1, ..., (P + 1,); held in float64.
        denominator: q_0, q_1, ..., (Q + 1,); held in float64.

    Raises:
        TypeError: complex numbers.
        ValueError: no lists of finite numbers, or a denominator of zeros.

    Example:
        >>> smooth = Rational([1.0], [1.0, 1.0])                                        # x of (I + S) x = y
        >>> smooth.response(torch.tensor([0.0, 1.0, 3.0])).tolist()
        [1.0, 0.5, 0.25]
        >>> (smooth + smooth).numerator.tolist(), smooth.poles.real.tolist()
        ([2.0], [-1.0])
    """

    numerator: Tensor
    denominator: Tensor
    _base: Tensor = field(repr=False)  # the denominator is a power of it, and vanishes where it does
    _power: int = field(repr=False)

    def __init__(self, numerator: Tensor | Sequence[float], denominator: Tensor | Sequence[float]) -> None:
        over, under = checked_taps("numerator", numerator), checked_taps("denominator", denominator)
        for name, value in (("numerator", over), ("denominator", under), ("_base", under), ("_power", 1)):
            object.__setattr__(self, name, value)
        if not bool(self.denominator.detach().any()):
            raise ValueError("denominator is all zeros, but nothing is divided by zero: [1.0] leaves the numerator.")

    @property
    def order(self) -> int:
        """The higher one of the orders of numerator and denominator."""
        return max(len(self.numerator), len(self.denominator)) - 1

    @property
    def poles(self) -> Tensor:
        """The roots of the denominator, complex128; error as for `power_roots`."""
        return power_roots(self._base).repeat(self._power)

    def require_no_pole(self, low: float, high: float) -> None:
        """Refuse an interval on which the denominator has a root.

        Args:
            low: lower end.
            high: upper end.

        Raises:
            ValueError: it has, to 1e-12 of the sum of |q_k lambda^k|; of a derivative, where the filter itself has.

        Example:
            >>> Rational([1.0], [1.0, -1.0]).require_no_pole(0.0, 2.0)
            Traceback (most recent call last):
            ValueError: the denominator has a root near 1 in [0, 2], but a filter is finite on all eigenvalues: ...
        """
        low, high = checked_interval(low, high)
        below = Polynomial(self._base.detach())
        inside = power_roots(below.taps).real.clamp(low, high)
        points = torch.cat((below.turning_points(low, high), inside)).sort().values
        values = below.response(points)
        size = Polynomial(below.taps.abs()).response(points.abs())
        vanishing = values.abs() <= 1e-12 * size
        crossing = values[1:] * values[:-1] < 0
        if not bool(vanishing.any() | crossing.any()):
            return
        place = points[vanishing][0] if bool(vanishing.any()) else points[1:][crossing][0]
        raise ValueError(
            f"the denominator has a root near {place.item():g} in [{low:g}, {high:g}], but a filter is finite on all "
            "eigenvalues: move the root away, or take the interval that holds the spectrum."
        )

    def differentiated(self) -> Rational:
        """(p' q - p q') / q^2, with q^2 computed as a square, so that a narrow resonance keeps its digits."""
        rise = product_of_taps(slope_of_taps(self.numerator), self._base)
        fall = self._power * product_of_taps(self.numerator, slope_of_taps(self._base))
        return self._over(sum_of_taps(rise, -fall), product_of_taps(self.denominator, self._base), self._power + 1)

    def times_eigenvalue(self) -> Rational:
        """lambda p / q."""
        return self._over(Polynomial(self.numerator).times_eigenvalue().taps, self.denominator, self._power)

    def turning_points(self, low: float, high: float) -> Tensor:
        """The ends, roots of p' q - p q', and refined samples: see `Filter.turning_points`.

        Raises:
            ValueError: the denominator has a root in the interval.
        """
        self.require_no_pole(low, high)
        roots = power_roots(self.differentiated().numerator).real.clamp(low, high)
        return torch.cat((roots, refined_maxima(self.response, low, high)))

    def of(self, inner: Filter) -> Rational:
        """h(g(lambda)) for a polynomial or rational g = a / b: both of sum_k p_k a^k b^(K-k) and that of q.

        Raises:
            TypeError: g is of another family.
        """
        inside = self._adopted(inner)
        if inside is None:
            raise TypeError(
                f"the inner filter is {type(inner).__name__}, but a rational function of it is none: take both of "
                "one family, or Spectral(outer.response).of(inner)."
            )
        return Rational(
            _of_quotient(self.numerator, inside, self.order), _of_quotient(self.denominator, inside, self.order)
        )

    def _over(self, numerator: Tensor, denominator: Tensor, power: int) -> Rational:
        """Another numerator over a power of the same base."""
        found = Rational(numerator, denominator)
        object.__setattr__(found, "_base", self._base)
        object.__setattr__(found, "_power", power)
        return found

    def _response(self, x: Tensor) -> Tensor:
        return Polynomial(self.numerator).response(x) / Polynomial(self._base).response(x) ** self._power

    def _adopted(self, other: Filter) -> Rational | None:
        if isinstance(other, Polynomial):
            return Rational(other.taps, torch.ones_like(other.taps[:1]))
        return other if isinstance(other, Rational) else None

    def _multiplied(self, other: Rational) -> Rational:
        return Rational(
            product_of_taps(self.numerator, other.numerator), product_of_taps(self.denominator, other.denominator)
        )

    def _added(self, other: Rational) -> Rational:
        if torch.equal(self.denominator, other.denominator):
            return Rational(sum_of_taps(self.numerator, other.numerator), self.denominator)
        mine = product_of_taps(self.numerator, other.denominator)
        theirs = product_of_taps(other.numerator, self.denominator)
        return Rational(sum_of_taps(mine, theirs), product_of_taps(self.denominator, other.denominator))


def _of_quotient(taps: Tensor, inside: Rational, order: int) -> Tensor:
    """Taps of sum_k t_k a^k b^(K-k) for the quotient a / b."""
    result, power = taps.new_zeros(1), taps.new_ones(1)
    for k in range(order, -1, -1):  # the terms above k, times a, and t_k b^(K-k)
        tap = taps[k : k + 1] if k < len(taps) else taps.new_zeros(1)
        result = sum_of_taps(product_of_taps(result, inside.numerator), tap * power)
        power = product_of_taps(power, inside.denominator)
    return result
