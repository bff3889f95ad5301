"""Where tables are made: on the CPU and without gradient, whatever stands around the building of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

__all__ = ["outside_modes"]


@contextmanager
def outside_modes() -> Iterator[None]:
    """Let tensors made inside be ordinary tensors on the CPU, without gradient.

    A network may be built under another default device (`torch.device("meta")`) or in inference mode; tables that its
    layers keep for good, or share, must be neither empty nor tied to that mode.

    Example:
        >>> with torch.inference_mode(), torch.device("meta"), outside_modes():
        ...     made = torch.ones(1)
        >>> made.device.type, made.is_inference()
        ('cpu', False)
    """
    # A device as a context looks at every call of torch, which doubles the time that small tables take.
    elsewhere = torch.get_default_device().type != "cpu"
    with torch.device("cpu") if elsewhere else nullcontext(), torch.inference_mode(False), torch.no_grad():
        yield
