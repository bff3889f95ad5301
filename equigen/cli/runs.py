"""A finished run, opened for the commands that use one."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equigen.training import processes
from equigen.training.config import TrainConfig
from equigen.training.errors import ConfigError, RunFolderError

if TYPE_CHECKING:
    import torch

    from equigen.data.encoding import Encoding
    from equigen.diffusion.model import DiffusionModel
    from equigen.networks.classification_model import ClassificationModel

__all__ = [
    "ClassifierRun",
    "Run",
    "device_named",
    "only_writer",
    "open_classifier",
    "open_run",
    "require_memory",
    "require_run",
]


@dataclass(frozen=True)
class _Opened:
    """A run folder with its configuration."""

    folder: Path
    config: TrainConfig

    def encoding(self) -> Encoding:
        """How the user stores the images that the run was trained on.

        Raises:
            DataError: the run did not record it, and the data are no longer there.
        """
        from equigen.data.encoding import Encoding
        from equigen.training.build import load_data
        from equigen.training.folder import circumstances

        stored = circumstances(self.folder).get("data", {}).get("stored")
        if stored is not None:
            return Encoding.from_dict(stored)
        return load_data(self.config.data, self.config.seed)[0].encoding

    def names(self, key: str) -> list[str]:
        """What the run recorded about its data under `class_names` or `value_names`; empty if it has none."""
        from equigen.training.folder import circumstances

        found = circumstances(self.folder).get("data", {}).get(key)
        return [str(name) for name in found] if isinstance(found, list) else []


@dataclass(frozen=True)
class Run(_Opened):
    """A run that generates images, with its averaged model.

    Args:
        folder: of the run.
        config: that it was begun with.
        model: on the device asked for, in evaluation mode.
    """

    model: DiffusionModel


@dataclass(frozen=True)
class ClassifierRun(_Opened):
    """A run that classifies images, with its averaged model.

    Args:
        folder: of the run.
        config: that it was begun with.
        model: on the device asked for, in evaluation mode.
    """

    model: ClassificationModel


def require_run(folder: Path) -> None:
    """Make sure that a folder is a run.

    Raises:
        RunFolderError: it is not there, or no run.
        ConfigError: its config.yaml is damaged.
    """
    from equigen.training.folder import recorded

    if not (folder / "config.yaml").is_file():
        what = "holds no run" if folder.is_dir() else "is no run folder" if folder.exists() else "does not exist"
        raise RunFolderError(f"{folder} {what}, but a run is needed: equigen train DATA --out {folder}.")
    recorded(folder)


def open_run(folder: Path, device: str) -> Run:
    """Read the configuration and the model of a run that generates images.

    Raises:
        RunFolderError: there is no run, it classifies images, or it was stopped before its end.
        ConfigError: its config.yaml is damaged, or there is no such device.
        StoreError: its model is damaged or of another version.
    """
    return Run(*_opened(folder, device, "generate"))


def open_classifier(folder: Path, device: str) -> ClassifierRun:
    """Read the configuration and the model of a run that classifies images.

    Raises:
        RunFolderError: there is no run, it generates images, or it was stopped before its end.
        ConfigError: its config.yaml is damaged, or there is no such device.
        StoreError: its model is damaged or of another version.
    """
    return ClassifierRun(*_opened(folder, device, "classify"))


def _opened(folder: Path, device: str, task: str) -> tuple[Path, TrainConfig, Any]:
    """Folder, configuration and model of a run for a task."""
    require_run(folder)
    _require_task(folder, task)
    if not (folder / "model").is_dir():
        raise RunFolderError(f"{folder} has no model yet: equigen train --resume {folder} finishes the run.")

    from equigen import store
    from equigen.training.folder import recorded

    return folder, recorded(folder), store.load(folder / "model", str(device_named(device)))


def _require_task(folder: Path, task: str) -> None:
    """Refuse a run that is for something else."""
    from equigen.training.folder import recorded

    if recorded(folder).task == task:
        return
    if task == "generate":
        raise RunFolderError(
            f"{folder} tells the classes of images, but a run that generates images is needed here: a classifier is "
            f"judged by 'equigen evaluate {folder}' and 'equigen certify {folder}'."
        )
    raise RunFolderError(
        f"{folder} generates images, but a run that tells their classes is needed here: equigen train DATA --task "
        "classify."
    )


def only_writer(folder: Path, *, is_written: bool = True) -> AbstractContextManager[None]:
    """The lock of a run folder, for process 0 if it writes there; nothing otherwise.

    Raises:
        RunFolderError: on entry, if another process writes there.
    """
    from equigen.training.lock import locked

    return locked(folder) if is_written and processes.rank() == 0 else nullcontext()


def device_named(name: str) -> torch.device:
    """The device of that name; "auto" is an accelerator if there is one.

    Raises:
        ConfigError: there is none.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, found in there.items() if found)
    if not there[name]:
        raise ConfigError(f"device is {name!r}, but there is none here: use 'auto' or 'cpu'.")
    return torch.device(name)


def require_memory(n: int, item_bytes: int) -> None:
    """Refuse more samples at once than the machine could hold.

    Raises:
        ValueError: naming the size needed and the size there is.
    """
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    there, needed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), 4 * n * item_bytes
    if needed > there:
        raise ValueError(
            f"n is {n}, which needs {needed / 2**30:.0f} GiB with what is made of the samples, but this machine has "
            f"{there / 2**30:.0f}: draw them in parts with --n and --first."
        )
