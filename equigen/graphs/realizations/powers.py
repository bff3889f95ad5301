"""Filters as polynomials in S: their taps in powers, and their real factors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.turning import power_roots

__all__ = ["factors", "in_order", "power_taps", "real_factors"]


def power_taps(filter: Filter, form: str) -> Tensor:
    """The taps of a polynomial in powers of S, float64 (K + 1,).

    Args:
        filter: a polynomial in powers, or in Chebyshev polynomials.
        form: that asks, for the sentence of a refusal.

    Raises:
        ValueError: the filter is no polynomial.

    Example:
        >>> power_taps(Chebyshev(torch.tensor([0.0, 0.0, 1.0]), -1.0, 1.0), "direct").tolist()          # 2 S^2 - 1
        [-1.0, 0.0, 2.0]
    """
    if isinstance(filter, Chebyshev):
        filter = filter.to_polynomial()
    if isinstance(filter, Polynomial):
        return filter.taps
    other = "'rational-solve'" if isinstance(filter, Rational) else "'spectral', or fit a polynomial to it first"
    raise ValueError(f"{type(filter).__name__} is no polynomial in S, but the form {form!r} is of one: take {other}.")


def factors(filter: Filter, form: str) -> list[np.ndarray]:
    """Real factors of order one and two whose product is the polynomial, in an order in which products stay small.

    The roots of a polynomial in Chebyshev polynomials are those of its colleague matrix, so that its power taps, which
    may have lost all digits, are never formed.

    Raises:
        ValueError: the filter is no polynomial.

    Example:
        >>> [part.tolist() for part in factors(Polynomial(torch.tensor([2.0, 2.0])), "cascade")]
        [[2.0, 2.0]]
    """
    if not isinstance(filter, Chebyshev):
        return real_factors(power_taps(filter, form).detach().cpu().numpy())
    taps = np.trim_zeros(filter.taps.detach().cpu().numpy(), "b")
    half, middle = (filter.high - filter.low) / 2, (filter.high + filter.low) / 2
    if len(taps) < 2:
        return [np.array(taps if len(taps) else [0.0], dtype=np.float64)]
    order = len(taps) - 1
    leading = taps[-1] * 2.0 ** (order - 1) / half**order
    return _from_roots(leading, middle + half * chebyshev.chebroots(taps))


def real_factors(taps: np.ndarray) -> list[np.ndarray]:
    """Real factors of order one and two of a polynomial in powers, ascending taps each.

    Error: the product of the factors differs from the polynomial by rounding, relative to its largest tap, times its
        order; roots that are close together may be far off, their product is not.

    Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, section 7.4.6 (the companion matrix).

    Example:
        >>> import numpy as np
        >>> [part.round(6).tolist() for part in real_factors(np.array([2.0, 1.0, 2.0, 1.0]))]      # (2 + s)(1 + s^2)
        [[2.0, 1.0], [1.0, -0.0, 1.0]]
    """
    taps = np.trim_zeros(taps, "b")
    if len(taps) < 2:
        return [np.array(taps if len(taps) else [0.0], dtype=np.float64)]
    return _from_roots(float(taps[-1]), power_roots(torch.from_numpy(taps)).numpy())


def _from_roots(leading: float, roots: np.ndarray) -> list[np.ndarray]:
    """Factors of ordered roots, the leading tap in even shares among them, its sign in the first."""
    share = abs(leading) ** (1 / len(roots))
    parts = []
    for root in in_order(roots):
        part = np.array([-root.real, 1.0]) if root.imag == 0 else np.array([abs(root) ** 2, -2 * root.real, 1.0])
        parts.append(part * share ** (len(part) - 1))
    parts[0] = parts[0] * np.sign(leading)
    return parts


def in_order(roots: np.ndarray) -> np.ndarray:
    """Real roots, and one of each pair of conjugate ones, each as far as can be from those before it (Leja's order).

    The partial products of (s - root) then grow evenly, by the capacity of the set of roots for each.

    Source: L. Reichel, Newton interpolation at Leja points, 1990; D. Calvetti, L. Reichel, On the evaluation of
    polynomial coefficients, 2003.

    Example:
        >>> import numpy as np
        >>> in_order(np.array([0.0, 1.0, 2.0, 3.0])).real.tolist()
        [3.0, 0.0, 1.0, 2.0]
    """
    left = np.asarray(roots, dtype=np.complex128)
    left = left[left.imag >= 0]
    taken: list[complex] = []
    with np.errstate(divide="ignore"):
        distance = np.log(np.abs(left))
        while len(left):
            k = int(np.argmax(distance))
            root = complex(left[k])
            taken.append(root)
            left, distance = np.delete(left, k), np.delete(distance, k)
            pair = np.abs(left - root) * (np.abs(left - root.conjugate()) if root.imag else 1.0)
            distance = (0.0 if len(taken) == 1 else distance) + np.log(pair)
    return np.array(taken)
