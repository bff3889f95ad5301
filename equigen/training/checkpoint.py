"""Checkpoints: each whole or not there, the last two kept, a torn one passed over for the one before.

    checkpoints/
      latest                 name of the newest one
      step-00001000/
        model.safetensors    one file of tensors for each part: model, average, optimiser
        state.json           plain values: what else is needed to go on as if nothing had happened
        manifest.json        written last: the step, and the length and SHA-256 of every other file

A checkpoint is written into a folder aside (`.step-00001000.partial`), every file and the folder synced, and then
renamed; after that `latest` is replaced and older ones are removed. A process killed anywhere in between leaves the
previous checkpoints as they were. No file is a pickle.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from equigen.training.errors import RunFolderError
from equigen.training.files import (
    PARTIAL,
    discard,
    discard_quietly,
    one_sentence,
    sync_folder,
    write_synced,
    write_whole,
)

__all__ = ["Checkpoints", "Snapshot", "TornError"]

_FORMAT = 1
_NAME = re.compile(r"step-(\d{8,})")


class TornError(ValueError):
    """A checkpoint that is not what was written: what is missing or differs."""


@dataclass(frozen=True)
class Snapshot:
    """A run between two steps.

    Args:
        step: steps taken.
        parts: tensors by part (model, average, optimiser) and name.
        state: JSON-plain values; floats come back to the last bit.
    """

    step: int
    parts: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]


class Checkpoints:
    """The folder of a run's checkpoints.

    Args:
        folder: where they lie; it is made with the first one.
        keep: how many are kept.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoints = Checkpoints(Path(folder))
        ...     _ = checkpoints.save(Snapshot(7, {"model": {"w": torch.ones(2)}}, {"seconds": 0.1}))
        ...     found = checkpoints.newest()
        >>> found.step, found.parts["model"]["w"].tolist(), found.state
        (7, [1.0, 1.0], {'seconds': 0.1})
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep
        self._torn: set[int] = set()

    def steps(self) -> list[int]:
        """Steps of the checkpoints that are there, whole or torn, oldest first."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.fullmatch(entry.name) for entry in self.folder.iterdir() if entry.is_dir())
        return sorted(int(match[1]) for match in found if match)

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.folder / f"step-{step:08d}"

    def save(self, snapshot: Snapshot) -> Path:
        """Write a checkpoint, then remove the older ones.

        Raises:
            RunFolderError: it cannot be written; the checkpoints before it are untouched.
        """
        final = self.path(snapshot.step)
        aside = self.folder / f".{final.name}{PARTIAL}"
        files = {f"{part}.safetensors": save(_plain(tensors)) for part, tensors in snapshot.parts.items()}
        files["state.json"] = json.dumps(dict(snapshot.state), allow_nan=False).encode()
        listed = {name: {"bytes": len(data), "sha256": _digest(data)} for name, data in files.items()}
        files["manifest.json"] = json.dumps({"format": _FORMAT, "step": snapshot.step, "files": listed}).encode()
        with one_sentence(final):
            try:
                discard_quietly(aside)
                aside.mkdir(parents=True)
                for name, data in files.items():
                    write_synced(aside / name, data)
                sync_folder(aside)
                if final.exists():  # torn, or of a future that is now computed again
                    discard(final)
                os.replace(aside, final)
                sync_folder(self.folder)
            except OSError:
                discard_quietly(aside)
                raise
        self.settle(snapshot.step)
        with one_sentence(self.folder):  # what lies in a future that is now computed again
            for later in self.steps():
                if later > snapshot.step:
                    discard(self.path(later))
        return final

    def settle(self, step: int) -> None:
        """Make a checkpoint the latest, and remove those before the last ones and what is half written.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        name = f"{self.path(step).name}\n".encode()
        pointer = self.folder / "latest"
        with one_sentence(pointer):
            told = pointer.is_file() and pointer.read_bytes() == name
        if not told:
            write_whole(pointer, name)
        with one_sentence(self.folder):
            past = [before for before in self.steps() if before <= step]
            kept = [before for before in past if before == step or before not in self._torn][-self.keep :]
            for before in past:
                if before not in kept:
                    discard(self.path(before))
            for left in self.folder.glob(f".*{PARTIAL}"):
                discard_quietly(left)

    def newest(self, notice: Callable[[str], None] = lambda text: None) -> Snapshot | None:
        """Read the newest checkpoint that is whole.

        Args:
            notice: is told of each torn one that was passed over, in one sentence.

        Returns:
            The snapshot; None if there has never been a checkpoint.

        Raises:
            RunFolderError: there are checkpoints, but none is whole, or a newer version of equigen wrote them.
        """
        steps = self.steps()
        for older, step in _pairs(steps):
            try:
                snapshot = self.read(step)
            except TornError as error:
                self._torn.add(step)
                before = f"the one of step {older} is tried instead" if older is not None else "there is none before it"
                notice(f"the checkpoint of step {step} is torn ({error}): {before}.")
            else:
                return snapshot
        if steps:
            raise RunFolderError(f"{self.folder} holds no checkpoint that is whole: begin again with --overwrite.")
        return None

    def read(self, step: int) -> Snapshot:
        """Read one checkpoint, every byte of it checked.

        Raises:
            TornError: it is not what was written.
            RunFolderError: a newer version of equigen wrote it.
        """
        folder = self.path(step)
        listed = _bytes(folder, "manifest.json")
        try:
            manifest = json.loads(listed)
            version, files = manifest["format"], dict(manifest["files"])
        except (ValueError, KeyError, TypeError):
            raise TornError("manifest.json is damaged") from None
        if version != _FORMAT:
            raise RunFolderError(f"{folder} has format {version}, but {_FORMAT} is known here: use the newer equigen.")
        data = {name: _checked(folder, name, entry) for name, entry in files.items()}
        if manifest.get("step") != step or "state.json" not in data:
            raise TornError("manifest.json belongs to another checkpoint")
        try:
            state = json.loads(data.pop("state.json"))
            parts = {name.removesuffix(".safetensors"): load(content) for name, content in data.items()}
        except (ValueError, SafetensorError) as error:
            raise TornError(str(error)) from None
        return Snapshot(step, parts, state)


def _pairs(steps: list[int]) -> list[tuple[int | None, int]]:
    """(the step before, the step), newest first."""
    before: list[int | None] = [None, *steps]
    return list(zip(before[:-1], steps, strict=True))[::-1]


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the processor that share no memory, as safetensors wants them."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EIO):
            raise RunFolderError(f"{folder / name} cannot be read ({error.strerror}): make it readable.") from None
        raise TornError(f"{name}: {error.strerror}") from None


def _checked(folder: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    """The content of a file, of the length and checksum that the manifest states."""
    data = _bytes(folder, name)
    if len(data) != entry.get("bytes"):
        raise TornError(f"{name} has {len(data)} bytes instead of {entry.get('bytes')}")
    if _digest(data) != entry.get("sha256"):
        raise TornError(f"the checksum of {name} differs")
    return data
