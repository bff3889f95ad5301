"""Sizes that a machine cannot hold, refused before anything is read."""

from __future__ import annotations

import math
import os

from equigen.data.errors import DataError

__all__ = ["require_memory"]

_GIB = 1 << 30


def require_memory(shape: tuple[int, ...], where: str) -> None:
    """Refuse an array that would not fit into this machine's memory as float32.

    Raises:
        DataError: naming the size needed and the size there is.

    Example:
        >>> require_memory((100, 3, 32, 32), "a.npy")
    """
    needed = 4 * math.prod(shape)
    if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    else:
        there = 64 * _GIB
    if needed > there:
        raise DataError(
            f"{where} has shape {shape}, which needs {needed / _GIB:.0f} GiB as float32, but this machine has "
            f"{there / _GIB:.0f}: take fewer images with limit=1000 (--limit 1000), or smaller ones."
        )
