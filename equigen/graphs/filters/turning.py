"""Where functions on an interval turn: Chebyshev's nodes, roots of polynomials by eigenvalues, refined samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.polynomial import chebyshev, polynomial
from torch import Tensor

__all__ = ["chebyshev_coefficients", "chebyshev_nodes", "power_roots", "refined_maxima", "roots_near"]

_SAMPLES = 4097
_BRACKETS = 16
_ZOOMS = 24  # each makes a bracket four times narrower
_MISFIT = 1e-12  # of a root, beyond which it is sought in another way
_STEPS = 3


def chebyshev_nodes(count: int, low: float, high: float) -> Tensor:
    """The roots of Chebyshev's polynomial T_count, moved to an interval: (low + high)/2 + (high - low)/2 cos(...).

    Returns:
        float64 (count,), descending; cosines of pi (j + 1/2) / count before they are moved.

    Example:
        >>> chebyshev_nodes(2, 0.0, 2.0).round(decimals=6).tolist()
        [1.707107, 0.292893]
    """
    angle = math.pi * (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return 0.5 * (low + high) + 0.5 * (high - low) * torch.cos(angle)


def chebyshev_coefficients(values: Tensor, order: int) -> Tensor:
    """The Chebyshev series that is nearest to values at the nodes, in the least-squares sense.

        c_k = (2 - [k = 0]) / M  sum_j f(x_j) cos(pi k (j + 1/2) / M)

    Args:
        values: at `chebyshev_nodes(M, ...)`, (M,), M > order.
        order: the highest polynomial.

    Returns:
        float64 (order + 1,); with M = order + 1 the series takes on the values.

    Source: L. Trefethen, Approximation Theory and Approximation Practice, 2013, chapters 3 and 4.

    Example:
        >>> x = chebyshev_nodes(3, -1.0, 1.0)
        >>> (chebyshev_coefficients(x**2, 2) + 0.0).round(decimals=12).abs().tolist()          # x^2 = (T_0 + T_2) / 2
        [0.5, 0.0, 0.5]
    """
    count = len(values)
    angle = math.pi * (torch.arange(count, dtype=torch.float64, device=values.device) + 0.5) / count
    waves = torch.cos(torch.arange(order + 1, dtype=torch.float64, device=values.device)[:, None] * angle)
    coefficients = 2.0 / count * (waves @ values.double())
    return torch.cat((0.5 * coefficients[:1], coefficients[1:]))


def roots_near(function: Callable[[Tensor], Tensor], degree: int, low: float, high: float) -> Tensor:
    """Real parts of the roots of a polynomial, moved into the interval, and its ends.

    Every real root in the interval is among them, as an eigenvalue of the colleague matrix of the Chebyshev series on
    the interval: well conditioned there, beside the largest value of the polynomial on the interval.

    Args:
        function: a polynomial, on float64 (m,).
        degree: at least its own.
        low: lower end of the interval.
        high: upper end.

    Returns:
        float64 (m,).

    Error: that of simple roots is rounding of the interval, divided by the slope there; a double root is found to about
    1e-8 of the interval.

    Source: I. Good, The colleague matrix, a Chebyshev analogue of the companion matrix, 1961.

    Example:
        >>> roots_near(lambda x: x**2 - 0.25, 2, 0.0, 1.0).unique().round(decimals=6).tolist()
        [0.0, 0.5, 1.0]
    """
    ends = torch.tensor([low, high], dtype=torch.float64)
    if degree < 1 or low == high:
        return ends
    series = chebyshev_coefficients(function(chebyshev_nodes(degree + 1, low, high)).detach(), degree)
    roots = torch.from_numpy(np.real(chebyshev.chebroots(_trimmed(series))))
    return torch.cat((ends, (0.5 * (low + high) + 0.5 * (high - low) * roots).clamp(low, high)))


def power_roots(taps: Tensor) -> Tensor:
    """All roots of sum_k taps_k x^k, complex128 (K,), fewer if the last taps vanish; conjugate ones in pairs.

    They are eigenvalues of the companion matrix, and where it does not hold them all to rounding, beside very large
    ones, those below the widest gap are the inverses of the roots of the taps in the other order; a step of Newton's
    is taken where it helps.

    Raises:
        ValueError: a root is larger than the numbers of float64.

    Error: rounding in the coefficients; roots that lie close together lose digits.

    Example:
        >>> power_roots(torch.tensor([2.0, -3.0, 1.0]).double()).real.round(decimals=9).tolist()
        [1.0, 2.0]
        >>> power_roots(torch.tensor([1.0, 0.5, 1e-18], dtype=torch.float64)).real.tolist()
        [-5e+17, -2.0]
    """
    given = taps.detach().cpu().numpy()
    there = given.nonzero()[0]
    if not len(there):
        return torch.zeros(0, dtype=torch.complex128)
    first, kept = int(there[0]), given[there[0] : there[-1] + 1]
    with np.errstate(all="ignore"):
        if not np.isfinite(kept / kept[-1]).all():
            raise ValueError(f"taps end in {kept[-1]:g}, but a root is then beyond float64: leave that tap out.")
        roots = polynomial.polyroots(kept).astype(complex)
        if len(roots) and _misfit(kept, roots).max() > _MISFIT and np.isfinite(kept / kept[0]).all():
            roots = _better(kept, roots)
    return torch.from_numpy(np.sort(np.concatenate((np.zeros(first, dtype=complex), roots))))


def refined_maxima(function: Callable[[Tensor], Tensor], low: float, high: float) -> Tensor:
    """Points of an interval at which the absolute value of a function is largest, by samples that are refined.

    4,097 samples; around each of the 16 largest that exceed their neighbours, nine more again and again.

    Args:
        function: on float64 (m,).
        low: lower end.
        high: upper end.

    Returns:
        float64 (m,), the ends and the samples among them.

    Error: rounding where |f| turns at most once between neighbouring samples; else at most
    (high - low) / 5000, half their spacing, times the largest slope.

    Example:
        >>> points = refined_maxima(torch.sin, 0.0, 3.0)
        >>> round(points[torch.sin(points).argmax()].item(), 6)
        1.570796
    """
    if low == high:
        return torch.tensor([low], dtype=torch.float64)
    angle = torch.linspace(math.pi, 0.0, _SAMPLES, dtype=torch.float64)
    x = (0.5 * (low + high) + 0.5 * (high - low) * torch.cos(angle)).clamp(low, high)
    x[0], x[-1] = low, high
    y = function(x).detach().abs()
    padded = torch.cat((y[:1], y, y[-1:]))
    peaks = torch.where((y >= padded[:-2]) & (y >= padded[2:]), y, -1.0).topk(_BRACKETS).indices
    left, right = x[(peaks - 1).clamp_min(0)], x[(peaks + 1).clamp_max(_SAMPLES - 1)]
    part = torch.linspace(0.0, 1.0, 9, dtype=torch.float64)
    for _ in range(_ZOOMS):
        inside = left[:, None] + (right - left)[:, None] * part
        best = function(inside.flatten()).detach().abs().reshape(inside.shape).argmax(1)
        left = inside.gather(1, (best - 1).clamp_min(0)[:, None])[:, 0]
        right = inside.gather(1, (best + 1).clamp_max(8)[:, None])[:, 0]
    return torch.cat((x, 0.5 * (left + right), left, right))


def _misfit(taps: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """|p| beside the sum of its terms' sizes, at each root; infinite where a term overflows."""
    sizes = polynomial.polyval(np.abs(roots), np.abs(taps))
    return np.nan_to_num(np.abs(polynomial.polyval(roots, taps)) / sizes, nan=np.inf)


def _better(taps: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Roots below the widest gap from the taps in the other order, and a step of Newton's for each that it improves."""
    low = 1.0 / polynomial.polyroots(taps[::-1]).astype(complex)
    low, high = (part[np.argsort(np.abs(part), kind="stable")] for part in (low, roots))
    gaps = np.concatenate(([0.0], np.abs(high[1:]) / np.abs(low[:-1])))
    split = int(gaps.argmax())
    found = np.concatenate((low[:split], high[split:]))
    slope = polynomial.polyder(taps)
    for _ in range(_STEPS):
        moved = found - polynomial.polyval(found, taps) / polynomial.polyval(found, slope)
        found = np.where(_misfit(taps, moved) < _misfit(taps, found), moved, found)
    return found


def _trimmed(series: Tensor) -> np.ndarray:
    """Coefficients without those at the end that are rounding."""
    size = series.abs()
    kept = (size > 2.3e-16 * size.max()).nonzero()
    return series[: int(kept.max()) + 1 if len(kept) else 1].cpu().numpy()
