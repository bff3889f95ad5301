"""Reader of .npz: the array of images among several (see `equigen.data.archive`)."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigen.data.archive import Entry, choose
from equigen.data.encoding import require_dtype
from equigen.data.errors import DataError
from equigen.data.memory import require_memory
from equigen.data.readers.header import read_header
from equigen.data.source import Request, Source, reading

__all__ = ["NpzArchive", "read_npz"]


@dataclass(frozen=True)
class NpzArchive:
    """The arrays of a .npz file; none is ever unpickled."""

    path: Path
    entries: Mapping[str, Entry]

    def read(self, name: str) -> np.ndarray:
        """One array, in memory.

        Raises:
            DataError: it cannot be read, or would not fit.
        """
        require_memory(self.entries[name].shape, f"{self.path}[{name!r}]")
        with (
            reading(self.path, "a .npz file"),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{name}.npy") as file,
        ):
            return np.lib.format.read_array(file, allow_pickle=False)


def read_npz(path: Path, request: Request) -> Source:
    """Read the images of a .npz file; no object in it is ever unpickled.

    Raises:
        DataError: not a .npz file, a broken one, or one with no or several arrays that may be the images.
    """
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes), but a .npz file needs arrays: write it again.")
    with reading(path, "a .npz file"), zipfile.ZipFile(path) as file:
        archive = NpzArchive(path, _entries(file, path))
    key = choose(archive.entries, request.key, path)
    require_dtype(archive.entries[key].dtype, f"{path}[{key!r}]")
    return Source(archive.read(key), archive=archive, key=key)


def _entries(archive: zipfile.ZipFile, path: Path) -> dict[str, Entry]:
    found = {}
    for member in archive.namelist():
        if member.endswith(".npy"):
            with archive.open(member) as file:
                found[member.removesuffix(".npy")] = Entry(*read_header(file, f"{path}[{member!r}]"))
    if not found:
        raise DataError(f"{path} holds no arrays, but a .npz file needs one: write it with np.savez(path, images=…).")
    return found
