"""How well the taps of a filter are determined by its responses, basis by basis."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.graphs.filters.filter import checked_interval

__all__ = ["condition_number"]


def condition_number(
    basis: str, eigenvalues: Tensor, order: int, low: float | None = None, high: float | None = None
) -> float:
    """The factor by which relative errors of responses may grow into errors of the taps.

    The ratio of the largest and the smallest singular value of the matrix that takes the taps to the responses,

        B_ik = lambda_i^k  ("powers"),    B_ik = T_k((2 lambda_i - low - high) / (high - low))  ("chebyshev").

    Args:
        basis: "powers" or "chebyshev".
        eigenvalues: real (n,).
        order: K, the order of the filter, at least 0.
        low: the lower end of Chebyshev's interval; the smallest eigenvalue if None.
        high: the upper end; the largest eigenvalue if None.

    Returns:
        At least 1; infinite where the basis is singular in float64: with fewer different eigenvalues than taps, or
        beyond 4.5e15 / max(n, K + 1), where rounding alone can make the smallest singular value.

    Raises:
        ValueError: an unknown basis, no eigenvalues, or an order that is no whole number from 0 on.

    Source: W. Gautschi, The condition of polynomials in power form, 1979.

    Example:
        >>> spectrum = torch.linspace(0.0, 2.0, 400)
        >>> f"{condition_number('powers', spectrum, 10):.0e}", f"{condition_number('chebyshev', spectrum, 10):.1f}"
        ('5e+07', '3.4')
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ValueError(f"order is {order!r}, but a filter's order is a whole number, 0 or more: order=10, say.")
    if eigenvalues.ndim != 1 or len(eigenvalues) == 0 or eigenvalues.is_complex():
        raise ValueError(
            f"eigenvalues is {eigenvalues.dtype} of shape {tuple(eigenvalues.shape)}, but real ones come as (n,), "
            "n > 0: decomposed(shift).values."
        )
    values = eigenvalues.detach().double()
    if basis == "powers":
        columns = [torch.ones_like(values)]
        for _ in range(order):
            columns.append(columns[-1] * values)
    elif basis == "chebyshev":
        ends = (float(values.min()) if low is None else low, float(values.max()) if high is None else high)
        columns = _chebyshev_columns(values, order, *checked_interval(*ends))
    else:
        raise ValueError(f"{basis!r} is no basis of filters: take 'powers' or 'chebyshev'.")
    singular = torch.linalg.svdvals(torch.stack(columns, dim=1))
    rounding = max(len(values), order + 1) * torch.finfo(torch.float64).eps
    different = 1 + int((values.sort().values.diff() > rounding * values.abs().max()).sum())
    if different <= order or float(singular[-1]) <= rounding * float(singular[0]):
        return math.inf
    return float(singular[0] / singular[-1])


def _chebyshev_columns(values: Tensor, order: int, low: float, high: float) -> list[Tensor]:
    """T_0, ..., T_K of the eigenvalues, moved to [-1, 1]."""
    t = (2.0 * values - (low + high)) / (high - low) if high > low else torch.zeros_like(values)
    columns = [torch.ones_like(t), t]
    for _ in range(order - 1):
        columns.append(2.0 * t * columns[-1] - columns[-2])
    return columns[: order + 1]
