"""The record of a classifier's evaluation: each number with its interval, beside its floor; plain enough for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from equigen.metrics.groups import share_interval
from equigen.metrics.plain_record import plain_to_record, record_to_plain

__all__ = ["AccuracyByAngle", "Calibration", "ClassifierEvaluation", "Mistake", "Share"]


@dataclass(frozen=True)
class Share:
    """A share of items, and its 95 % Wilson interval.

    Args:
        value: hits / n.
        interval: its ends.
        hits: how many.
        n: of how many.

    Source: E. Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    Example:
        >>> found = Share.of(5, 10)
        >>> found.value, [round(end, 3) for end in found.interval]
        (0.5, [0.237, 0.763])
    """

    value: float
    interval: tuple[float, float]
    hits: int
    n: int

    @classmethod
    def of(cls, hits: int, n: int) -> Share:
        """The share of `hits` in `n`, one or more."""
        return cls(hits / n, share_interval(hits, n), hits, n)


@dataclass(frozen=True)
class AccuracyByAngle:
    """The accuracy on the same images in several rotations.

    Differences are paired: each angle is compared with the mean over all angles on the same images, so that what is
    hard about an image counts for nothing.

    Args:
        degrees: the angles, counterclockwise.
        accuracy: at each.
        cross_entropy: at each, in nats.
        difference: of each accuracy from the mean over angles.
        difference_error: its standard error over images.
        mean: accuracy over images and angles.
        mean_error: its standard error over images.
        least: the lowest accuracy.
        most: the highest.
        spread: most - least.
        spread_floor: what it would be on average if each image had been turned by a random angle before: what chance
            makes of a classifier that knows no direction.
        spread_floor_interval: where 95 % of such spreads lie.
        agreeing: images that are called the same at all angles.
        n: number of images.

    Example:
        >>> from equigen.metrics.classification_measures import accuracy_by_angle
        >>> import torch
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [2.0, 0.0]]])
        >>> found = accuracy_by_angle(logits, torch.tensor([0, 1]), (0.0, 90.0), seed=0)
        >>> found.accuracy, found.spread, found.agreeing.value
        ((1.0, 0.5), 0.5, 0.5)
    """

    degrees: tuple[float, ...]
    accuracy: tuple[float, ...]
    cross_entropy: tuple[float, ...]
    difference: tuple[float, ...]
    difference_error: tuple[float, ...]
    mean: float
    mean_error: float
    least: float
    most: float
    spread: float
    spread_floor: float
    spread_floor_interval: tuple[float, float]
    agreeing: Share
    n: int

    @property
    def differs(self) -> bool:
        """Whether the accuracy depends on the angle by more than chance explains."""
        return self.spread > self.spread_floor_interval[1]


@dataclass(frozen=True)
class Calibration:
    """Whether a classifier is right as often as it says, E = sum_b n_b / n |accuracy_b - confidence_b|.

    Args:
        error: E over bins of confidence of equal width.
        floor: what E is on average, at this n, of a classifier that is right exactly as often as it says.
        floor_interval: where 95 % of such errors lie.
        confidence: mean confidence of each bin that holds items.
        accuracy: share of hits in it.
        count: items in it.

    Source: M. Naeini, G. Cooper, M. Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI
        2015; C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On calibration of modern neural networks, ICML 2017, equation 3.

    Example:
        >>> from equigen.metrics.classification_measures import calibration
        >>> import torch
        >>> sure = torch.full((100,), 0.9, dtype=torch.float64)
        >>> found = calibration(sure, torch.arange(100) < 60, seed=0)
        >>> round(found.error, 3), found.error > found.floor_interval[1]
        (0.3, True)
    """

    error: float
    floor: float
    floor_interval: tuple[float, float]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    count: tuple[int, ...]


@dataclass(frozen=True)
class Mistake:
    """A held-out item that is called wrongly.

    Args:
        item: its place in the split.
        label: its class.
        called: what it is called.
        confidence: the probability that is given to that.

    Example:
        >>> Mistake(item=7, label=3, called=5, confidence=0.9).called
        5
    """

    item: int
    label: int
    called: int
    confidence: float


@dataclass(frozen=True)
class ClassifierEvaluation:
    """What was measured on a classifier; `to_dict` is plain and `from_dict` reads it back.

    Args:
        data: name of the data set.
        shape: of one item.
        train: number of training items.
        held_out: number of held-out items; the accuracy is over all of them.
        seed: of every random number here.
        classes: their names.
        accuracy: on held-out items.
        chance: what calling everything the most frequent class of the training items would score on them.
        train_accuracy: on as many training items, at most all: above `accuracy` is overfitting.
        cross_entropy: on held-out items, in nats.
        cross_entropy_error: its standard error; None of a single item.
        chance_cross_entropy: that of giving every class its share of the training items.
        calibration: on held-out items.
        confusion: counts of held-out items, a row for each class, a column for what they are called.
        mistakes: the held-out items that are called wrongly with most confidence.
        angles: on the same images in rotations; None where images are not square.
        notes: what was left out or reduced, in words.
        task: says what record it is.
        pictures: arrays for a report, not part of the record: data, mistakes, turned.

    Example:
        >>> nothing = Calibration(0.0, 0.0, (0.0, 0.0), (1.0,), (1.0,), (2,))
        >>> found = ClassifierEvaluation("coins", (1, 8, 8), 6, 2, 0, ("head", "tail"), Share.of(2, 2), Share.of(1, 2),
        ...     Share.of(2, 2), 0.1, 0.01, 0.69, nothing, ((1, 0), (0, 1)), ())
        >>> ClassifierEvaluation.from_dict(found.to_dict()) == found
        True
    """

    data: str
    shape: tuple[int, ...]
    train: int
    held_out: int
    seed: int
    classes: tuple[str, ...]
    accuracy: Share
    chance: Share
    train_accuracy: Share
    cross_entropy: float
    cross_entropy_error: float | None
    chance_cross_entropy: float
    calibration: Calibration
    confusion: tuple[tuple[int, ...], ...]
    mistakes: tuple[Mistake, ...]
    angles: AccuracyByAngle | None = None
    notes: tuple[str, ...] = ()
    task: Literal["classify"] = "classify"
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON (numbers, strings, lists), without the pictures."""
        return record_to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClassifierEvaluation:
        """The evaluation that `to_dict` described.

        Raises:
            ValueError: keys that are missing or unknown.
        """
        return plain_to_record(cls, values, "it")
