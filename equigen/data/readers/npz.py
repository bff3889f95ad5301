"""Reader of .npz: the array of images among several, with `labels` and `class_names` where they are given.

The images are the array called `key`; without a key `images` if there is one, else the only array of 3 or 4 axes.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigen.data.encoding import require_dtype
from equigen.data.errors import DataError, listed
from equigen.data.memory import require_memory
from equigen.data.readers.header import read_header
from equigen.data.source import Request, Source, reading

__all__ = ["read_npz"]

_IMAGES, _LABELS, _CLASS_NAMES = "images", "labels", "class_names"


@dataclass(frozen=True)
class _Entry:
    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype.name}"


def read_npz(path: Path, request: Request) -> Source:
    """Read the images of a .npz file, and their classes; no object in it is ever unpickled.

    Raises:
        DataError: not a .npz file, a broken one, no or several arrays that may be the images, or labels that do not
            fit them.
    """
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes), but a .npz file needs arrays: write it again.")
    with reading(path, "a .npz file"), zipfile.ZipFile(path) as archive:
        entries = _entries(archive, path)
        key = _choose(entries, request.key, path)
        where = f"{path}[{key!r}]"
        require_dtype(entries[key].dtype, where)
        require_memory(entries[key].shape, where)
        images = _read(archive, key)
        labels, names, notes = _classes(archive, entries, key, path)
    others = [name for name in entries if name not in (key, _LABELS, _CLASS_NAMES)]
    if others:
        notes = (*notes, f"left out of the file: {listed(others)}")
    return Source(images, labels=labels, class_names=names, notes=notes)


def _entries(archive: zipfile.ZipFile, path: Path) -> dict[str, _Entry]:
    found = {}
    for member in archive.namelist():
        if member.endswith(".npy"):
            with archive.open(member) as file:
                found[member.removesuffix(".npy")] = _Entry(*read_header(file, f"{path}[{member!r}]"))
    if not found:
        raise DataError(f"{path} holds no arrays, but a .npz file needs one: write it with np.savez(path, images=…).")
    return found


def _choose(entries: dict[str, _Entry], key: str | None, path: Path) -> str:
    there = ", ".join(f"{name} {entry}" for name, entry in entries.items())
    if key is not None:
        if key not in entries:
            raise DataError(f"{path} has no array {key!r}, but holds {there}: pass one of these as key=… (--key …).")
        return key
    images = [name for name, entry in entries.items() if len(entry.shape) in (3, 4)]
    if _IMAGES in entries:
        return _IMAGES
    if len(images) == 1:
        return images[0]
    what = "several arrays that may be images" if images else "no array of 3 or 4 axes"
    fix = f"pass key={images[0]!r} (--key {images[0]}) or another" if images else "write it with images=(N, H, W)"
    raise DataError(f"{path} holds {what} ({there}): {fix}.")


def _read(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    with archive.open(f"{key}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _classes(
    archive: zipfile.ZipFile, entries: dict[str, _Entry], key: str, path: Path
) -> tuple[np.ndarray | None, tuple[str, ...] | None, tuple[str, ...]]:
    """Class numbers, class names and notes; labels that are no classes are left out with a note."""
    if _LABELS not in entries or key == _LABELS:
        return None, None, ()
    entry, count = entries[_LABELS], entries[key].shape[0] if entries[key].shape else 0
    if len(entry.shape) != 1 or entry.dtype.kind not in "iuSU":
        return None, None, (f"labels {entry} are no class numbers and were left out",)
    if entry.shape[0] != count:
        raise DataError(
            f"{path} holds {entry.shape[0]} labels for {count} images, but each image needs one: write both again."
        )
    labels = _read(archive, _LABELS)
    if entry.dtype.kind in "SU":
        names, labels = np.unique(labels, return_inverse=True)
        return labels, _texts(names), ()
    if _CLASS_NAMES not in entries or entries[_CLASS_NAMES].dtype.kind not in "SU":
        return labels, None, ()
    return labels, _texts(_read(archive, _CLASS_NAMES)), ()


def _texts(names: np.ndarray) -> tuple[str, ...]:
    return tuple(n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names.ravel().tolist())
