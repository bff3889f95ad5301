"""Reader of HDF5 (.h5, .hdf5): the array of images among several, of which rows are read when they are needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from equigen.data.archive import Entry, choose
from equigen.data.encoding import require_dtype
from equigen.data.errors import DataError
from equigen.data.extras import require_package
from equigen.data.memory import require_memory
from equigen.data.readers.h5_text import read_texts
from equigen.data.source import Request, Source, reading

__all__ = ["H5Archive", "H5Rows", "read_h5"]

_KIND = "an HDF5 file"
_SPARSE = 2000  # times its bytes that a file may stand for: no compression of images reaches it, empty arrays do


@dataclass(frozen=True)
class H5Archive:
    """The arrays of an HDF5 file, by their paths in it."""

    path: Path
    entries: Mapping[str, Entry]

    def read(self, name: str) -> np.ndarray:
        """One array, in memory; texts as str or bytes.

        Raises:
            DataError: it cannot be read, or would not fit.
        """
        _require_real(self.entries[name], self.path, name)
        require_memory(self.entries[name].shape, f"{self.path}[{name!r}]")
        h5py = require_package("h5py", self.path)
        with reading(self.path, _KIND), h5py.File(self.path, "r") as file:
            text = h5py.check_string_dtype(file[name].dtype)
            if text is None or text.length is not None:
                return file[name][()]
        return read_texts(self.path, name)


@dataclass(frozen=True)
class H5Rows:
    """An array of an HDF5 file, of which only the rows asked for are read."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @cached_property
    def _array(self) -> Any:
        return require_package("h5py", self.path).File(self.path, "r")[self.name]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        order = np.argsort(rows, kind="stable")
        wanted = rows[order]
        runs = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(wanted) != 1) + 1) if len(rows) else []
        with reading(self.path, _KIND):
            for run in runs:  # rows that lie side by side are read at once
                out[order[run]] = self._array[int(wanted[run[0]]) : int(wanted[run[-1]]) + 1]
        return out


def read_h5(path: Path, request: Request) -> Source:
    """Find the images of an HDF5 file; they are read when they are needed.

    Raises:
        DataError: not an HDF5 file, a broken one, or one with no or several arrays that may be the images.
    """
    h5py = require_package("h5py", path)
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes), but an HDF5 file needs arrays: write it again.")
    with reading(path, _KIND), h5py.File(path, "r") as file:
        archive = H5Archive(path, _entries(file, h5py))
    if not archive.entries:
        raise DataError(f"{path} holds no arrays, but an HDF5 file of images needs one: write file['images'] = images.")
    key = choose(archive.entries, request.key, path)
    entry = archive.entries[key]
    require_dtype(entry.dtype, f"{path}[{key!r}]")
    _require_real(entry, path, key)
    rows = H5Rows(path, key, entry.shape, entry.dtype)
    return Source(rows if entry.shape else np.empty(()), archive=archive, key=key, on_demand=True)


def _entries(file: Any, h5py: Any) -> dict[str, Entry]:
    found: dict[str, Entry] = {}

    def visit(name: str | bytes, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            text = h5py.check_string_dtype(item.dtype) is not None
            name = name.decode("utf-8", "replace") if isinstance(name, bytes) else name  # in damaged files
            found[name] = Entry(tuple(item.shape), np.dtype("U") if text else item.dtype)

    file.visititems(visit)
    return found


def _require_real(entry: Entry, path: Path, name: str) -> None:
    """Refuse an array that claims far more than its file can hold: it was never written."""
    size, there = math.prod(entry.shape) * entry.dtype.itemsize, path.stat().st_size
    if size > _SPARSE * there:
        raise DataError(
            f"{path}[{name!r}] has shape {entry.shape}, but the file holds only {there} bytes: write its images."
        )
