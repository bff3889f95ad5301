"""What a command has to say: lines for a person, one JSON object for a program."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from equigen.report.plain import plain

__all__ = ["Outcome", "show", "table"]


@dataclass(frozen=True)
class Outcome:
    """The result of a command.

    Args:
        values: everything it found, JSON-plain but for paths.
        lines: the same for a person.
        code: the exit code: 1 where what was to be shown has come out otherwise.
    """

    values: Mapping[str, Any]
    lines: Sequence[str]
    code: int = 0


def show(outcome: Outcome, as_json: bool) -> None:
    """Write the outcome to standard output; a reader that has gone away is no fault of the command."""
    text = json.dumps(plain(outcome.values), allow_nan=False) if as_json else "\n".join(outcome.lines)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # What is still buffered would fail again when the interpreter closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def table(rows: Sequence[Sequence[str]], heading: Sequence[str] = (), numbers: bool = False) -> list[str]:
    """Rows as lines of aligned columns.

    Args:
        rows: cells, as many in each row.
        heading: cells of a first line.
        numbers: align all columns but the first to the right.

    Example:
        >>> table([["loss", "0.25"], ["steps", "3000"]], numbers=True)
        ['loss   0.25', 'steps  3000']
    """
    every = [list(row) for row in ([heading, *rows] if heading else rows)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    lines = []
    for row in every:
        cells = [
            cell.rjust(w) if numbers and place else cell.ljust(w)
            for place, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
