"""The classifier two-sample test: as many false alarms as its p-value says, and it finds planted differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from equigen.metrics import two_sample
from equigen.metrics.two_sample import classifier_two_sample, two_sample_beside_floor
from equigen.random import Stream, normal


def gaussian(n: int, seed: int, d: int = 4) -> Tensor:
    return normal((n, d), seed=seed, stream=Stream.LAW, dtype=torch.float64)


def p_values(count: int, n: int) -> Tensor:
    pairs = (gaussian(2 * n, seed).split(n) for seed in range(count))
    return torch.tensor([classifier_two_sample(x, y, seed=s, exchanges=99).p_value for s, (x, y) in enumerate(pairs)])


def false_alarms(p: Tensor, level: float) -> float:
    return float((p <= level).double().mean())


def test_under_one_law_the_p_value_is_uniform():
    p = p_values(300, 20)
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):  # 300 draws: three standard errors; ties make it a little conservative
        error = 3 * (level * (1 - level) / 300) ** 0.5
        assert level - error - 0.06 < false_alarms(p, level) < level + error


def test_a_test_whose_classifier_has_seen_the_items_is_caught(monkeypatch):
    """The control: answers that depend on the label of the item itself."""
    honest = two_sample._answers

    def peeking(z: Tensor, fold: Tensor) -> Tensor:
        answers = honest(z, fold)
        true = torch.cat((torch.ones(len(z) // 2), -torch.ones(len(z) // 2))).double()
        return answers + 0.05 * true[:, None] * true[None] / len(z) * 20  # knows which half is which

    monkeypatch.setattr(two_sample, "_answers", peeking)
    assert false_alarms(p_values(60, 20), 0.25) > 0.6


@pytest.mark.parametrize(
    "change", [lambda y: y + 1.0, lambda y: 2.5 * y, lambda y: y.abs()], ids=["shifted", "wider", "folded"]
)
def test_planted_differences_are_found(change):
    found = classifier_two_sample(gaussian(100, 1), change(gaussian(100, 2)))
    assert found.accuracy > 0.6
    assert found.p_value <= 0.01


def test_a_shift_is_told_nearly_as_well_as_can_be():
    """For normals a distance 1 apart the best classifier is right with probability Phi(1/2) = 0.691."""
    pairs = [(gaussian(150, 100 + s), gaussian(150, 200 + s) + 0.5) for s in range(8)]
    accuracy = sum(classifier_two_sample(x, y, exchanges=9).accuracy for x, y in pairs) / 8
    assert 0.62 < accuracy < 0.72


def test_each_fold_has_as_many_of_each_side_and_exchanges_stay_inside_it():
    fold = two_sample._folds(23, 5, seed=1)
    labels = torch.cat((torch.ones(23), -torch.ones(23))).double()
    exchanged = two_sample._exchanged(fold, labels, 7, seed=1)
    assert exchanged.shape == (46, 7)
    for one in range(5):
        assert labels[fold == one].sum() == 0
        assert (exchanged[fold == one].sum(0) == 0).all()
    assert len({tuple(column.tolist()) for column in exchanged.T}) == 7


def test_answers_never_see_their_own_fold():
    fold = two_sample._folds(12, 4, seed=0)
    answers = two_sample._answers(gaussian(24, 5), fold)
    assert (answers[fold[:, None] == fold[None]] == 0).all()
    assert (answers[fold[:, None] != fold[None]] != 0).all()


def test_it_is_a_pure_function_of_its_arguments():
    x, y = gaussian(40, 6), gaussian(40, 7)
    assert classifier_two_sample(x, y, seed=2) == classifier_two_sample(x, y, seed=2)
    assert classifier_two_sample(x, y, seed=2) != classifier_two_sample(x, y, seed=3)


def test_items_that_are_all_equal_cannot_be_told_apart():
    found = classifier_two_sample(torch.ones(10, 3), torch.ones(10, 3))
    assert (found.accuracy, found.p_value) == (pytest.approx(0.5, abs=0.3), pytest.approx(1.0, abs=0.95))


def test_only_so_many_items_are_used(monkeypatch):
    monkeypatch.setattr(two_sample, "_MOST", 10)
    assert classifier_two_sample(gaussian(50, 8), gaussian(50, 9)).n == 10


def test_beside_its_floor():
    train, held_out = gaussian(300, 10), gaussian(120, 11)
    sets = [gaussian(60, 12), gaussian(60, 13) + 2]
    found = two_sample_beside_floor(lambda x: x, sets, train, held_out, n=60, seed=0, draws=4, space="numbers")
    assert len(found.p_values) == 2
    assert len(found.floor_p_values) == 4
    assert found.p_values[1] <= 0.001 < found.p_values[0]
    assert found.accuracy.values[1] > 0.9 > max(found.accuracy.floors)


@pytest.mark.parametrize("other", [(10, 3), (9, 4), (10, 4, 1)])
def test_what_cannot_be_compared_is_refused(other):
    with pytest.raises(ValueError, match="two matrices"):
        classifier_two_sample(torch.zeros(10, 4), torch.zeros(other))
