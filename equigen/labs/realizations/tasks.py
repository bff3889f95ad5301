"""What came of training networks on a task: each training, each network, and what there is to compare with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.labs.realizations.competitors import KINDS, Competitor
from equigen.labs.rotation_stability.concluding import SampledMean, estimate

__all__ = [
    "TASKS",
    "LearnedNetwork",
    "Reference",
    "TaskFound",
    "TaskTrial",
    "Training",
    "best",
    "compared",
    "foremost",
    "leads",
    "runner_up",
]

TASKS = {"source-localisation": "Source localisation", "karate": "Karate club", "cora": "Cora"}
"""Names in the settings and in words."""

_PLACES = {"source-localisation": "on source localisation", "karate": "on the karate club", "cora": "on Cora"}


@dataclass(frozen=True)
class Training:
    """What all networks share.

    Args:
        steps: of training.
        width: features between layers.
        seeds: trainings of each network.
        seed: of the first.
        signals: of source localisation, for all its parts.
    """

    steps: int
    width: int
    seeds: int
    seed: int
    signals: int


@dataclass(frozen=True, eq=False)
class TaskTrial:
    """One training of one network.

    Args:
        right: whether each test item is told rightly, float64 (M,).
        loss: of the last tenth of the steps, mean.
        milliseconds: of a step of training, median.
        equivariance: relative error over renumberings, in double precision.
        moved: relative change of the centred logits when edges are removed; not a number where it cannot be asked.
        lost: accuracy lost then.
        anew: where features are the nodes' numbers, one-hot: how often each test item is told rightly, float64 (M,), if
            they are made anew after a renumbering of the nodes, not carried along.
    """

    right: Tensor
    loss: float
    milliseconds: float
    equivariance: float
    moved: float
    lost: float
    anew: Tensor | None = None


@dataclass(frozen=True, eq=False)
class LearnedNetwork:
    """All trainings of one network on one task.

    Args:
        name: in the settings.
        parameters: numbers that are learned.
        trials: one for each seed.
    """

    name: str
    parameters: int
    trials: tuple[TaskTrial, ...]

    @property
    def kind(self) -> Competitor:
        """What it is."""
        return KINDS[self.name]

    @property
    def right(self) -> Tensor:
        """Whether each test item is told rightly, (seeds, M)."""
        return torch.stack([one.right for one in self.trials])

    @property
    def anew(self) -> Tensor | None:
        """How often each is told rightly with features made anew after a renumbering, (seeds, M), if it was asked."""
        made = [one.anew for one in self.trials if one.anew is not None]
        return torch.stack(made) if made else None

    @property
    def accuracy(self) -> SampledMean:
        """Over trainings and test items."""
        return estimate(self.right)


@dataclass(frozen=True, eq=False)
class Reference:
    """An accuracy that no network has a part in.

    Args:
        name: in words.
        right: whether each test item is told rightly, float64 (M,).
        exact: whether nothing can be better on average.
    """

    name: str
    right: Tensor
    exact: bool = False

    @property
    def value(self) -> float:
        """The accuracy."""
        return float(self.right.mean())

    @property
    def error(self) -> float:
        """Its standard error over the items."""
        return float(self.right.std() / math.sqrt(len(self.right)))


@dataclass(frozen=True, eq=False)
class TaskFound:
    """All networks on one task.

    Args:
        name: in the settings.
        nodes: of the graph.
        edges: of it.
        trained_on: labels seen in training.
        networks: in the order of the settings, the one without the graph last.
        references: what else there is to compare with.
    """

    name: str
    nodes: int
    edges: int
    trained_on: int
    networks: tuple[LearnedNetwork, ...]
    references: tuple[Reference, ...]

    @property
    def title(self) -> str:
        """Its name in words."""
        return TASKS[self.name]

    @property
    def place(self) -> str:
        """Where something holds, in words."""
        return _PLACES[self.name]

    @property
    def learned(self) -> list[LearnedNetwork]:
        """Those that commute with renumbering by construction and see the graph: the ones that are ranked."""
        return [one for one in self.networks if one.kind.equivariant and one.kind.sees_graph]

    @property
    def free(self) -> list[LearnedNetwork]:
        """Those that do not commute with renumbering by construction, and are not ranked."""
        return [one for one in self.networks if not one.kind.equivariant]

    @property
    def blind(self) -> LearnedNetwork:
        """The network without the graph."""
        return next(one for one in self.networks if not one.kind.sees_graph)


def best(task: TaskFound) -> LearnedNetwork:
    """The one of those ranked that tells most test items rightly over all trainings, the first of several."""
    return max(task.learned, key=lambda one: one.accuracy.value)


def runner_up(task: TaskFound) -> LearnedNetwork | None:
    """The one of those ranked that is next to the best, if there is another."""
    others = [one for one in task.learned if one is not best(task)]
    return max(others, key=lambda one: one.accuracy.value, default=None)


def foremost(task: TaskFound) -> LearnedNetwork:
    """The one of all networks, ranked or not, that tells most test items rightly over all trainings."""
    return max(task.networks, key=lambda one: one.accuracy.value)


def leads(task: TaskFound, who: str, whom: str) -> str:
    """The claim that one is right more often than another.

    Args:
        task: on which.
        who: one, in words.
        whom: the other, in words.
    """
    return f"{task.place} {who} is more accurate than {whom} (in points)"


def compared(one: LearnedNetwork, other: LearnedNetwork) -> SampledMean:
    """By how much one is more accurate than another, on the same items and seeds."""
    return estimate(one.right - other.right)
