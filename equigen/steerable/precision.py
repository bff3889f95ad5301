"""The precision in which sums of squares are taken."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["wide"]


def wide(x: Tensor) -> Tensor:
    """`x` in the dtype in which statistics are taken: its own, and float32 for half precision.

    In float16 the square of a number from 256 on is infinite.

    Example:
        >>> wide(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))
