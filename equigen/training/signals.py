"""A request to stop that waits for the end of the step."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self

__all__ = ["StopRequest"]


class StopRequest:
    """Inside the block, Ctrl-C and SIGTERM are noted; a second Ctrl-C does what it did before the block.

    So the first asks a run to finish its step and save, and the second stops it at once. Outside the main thread, where
    Python allows no handlers, nothing is noted.

    Attributes:
        signum: the first signal that arrived; 0 before that.

    Example:
        >>> with StopRequest() as stop:
        ...     signal.raise_signal(signal.SIGINT)
        ...     stop.signum == signal.SIGINT
        True
    """

    def __init__(self) -> None:
        self.signum = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(signum) is not signal.SIG_IGN:  # as nohup and background jobs have it
                    self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, *raised: object) -> None:
        for signum in list(self._before):
            self._put_back(signum)

    def _put_back(self, signum: int) -> None:
        handler = self._before.pop(signum, None)
        # None: a handler that was not installed from Python and cannot be put back.
        signal.signal(signum, signal.SIG_DFL if handler is None else handler)  # pyright: ignore[reportArgumentType]

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = self.signum or signum
        if signum == signal.SIGINT:
            self._put_back(signum)
