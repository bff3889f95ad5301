"""The record of an evaluation: what was measured, beside which floor, under which conditions; plain enough for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from equigen.metrics.by_evaluations import SolverComparison
from equigen.metrics.floor import Measured
from equigen.metrics.groups import Groups
from equigen.metrics.likelihood import Likelihood
from equigen.metrics.loss import LossByNoise
from equigen.metrics.memorising import Memorisation
from equigen.metrics.neighbours import NeighbourDistances
from equigen.metrics.plain_record import plain_to_record, record_to_plain
from equigen.metrics.two_sample import TwoSampleTest

__all__ = ["Evaluation", "FeatureRecord", "NearestPair"]


@dataclass(frozen=True)
class FeatureRecord:
    """Which features the metrics used: their name, width, seed, and the held-out accuracy of a classifier (or None)."""

    name: str
    dimension: int
    seed: int
    accuracy: float | None


@dataclass(frozen=True)
class NearestPair:
    """A sample, its nearest training item, and their distance in data units.

    Where a group acts, `pose` is the element that takes the item to the sample, in words.
    """

    sample: int
    train: int
    distance: float
    pose: str | None = None


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
        two_sample: the classifier two-sample test beside its floor.
        memorisation: C_T beside its floor.
        groups: by class or by quarters of a value, for a model with conditions.
        solvers: distance against evaluations for several solvers, where it was asked for.
        likelihood: bits per dimension of held-out items; None where the model has no log density.
        poses: name of the group in all of whose poses training items are compared with samples and with held-out
            items; None: as they are.
        pictures: arrays for a report, not part of the record: data, samples, nearest pairs, distances, samples by
            group.
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
    two_sample: TwoSampleTest | None = None
    memorisation: Memorisation | None = None
    groups: Groups | None = None
    solvers: SolverComparison | None = None
    likelihood: Likelihood | None = None
    poses: str | None = None
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, name: str) -> Measured:
        """The metric of that name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(f"no metric {name!r}: this evaluation has {', '.join(m.name for m in self.metrics)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON (numbers, strings, lists), without the pictures."""
        return record_to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """The evaluation that `to_dict` described; what an older version did not measure is None.

        Raises:
            ValueError: keys that are missing or unknown.
        """
        return plain_to_record(cls, values, "it")
