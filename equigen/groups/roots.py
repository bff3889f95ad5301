"""Cosines and sines of the parts of a full turn, exact where they are 0, 1 or -1."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

__all__ = ["roots_of_unity"]


@lru_cache(maxsize=256)
def roots_of_unity(n: int) -> tuple[Tensor, Tensor]:
    """cos and sin of 2 pi m/n for m = 0 .. n - 1.

    Each is computed from an angle in the first octant, so that what is equal by symmetry is equal bit for bit, and
    quarter turns are exact.

    Args:
        n: number of parts, positive.

    Returns:
        Two float64 tensors (n,); they are shared, and must not be written to.

    Error: 1e-16.

    Example:
        >>> [value.tolist() for value in roots_of_unity(4)]
        [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]]
    """
    cos = [_cosine(m, n) for m in range(n)]
    sin = [_cosine(4 * m - n, 4 * n) for m in range(n)]
    return torch.tensor(cos, dtype=torch.float64), torch.tensor(sin, dtype=torch.float64)


def _cosine(m: int, n: int) -> float:
    m %= n
    if 2 * m > n:
        m = n - m
    if 4 * m > n:
        return 0.0 - _cosine(n - 2 * m, 2 * n)
    return math.sin(math.tau * (n - 4 * m) / (4 * n)) if 8 * m > n else math.cos(math.tau * m / n)
