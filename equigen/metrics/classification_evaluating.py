"""Everything that is measured on a trained classifier, in one plain record.

Accuracy, cross entropy, calibration and confusion are those of all held-out items. The rotations are of some of them:
the images as they were before they were put into poses, turned about the middle of their frame by quarter turns, which
move numbers only, and by cubic splines between, as poses are (`equigen.data.pose.rotated`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from equigen.data.dataset import DataSet
from equigen.data.pose import rotated
from equigen.diffusion.measuring import evaluating
from equigen.metrics.addresses import Use
from equigen.metrics.classification import AccuracyByAngle, ClassifierEvaluation, Mistake, Share
from equigen.metrics.classification_measures import accuracy_by_angle, calibration, confusion
from equigen.metrics.floor import drawn
from equigen.metrics.loss import device_of

__all__ = ["ANGLES", "Classifier", "classifier_stages", "evaluate_classifier"]

ANGLES = tuple(22.5 * k for k in range(16))
"""Degrees at which a classifier is looked at."""

_AT_ONCE = 256  # images
_SHOWN = 64  # training images
_MISTAKES = 24
_TURNED = 2  # images that are shown at every angle


class Classifier(Protocol):
    """What `evaluate_classifier` asks of a model."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, in the order of the logits."""
        ...

    def logits(self, x: Tensor) -> Tensor:
        """The logits (B, classes) of images (B, C, H, W) in data units."""
        ...


@torch.no_grad()
def evaluate_classifier(
    model: Classifier,
    train: DataSet,
    held_out: DataSet,
    *,
    upright: DataSet | None = None,
    n: int = 450,
    seed: int = 0,
    on_stage: Callable[[str], None] | None = None,
) -> ClassifierEvaluation:
    """Measure a classifier on held-out items, and on the same images in 16 rotations.

    Args:
        model: gives logits.
        train: the split the model was trained on, with labels.
        held_out: the split it has not seen, with labels.
        upright: the held-out items as they were before they were put into poses; None: `held_out`.
        n: held-out items that are looked at in rotations, and at most as many as there are.
        seed: of the choice of these, and of what chance alone would do.
        on_stage: called with a few words before each of `classifier_stages()` stages, for a progress display.

    Returns:
        The evaluation.

    Raises:
        ValueError: a split without labels, classes that the model does not know, or logits that are not finite.

    Error: of shares and means by the number of items, as told beside each.

    Example:
        >>> from equigen.data.loading import load
        >>> class Bright:
        ...     classes = tuple("0123456789")
        ...     def logits(self, x):
        ...         return torch.nn.functional.one_hot((x.mean((1, 2, 3)) * 10).long(), 10).double()
        >>> found = evaluate_classifier(Bright(), *load("digits").split(seed=0), n=20)
        >>> found.accuracy.value < 0.3, found.angles.spread < 0.3, len(found.confusion)
        (True, True, 10)
    """
    tell = on_stage or (lambda stage: None)
    upright = held_out if upright is None else upright
    for part in (train, held_out, upright):
        _require_labels(part, len(model.classes))
    with evaluating(model):
        tell("held-out images")
        every = torch.arange(len(held_out))
        logits, labels = _logits(model, held_out, every), _labels(held_out, every)
        tell("training images")
        seen = drawn(len(train), min(len(train), len(held_out)), use=Use.TRAIN_DRAW, seed=seed, index=0)
        train_hits = int((_logits(model, train, seen).argmax(-1) == _labels(train, seen)).sum())
        square = held_out.space.shape[-2] == held_out.space.shape[-1]
        some = drawn(len(upright), min(n, len(upright)), use=Use.HELD_OUT_DRAW, seed=seed, index=0)
        angles = _by_angle(model, upright, some, seed, tell) if square and len(some) > 1 else None
    told = _Told(logits, labels)
    wrong = told.worst()
    frequent, shares = _chance(train, len(model.classes))
    return ClassifierEvaluation(
        data=held_out.name,
        shape=tuple(held_out.space.shape),
        train=len(train),
        held_out=len(held_out),
        seed=seed,
        classes=tuple(model.classes),
        accuracy=Share.of(int(told.hit.sum()), len(labels)),
        chance=Share.of(int((labels == frequent).sum()), len(labels)),
        train_accuracy=Share.of(train_hits, len(seen)),
        cross_entropy=float(told.entropy.mean()),
        cross_entropy_error=float(told.entropy.std() / len(labels) ** 0.5) if len(labels) > 1 else None,
        chance_cross_entropy=float(-shares.log()[labels].mean()),
        calibration=calibration(told.confidence, told.hit, seed=seed),
        confusion=tuple(tuple(row) for row in confusion(told.called, labels, len(model.classes)).tolist()),
        mistakes=tuple(told.mistake(i) for i in wrong.tolist()),
        angles=angles,
        notes=_notes(angles, square, upright is held_out),
        pictures=_pictures(train, held_out, wrong, upright, some if square else some[:0]),
    )


@dataclass(frozen=True)
class _Told:
    """What a classifier says of items (n,), and what they are."""

    logits: Tensor
    labels: Tensor

    @property
    def called(self) -> Tensor:
        return self.logits.argmax(-1)

    @property
    def hit(self) -> Tensor:
        return self.called == self.labels

    @property
    def confidence(self) -> Tensor:
        return self.logits.softmax(-1).amax(-1)

    @property
    def entropy(self) -> Tensor:
        return functional.cross_entropy(self.logits, self.labels, reduction="none")

    def worst(self) -> Tensor:
        """Places of the mistakes that are made with most confidence, worst first."""
        wrong = (~self.hit).nonzero()[:, 0]
        return wrong[self.confidence[wrong].argsort(descending=True, stable=True)][:_MISTAKES]

    def mistake(self, i: int) -> Mistake:
        return Mistake(i, int(self.labels[i]), int(self.called[i]), float(self.confidence[i]))


def _pictures(
    train: DataSet, held_out: DataSet, wrong: Tensor, upright: DataSet, some: Tensor
) -> dict[str, np.ndarray]:
    """Training images, mistakes, and a few images at all angles if there are any to be shown so."""
    seen = torch.linspace(0, len(train) - 1, min(_SHOWN, len(train))).long()
    found = {"data": train.x[seen].cpu().numpy(), "mistakes": held_out.x[wrong].cpu().numpy()}
    if len(some):
        x = upright.x[some[:_TURNED]].cpu()
        found["turned"] = torch.stack([_turned(x, angle) for angle in ANGLES], 1).numpy()
    return found


def classifier_stages() -> int:
    """How often `evaluate_classifier` calls `on_stage`, where images are square.

    Example:
        >>> classifier_stages()
        18
    """
    return 2 + len(ANGLES)


def _by_angle(
    model: Classifier, upright: DataSet, rows: Tensor, seed: int, tell: Callable[[str], None]
) -> AccuracyByAngle:
    logits = []
    for angle in ANGLES:
        tell(f"images at {angle:g} degrees")
        logits.append(_logits(model, upright, rows, angle))
    return accuracy_by_angle(torch.stack(logits), _labels(upright, rows), ANGLES, seed=seed)


def _logits(model: Classifier, data: DataSet, rows: Tensor, degrees: float = 0.0) -> Tensor:
    """The logits (n, classes) of some items in one rotation, float64."""
    device = device_of(model) or torch.device("cpu")
    parts = [model.logits(_turned(x, degrees).to(device)).double().cpu() for x in _parts(data, rows)]
    found = torch.cat(parts)
    if not bool(found.isfinite().all()):
        raise ValueError("the model gives logits that are not finite: train it again, with a smaller learning_rate.")
    return found


def _parts(data: DataSet, rows: Tensor) -> Iterator[Tensor]:
    for part in rows.split(_AT_ONCE):
        yield data.x[part].cpu()


def _turned(x: Tensor, degrees: float) -> Tensor:
    """Images rotated counterclockwise: quarter turns exactly, what is left of the angle by splines."""
    turns = round(degrees / 90.0)
    rest = math.radians(degrees - 90.0 * turns)
    x = torch.rot90(x, turns, (-2, -1))
    return x if rest == 0.0 else rotated(x, torch.full((len(x),), rest, dtype=torch.float64))


def _labels(data: DataSet, rows: Tensor) -> Tensor:
    assert data.labels is not None
    return data.labels.cpu()[rows]


def _require_labels(data: DataSet, classes: int) -> None:
    if data.labels is None or int(data.labels.min()) < 0 or int(data.labels.max()) >= classes:
        there = "no labels" if data.labels is None else f"labels {int(data.labels.min())} to {int(data.labels.max())}"
        raise ValueError(
            f"{data.name} has {there}, but a classifier of {classes} classes is judged by labels 0 to {classes - 1}: "
            "give the data that it was trained on."
        )


def _chance(train: DataSet, classes: int) -> tuple[int, Tensor]:
    """The most frequent class of the training items, and the share of each; each is counted once more than it is there.

    So no share is 0 and no held-out item costs infinitely much.
    """
    assert train.labels is not None
    count = torch.bincount(train.labels.cpu(), minlength=classes)
    shares = (count + 1).double() / (count + 1).sum()
    return int(count.argmax()), shares


def _notes(angles: AccuracyByAngle | None, square: bool, as_given: bool) -> tuple[str, ...]:
    if angles is None:
        why = "are not square" if not square else "are too few"
        return (f"Accuracy by angle was left out: the images {why}.",)
    how = "" if as_given else ", as they were before they were put into poses,"
    return (
        f"{angles.n} held-out images{how} were turned about the middle of their frame, by cubic splines between "
        "quarter turns; outside the image is the median of its border.",
    )
