"""The error of data that cannot be used, and the shape of its sentence."""

from __future__ import annotations

__all__ = ["PICKLES", "DataError", "listed"]

PICKLES: tuple[str, ...] = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")
"""Ends of the names of files whose opening can run code: they are never opened."""


_SHOWN = 5


class DataError(ValueError):
    """Data that cannot be used; the message says in one sentence what was given, what is needed, and the fix.

    Example:
        >>> raise DataError("a.npy holds 1 image, but a model needs 2 or more: add images.")
        Traceback (most recent call last):
            ...
        equigen.data.errors.DataError: a.npy holds 1 image, but a model needs 2 or more: add images.
    """


def listed(names: list[str]) -> str:
    """Names for a sentence, the first few written out.

    Example:
        >>> listed([str(n) for n in range(7)])
        '0, 1, 2, 3, 4 and 2 more'
    """
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
