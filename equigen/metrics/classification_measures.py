"""What is measured on the logits of a classifier, each number beside what chance alone would make of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from equigen.metrics.addresses import Use
from equigen.metrics.classification import AccuracyByAngle, Calibration, Share
from equigen.random import Stream, uniform

__all__ = ["accuracy_by_angle", "calibration", "confusion"]

_BINS = 15
_DRAWS = 200  # of chance; the ends of their 95 % interval are then the 5th from either side
_KEYS = 1 << 22  # random numbers that are held at once


def calibration(confidence: Tensor, hit: Tensor, *, seed: int) -> Calibration:
    """The expected calibration error, beside that of a classifier that is right exactly as often as it says.

    The floor draws the hits anew, each with the probability that the classifier itself gives, at the same n and in the
    same bins: with few items per bin the error of a perfect classifier is far from 0.

    Args:
        confidence: the largest probability of each item, (n,), in [0, 1].
        hit: whether it is right, bool (n,).
        seed: of the draws.

    Example:
        >>> sure = torch.full((400,), 0.75, dtype=torch.float64)
        >>> found = calibration(sure, torch.arange(400) % 4 > 0, seed=0)
        >>> found.error, found.floor > 0.005
        (0.0, True)
    """
    confidence = confidence.double().cpu()
    place = (confidence * _BINS).ceil().long().clamp(1, _BINS) - 1
    count = torch.bincount(place, minlength=_BINS)
    said = torch.bincount(place, confidence, minlength=_BINS)

    def error(hits: Tensor) -> Tensor:
        """Of hits (..., n)."""
        found = torch.zeros(*hits.shape[:-1], _BINS, dtype=torch.float64)
        found.index_add_(-1, place, hits.double())
        return (found - said).abs().sum(-1) / len(confidence)

    where = {"seed": seed, "stream": Stream.METRIC, "step": int(Use.CALIBRATION)}
    drawn = uniform((len(confidence),), item=torch.arange(_DRAWS), dtype=torch.float64, **where) < confidence
    floor = error(drawn)
    hits = torch.bincount(place, hit.double().cpu(), minlength=_BINS)
    full = count > 0
    return Calibration(
        error=float(error(hit.cpu())),
        floor=float(floor.mean()),
        floor_interval=_middle(floor),
        confidence=tuple((said / count)[full].tolist()),
        accuracy=tuple((hits / count)[full].tolist()),
        count=tuple(count[full].tolist()),
    )


def confusion(called: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How many items of each class are called what, int64 (classes, classes), a row for each true class.

    Args:
        called: class numbers (n,).
        labels: the true ones.
        classes: how many there are.

    Example:
        >>> confusion(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    return torch.bincount(labels * classes + called, minlength=classes * classes).reshape(classes, classes)


def accuracy_by_angle(logits: Tensor, labels: Tensor, degrees: Sequence[float], *, seed: int) -> AccuracyByAngle:
    """The accuracy at each angle on the same images, with paired errors, and its spread beside what chance explains.

    The floor of the spread turns the row of hits of each image round by a random number of angles: which angles are hit
    together stays, be it an arc of neighbours or angles a quarter turn apart that agree by construction; where they lie
    means nothing.

    Args:
        logits: (angles, n, classes), n of two images or more.
        labels: true classes (n,).
        degrees: the angles, equally spread over a whole turn, in their order.
        seed: of the draws.

    Raises:
        ValueError: fewer than two images, or another number of angles than of logits.

    Example:
        >>> one = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> found = accuracy_by_angle(torch.stack([one, one]), torch.tensor([0, 0, 0]), (0.0, 90.0), seed=0)
        >>> found.spread, found.differs, found.agreeing.value
        (0.0, False, 1.0)
    """
    if len(logits) != len(degrees) or logits.shape[1] < 2:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)} and there are {len(degrees)} angles, but each angle needs "
            "logits of two images or more: (angles, images, classes)."
        )
    logits, labels = logits.double().cpu(), labels.cpu()
    called = logits.argmax(-1)
    hit = (called == labels).double()
    n, mean = len(labels), hit.mean(0)
    apart = hit - mean
    accuracy = hit.mean(1)
    entropy = torch.stack([functional.cross_entropy(one, labels) for one in logits])
    spread, floor = float(accuracy.max() - accuracy.min()), _chance_spread(hit, seed)
    return AccuracyByAngle(
        degrees=tuple(float(angle) for angle in degrees),
        accuracy=tuple(accuracy.tolist()),
        cross_entropy=tuple(entropy.tolist()),
        difference=tuple(apart.mean(1).tolist()),
        difference_error=tuple((apart.std(1) / n**0.5).tolist()),
        mean=float(mean.mean()),
        mean_error=float(mean.std() / n**0.5),
        least=float(accuracy.min()),
        most=float(accuracy.max()),
        spread=spread,
        spread_floor=float(floor.mean()),
        spread_floor_interval=_middle(floor),
        agreeing=Share.of(int((called == called[0]).all(0).sum()), n),
        n=n,
    )


def _chance_spread(hit: Tensor, seed: int) -> Tensor:
    """The spread of accuracies (angles, n) when each image is turned at random, for each draw."""
    angles, n = hit.shape
    total, spreads = hit.sum(0), []
    undecided = hit.T[
        (total > 0) & (total < angles)
    ]  # the others hit at all angles or at none, however they are turned
    at_once = max(1, _KEYS // max(1, undecided.numel()))
    for first in range(0, _DRAWS, at_once):
        item = torch.arange(first, min(first + at_once, _DRAWS))
        where = {"seed": seed, "stream": Stream.METRIC, "step": int(Use.ANGLES)}
        by = (uniform((len(undecided),), item=item, dtype=torch.float64, **where) * angles).long()
        place = (by[..., None] + torch.arange(angles)) % angles
        sums = undecided.expand(len(item), -1, -1).gather(-1, place).sum(1)
        spreads.append((sums.amax(-1) - sums.amin(-1)).double() / n)
    return torch.cat(spreads)


def _middle(values: Tensor) -> tuple[float, float]:
    """Where the middle 95 % of the values lie."""
    low, high = values.double().quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
