"""C_T: a standard normal for fresh draws, strongly negative for copies, positive for samples unlike the data."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from equigen.metrics.memorising import copying_statistic, memorisation
from equigen.metrics.neighbours import nearest
from equigen.random import Stream, normal


def law(n: int, seed: int) -> Tensor:
    return normal((n, 6), seed=seed, stream=Stream.LAW)


def to_train(x: Tensor, train: Tensor) -> Tensor:
    return nearest(x, train).distance


TRAIN = law(300, 0)
HELD_OUT = to_train(law(200, 1), TRAIN)


def statistics(worsen, count: int = 150) -> Tensor:
    """C_T against fresh held-out items, draw after draw."""
    found = []
    for seed in range(count):
        samples, held_out = to_train(worsen(law(60, 1000 + seed)), TRAIN), to_train(law(80, 2000 + seed), TRAIN)
        found.append(copying_statistic(samples, held_out))
    return torch.tensor(found)


def is_standard_normal(z: Tensor) -> bool:
    mean, spread = z.mean().abs() < 4 / len(z) ** 0.5, (z.std() - 1).abs() < 4 / (2 * len(z)) ** 0.5
    return bool(mean and spread and (z.abs() > 1.96).double().mean() < 0.11)


def test_fresh_draws_of_the_law_score_a_standard_normal():
    assert is_standard_normal(statistics(lambda x: x))


@pytest.mark.parametrize("worsen", [lambda x: 0.8 * x, lambda x: 1.3 * x, lambda x: x.repeat_interleave(6, 0)[:60]])
def test_planted_faults_are_no_standard_normal(worsen):
    """Too smooth, too wide, and ten items that stand for sixty."""
    assert not is_standard_normal(statistics(worsen))


def test_copies_with_a_little_noise_are_strongly_negative():
    found = memorisation([to_train(TRAIN[:200] + 0.01 * law(200, 2), TRAIN)], HELD_OUT, seed=0)
    assert found.value < -10
    assert found.copying
    assert found.farther < 0.01


def test_a_few_copies_among_fresh_items_show():
    mixed = torch.cat((TRAIN[:80] + 0.01 * law(80, 3), law(120, 4)))
    assert memorisation([to_train(mixed, TRAIN)], HELD_OUT, seed=0).copying


def test_samples_unlike_the_data_are_far_and_fresh_ones_are_neither():
    far, fresh = memorisation([to_train(2 * law(200, 5), TRAIN)], HELD_OUT, seed=0), to_train(law(200, 6), TRAIN)
    assert far.far
    assert not far.copying
    found = memorisation([fresh], HELD_OUT, seed=0)
    assert (found.far, found.copying) == (False, False)


def test_the_floor_is_a_standard_normal_too():
    floors = torch.tensor(memorisation([HELD_OUT], HELD_OUT, seed=0, draws=300).floors)
    assert floors.mean().abs() < 0.25
    assert abs(floors.std() - 1) < 0.15


def test_against_the_count_of_pairs_with_ties():
    x, y = torch.tensor([1.0, 2.0, 2.0, 5.0]), torch.tensor([0.0, 2.0, 3.0, 3.0, 7.0])
    pairs = (x[:, None] > y).double() + 0.5 * (x[:, None] == y).double()
    m, k, total = 4, 5, 9
    ties = sum(t**3 - t for t in (3, 2)) / (total * (total - 1))
    expected = (float(pairs.sum()) - m * k / 2) / math.sqrt(m * k / 12 * (total + 1 - ties))
    assert copying_statistic(x, y) == pytest.approx(expected, rel=1e-12)
    assert copying_statistic(y, x) == pytest.approx(-expected, rel=1e-12)


def test_the_deviation_is_that_of_all_orders():
    """Without ties, over all orders of 3 + 4 distances."""
    places = torch.combinations(torch.arange(7.0), 3)
    z = [copying_statistic(x, torch.tensor([p for p in range(7) if p not in x.tolist()])) for x in places]
    assert torch.tensor(z, dtype=torch.float64).square().mean() == pytest.approx(1, rel=1e-9)
    assert sum(z) == pytest.approx(0, abs=1e-9)


def test_equal_distances_say_nothing():
    assert copying_statistic(torch.ones(5), torch.ones(7)) == 0.0
    found = memorisation([torch.zeros(4)], torch.zeros(4), seed=0)
    assert (found.value, found.farther, found.copying) == (0.0, 0.5, False)


def test_it_is_a_pure_function_of_the_seed():
    one, again, other = (memorisation([HELD_OUT], HELD_OUT, seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert one.floors != other.floors


def test_an_empty_side_is_refused():
    with pytest.raises(ValueError, match="one or more"):
        copying_statistic(torch.zeros(0), torch.zeros(3))
