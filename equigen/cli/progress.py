"""How far a command is: a bar with a time estimate on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from typing import Self, TextIO

from tqdm import tqdm

__all__ = ["Progress", "duration"]


def duration(seconds: float) -> str:
    """A time for a person.

    Example:
        >>> duration(42), duration(130), duration(7300)
        ('42 s', '2 min 10 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Progress:
    """Shows on a terminal how many parts of a whole are done; other streams get only what is said.

    Args:
        name: what is being done.
        total: how many parts there are; None where nobody knows.
        unit: what a part is called, in the plural.
        done: how many were done before, by an earlier process.
        stream: where to write; None: standard error.
    """

    def __init__(self, name: str, total: int | None, unit: str, *, done: int = 0, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._done = done
        self._bar: tqdm | None = None
        if self._stream.isatty():
            look = {"unit": f" {unit}", "dynamic_ncols": True, "leave": False}
            self._bar = tqdm(desc=name, total=total, initial=done, file=self._stream, **look)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def reach(self, done: int, **numbers: float) -> None:
        """Say that so many parts are done, with numbers worth seeing beside them.

        Args:
            done: parts that are done by now, those of earlier processes included.
            **numbers: name -> value.
        """
        before, self._done = self._done, done
        if self._bar is not None:
            if numbers:
                self._bar.set_postfix({name: f"{value:.4g}" for name, value in numbers.items()}, refresh=False)
            self._bar.update(done - before)

    def count(self, stage: str) -> None:
        """Say that a part begins, by its name, and that those before it are done."""
        if self._bar is not None:
            self._bar.set_description(stage)
        self.reach(self._done + 1)

    def say(self, message: str) -> None:
        """Write a line that stays, beside the bar if there is one."""
        if self._bar is not None:
            self._bar.write(message, file=self._stream)
        else:
            self._stream.write(message + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
