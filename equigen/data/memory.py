"""How much fits into this machine: what is larger is read as it is needed, or refused before anything is read."""

from __future__ import annotations

import math
import os
from pathlib import Path

from equigen.data.errors import DataError

__all__ = ["SHARE", "is_large", "machine_memory", "require_memory"]

SHARE = 0.25
"""Part of the machine's memory that the numbers of a set may take; a larger set stays in its file."""

_GIB = 1 << 30
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's where that is less.

    Example:
        >>> machine_memory() > 1 << 20
        True
    """
    there = 64 * _GIB
    if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = _CONTAINER.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return there
    return min(there, int(limit)) if limit.isdecimal() else there


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape takes more than `SHARE` of the memory as float32.

    Example:
        >>> is_large((100, 3, 32, 32))
        False
    """
    return 4 * math.prod(shape) > SHARE * machine_memory()


def require_memory(shape: tuple[int, ...], where: str) -> None:
    """Refuse an array that would not fit into this machine's memory as float32.

    Raises:
        DataError: naming the size needed and the size there is.

    Example:
        >>> require_memory((100, 3, 32, 32), "a.npy")
    """
    needed, there = 4 * math.prod(shape), machine_memory()
    if needed > there:
        raise DataError(
            f"{where} has shape {shape}, which needs {needed / _GIB:.0f} GiB as float32, but this machine has "
            f"{there / _GIB:.0f}: take fewer images with limit=1000 (--limit 1000), or smaller ones."
        )
