"""Words of the lab steerable-filters that stand in several places: sizes, lists, and numbers with their errors."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.steerable_filters.aliasing import Errors

__all__ = ["listed", "square", "told_error"]


def square(side: int) -> str:
    """A size as words that no line breaks.

    Example:
        >>> square(3).split(" ")
        ['3\\xa0x\\xa03']
    """
    return f"{side} x {side}".replace(" ", "\N{NO-BREAK SPACE}")


def listed(words: Sequence[str]) -> str:
    """One or more words as a list of them.

    Example:
        >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
        ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([*([", ".join(words[:-1])] if words[:-1] else []), words[-1]])


def told_error(errors: Errors) -> str:
    """The mean over filters and its error, unless it is rounding."""
    return f"{errors.mean:.2g} ± {errors.doubt:.1g}" if errors.doubt > 1e-9 else f"{errors.mean:.2g}"
