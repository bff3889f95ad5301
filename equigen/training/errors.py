"""What can stop a run, each with what a person needs to go on."""

from __future__ import annotations

import signal
from pathlib import Path

__all__ = ["ConfigError", "Interrupted", "NonFiniteError", "RunFolderError"]


class ConfigError(ValueError):
    """A configuration that cannot be used: which key, what was given, what was needed."""


class RunFolderError(ValueError):
    """A run folder that cannot be read, written, begun or resumed; nothing in it was lost."""


class NonFiniteError(ValueError):
    """A loss or a gradient that is not finite; the step was not taken and nothing saved was touched.

    Args:
        message: one sentence.
        step: the step that failed, counted from 1.
        positions: places in the global batch of the items at fault; empty if no item alone reproduces it.
        items: the same items as indices of the data set, where the source of batches can tell.
        noise: relative noise level sigma/alpha of each item at fault, where the model can tell.
    """

    def __init__(
        self,
        message: str,
        *,
        step: int,
        positions: tuple[int, ...] = (),
        items: tuple[int, ...] = (),
        noise: tuple[float, ...] = (),
    ) -> None:
        super().__init__(message)
        self.step, self.positions, self.items, self.noise = step, positions, items, noise


class Interrupted(Exception):  # noqa: N818 - what happened, and no error: everything is saved
    """A run that was asked to stop, finished its step and saved it.

    Args:
        signum: the signal that asked.
        step: the last step that was taken and saved.
        folder: the run folder.

    Example:
        >>> Interrupted(signal.SIGINT, 7, Path("runs/digits")).exit_code
        130
    """

    def __init__(self, signum: int, step: int, folder: Path) -> None:
        self.signum, self.step, self.folder = signal.Signals(signum), step, folder
        super().__init__(f"stopped by {self.signum.name} after step {step}, which is saved: resume {folder}")

    @property
    def exit_code(self) -> int:
        """What the process should exit with: 128 + the signal's number (130 for Ctrl-C, 143 for SIGTERM)."""
        return 128 + int(self.signum)
