"""From a configuration to the objects it names: the data's two parts, and the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from equigen import store
from equigen.data.dataset import DataSet
from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.data.named import NAMED
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.noise_range import largest_noise
from equigen.diffusion.scale import Scale
from equigen.training.config import DataConfig, ModelConfig

__all__ = ["build_model", "completed", "load_data", "located", "widths"]


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
    reading = {name: getattr(config, name) for name in ("layout", "key", "resize", "data_dir", "limit")}
    everything = load(config.source, **reading)
    train, held_out = everything.split(seed, config.held_out)
    if len(train) < 2:
        raise DataError(
            f"the training part holds {len(train)} of {len(everything)} images, but 2 or more are needed: give more "
            "images or a smaller held_out (--held-out)."
        )
    return everything, train, held_out


def widths(height: int, width: int) -> tuple[int, ...]:
    """Channels of the U-Net for a size of image: halved at least twice, and until 8 pixels or less are left.

    Example:
        >>> widths(8, 8), widths(28, 28), widths(128, 128)
        ((32, 64, 64), (32, 64, 64), (32, 64, 64, 128, 128))
    """
    until_small = 1 + ((max(height, width) - 1) // 8).bit_length()
    possible = min(height, width).bit_length()
    levels = min(max(3, until_small), possible)
    return (32, 64, 64, *[128] * (levels - 3))[:levels]


def completed(config: ModelConfig, data: DataSet) -> ModelConfig:
    """The configuration with what depends on the training data filled in: widths, and the largest noise of EDM.

    Example:
        >>> from equigen.data.loading import load
        >>> completed(ModelConfig(), load("digits")).schedule
        {'kind': 'edm', 't_max': 11.9}
    """
    _, height, width = data.space.shape
    filled: dict[str, Any] = {"channels": config.channels or widths(height, width)}
    if config.schedule == "edm":
        largest = largest_noise(Scale.fit(data.x, data.space).to_model(data.x))
        filled["schedule"] = {"kind": "edm", "t_max": float(f"{largest:.3g}")}
    return config.model_copy(update=filled)


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
    network = store.build(
        config.network,
        store.NETWORKS,
        shape=data.space.shape,
        channels=config.channels,
        blocks=config.blocks,
        circular=config.circular,
        seed=seed,
    )
    schedule = _named(config.schedule, store.SCHEDULES)
    preconditioning = _named(config.preconditioning, store.PRECONDITIONINGS)
    denoiser = NetworkDenoiser(network, schedule, preconditioning)
    return DiffusionModel(data.space, denoiser, Scale.fit(data.x, data.space))


def _named(what: str | Mapping[str, Any], table: dict[str, str]) -> Any:
    """The object of a name, or of a name with parameters."""
    if isinstance(what, str):
        return store.build(what, table)
    return store.build(what["kind"], table, **{name: value for name, value in what.items() if name != "kind"})
