"""A conditional model is judged class by class: what it is asked for, what comes, and what real items score."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.metrics.evaluating import evaluate
from equigen.metrics.evaluation import Evaluation
from equigen.metrics.given import given_for
from equigen.metrics.groups import _by_value, share_interval
from equigen.random import Stream, normal, permutation
from equigen.spaces.masked import Masked

N = 100


@pytest.fixture(scope="module")
def labelled(digits):
    train, held_out = (replace(part, condition="label") for part in digits)
    order = permutation(len(train), seed=1, stream=Stream.LAW)
    return train.subset(order[:900]), held_out, train.subset(order[900:])


class Obedient:
    """Returns real items of the class that was asked for, after the classes were changed in a given way."""

    def __init__(self, data: DataSet, change=lambda label: label):
        self.data, self.change, self.asked = data, change, []

    def sample(self, n: int, *, seed: int, steps: int, condition) -> Tensor:
        self.asked.append(condition["label"])
        rows = []
        for i, label in enumerate(self.change(condition["label"]).tolist()):
            among = (self.data.labels == label).nonzero()[:, 0]
            rows.append(int(among[(i * 7 + seed) % len(among)]))
        return self.data.x[rows]

    def loss_by_noise_level(self, batch, *, seed: int):
        own = batch.condition["label"].double().mean()  # the loss of class c is c
        return SimpleNamespace(noise=torch.ones(2), loss=own.repeat(2), standard_error=torch.full((2,), 0.5))


def measure(model, train, held_out, features, **more):
    options = {"n": N, "seeds": 2, "draws": 2, "features": features, **more}
    return evaluate(model, train, held_out, **options)


@pytest.fixture(scope="module")
def obeyed(labelled, digit_features):
    train, held_out, rest = labelled
    return measure(Obedient(rest), train, held_out, digit_features)


def test_samples_of_each_class_are_recognised_as_real_items_are(obeyed):
    assert obeyed.groups is not None
    assert obeyed.groups.by == "class"
    assert [group.name for group in obeyed.groups.groups] == [str(c) for c in range(10)]
    assert sum(group.samples for group in obeyed.groups.groups) == 2 * N
    assert sum(group.held_out for group in obeyed.groups.groups) == 450
    for group in obeyed.groups.groups:
        assert group.called_interval[0] <= group.called <= group.called_interval[1]
        assert group.called > 0.8
        assert group.floor > 0.9


def test_a_class_that_is_never_drawn_shows_in_its_row_alone(labelled, digit_features):
    train, held_out, rest = labelled
    found = measure(Obedient(rest, lambda label: torch.where(label == 3, 5, label)), train, held_out, digit_features)
    shares = [group.called for group in found.groups.groups]
    assert shares[3] < 0.1
    assert min(share for c, share in enumerate(shares) if c != 3) > 0.8


def test_the_loss_is_that_of_the_held_out_items_of_the_class(obeyed):
    assert [group.loss for group in obeyed.groups.groups] == list(map(float, range(10)))
    assert {group.loss_error for group in obeyed.groups.groups} == {0.5}


def test_pictures_stand_in_the_rows_of_their_classes(obeyed, labelled):
    of, shown = obeyed.pictures["group_of_held_out"], obeyed.pictures["group_held_out"]
    assert len(of) == 40
    assert sorted(set(of.tolist())) == list(range(10))
    held_out = labelled[1]
    for image, label in zip(shown, of, strict=True):
        same = (held_out.x == torch.as_tensor(image)).flatten(1).all(1)
        assert held_out.labels[same].tolist() == [label]
    assert (torch.as_tensor(obeyed.pictures["group_of_samples"]).bincount() <= 10).all()


def test_the_record_comes_back(obeyed):
    assert Evaluation.from_dict(obeyed.to_dict()) == obeyed


def test_what_is_asked_for_is_the_law_of_the_held_out_labels(labelled):
    _, held_out, _ = labelled
    one, again, other = (given_for(held_out, 2000, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.rows, again.rows)
    assert not torch.equal(one.rows, other.rows)
    assert torch.equal(given_for(held_out, 10, seed=0).rows, one.rows[:10])  # item i whatever n
    assert torch.equal(one.condition["label"], held_out.labels[one.rows])
    share = one.condition["label"].bincount(minlength=10) / 2000
    true = held_out.labels.bincount(minlength=10) / len(held_out)
    assert (share - true).abs().max() < 4 * (0.1 * 0.9 / 2000) ** 0.5
    assert given_for(replace(held_out, condition="none"), 10, seed=0) is None


def test_conditions_of_ones_own_are_refused(labelled, digit_features):
    train, held_out, rest = labelled
    with pytest.raises(ValueError, match="leave it out"):
        measure(Obedient(rest), train, held_out, digit_features, condition={})


def test_a_value_is_judged_by_quarters(digits, digit_features):
    def with_values(data: DataSet) -> DataSet:
        values = data.x.mean((1, 2, 3))[:, None]
        return replace(data, values=values, value_names=("ink",), condition="value")

    train, held_out = map(with_values, digits)

    class Drawing:
        def sample(self, n: int, *, seed: int, steps: int, condition) -> Tensor:
            assert condition["value"].shape == (n, 1)
            return train.x[:n]

        def loss_by_noise_level(self, batch, *, seed: int):
            loss = batch.condition["value"].double().mean().repeat(2)
            return SimpleNamespace(noise=torch.ones(2), loss=loss, standard_error=loss / 9)

    found = measure(Drawing(), train, held_out, digit_features).groups
    assert found.by == "ink"
    assert sum(group.held_out for group in found.groups) == 450
    assert all(abs(group.held_out - 450 / 4) < 15 for group in found.groups)
    losses = [group.loss for group in found.groups]
    assert losses == sorted(losses)
    assert {group.called for group in found.groups} == {None}


@pytest.fixture(scope="module")
def masked(digits):
    def with_masks(data: DataSet, seed: int) -> DataSet:
        valid = normal((1, 8, 8), seed=seed, stream=Stream.LAW, item=torch.arange(len(data))) < 1.0
        return replace(data, x=torch.where(valid, data.x, 0.0), space=Masked(1, 8, 8), structure=valid, labels=None)

    return with_masks(digits[0], 1), with_masks(digits[1], 2)


class Filling:
    """Real items with the structure asked for, and something in the pixels that are not valid."""

    def __init__(self, data: DataSet, something: float):
        self.data, self.something = data, something

    def sample(self, n: int, *, seed: int, steps: int, structure: Tensor) -> Tensor:
        some = self.data.x[permutation(len(self.data), seed=seed, stream=Stream.LAW)[:n]]
        return torch.where(structure, some, self.something)


def test_invalid_pixels_influence_nothing(masked, digits):
    train, held_out = masked
    found = [evaluate(Filling(digits[0], value), train, held_out, n=60, seeds=1, draws=2) for value in (0.0, 99.0)]
    assert found[0] == found[1]
    assert any("not valid" in note for note in found[0].notes)


def test_the_same_pixels_called_valid_do_show(masked, digits):
    """The control: with a mask that says that all is valid, 99 is seen."""
    train, held_out = (replace(part, structure=torch.ones_like(part.structure)) for part in masked)

    class Spoiled(Filling):
        def sample(self, n: int, *, seed: int, steps: int, structure: Tensor) -> Tensor:
            return super().sample(n, seed=seed, steps=steps, structure=masked[1].structure[:n])

    found = [evaluate(Spoiled(digits[0], value), train, held_out, n=60, seeds=1, draws=2) for value in (0.0, 99.0)]
    assert found[1]["sliced Wasserstein distance"].value > 10 * found[0]["sliced Wasserstein distance"].value


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 10), (50, 100)])
def test_the_interval_of_a_share_solves_its_equation(hits, n):
    for end in share_interval(hits, n):
        if 0 < end < 1:  # (p - end)^2 = z^2 end (1 - end) / n
            assert (hits / n - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / n, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "names", "members"),
    [
        ([3.0, 1.0, 1.0, 3.0, 1.0], ["1", "3"], [1, 0, 0, 1, 0]),  # few: each is a group
        ([0.0] * 9 + [1.0, 2.0, 3.0, 4.0], ["0 to 1", "1 to 4"], [0] * 10 + [1] * 3),  # many of one: no empty quarter
        ([1.0, math.nan, 2.0], ["1", "2"], [0, -1, 1]),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, math.nan], None, [0, 0, 1, 1, 2, 2, 3, 3, -1]),
    ],
)
def test_groups_of_values_are_never_empty_and_never_share_a_name(values, names, members):
    found, member = _by_value(torch.tensor(values, dtype=torch.float64))
    assert names is None or found == names
    assert member.tolist() == members
    assert len(set(found)) == len(found) == int(member.max()) + 1
