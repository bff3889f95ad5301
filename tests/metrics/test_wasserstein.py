"""One-dimensional transport against brute force, the sliced distance against closed forms."""

from __future__ import annotations

from itertools import permutations
from math import lcm, sqrt

import pytest
import torch

from equigen.metrics.wasserstein import directions, sliced_wasserstein, wasserstein_1d
from equigen.random import Stream, normal


def gaussian(n: int, d: int, seed: int, mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
    return mean + std * normal((n, d), seed=seed, stream=Stream.LAW, dtype=torch.float64)


def test_transport_on_the_line_is_the_best_assignment():
    x, y = gaussian(6, 3, 0), gaussian(6, 3, 1)
    for column in range(3):
        costs = [(x[:, column] - y[list(order), column]).square().mean() for order in permutations(range(6))]
        assert torch.isclose(wasserstein_1d(x, y)[column], torch.stack(costs).min(), atol=1e-14)
    # The fault a wrong implementation would have: no sorting.
    assert not torch.allclose(wasserstein_1d(x, y), (x - y).square().mean(0))


@pytest.mark.parametrize(("n", "m"), [(2, 3), (3, 2), (4, 6), (7, 5), (1, 9), (8, 4)])
def test_samples_of_different_size_are_those_repeated_to_one_size(n, m):
    x, y = gaussian(n, 4, 2), gaussian(m, 4, 3)
    size = lcm(n, m)
    repeated = wasserstein_1d(x.repeat_interleave(size // n, 0), y.repeat_interleave(size // m, 0))
    assert torch.allclose(wasserstein_1d(x, y), repeated, atol=1e-14)


def test_a_sample_and_its_double_are_at_distance_zero():
    x = gaussian(50, 5, 4)
    assert sliced_wasserstein(x, torch.cat((x, x))) == pytest.approx(0, abs=1e-12)
    assert sliced_wasserstein(x, x.flip(0)) == pytest.approx(0, abs=1e-15)


def test_a_shift_is_measured_exactly_along_each_direction():
    x, shift = gaussian(40, 3, 5), torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    along = directions(3, 64, seed=7) @ shift
    assert sliced_wasserstein(x, x + shift, seed=7, projections=64) == pytest.approx(sqrt(along.square().mean()), 1e-12)


@pytest.mark.parametrize(("shift", "std"), [(0.0, 2.0), (1.5, 1.0), (-0.5, 0.25)])
def test_isotropic_gaussians_against_the_closed_form(shift, std):
    d, n = 6, 4000
    x, y = gaussian(n, d, 10), gaussian(n, d, 11, shift, std)
    exact = sqrt(shift**2 + (1 - std) ** 2)  # |a - b|^2 / d = shift^2
    assert sliced_wasserstein(x, y, projections=1000) == pytest.approx(exact, rel=0.05)


def test_more_noise_is_further_away():
    x, y = gaussian(400, 16, 20), gaussian(400, 16, 21)
    noisy = [sliced_wasserstein(x, y + s * gaussian(400, 16, 22)) for s in (0, 0.5, 1.0)]
    assert noisy[0] < noisy[1] < noisy[2]


def test_directions_are_uniform_and_addressed():
    theta = directions(5, 20000, seed=1)
    assert theta.mean(0).abs().max() < 0.02
    assert torch.allclose(theta.T @ theta / len(theta), torch.eye(5, dtype=torch.float64) / 5, atol=0.01)
    assert torch.equal(directions(5, 3, seed=1), theta[:3])
    assert not torch.equal(directions(5, 3, seed=2), theta[:3])


def test_large_items_are_projected_in_blocks(monkeypatch):
    x, y = gaussian(30, 8, 30), gaussian(20, 8, 31)
    whole = sliced_wasserstein(x, y)
    monkeypatch.setattr("equigen.metrics.wasserstein._ROWS", 24)
    assert sliced_wasserstein(x, y) == pytest.approx(whole, rel=1e-12)


def test_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    sliced_wasserstein(gaussian(4, 2, 0), gaussian(4, 2, 1))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("other", [(3, 5), (0, 4), (3, 2, 2)])
def test_other_shapes_are_refused(other):
    with pytest.raises(ValueError, match="common shape"):
        sliced_wasserstein(torch.zeros(3, 4), torch.zeros(other))
