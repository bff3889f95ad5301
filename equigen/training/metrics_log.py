"""metrics.jsonl: one object per line, cut back to the checkpoint when a run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from equigen.training.files import one_sentence, write_whole

__all__ = ["MetricsLog"]


class MetricsLog:
    """A file of JSON lines that is only ever appended to, or cut back to a step.

    Args:
        path: the file; made with the first line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = MetricsLog(Path(folder) / "metrics.jsonl")
        ...     for step in (1, 2, 3):
        ...         log.append({"kind": "train", "step": step})
        ...     log.cut_back(2)
        ...     [record["step"] for record in log.read()]
        [1, 2]
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line.

        Raises:
            RunFolderError: the disk is full, say; no part of the line stays behind.
        """
        line = json.dumps(dict(record), allow_nan=False).encode() + b"\n"
        with one_sentence(self.path):
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                before = os.fstat(handle).st_size
                try:
                    _write_all(handle, line)
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(handle, before)
                    raise
            finally:
                os.close(handle)

    def sync(self) -> None:
        """Wait until every line lies on the disk."""
        if self.path.exists():
            with one_sentence(self.path), self.path.open("rb") as file:
                os.fsync(file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """All records; a line that a killed process left unfinished is passed over."""
        if not self.path.exists():
            return []
        records = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(record, dict) and isinstance(record.get("step"), int):
                records.append(record)
        return records

    def cut_back(self, step: int) -> None:
        """Keep only what was recorded up to a step.

        Raises:
            RunFolderError: the file cannot be written.
        """
        if self.path.exists():
            kept = [json.dumps(record, allow_nan=False) + "\n" for record in self.read() if record["step"] <= step]
            write_whole(self.path, "".join(kept).encode())


def _write_all(handle: int, data: bytes) -> None:
    """Write every byte: a nearly full disk takes a part and fails at the next call."""
    while data:
        data = data[os.write(handle, data) :]
