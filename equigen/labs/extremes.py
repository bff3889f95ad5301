"""The largest and the least of some numbers, where one that is no number is not lost among them."""

from __future__ import annotations

from collections.abc import Iterable

import torch

__all__ = ["largest", "least"]


def largest(values: Iterable[float]) -> float:
    """The largest of some numbers; not a number if one of them is none.

    Example:
        >>> largest([1.0, 3.0, 2.0]), largest([3.0, float("nan"), 2.0])
        (3.0, nan)
    """
    return float(torch.tensor(list(values), dtype=torch.float64).max())


def least(values: Iterable[float]) -> float:
    """The least of some numbers; not a number if one of them is none.

    Example:
        >>> least([2.0, 1.0]), least([1.0, float("nan")])
        (1.0, nan)
    """
    return float(torch.tensor(list(values), dtype=torch.float64).min())
