"""Responses of taps and of their derivatives, and how large they are on an interval.

Taps H_k (K + 1, ...) have the response H(l) = sum_k l^k H_k, the derivative H'(l) and the integral derivative l H'(l),
polynomials of degree K at most. At the M = 8 K zeros of a Chebyshev polynomial a polynomial of degree K is nowhere on
the interval larger than 1 / cos(pi K / 2M) = 1.02 times what it is there.

Source: H. Ehlich, K. Zeller, Schwankung von Polynomen zwischen Gitterpunkten, 1964.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

__all__ = ["SLACK", "responses"]

_POINTS = 8  # for each degree
SLACK = 1.0 / math.cos(math.pi / (2 * _POINTS))
"""The largest ratio of the maximum on the interval to that over the points."""


def responses(taps: Tensor, low: float, high: float, of: Literal["response", "derivative", "integral"]) -> Tensor:
    """The response of taps at points of an interval, its derivative, or the eigenvalue times that.

    Args:
        taps: (K + 1, ...), of powers of the shift.
        low: end of the interval.
        high: end of the interval.
        of: which.

    Returns:
        (8 K, ...), or (8, ...) where K is 0, in the dtype of the taps, differentiable.

    Raises:
        ValueError: no taps, or no interval.

    Example:
        >>> at = responses(torch.tensor([0.0, 0.0, 1.0]), 0.0, 2.0, "integral")        # 2 l^2
        >>> len(at), 7.8 < float(at.max()) < 8.0
        (16, True)
    """
    if taps.ndim < 1 or len(taps) == 0:
        raise ValueError(f"taps has shape {tuple(taps.shape)}, but they come as (K + 1, ...), one for each power.")
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"the interval is {low} to {high}, but responses need a finite one, low <= high.")
    degree = len(taps) - 1
    count = _POINTS * max(degree, 1)
    angle = (torch.arange(count, dtype=torch.float64) + 0.5) * (math.pi / count)
    points = (high + low) / 2 + (high - low) / 2 * angle.cos()
    power = torch.arange(degree + 1)
    if of == "response":
        factors = points[:, None] ** power
    else:
        lowered = power.sub(1).clamp(min=0) if of == "derivative" else power
        factors = power * points[:, None] ** lowered
    return torch.tensordot(factors.to(taps), taps, dims=1)
