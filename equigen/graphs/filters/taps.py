"""Coefficients of polynomials, lowest power first: read, multiplied, added and differentiated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["checked_taps", "product_of_taps", "slope_of_taps", "sum_of_taps"]


def checked_taps(name: str, taps: Tensor | Sequence[float]) -> Tensor:
    """Coefficients as float64 (K + 1,), differentiable where they were.

    Raises:
        TypeError: complex numbers.
        ValueError: another shape, or numbers that are not finite.
    """
    given = torch.as_tensor(taps, dtype=None if isinstance(taps, Tensor) else torch.float64)
    if given.is_complex():
        raise TypeError(f"{name} is {given.dtype}, but filters have real coefficients: take {name}.real.")
    given = given.double()
    if given.ndim != 1 or len(given) == 0:
        raise ValueError(f"{name} has shape {tuple(given.shape)}, but a filter of order K needs (K + 1,): give a list.")
    if not bool(given.detach().isfinite().all()):
        raise ValueError(f"{name} is {given.tolist()}, but coefficients are finite numbers: leave such a filter out.")
    return given


def product_of_taps(one: Tensor, two: Tensor) -> Tensor:
    """Give the taps of the product of two polynomials, (K + L + 1,) for (K + 1,) and (L + 1,).

    Example:
        >>> product_of_taps(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0])).tolist()
        [0.0, 3.0, 6.0]
    """
    kernel = two.flip(0).to(one.device)[None, None]
    return functional.conv1d(one[None, None], kernel, padding=len(two) - 1)[0, 0]


def sum_of_taps(one: Tensor, two: Tensor) -> Tensor:
    """Give the taps of the sum of two polynomials, the longer length of both; of series in any other basis as well.

    Example:
        >>> sum_of_taps(torch.tensor([1.0, 2.0]), torch.tensor([3.0])).tolist()
        [4.0, 2.0]
    """
    length = max(len(one), len(two))
    return functional.pad(one, (0, length - len(one))) + functional.pad(two, (0, length - len(two))).to(one.device)


def slope_of_taps(taps: Tensor) -> Tensor:
    """Give the taps of the derivative of a polynomial, (K,), or one zero for a constant.

    Example:
        >>> slope_of_taps(torch.tensor([5.0, 1.0, 3.0])).tolist()
        [1.0, 6.0]
    """
    if len(taps) == 1:
        return torch.zeros_like(taps)
    return taps[1:] * torch.arange(1, len(taps), device=taps.device)
