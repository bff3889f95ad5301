"""What layers are made with, checked where they are made."""

from __future__ import annotations

import operator

from equigen.graphs.graph import Graph
from equigen.graphs.shifts import shift_of

__all__ = ["checked_count", "checked_shift"]


def checked_count(name: str, number: int, least: int) -> int:
    """A whole number that is large enough.

    Raises:
        ValueError: another.

    Example:
        >>> checked_count("order", 2, 0)
        2
    """
    try:
        whole = operator.index(number)
    except TypeError:
        whole = least - 1
    if whole < least:
        raise ValueError(f"{name} is {number!r}, but must be a whole number, {least} or more: {name}={least + 1}, say.")
    return whole


def checked_shift(name: str) -> str:
    """The name of a shift that there is.

    Raises:
        ValueError: another, refused as `shift_of` refuses it.

    Example:
        >>> checked_shift("laplacian")
        'laplacian'
    """
    shift_of(Graph.from_edges([], 0), name)
    return name
