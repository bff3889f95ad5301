"""Filters as polynomials in S: their taps in powers, and their real factors."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import chebyshev, polynomial
from torch import Tensor

from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational

__all__ = ["factors", "in_order", "power_taps", "real_factors"]

_ROUNDING = float(np.finfo(np.float64).eps)
_APART = math.log(9.0)  # radii whose roots stay in rings of their own
_FAR = 1e100  # roots beyond it are none that an eigenvalue feels
_SMALL = 1e-10  # taps that move the roots of a ring so little that Newton's steps mend it


def power_taps(filter: Filter, form: str) -> Tensor:
    """The taps of a polynomial in powers of S, float64 (K + 1,).

    Args:
        filter: a polynomial in powers, or in Chebyshev polynomials.
        form: that asks, for the sentence of a refusal.

    Raises:
        ValueError: the filter is no polynomial.

    Example:
        >>> power_taps(Chebyshev([0.0, 0.0, 1.0], -1.0, 1.0), "direct").tolist()          # 2 S^2 - 1
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
    may have lost all digits, are never formed; taps at its end that are rounding of the largest are left out.

    Raises:
        ValueError: the filter is no polynomial.

    Example:
        >>> [part.tolist() for part in factors(Polynomial([2.0, 2.0]), "cascade")]
        [[2.0, 2.0]]
    """
    if not isinstance(filter, Chebyshev):
        return real_factors(power_taps(filter, form).detach().cpu().numpy())
    taps = filter.taps.detach().cpu().numpy()
    kept = np.flatnonzero(np.abs(taps) > _ROUNDING * np.abs(taps).max(initial=0.0))
    taps = taps[: kept[-1] + 1] if len(kept) else taps[:0]
    half, middle = (filter.high - filter.low) / 2, (filter.high + filter.low) / 2
    if len(taps) < 2:
        return [np.array(taps if len(taps) else [0.0], dtype=np.float64)]
    order = len(taps) - 1
    leading = taps[-1] * 2.0 ** (order - 1) / half**order
    return _from_roots(leading, middle + half * chebyshev.chebroots(taps))


def real_factors(taps: np.ndarray) -> list[np.ndarray]:
    """Real factors of order one and two of a polynomial in powers, ascending taps each.

    Error: the product of the factors differs from the polynomial, at s of any size, by rounding times the order times
        sum_k |h_k| |s|^k (four times that, of random taps of 24 decades); roots that are close together may be far off,
        their product is not. Roots beyond 1e100 are left out.

    Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, section 7.4.6 (the companion matrix); S. Gaubert,
    M. Sharify, Tropical scaling of polynomial matrices, 2009.

    Example:
        >>> import numpy as np
        >>> [part.round(6).tolist() for part in real_factors(np.array([2.0, 1.0, 2.0, 1.0]))]      # (2 + s)(1 + s^2)
        [[2.0, 1.0], [1.0, -0.0, 1.0]]
    """
    taps = np.trim_zeros(taps, "b")
    if len(taps) < 2:
        return [np.array(taps if len(taps) else [0.0], dtype=np.float64)]
    roots = _roots(taps)
    if not len(roots):
        return [taps[:1].astype(np.float64)]
    return _from_roots(float(taps[len(roots)]), roots)


def _roots(taps: np.ndarray) -> np.ndarray:
    """All roots up to a modulus of 1e100, those of taps of very different sizes too.

    The upper hull of log |h_k| says how large they are. Those of about one size are found together, as eigenvalues of a
    companion matrix of taps that are scaled by that size.
    """
    kept = np.flatnonzero(taps)
    size = np.log(np.abs(taps[kept]))
    found: list[np.ndarray] = [np.zeros(kept[0], dtype=np.complex128)]
    for first, last, radius in _rings(kept, size):
        if radius > math.log(_FAR):
            break
        scaled = size + kept * radius
        alike = np.zeros(len(taps))
        alike[kept] = np.sign(taps[kept]) * np.exp(np.maximum(scaled - scaled.max(), -700.0))
        found.append(_roots_of_ring(alike, first, last) * math.exp(radius))
    return np.concatenate(found)


def _rings(kept: np.ndarray, size: np.ndarray) -> list[tuple[int, int, float]]:
    """The first and the last tap, and the mean log radius, of roots that others are nine times smaller or larger than.

    Source: D. Bini, V. Noferini, M. Sharify, Locating the eigenvalues of matrix polynomials, 2013.
    """
    rings: list[tuple[int, int, float]] = []
    before, i = -math.inf, 0
    while i < len(kept) - 1:
        slopes = (size[i + 1 :] - size[i]) / (kept[i + 1 :] - kept[i])
        j = i + 1 + int(np.flatnonzero(slopes >= slopes.max() - 1e-9)[-1])
        radius = -float(slopes.max())
        first = rings.pop()[0] if rings and radius - before < _APART else int(kept[i])
        # the product of the moduli from one corner of the hull to the other is the quotient of their taps
        start = int(np.searchsorted(kept, first))
        rings.append((first, int(kept[j]), float((size[start] - size[j]) / (kept[j] - first))))
        before, i = radius, j
    return rings


def _roots_of_ring(taps: np.ndarray, first: int, last: int) -> np.ndarray:
    """The roots number `first` to `last`, by modulus, of taps that are scaled so that those are about 1."""
    large = np.flatnonzero(np.abs(taps) > _SMALL)
    low, high = min(first, int(large[0])), max(last, int(large[-1]))
    roots = polynomial.polyroots(taps[low : high + 1]).astype(np.complex128)
    roots = roots[np.argsort(np.abs(roots), kind="stable")][first - low : last - low]
    for _ in range(3):  # Newton's steps, where more than rounding is left
        value, slope = polynomial.polyval(roots, taps), polynomial.polyval(roots, polynomial.polyder(taps))
        noise = 16 * len(taps) * _ROUNDING * polynomial.polyval(np.abs(roots), np.abs(taps))
        moved = (np.abs(value) > noise) & (slope != 0)
        roots = np.where(moved, roots - value / np.where(moved, slope, 1.0), roots)
    return roots


def _from_roots(leading: float, roots: np.ndarray) -> list[np.ndarray]:
    """Factors of ordered roots, the leading tap in even shares among them, its sign in the first.

    A root beyond 1e6 is a factor 1 - s / root: its size is in the shares.
    """
    scales = np.where(np.abs(roots) > 1e6, np.abs(roots), 1.0)
    share = math.exp((math.log(abs(leading)) + float(np.log(scales).sum())) / len(roots))
    parts = []
    for root in in_order(roots):
        scale = abs(root) if abs(root) > 1e6 else 1.0
        part = np.array([-root.real, 1.0]) if root.imag == 0 else np.array([abs(root) ** 2, -2 * root.real, 1.0])
        parts.append(part * (share / scale) ** (len(part) - 1))
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
