"""A file of several named arrays: which of them are the images.

The images are the entry that the user names; without a name `images` if there is one, else the only array of 3 or 4
axes that is none of the entries with a meaning of their own (`masks`, …).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from equigen.data.errors import DataError, listed

__all__ = ["IMAGES", "MEANT", "Archive", "Entry", "choose"]

IMAGES = "images"
"""The entry that holds the images where no key is given."""

MEANT: tuple[str, ...] = ("labels", "class_names", "values", "value_names", "masks")
"""Entries that are taken for what they are called, beside the images."""


@dataclass(frozen=True)
class Entry:
    """Shape and type of a named array, known before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype.name}"


class Archive(Protocol):
    """A file of named arrays."""

    @property
    def path(self) -> Path:
        """Of the file."""
        ...

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Its arrays by name."""
        ...

    def read(self, name: str) -> np.ndarray:
        """One array, in memory; texts as an array of str or bytes.

        Raises:
            DataError: it cannot be read.
        """
        ...


def choose(entries: Mapping[str, Entry], key: str | None, path: Path) -> str:
    """The name of the array of images.

    Args:
        entries: arrays of a file by name.
        key: the user's word, or None.
        path: of the file, for errors.

    Raises:
        DataError: no array of that name, or none or several that may be the images.

    Example:
        >>> a = Entry((9, 8, 8), np.dtype("uint8"))
        >>> choose({"a": a, "masks": a}, None, Path("a.npz"))
        'a'
    """
    there = listed([f"{name} {entry}" for name, entry in entries.items()])
    if key is not None:
        if key not in entries:
            raise DataError(f"{path} has no array {key!r}, but holds {there}: pass one of these as key=… (--key …).")
        return key
    if IMAGES in entries:
        return IMAGES
    images = [name for name, entry in entries.items() if len(entry.shape) in (3, 4) and name not in MEANT]
    if len(images) == 1:
        return images[0]
    what = "several arrays that may be images" if images else "no array of 3 or 4 axes"
    fix = f"pass key={images[0]!r} (--key {images[0]}) or another" if images else "write it with images=(N, H, W)"
    raise DataError(f"{path} holds {what} ({there}): {fix}.")
