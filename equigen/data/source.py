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

from equigen.data.encoding import Layout
from equigen.data.errors import DataError

__all__ = ["CORRUPT", "Request", "Source", "reading", "spread"]

CORRUPT: tuple[type[Exception], ...] = (
    *(OSError, EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError),
    *(IndexError, KeyError, TypeError, ValueError, struct.error, tokenize.TokenError),
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
    """

    key: str | None = None
    resize: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Source:
    """Stored images and what their file says about them.

    Args:
        images: the stored array, of any of the layouts.
        layout: order of its axes where the format fixes it; None leaves it to be recognised.
        scale: the stored number that becomes 1 where it is not that of the type.
        labels: class numbers (N,).
        class_names: one name for each class number.
        held_out: how many of the last images are the set's own test part.
        items: names of the images for errors, such as their files.
        notes: what the reader left out or changed, one clause each.
    """

    images: np.ndarray
    layout: Layout | None = None
    scale: float | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    held_out: int | None = None
    items: Sequence[str] | None = None
    notes: tuple[str, ...] = ()


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
