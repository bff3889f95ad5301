"""Nearest neighbours against brute force; copies of the training set are caught, unseen items are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from equigen.metrics.neighbours import compare_neighbours, nearest
from equigen.random import Stream, normal


def images(n: int, seed: int, side: int = 6) -> Tensor:
    return normal((n, 2, side, side), seed=seed, stream=Stream.LAW)


@pytest.mark.parametrize("elements", [1 << 24, 100])
def test_against_brute_force(monkeypatch, elements):
    monkeypatch.setattr("equigen.metrics.neighbours._ELEMENTS", elements)
    x, reference = images(17, 1), images(40, 2)
    every = (x.double()[:, None] - reference.double()[None]).flatten(2).norm(dim=2)
    found = nearest(x, reference)
    assert torch.equal(found.index, every.argmin(1))
    assert torch.allclose(found.distance, every.min(1).values, rtol=1e-12)


def test_a_copy_is_at_distance_zero_however_large_the_values():
    reference = images(50, 3) + 1e4
    found = nearest(reference[[4, 30]], reference)
    assert found.index.tolist() == [4, 30]
    assert found.distance.tolist() == [0.0, 0.0]


def test_fresh_items_are_not_suspicious():
    train, held_out, fresh = images(600, 4), images(400, 5), images(400, 6)
    found = compare_neighbours(nearest(fresh, train).distance, nearest(held_out, train).distance)
    assert not found.suspicious
    assert found.too_close_interval[0] < 0.05 < found.too_close_interval[1]
    assert found.copies == 0


def test_a_copy_of_the_training_set_is_caught():
    train, held_out = images(600, 7), images(400, 8)
    found = compare_neighbours(nearest(train[:400], train).distance, nearest(held_out, train).distance)
    assert (found.suspicious, found.copies, found.too_close) == (True, 400, 1.0)


def test_a_few_slightly_noisy_copies_are_caught():
    train, held_out, fresh = images(600, 9), images(400, 10), images(400, 11)
    fresh[:60] = train[:60] + 0.3 * images(60, 12)
    found = compare_neighbours(nearest(fresh, train).distance, nearest(held_out, train).distance)
    assert found.suspicious
    assert found.copies == 0


def test_doubles_in_the_data_themselves_excuse_a_copy():
    distances = torch.cat((torch.zeros(4), torch.linspace(1, 2, 96)))
    found = compare_neighbours(distances, distances)
    assert (found.copies, found.held_out_copies, found.suspicious) == (4, 4, False)


def test_what_counts_as_a_copy():
    held_out = torch.linspace(1, 3, 101)  # median 2
    near = torch.tensor([0.0, 0.0019, 0.0021, *torch.linspace(1, 3, 197)])
    found = compare_neighbours(near, held_out)
    assert (found.copies, found.held_out_copies) == (2, 0)
    assert found.too_close_interval[0] < found.expected  # the share alone would not tell
    assert found.suspicious
    assert compare_neighbours(held_out, torch.tensor([0.0, 0.0019, 0.0021, *held_out])).held_out_copies == 2


def test_the_interval_of_the_share():
    held_out, near = torch.linspace(1, 2, 400), torch.cat((torch.zeros(20) + 0.9, torch.full((80,), 1.5)))
    found = compare_neighbours(near, held_out)
    error = 1.96 * (0.2 * 0.8 / 100 + 0.05 * 0.95 / 400) ** 0.5
    assert found.too_close == pytest.approx(0.2)
    assert found.too_close_interval == pytest.approx((0.2 - error, 0.2 + error))


def test_quantiles():
    found = compare_neighbours(torch.arange(101.0), torch.arange(101.0) * 2)
    assert found.generated == pytest.approx((5, 25, 50, 75, 95))
    assert found.floor == pytest.approx((10, 50, 100, 150, 190))


def test_false_alarms_are_rare():
    # Two samples of one law of distances: the 95 % interval should exclude 5 % from above in about 1 of 40 cases.
    alarms = 0
    for seed in range(300):
        x = normal((2, 200), seed=seed, stream=Stream.LAW).exp()
        alarms += compare_neighbours(x[0], x[1]).suspicious
    assert alarms <= 20


@pytest.mark.parametrize("reference", [(0, 2, 6, 6), (3, 1, 6, 6)])
def test_other_references_are_refused(reference):
    with pytest.raises(ValueError, match="reference"):
        nearest(images(2, 0), torch.zeros(reference))


def masks(n: int, seed: int) -> Tensor:
    return normal((n, 1, 6, 6), seed=seed, stream=Stream.LAW) < 0.5


@pytest.mark.parametrize("elements", [1 << 24, 100])
def test_masked_items_against_brute_force(monkeypatch, elements):
    monkeypatch.setattr("equigen.metrics.neighbours._ELEMENTS", elements)
    x, reference, seen, reference_seen = images(9, 1), images(25, 2), masks(9, 3), masks(25, 4)
    both = (seen[:, None] & reference_seen[None]).expand(-1, -1, 2, -1, -1).flatten(2)
    gap = torch.where(both, (x.double()[:, None] - reference.double()[None]).flatten(2), 0.0)
    every = (gap.square().sum(2) * 72 / both.sum(2)).sqrt()
    spoiled, reference_spoiled = x.where(seen, float("nan")), reference.where(reference_seen, 1e9)
    found = nearest(spoiled, reference_spoiled, valid=seen, reference_valid=reference_seen)
    assert torch.equal(found.index, every.argmin(1))
    assert torch.allclose(found.distance, every.min(1).values, rtol=1e-9)
    assert not torch.equal(found.index, nearest(x, reference).index)  # the control: masks matter here


def test_masks_that_exclude_nothing_change_nothing():
    x, reference = images(9, 1), images(25, 2)
    found, plain = nearest(x, reference, valid=torch.ones(9, 1, 6, 6, dtype=torch.bool)), nearest(x, reference)
    assert torch.equal(found.index, plain.index)
    assert torch.allclose(found.distance, plain.distance, rtol=1e-12)


def test_masks_that_share_no_pixel_are_refused():
    left = torch.zeros(3, 1, 6, 6, dtype=torch.bool)
    left[..., :3] = True
    with pytest.raises(ValueError, match="masks that overlap"):
        nearest(images(3, 1), images(3, 2), valid=left, reference_valid=~left)


def test_a_reference_that_is_read_by_parts(monkeypatch):
    monkeypatch.setattr("equigen.metrics.neighbours._ELEMENTS", 300)
    x, stored = images(5, 1), images(30, 2)
    largest = []

    class Lazy:
        shape = stored.shape

        def __len__(self) -> int:
            return len(stored)

        def __getitem__(self, rows):
            found = stored[rows]
            largest.append(len(found))
            return found

    found, plain = nearest(x, Lazy()), nearest(x, stored)
    assert torch.equal(found.index, plain.index)
    assert torch.equal(found.distance, plain.distance)
    assert max(largest) < 10
