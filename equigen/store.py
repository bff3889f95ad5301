"""Models on disk: config.json beside model.safetensors.

A configuration is JSON-plain: every object is {"kind": name, parameter: value, ...}, its parameters those of its
constructor. Only names of the table (`equigen.table`) become classes; nothing is unpickled and no code is loaded.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equigen.table import TABLE

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "StoreError",
    "build",
    "from_config",
    "load",
    "resolve",
    "save",
    "to_config",
]

_FORMAT = 1


class StoreError(ValueError):
    """A stored model or a configuration that cannot be read."""


def resolve(kind: str, table: dict[str, str] = TABLE) -> type:
    """The class that a name of the table stands for.

    Raises:
        StoreError: the name is not in the table.

    Example:
        >>> resolve("edm").__name__
        'EDM'
    """
    if kind not in table:
        near = difflib.get_close_matches(str(kind), table, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(sorted(table))}."
        raise StoreError(f"{kind!r} is not a known kind: {hint}")
    module, name = table[kind].split(":")
    return getattr(importlib.import_module(f"equigen.{module}"), name)


def build(kind: str, table: dict[str, str] = TABLE, **parameters: Any) -> Any:
    """An object of a named class.

    Raises:
        StoreError: the name or a parameter is unknown, or a parameter has a value that the class refuses.

    Example:
        >>> build("edm", t_max=20.0)
        EDM(t_min=0.002, t_max=20.0)
    """
    cls = resolve(kind, table)
    names = inspect.signature(cls).parameters
    if unknown := sorted(set(parameters) - set(names)):
        near = difflib.get_close_matches(unknown[0], names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(names) or 'none'}."
        raise StoreError(f"{kind!r} has no parameter {unknown[0]!r}: {hint}")
    spread = [p.name for p in names.values() if p.kind is inspect.Parameter.VAR_POSITIONAL]
    positional = parameters.pop(spread[0], []) if spread else []
    try:
        return cls(*positional, **parameters)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{kind!r} cannot be built: {error}") from error


def to_config(value: Any) -> Any:
    """A JSON-plain description of an object of the table, of a tensor, or of plain values.

    Raises:
        StoreError: a class that is not in the table.

    Example:
        >>> from equigen.diffusion import EDM
        >>> to_config(EDM())
        {'kind': 'edm', 't_min': 0.002, 't_max': 80.0}
    """
    import torch

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [to_config(item) for item in value]
    if isinstance(value, torch.Tensor):
        return {"kind": "tensor", "dtype": str(value.dtype).removeprefix("torch."), "values": value.tolist()}
    where = f"{type(value).__module__.removeprefix('equigen.')}:{type(value).__qualname__}"
    kind = next((name for name, path in TABLE.items() if path == where), None)
    if kind is None:
        raise StoreError(f"{type(value).__name__} is not in the store's table: only equigen's own classes are saved.")
    if kind == "field-type":
        return {"kind": kind, "group": to_config(value.group), "terms": str(value)}
    return {"kind": kind} | {
        name: to_config(getattr(value, name)) for name in inspect.signature(type(value)).parameters
    }


def from_config(config: Any) -> Any:
    """The object that a configuration describes; the inverse of `to_config`.

    Raises:
        StoreError: an unknown name or parameter.

    Example:
        >>> from_config({"kind": "edm", "t_min": 0.01, "t_max": 10.0})
        EDM(t_min=0.01, t_max=10.0)
    """
    if isinstance(config, list):
        return [from_config(item) for item in config]
    if not isinstance(config, dict):
        return config
    if "kind" not in config:
        raise StoreError(f"a configuration has the keys {sorted(config)}, but needs 'kind': the name of a class.")
    parameters = {name: value for name, value in config.items() if name != "kind"}
    if config["kind"] == "tensor":
        import torch

        return torch.tensor(parameters["values"], dtype=getattr(torch, parameters["dtype"]))
    return build(config["kind"], **{name: from_config(value) for name, value in parameters.items()})


def save(model: nn.Module, folder: str | Path) -> Path:
    """Write a model: config.json and model.safetensors, aside first, then renamed into place.

    Args:
        model: of classes of the table.
        folder: replaced if it exists.

    Returns:
        The folder.

    Raises:
        StoreError: a class that is not in the table.
        OSError: the disk refuses; an older model in the folder is kept.
    """
    from safetensors.torch import save_file

    from equigen import __version__

    folder = Path(folder)
    config = {"format": _FORMAT, "equigen": __version__, "model": to_config(model)}
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    aside, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        (aside / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file(weights, aside / "model.safetensors")
        for path in (*aside.iterdir(), aside):
            _sync(path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    aside.rename(folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def load(folder: str | Path, device: str = "cpu") -> Any:
    """Read a model that `save` wrote; a run folder's model/ is found from the run folder.

    Args:
        folder: of the model, or of the run.
        device: where it goes.

    Returns:
        The model, in evaluation mode.

    Raises:
        StoreError: no model there, a damaged one, or one of another format.
    """
    import safetensors
    from safetensors.torch import load_file

    given, folder = Path(folder), Path(folder)
    if (folder / "model" / "config.json").is_file():
        folder = folder / "model"
    if not (folder / "config.json").is_file():
        raise StoreError(
            f"{given} holds no model: give a run folder or a folder with config.json and model.safetensors."
        )
    try:
        config = json.loads((folder / "config.json").read_text())
        found = config["format"]
        description = config["model"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise StoreError(f"{folder / 'config.json'} is damaged ({error}): restore it, or train again.") from error
    if found != _FORMAT:
        raise StoreError(f"{folder} has format {found}, but this version reads {_FORMAT}: install the other one.")
    model = from_config(description)
    try:
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"{folder / 'model.safetensors'} cannot be read ({reason}): restore it.") from error
    return model.to(device).eval()


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
