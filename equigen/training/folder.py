"""A run folder: what makes it one, who may begin one there, and what it recorded about its run.

A folder is a run if its config.yaml has the key `equigen`: the circumstances of the run (versions, command line, data).
All other keys of that file are the configuration. Nothing that is no run is ever removed or written into, and of a run
that is overwritten only what equigen wrote.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from equigen import __version__
from equigen.training.config import TrainConfig, read_yaml
from equigen.training.errors import ConfigError, RunFolderError
from equigen.training.files import PARTIAL, discard, one_sentence, write_whole
from equigen.training.lock import LOCK

__all__ = ["begin", "circumstances", "is_run", "recorded", "require_free", "require_same"]

_FILE = "config.yaml"
_BEFORE = {f".{_FILE}{PARTIAL}", LOCK}  # all that a process leaves that is killed before it began
_OWN = (
    *("checkpoints", "model", "progress", "metrics.jsonl", "report.html"),
    *("evaluation.json", "evaluation.npz", "certificate.json", "certificate.html"),
    *("samples", "samples.npz", "samples.npy", "samples.png", "paths.npz"),
)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run: whether its config.yaml is one that equigen wrote."""
    try:
        return (folder / _FILE).is_file() and "equigen" in read_yaml(folder / _FILE)
    except ConfigError:
        return False


def require_free(folder: Path, *, overwrite: bool = False) -> None:
    """Make sure that a new run may begin in a folder.

    Args:
        folder: absent, empty, or with `overwrite` a run.
        overwrite: whether a run may be replaced.

    Raises:
        RunFolderError: it may not, and what to do.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise RunFolderError(f"{folder} is no folder, but a run is written into one: choose another --out.")
    with one_sentence(folder):
        empty = all(entry.name in _BEFORE for entry in folder.iterdir())
    if empty:
        return
    if not is_run(folder):
        raise RunFolderError(f"{folder} holds something that is no equigen run: choose another --out.")
    if not overwrite:
        raise RunFolderError(f"{folder} holds a run already: --resume goes on with it, --overwrite begins it anew.")


def recorded(folder: Path) -> TrainConfig:
    """The configuration a run was begun with, its `out` the folder where it lies now.

    Raises:
        RunFolderError: there is no run.
        ConfigError: its config.yaml was damaged.
    """
    if not (folder / _FILE).is_file():
        raise RunFolderError(f"{folder} holds no run to resume: begin one there without --resume.")
    read_yaml(folder / _FILE)
    if not is_run(folder):
        raise RunFolderError(f"{folder / _FILE} was not written by an equigen run: begin one in another folder.")
    return TrainConfig.read(folder / _FILE).model_copy(update={"out": folder})


def circumstances(folder: Path) -> dict[str, Any]:
    """What a run recorded beside its configuration: versions, command line, machine, data.

    Raises:
        ConfigError: its config.yaml cannot be read.
    """
    found = read_yaml(folder / _FILE).get("equigen")
    return found if isinstance(found, dict) else {}


def require_same(asked: TrainConfig, then: TrainConfig) -> TrainConfig:
    """The configuration to resume a run with.

    Args:
        asked: what the user asks for now; keys left at their defaults ask for nothing.
        then: what the run was begun with.

    Returns:
        The run's own, with the asked device and intervals, which change no weight.

    Raises:
        ConfigError: another key was asked to change; all of them are named.
    """
    if found := asked.differences(then):
        changes = ", ".join(f"{key}: {old} there, {new} now" for key, new, old in found)
        raise ConfigError(
            f"{then.out} cannot be resumed with another configuration ({changes}): leave these out, or train into "
            "another folder with --out."
        )
    return then.following(asked)


def begin(
    folder: Path,
    config: TrainConfig,
    data: Mapping[str, Any],
    command: Sequence[str],
    estimate: Mapping[str, Any] | None = None,
    symmetry: Mapping[str, Any] | None = None,
) -> None:
    """Make a folder a run: clear what an older run wrote, then write config.yaml.

    Args:
        folder: one that `require_free` let pass.
        config: resolved.
        data: JSON-plain facts by which the data are known again.
        command: the command line.
        estimate: JSON-plain, what the run is expected to take.
        symmetry: JSON-plain, what of its group the model is built to keep on pixels.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    import accelerate
    import torch

    facts = {
        "version": __version__,
        "command": list(command),
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "accelerate": accelerate.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "data": dict(data),
        **({} if estimate is None else {"estimate": dict(estimate)}),
        **({} if symmetry is None else {"symmetry": dict(symmetry)}),
    }
    text = config.to_yaml() + yaml.safe_dump({"equigen": facts}, sort_keys=False, allow_unicode=True)
    with one_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in _OWN:
            if (folder / name).exists() or (folder / name).is_symlink():
                discard(folder / name)
    write_whole(folder / _FILE, text.encode())
