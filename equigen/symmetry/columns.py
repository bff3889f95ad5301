"""Tables in plain text: cells in columns, and numbers in two digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["aligned", "number"]


def number(value: float | None) -> str:
    """A number in two digits, "-" for none.

    Example:
        >>> number(0.12345), number(None)
        ('0.12', '-')
    """
    return "-" if value is None else f"{value:.2g}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells as lines, every column as wide as its widest cell.

    Example:
        >>> list(aligned([("a", "bcd"), ("ef", "g")]))
        ['a   bcd', 'ef  g']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
