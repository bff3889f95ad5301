"""Reader of .npy: one array, mapped into memory, so that only what is needed is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from equigen.data.encoding import require_dtype
from equigen.data.readers.header import read_header
from equigen.data.source import Request, Source, reading

__all__ = ["read_npy"]


def read_npy(path: Path, request: Request) -> Source:
    """Map the array of a .npy file; nothing in it is ever executed.

    Raises:
        DataError: not a .npy file, a truncated one, or one of pickled objects.
    """
    with reading(path, "a .npy file"):
        with path.open("rb") as file:
            shape, dtype = read_header(file, str(path))
        require_dtype(dtype, str(path))
        if 0 in shape:  # nothing that could be mapped
            return Source(np.empty(shape, dtype))
        return Source(np.lib.format.open_memmap(path, mode="r"), on_demand=True)
