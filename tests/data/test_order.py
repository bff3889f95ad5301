from __future__ import annotations

import pytest
import torch

from equigen.data.order import batch_indices, split_indices


def epochs(n: int, size: int, steps: int, seed: int = 0) -> torch.Tensor:
    return torch.cat([batch_indices(n, size, seed=seed, step=step)[0] for step in range(steps)])


def is_permutation(places: torch.Tensor, n: int) -> bool:
    return sorted(places.tolist()) == list(range(n))


def splits_well(parts: tuple[torch.Tensor, torch.Tensor], n: int) -> bool:
    """Disjoint and complete."""
    return is_permutation(torch.cat(parts), n)


@pytest.mark.parametrize("n", [2, 3, 10, 1797])
@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 0.99])
def test_split_is_disjoint_complete_and_never_empty(n, fraction):
    parts = split_indices(n, seed=5, fraction=fraction)
    assert splits_well(parts, n)
    assert min(map(len, parts)) >= 1


def test_planted_overlap_is_no_split():
    train, held_out = split_indices(10, seed=0, fraction=0.25)
    assert not splits_well((train, torch.cat([held_out, train[:1]])), 10)
    assert not splits_well((train[1:], held_out), 10)


def test_split_is_a_pure_function_of_the_seed():
    state = torch.get_rng_state()
    first = split_indices(100, seed=1, fraction=0.25)
    torch.rand(3)
    assert all(map(torch.equal, first, split_indices(100, seed=1, fraction=0.25)))
    assert not torch.equal(first[1], split_indices(100, seed=2, fraction=0.25)[1])
    torch.set_rng_state(state)


def test_split_is_uniform():
    """Each of 20 images is held out in 1/4 of 400 splits, within 5 standard deviations of 0.0217."""
    held = torch.stack(
        [torch.zeros(20).index_fill(0, split_indices(20, seed=s, fraction=0.25)[1], 1) for s in range(400)]
    )
    assert ((held.mean(0) - 0.25).abs() < 5 * 0.0217).all()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_split_refuses_a_fraction(fraction):
    with pytest.raises(ValueError, match="fraction"):
        split_indices(10, seed=0, fraction=fraction)


@pytest.mark.parametrize(("n", "size"), [(12, 4), (10, 4), (7, 3), (5, 8), (3, 10)])
def test_each_epoch_is_a_fresh_permutation(n, size):
    places = epochs(n, size, 60)
    walks = places[: len(places) // n * n].reshape(-1, n)
    assert len(walks) > 3
    assert all(is_permutation(walk, n) for walk in walks)
    assert len({tuple(walk.tolist()) for walk in walks}) > 1


def test_planted_step_in_place_of_epoch_is_no_permutation():
    """An order drawn anew at each step repeats images within an epoch."""
    drawn = torch.cat([batch_indices(12, 4, seed=step, step=0)[0] for step in range(3)])
    assert not is_permutation(drawn, 12)


@pytest.mark.parametrize("world", [1, 2, 3, 5])
@pytest.mark.parametrize("step", [0, 1, 7, 10**6])
def test_slices_of_all_processes_are_the_batch_of_one(world, step):
    whole, position = batch_indices(13, 10, seed=3, step=step)
    parts = [batch_indices(13, 10, seed=3, step=step, rank=rank, world=world) for rank in range(world)]
    assert torch.equal(torch.cat([indices for indices, _ in parts]), whole)
    assert torch.equal(torch.cat([places for _, places in parts]), position)
    assert position.tolist() == list(range(10))


def test_planted_rank_in_the_seed_breaks_the_slices():
    whole, _ = batch_indices(13, 10, seed=3, step=0)
    parts = [batch_indices(13, 10, seed=3 + rank, step=0, rank=rank, world=2)[0] for rank in range(2)]
    assert not torch.equal(torch.cat(parts), whole)


def test_resuming_at_a_step_needs_no_earlier_one():
    direct = batch_indices(50, 8, seed=0, step=123)[0]
    assert torch.equal(epochs(50, 8, 124)[-8:], direct)


@pytest.mark.parametrize(
    "numbers",
    [
        {"n": 0},
        {"size": 0},
        {"step": -1},
        {"rank": 2, "world": 2},
        {"rank": -1, "world": 2},
        {"world": 9},
        {"world": 0},
    ],
)
def test_numbers_out_of_range_are_refused(numbers):
    given = {"n": 10, "size": 8, "step": 0, **numbers}
    with pytest.raises(ValueError, match=r"needed|needs"):
        batch_indices(given.pop("n"), given.pop("size"), seed=0, **given)
