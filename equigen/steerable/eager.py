"""Whether a layer may take the fast way: its own loops and derivatives, which only ordinary tensors go through."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

__all__ = ["ordinary", "untransformed"]


def untransformed() -> bool:
    """Whether operations of torch run one by one as they are called: not compiled, traced, transformed or watched.

    Example:
        >>> untransformed(), torch.func.vmap(lambda x: x + untransformed())(torch.zeros(1)).item()
        (True, 0.0)
    """
    if torch.compiler.is_compiling() or _get_current_dispatch_mode() is not None:
        return False
    transformed = torch._C._functorch.maybe_current_level()  # pyright: ignore[reportAttributeAccessIssue]
    return transformed is None and torch._C._get_tracing_state() is None and forward_ad._current_level < 0


def ordinary(x: Tensor) -> bool:
    """Whether x holds single or double precision on the CPU, and operations on it run one by one in that precision.

    Other devices, half precision, empty batches, autocast, compilers and transforms of functions take the formulas as
    they are written.

    Args:
        x: what a layer is given.

    Example:
        >>> ordinary(torch.zeros(1)), ordinary(torch.zeros(1, dtype=torch.bfloat16)), ordinary(torch.zeros(0))
        (True, False, False)
    """
    if torch.compiler.is_compiling():
        return False
    plain = type(x) in (Tensor, torch.nn.Parameter) and x.device.type == "cpu" and x.layout == torch.strided
    plain = plain and torch._C._has_storage(x)  # a gradient asked for with is_grads_batched has none
    wide = x.dtype in (torch.float32, torch.float64)
    return plain and wide and x.numel() > 0 and not torch.is_autocast_enabled("cpu") and untransformed()
