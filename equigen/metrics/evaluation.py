"""The record of an evaluation: what was measured, beside which floor, under which conditions; plain enough for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from equigen.metrics.floor import Measured
from equigen.metrics.neighbours import NeighbourDistances

__all__ = ["Evaluation", "FeatureRecord", "LossByNoise", "NearestPair"]


@dataclass(frozen=True)
class FeatureRecord:
    """Which features the metrics used: their name, width, seed, and the held-out accuracy of a classifier (or None)."""

    name: str
    dimension: int
    seed: int
    accuracy: float | None


@dataclass(frozen=True)
class LossByNoise:
    """The denoising loss at each noise level on held-out and on training items, same number and same noise.

    Args:
        noise: relative noise sigma/alpha of each level.
        held_out: loss on held-out items; 1 is what predicting the mean scores.
        held_out_error: its standard error.
        train: loss on training items.
        train_error: its standard error.
        n: items on each side.
    """

    noise: tuple[float, ...]
    held_out: tuple[float, ...]
    held_out_error: tuple[float, ...]
    train: tuple[float, ...]
    train_error: tuple[float, ...]
    n: int


@dataclass(frozen=True)
class NearestPair:
    """A sample, its nearest training item, and their distance in data units."""

    sample: int
    train: int
    distance: float


@dataclass(frozen=True)
class Evaluation:
    """What was measured on a model, with the conditions; `to_dict` is plain and `from_dict` reads it back.

    Args:
        data: name of the data set.
        shape: of one item.
        train: number of training items.
        held_out: number of held-out items.
        n: items on each side of every comparison.
        seed: of the first generated set; set s has seed + s. Also of draws, directions and classifier.
        seeds: number of generated sets.
        steps: of the sampler; None for samples from elsewhere.
        solver: its class; None for the model's own choice, or for samples from elsewhere.
        value_range: black and white of the pictures, in data units.
        features: what feature-space metrics used.
        metrics: each beside its floor.
        neighbours: distances to the training set, beside those of held-out items.
        nearest: the generated items closest to a training item, closest first.
        loss: by noise level; None where the model has none.
        notes: what was left out or reduced, in words.
        pictures: arrays for a report, not part of the record: data, samples, nearest pairs, distances.
    """

    data: str
    shape: tuple[int, ...]
    train: int
    held_out: int
    n: int
    seed: int
    seeds: int
    steps: int | None
    solver: str | None
    value_range: tuple[float, float]
    features: FeatureRecord
    metrics: tuple[Measured, ...]
    neighbours: NeighbourDistances
    nearest: tuple[NearestPair, ...]
    loss: LossByNoise | None = None
    notes: tuple[str, ...] = ()
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, name: str) -> Measured:
        """The metric of that name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(f"no metric {name!r}: this evaluation has {', '.join(m.name for m in self.metrics)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON (numbers, strings, lists), without the pictures."""
        kept = [one.name for one in fields(self) if one.name != "pictures"]
        return {name: _plain(getattr(self, name)) for name in kept}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """The evaluation that `to_dict` described.

        Raises:
            ValueError: keys that are missing or unknown.
        """
        parts = dict(values)
        for name, kind in (("features", FeatureRecord), ("neighbours", NeighbourDistances), ("loss", LossByNoise)):
            if name in parts and not (name == "loss" and parts[name] is None):
                parts[name] = _rebuild(kind, parts[name], name)
        for name, kind in (("metrics", Measured), ("nearest", NearestPair)):
            if isinstance(parts.get(name), list):
                parts[name] = [_rebuild(kind, one, name) for one in parts[name]]
        return _rebuild(cls, parts, "it")


def _plain(value: Any) -> Any:
    """Records become dictionaries, sequences lists; numbers and strings stay."""
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return value


def _rebuild(kind: type, values: Any, where: str) -> Any:
    """A dataclass from plain values: lists become tuples; keys must be those of the dataclass."""
    names = {one.name for one in fields(kind)} - {"pictures"}
    found = set(values) if isinstance(values, Mapping) else set()
    if wrong := sorted(names ^ found):
        raise ValueError(
            f"this is no evaluation of this version ({where} lacks or should not have: {', '.join(wrong)}): evaluate "
            "the run again."
        )
    return kind(**{key: tuple(part) if isinstance(part, list) else part for key, part in values.items()})
