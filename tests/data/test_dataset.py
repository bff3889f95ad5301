from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from equigen.data.dataset import DataSet
from equigen.data.encoding import Encoding
from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.spaces.euclidean import Euclidean


def numbered(n: int = 20, **rest) -> DataSet:
    x = torch.arange(float(n)).reshape(n, 1, 1, 1).expand(n, 1, 8, 8).contiguous()
    return DataSet(x, Euclidean(1, 8, 8), "numbered", Encoding("float32", "nchw"), **rest)


def numbers(part) -> list[int]:
    return part.x[:, 0, 0, 0].int().tolist()


def test_split_keeps_items_with_their_labels():
    train, held_out = numbered(labels=torch.arange(20) + 100).split(seed=0)
    assert sorted(numbers(train) + numbers(held_out)) == list(range(20))
    assert len(held_out) == 5
    for part in (train, held_out):
        assert part.labels is not None
        assert part.labels.tolist() == [n + 100 for n in numbers(part)]


def test_own_test_part_is_used_whatever_the_seed_and_used_once():
    for seed in range(3):
        train, held_out = numbered(held_out=6).split(seed, fraction=0.9)
        assert (numbers(train), numbers(held_out)) == (list(range(14)), list(range(14, 20)))
    again = numbered(held_out=6).split(seed=0)[0].split(seed=0)
    assert len(again[1]) == 4  # a quarter of 14, rounded up, at random
    assert numbers(again[1]) != list(range(10, 14))


def test_subset_by_slice_list_and_tensor():
    full = numbered(held_out=3)
    assert numbers(full.subset(slice(2, 5))) == [2, 3, 4]
    assert numbers(full.subset([4, 2])) == [4, 2]
    assert numbers(full.subset(torch.tensor([4, 2]))) == [4, 2]
    assert full.subset([4, 2]).held_out is None


@pytest.mark.parametrize("world", [1, 2, 3])
def test_batches_of_all_processes_are_the_batch_of_one(world):
    data = numbered()
    for step in range(7):
        whole = data.batch(6, seed=1, step=step)
        parts = [data.batch(6, seed=1, step=step, rank=rank, world=world) for rank in range(world)]
        assert torch.equal(torch.cat([part.x for part in parts]), whole.x)
        assert torch.equal(torch.cat([part.position for part in parts]), whole.position)
        assert {part.size for part in parts} == {6}


def test_batches_walk_through_every_item():
    data = numbered()
    assert sorted(number for step in range(5) for number in numbers(data.batch(4, 0, step))) == list(range(20))


def test_batch_is_a_copy():
    data = numbered()
    data.batch(20, 0, 0).x.zero_()
    assert numbers(data) == list(range(20))


def test_description_is_plain_and_true():
    images = numbered(4, labels=torch.tensor([0, 2, 2, 0]), class_names=("a", "b", "c"), notes=("said",))
    told = images.describe()
    assert json.loads(json.dumps(told)) == told
    assert told["classes"] == {"a": 2, "b": 0, "c": 2}
    assert (told["items"], told["shape"], told["range"]) == (4, [1, 8, 8], [0.0, 3.0])
    assert (told["mean"], told["std"]) == ([1.5], [pytest.approx(1.25**0.5)])
    assert told["notes"] == ["said"]
    assert images.subset([0, 3]).describe()["classes"] == {"a": 2, "b": 0, "c": 0}
    assert replace(images, class_names=None).describe()["classes"] == {"0": 2, "1": 0, "2": 2}
    assert images.subset([0, 1, 1, 2, 1]).describe()["repeats"] == 2


def test_constant_channel_is_noted():
    x = torch.rand(4, 2, 8, 8)
    x[:, 1] = 0.5
    assert DataSet(x, Euclidean(2, 8, 8), "two").describe()["notes"] == ["channel 1 is constant"]


def test_fingerprint_changes_with_items_labels_and_order():
    base = numbered(4, labels=torch.tensor([0, 1, 0, 1]))
    changed = base.x.clone()
    changed[2, 0, 3, 3] += 1e-6 * 2
    others = [
        base.subset([1, 0, 2, 3]),
        replace(base, labels=torch.tensor([1, 1, 0, 1])),
        replace(base, labels=None),
        replace(base, x=changed),
        base.subset([0, 1, 2]),
    ]
    marks = [other.describe()["fingerprint"] for other in (base, *others)]
    assert len(set(marks)) == 6
    assert base.subset([0, 1, 2, 3]).describe()["fingerprint"] == marks[0]


@pytest.mark.parametrize(
    "change",
    [
        {"x": torch.zeros(20, 1, 8, 8, dtype=torch.float64)},
        {"x": torch.zeros(20, 1, 8, 9)},
        {"labels": torch.zeros(19, dtype=torch.int64)},
        {"labels": torch.zeros(20)},
        {"held_out": 0},
        {"held_out": 20},
    ],
)
def test_parts_that_do_not_fit_are_refused(change):
    with pytest.raises(DataError):
        replace(numbered(), **change)


def test_global_generators_are_left_alone():
    before = torch.get_rng_state()
    data = load("digits")
    data.split(seed=0)
    data.batch(16, seed=0, step=3)
    data.describe()
    assert torch.equal(torch.get_rng_state(), before)
