"""What a reader hands on: stored images as they lie in the file, with what the file says about them."""

from __future__ import annotations

import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equigen.data.archive import Archive
from equigen.data.encoding import Layout
from equigen.data.errors import DataError
from equigen.data.images import Stored

__all__ = ["CORRUPT", "Request", "Source", "reading", "spread"]

CORRUPT: tuple[type[Exception], ...] = (
    *(OSError, EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError),
    *(IndexError, KeyError, TypeError, ValueError, struct.error, tokenize.TokenError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, ImportError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What decoders of foreign files raise on bytes that they do not understand."""


@dataclass(frozen=True)
class Request:
    """What the user asked of a reader.

    Args:
        key: name of the array in a file that holds several.
        resize: side in pixels that every image is cropped and scaled to.
        limit: largest number of images to read.
        labels: where the classes are: an entry of the file, or a path.
        values: where numbers that describe each image are.
        masks: where masks of the valid pixels are.
    """

    key: str | None = None
    resize: int | None = None
    limit: int | None = None
    labels: str | None = None
    values: str | None = None
    masks: str | None = None


@dataclass(frozen=True)
class Source:
    """Stored images and what their file says about them.

    Classes, values, masks and names are those of the whole set, also where a reader took only part of its images.

    Args:
        images: the stored array, or what reads its rows, of any of the layouts.
        layout: order of its axes where the format fixes it; None leaves it to be recognised.
        scale: the stored number that becomes 1 where it is not that of the type.
        labels: class numbers (total,).
        class_names: one name for each class number.
        values: numbers that describe each image, (total, k).
        value_names: one name for each of the k.
        masks: valid pixels, bool (total, H, W), or (H, W) for all images.
        held_out: how many of the last images are the set's own test part.
        items: names of the images for errors, such as their files.
        taken: places of `images` in the whole set where a reader took only part of it, int64.
        archive: the entries of the file, where it can have several.
        key: which of them the images are.
        on_demand: whether rows can be read when they are needed, without the rest.
        notes: what the reader left out or changed, one clause each.
    """

    images: Stored
    layout: Layout | None = None
    scale: float | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    values: np.ndarray | None = None
    value_names: tuple[str, ...] | None = None
    masks: np.ndarray | None = None
    held_out: int | None = None
    items: Sequence[str] | None = None
    taken: np.ndarray | None = None
    archive: Archive | None = None
    key: str | None = None
    on_demand: bool = False
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Number of images of the whole set."""
        return len(self.images) if self.items is None else len(self.items)


def spread(n: int, limit: int | None) -> np.ndarray:
    """At most `limit` of n places, evenly spread, so that classes stored one after another keep their shares.

    Example:
        >>> spread(10, 4)
        array([0, 2, 5, 7])
    """
    count = n if limit is None else min(n, limit)
    return np.arange(count, dtype=np.int64) * n // max(count, 1)


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a broken file into one sentence that names the file.

    Args:
        path: the file.
        kind: what it should be: "a .npy file".

    Raises:
        DataError: the block raised one of `CORRUPT`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of decoders about details: what matters they raise
            yield
    except DataError:
        raise
    except CORRUPT as error:
        if isinstance(error, MemoryError):
            reason = "it does not fit into memory"
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror.lower()
        else:
            reason = _first_clause(error)
        raise DataError(f"{path} cannot be read as {kind} ({reason}): replace it by a whole one.") from error


def _first_clause(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0].split(". ")[0].rstrip(" .") if lines else ""
    return text or type(error).__name__
