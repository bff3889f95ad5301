"""Constants of a layer, whatever stands around its construction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["constants"]


@contextmanager
def constants() -> Iterator[None]:
    """Tensors made inside are ordinary tensors on the CPU, without gradient.

    A network may be built under another default device (`torch.device("meta")`) or in inference mode; tables that its
    layers keep for good must be neither empty nor tied to that mode.

    Example:
        >>> with torch.device("meta"), constants():
        ...     table = torch.zeros(2)
        >>> table.device.type
        'cpu'
    """
    with torch.device("cpu"), torch.inference_mode(False), torch.no_grad():
        yield
