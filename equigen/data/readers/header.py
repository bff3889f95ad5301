"""The header of a .npy array, read before its numbers: what would be huge or executed is refused unread."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

import numpy as np

from equigen.data.errors import DataError

__all__ = ["read_header"]

_MAGIC = b"\x93NUMPY"
_VERSIONS: dict[tuple[int, ...], Callable[..., tuple[tuple[int, ...], bool, np.dtype]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array that begins at the file's place.

    Raises:
        DataError: it is empty or no array.
    """
    start = file.read(len(_MAGIC))
    if not start:
        raise DataError(f"{where} is empty (0 bytes), but an array begins with a header: write it again.")
    if start != _MAGIC:
        raise DataError(
            f"{where} does not begin like a .npy array (a pickle or another format, which is not opened): "
            "write it with np.save(path, images)."
        )
    version = tuple(file.read(2))
    if version not in _VERSIONS:
        raise DataError(f"{where} is an array of .npy version {version}, but (1, 0) and (2, 0) are read: save it anew.")
    shape, _, dtype = _VERSIONS[version](file)
    return shape, dtype
