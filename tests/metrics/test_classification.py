"""Numbers of a classifier against hand-made ones, closed forms and what chance alone would do."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from equigen.data.dataset import DataSet
from equigen.data.pose import Poses
from equigen.metrics.classification import ClassifierEvaluation, Share
from equigen.metrics.classification_evaluating import ANGLES, classifier_stages, evaluate_classifier
from equigen.metrics.classification_measures import accuracy_by_angle
from equigen.random import Stream, uniform
from equigen.spaces.euclidean import Euclidean

SIZE = 9


def numbers(n: int, draw: int = 0) -> Tensor:
    return uniform((n,), seed=3, stream=Stream.LAW, draw=draw, dtype=torch.float64)


def bars(n: int = 80) -> DataSet:
    """Upright bars (class 0) and lying ones (class 1) of random brightness."""
    x = torch.zeros(n, 1, SIZE, SIZE)
    labels = torch.arange(n) % 2
    x[labels == 0, 0, 1:-1, SIZE // 2] = 1.0
    x[labels == 1, 0, SIZE // 2, 1:-1] = 1.0
    return DataSet(
        x * (0.5 + 0.5 * numbers(n).float()[:, None, None, None]), Euclidean(1, SIZE, SIZE), "bars", labels=labels
    )


class Upright:
    """Knows which way is up: the middle column against the middle row."""

    classes = ("upright", "lying")

    def logits(self, x: Tensor) -> Tensor:
        return 4 * torch.stack((x[..., SIZE // 2].mean((1, 2)), x[:, :, SIZE // 2].mean((1, 2))), -1)


class Turnless:
    """Sees sums over the frame alone, which quarter turns leave bit for bit."""

    classes = ("dark", "bright")

    def logits(self, x: Tensor) -> Tensor:
        total = x.double().flatten(1).sort(-1).values.sum(-1)
        return torch.stack((6.0 - total, total - 6.0), -1)


def test_hits_are_counted_beside_chance():
    data = bars()
    train, held_out = data.subset(range(60)), data.subset(range(60, 80))
    found = evaluate_classifier(Upright(), train, held_out, n=20)
    assert (found.accuracy.hits, found.accuracy.n) == (20, 20)
    assert found.accuracy.interval == Share.of(20, 20).interval
    assert found.chance.value == 0.5
    assert found.confusion == ((10, 0), (0, 10))
    assert found.mistakes == ()
    assert found.chance_cross_entropy == pytest.approx(math.log(2))
    logits = Upright().logits(held_out.x)
    assert found.cross_entropy == pytest.approx(float(functional.cross_entropy(logits.double(), held_out.labels)))


class Corner:
    """Looks at the pixel in the first row and the first column alone."""

    classes = ("dark", "bright")

    def logits(self, x: Tensor) -> Tensor:
        return torch.stack((0.5 - x[:, 0, 0, 0], x[:, 0, 0, 0] - 0.5), -1)


def test_images_are_judged_as_they_lie():
    x = numbers(60 * 36).reshape(60, 1, 6, 6).float()
    data = DataSet(x, Euclidean(1, 6, 6), "corners", labels=(x[:, 0, 0, 0] > 0.5).long())
    found = evaluate_classifier(Corner(), data, data, n=60)
    assert found.accuracy.value == 1.0  # of images that were mirrored on the way about half would be hit
    there = dict(zip(found.angles.degrees, found.angles.accuracy, strict=True))
    # Counterclockwise: after a quarter turn the corner shows what was at the end of the first row.
    corners = {0.0: x[:, 0, 0, 0], 90.0: x[:, 0, 0, -1], 180.0: x[:, 0, -1, -1], 270.0: x[:, 0, -1, 0]}
    for degrees, pixel in corners.items():
        assert there[degrees] == pytest.approx(float(((pixel > 0.5).long() == data.labels).double().mean()))


@pytest.mark.parametrize(("train", "held_out"), [(60, 20), (12, 40)])
def test_as_many_training_images_are_looked_at_as_held_out_ones(train, held_out):
    data = bars()
    found = evaluate_classifier(Upright(), data.subset(range(train)), data.subset(range(80 - held_out, 80)), n=2)
    assert (found.train_accuracy.n, found.accuracy.n) == (min(train, held_out), held_out)


def test_the_error_of_a_single_image_is_not_known():
    data = bars()
    found = evaluate_classifier(Upright(), data, data.subset([3]))
    assert found.cross_entropy_error is None
    assert ClassifierEvaluation.from_dict(found.to_dict()) == found
    assert evaluate_classifier(Upright(), data, data.subset([3, 4]), n=2).cross_entropy_error is not None


def test_a_classifier_that_swaps_its_classes_is_wrong_everywhere():
    data = bars()
    swapped = replace(data, labels=1 - data.labels)
    found = evaluate_classifier(Upright(), data, swapped, n=20)
    assert found.accuracy.value == 0.0
    assert found.confusion == ((0, 40), (40, 0))
    assert found.train_accuracy.value == 1.0
    assert len(found.mistakes) == 24
    told = [one.confidence for one in found.mistakes]
    assert told == sorted(told, reverse=True)
    assert all(one.label == swapped.labels[one.item] and one.called == 1 - one.label for one in found.mistakes)
    assert found.pictures["mistakes"].tolist() == swapped.x[[one.item for one in found.mistakes]].tolist()


def test_what_depends_on_the_angle_is_seen():
    data = bars()
    found = evaluate_classifier(Upright(), data, data, n=40).angles
    assert found is not None
    assert found.degrees == ANGLES
    at = dict(zip(found.degrees, found.accuracy, strict=True))
    assert (at[0.0], at[90.0], at[180.0], at[270.0]) == (1.0, 0.0, 1.0, 0.0)  # a quarter turn makes one the other
    assert found.spread == 1.0
    assert found.differs
    assert found.agreeing.value == 0.0


def test_what_does_not_depend_on_quarter_turns_agrees_there():
    data = bars()
    bright = replace(data, labels=Turnless().logits(data.x).argmax(-1))
    found = evaluate_classifier(Turnless(), bright, bright, n=40).angles
    assert found is not None
    entropy = dict(zip(found.degrees, found.cross_entropy, strict=True))
    for angle in (0.0, 22.5, 45.0, 67.5):
        assert [entropy[(angle + turn) % 360] for turn in (90, 180, 270)] == pytest.approx([entropy[angle]] * 3)
    assert found.accuracy[0] == found.accuracy[4] == 1.0


def test_rotations_are_of_the_images_before_their_poses():
    upright = bars()
    posed, _ = Poses("quarter-turns", seed=0)(upright.x, torch.arange(len(upright)))
    data = replace(upright, x=posed)
    found = evaluate_classifier(Upright(), data, data, upright=upright, n=40)
    assert found.accuracy.value < 1.0
    assert found.angles.accuracy[0] == 1.0
    assert "before they were put into poses" in found.notes[0]
    assert "poses" not in evaluate_classifier(Upright(), data, data, n=4).notes[0]


def test_images_that_are_not_square_are_not_rotated():
    x = numbers(6 * 20).reshape(6, 1, 4, 5).float()
    data = DataSet(x, Euclidean(1, 4, 5), "oblong", labels=torch.arange(6) % 2)

    class Sum:
        classes = ("a", "b")

        def logits(self, x: Tensor) -> Tensor:
            return torch.stack((x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))), -1)

    found = evaluate_classifier(Sum(), data, data)
    assert found.angles is None
    assert "not square" in found.notes[0]
    assert set(found.pictures) == {"data", "mistakes"}


def test_the_record_is_plain_and_comes_back():
    found = evaluate_classifier(Upright(), bars(), bars(), n=10)
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["task"] == "classify"
    assert "pictures" not in values
    assert ClassifierEvaluation.from_dict(values) == found
    with pytest.raises(ValueError, match="lacks or should not have: accuracy"):
        ClassifierEvaluation.from_dict({name: value for name, value in values.items() if name != "accuracy"})


def test_the_same_seed_gives_the_same_numbers_and_the_generator_is_left():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second = (evaluate_classifier(Upright(), bars(), bars(), n=10, seed=7) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


def test_each_stage_is_told():
    told: list[str] = []
    evaluate_classifier(Upright(), bars(), bars(), n=4, on_stage=told.append)
    assert len(told) == classifier_stages()


def test_what_cannot_be_judged_is_refused():
    data = bars()
    with pytest.raises(ValueError, match="bars has no labels"):
        evaluate_classifier(Upright(), data, replace(data, labels=None))
    with pytest.raises(ValueError, match="labels 2 to 3"):
        evaluate_classifier(Upright(), data, replace(data, labels=data.labels + 2))

    class Lost(Upright):
        def logits(self, x: Tensor) -> Tensor:
            return super().logits(x) * torch.nan

    with pytest.raises(ValueError, match="not finite"):
        evaluate_classifier(Lost(), data, data)
    with pytest.raises(ValueError, match="two images or more"):
        accuracy_by_angle(torch.zeros(2, 1, 2), torch.zeros(1, dtype=torch.int64), (0, 90), seed=0)
