"""From a configuration to the objects it names: the data's two parts, and the model."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from equigen import store, table
from equigen.data.dataset import DataSet
from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.data.named import NAMED
from equigen.diffusion.givens import Givens
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.noise_range import largest_noise
from equigen.diffusion.scale import MixedChannels, Scale
from equigen.spaces.batch import Batch
from equigen.training.config import DataConfig
from equigen.training.errors import ConfigError
from equigen.training.model_config import STEERABLE, ModelConfig
from equigen.training.symmetric import mended, mixed_channels, orbit_target, squares_turn

__all__ = ["build_model", "completed", "fitted_scale", "load_data", "located", "widths"]

_OF_UNIT_VARIANCE = ("karras", "karras-weight", "log-normal-noise")
_PIXEL_BY_PIXEL = 24  # images with shorter sides are seen pixel by pixel, larger ones by squares of two by two
_NUMBERS = 1 << 26  # of a set that is read from its file, so many decide its scale: 256 MiB


def located(config: DataConfig) -> DataConfig:
    """The same data from whatever folder one asks: relative paths made absolute.

    Example:
        >>> located(DataConfig(source="digits")).source
        'digits'
    """
    paths: dict[str, Any] = {}
    if config.source not in NAMED:
        paths["source"] = str(Path(config.source).expanduser().resolve())
    if config.data_dir is not None:
        paths["data_dir"] = config.data_dir.expanduser().resolve()
    for name in ("labels", "values", "masks"):
        beside = getattr(config, name)
        if beside is not None and Path(beside).expanduser().exists():  # else it is a key of the file
            paths[name] = str(Path(beside).expanduser().resolve())
    return config.model_copy(update=paths)


def load_data(config: DataConfig, seed: int) -> tuple[DataSet, DataSet, DataSet]:
    """Load the data of a run.

    Args:
        config: where they come from.
        seed: of the run; decides the split.

    Returns:
        All items, the training part and the held-out part.

    Raises:
        DataError: the data cannot be used.

    Example:
        >>> [len(part) for part in load_data(DataConfig(source="digits"), seed=0)]
        [1797, 1347, 450]
    """
    everything = load(config.source, **config.model_dump(exclude={"source", "held_out"}), seed=seed)
    train, held_out = everything.split(seed, config.held_out)
    if len(train) < 2:
        raise DataError(
            f"the training part holds {len(train)} of {len(everything)} images, but 2 or more are needed: give more "
            "images or a smaller held_out (--held-out)."
        )
    return everything, train, held_out


def widths(height: int, width: int, patch: int = 1) -> tuple[int, ...]:
    """Channels of the U-Net for a size of image: halved until 8 positions or less are left, pixels at least twice.

    Example:
        >>> widths(8, 8), widths(28, 28, patch=2), widths(128, 128, patch=2)
        ((32, 64, 64), (48, 96), (48, 96, 96, 128))
    """
    long, short = -(-max(height, width) // patch), -(-min(height, width) // patch)
    until_small = 1 + ((long - 1) // 8).bit_length()
    levels = min(max(3, until_small) if patch == 1 else until_small, short.bit_length())
    first = (32, 64, 64) if patch == 1 else (48, 96, 96)
    return (*first, *[128] * (levels - 3))[:levels]


def completed(config: ModelConfig, data: DataSet) -> ModelConfig:
    """The configuration with what depends on the data filled in: patch, widths, largest noise, the spread of raw data.

    Example:
        >>> from equigen.data.loading import load
        >>> config = completed(ModelConfig(), load("digits"))
        >>> config.schedule, config.patch, config.channels
        ({'kind': 'edm', 't_max': 11.9}, 1, (32, 64, 64))
    """
    _, height, width = data.space.shape
    patch = config.patch or _patch(config, height, width)
    filled: dict[str, Any] = {
        "patch": patch,
        "channels": config.channels or widths(height, width, patch),
    }
    if config.schedule == "edm":
        some, scale = _some(data), fitted_scale(data, _fields(config, data))
        space = data.space.at(some.structure)
        largest = largest_noise(space.project(scale.to_model(some.x)), ndof=space.ndof)
        filled["schedule"] = {"kind": "edm", "t_max": float(f"{largest * _data_std(config, scale):.3g}")}
    if config.scale == "none":  # then parts that presume unit variance are told the data's
        std = float(f"{_data_std(config, fitted_scale(data, _fields(config, data))):.6g}")
        for name in ("preconditioning", "weight", "times"):
            if getattr(config, name) in _OF_UNIT_VARIANCE:
                filled[name] = {"kind": getattr(config, name), "data_std": std}
    return config.model_copy(update=filled)


def _patch(config: ModelConfig, height: int, width: int) -> int:
    """Pixels of a side that one position stands for, where the configuration leaves it open."""
    if min(height, width) < _PIXEL_BY_PIXEL or config.network not in ("unet", STEERABLE):
        return 1
    # Squares of two by two pixels turn into themselves where they cover the image evenly, and by quarter turns alone.
    return 2 if config.symmetry is None or squares_turn(config.symmetry, height, width) else 1


def _fields(config: ModelConfig, data: DataSet) -> MixedChannels | None:
    """How the group mixes the channels of the images; None where it leaves them alone."""
    if config.symmetry is None or config.fields is None:
        return None
    return mixed_channels(config.symmetry, config.fields, data.space.shape[0])


def _data_std(config: ModelConfig, scale: Scale) -> float:
    """Standard deviation of the data in the model's units."""
    return float(scale.factor.square().mean().sqrt()) if config.scale == "none" else 1.0


def build_model(config: ModelConfig, data: DataSet, seed: int) -> DiffusionModel:
    """The untrained model: its scale is that of the training data, its initial weights follow from the seed.

    Args:
        config: names of the closed tables, and sizes.
        data: the training part.
        seed: of the run.

    Raises:
        ValueError: an unknown name, or sizes that do not fit the images.

    Example:
        >>> from equigen.data.loading import load
        >>> model = build_model(ModelConfig(), load("digits", limit=10), seed=0)
        >>> model.space.shape
        (1, 8, 8)
    """
    config = completed(config, data)
    network = _network(config, data, seed)
    schedule = _named(config.schedule, table.SCHEDULES)
    preconditioning = _named(config.preconditioning, table.PRECONDITIONINGS)
    scale = fitted_scale(data, _fields(config, data))
    structure, condition = data.structure, _condition(data)
    return DiffusionModel(
        data.space,
        NetworkDenoiser(network, schedule, preconditioning),
        Scale.identity() if config.scale == "none" else scale,
        weight=_named(config.weight, table.WEIGHTS),
        times=_named(config.times, table.TIMES),
        data_std=_data_std(config, scale),
        condition_dropout=config.condition_dropout if condition else 0.0,
        givens=Givens.fit(structure, condition) if condition or structure is not None else None,
        target=orbit_target(config, data.space),
    )


def _some(data: DataSet) -> Batch:
    """All items, or where they are read from a file a share that fits into memory, evenly spread."""
    if isinstance(data.x, Tensor):
        return data.whole()
    count = max(2, min(len(data), _NUMBERS // math.prod(data.space.shape)))
    return data.whole(torch.arange(count) * len(data) // count)


def fitted_scale(data: DataSet, fields: MixedChannels | None = None) -> Scale:
    """The scale of a data set: of all its items, or of a share where they are read from a file.

    Args:
        data: the training part.
        fields: how a group mixes its channels, as for `Scale.fit`.

    Example:
        >>> from equigen.data.loading import load
        >>> round(fitted_scale(load("digits")).factor.item(), 3)
        0.376
    """
    some = _some(data)
    return Scale.fit(some.x, data.space, some.structure, fields)


def _network(config: ModelConfig, data: DataSet, seed: int) -> nn.Module:
    """The network that the configuration names, with the parameters that it has.

    Raises:
        ConfigError: something is asked of a network that it has not.
    """
    kind = store.resolve(config.network, table.NETWORKS)
    takes = inspect.signature(kind).parameters
    asked: dict[str, Any] = {name: getattr(config, name) for name in ("blocks", "circular", "attention", "patch")}
    other = "take model.network=unet" if config.symmetry is None else "train without a symmetry"
    for name, value in asked.items():
        if name not in takes and value != ModelConfig.model_fields[name].default and (name, value) != ("patch", 1):
            raise ConfigError(
                f"model.{name} is {value}, but the network {config.network!r} has no {name}: leave it out, or {other}."
            )
    if data.condition not in ("none", *inspect.signature(kind.forward).parameters):  # pyright: ignore
        raise ConfigError(
            f"condition is {data.condition!r}, but the network {config.network!r} takes no {data.condition}: leave "
            f"condition (--condition) out, or {other}."
        )
    if data.structure is not None and "structure" not in inspect.signature(kind.forward).parameters:  # pyright: ignore
        raise ConfigError(f"the images have masks, but the network {config.network!r} takes none: {other}.")
    asked |= {"shape": data.space.shape, "channels": config.channels, "seed": seed, **_embeddings(data)}
    asked |= {"symmetry": config.symmetry, "fields": config.fields}
    asked |= {} if config.frequency is None else {"frequency": config.frequency}
    with mended(config.symmetry):
        network = store.build(config.network, table.NETWORKS, **{name: asked[name] for name in asked if name in takes})
    if data.condition == "value":
        network.fit_values(data.values)
    return network


def _condition(data: DataSet) -> dict[str, Tensor]:
    """What every item is given, by name."""
    if data.condition == "label" and data.labels is not None:
        return {"label": data.labels}
    if data.condition == "value" and data.values is not None:
        return {"value": data.values}
    return {}


def _embeddings(data: DataSet) -> dict[str, int]:
    """The network's parameters for what it is told of an item."""
    given = _condition(data)
    if "label" in given:
        return {"classes": len(data.class_names or ()) or int(given["label"].max()) + 1}
    return {"values": given["value"].shape[1]} if given else {}


def _named(what: str | Mapping[str, Any], table: dict[str, str]) -> Any:
    """The object of a name, or of a name with parameters."""
    if isinstance(what, str):
        return store.build(what, table)
    return store.build(what["kind"], table, **{name: value for name, value in what.items() if name != "kind"})
