"""The Frechet distance against closed forms, commuting and not, singular and not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from equigen.metrics.frechet import frechet_distance, frechet_from_moments
from equigen.random import Stream, normal


def gaussian(*shape: int, seed: int) -> Tensor:
    return normal(shape, seed=seed, stream=Stream.LAW, dtype=torch.float64)


def random_covariance(d: int, seed: int, rank: int | None = None) -> Tensor:
    factor = gaussian(d, rank or d, seed=seed)
    return factor @ factor.T / (rank or d)


def orthogonal(d: int, seed: int) -> Tensor:
    return torch.linalg.qr(gaussian(d, d, seed=seed)).Q


def test_one_dimension():
    mean, one = torch.zeros(1), torch.ones(1, 1)
    assert frechet_from_moments(mean, 4 * one, mean + 3, 9 * one) == pytest.approx(9 + 1, rel=1e-14)


def test_commuting_covariances():
    a = torch.arange(1.0, 7, dtype=torch.float64)
    b, q, mean = a.flip(0), orthogonal(6, 1), gaussian(6, seed=2)
    x, y = q @ torch.diag(a) @ q.T, q @ torch.diag(b) @ q.T
    exact = mean.square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert frechet_from_moments(0 * mean, x, mean, y) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_plane_without_commuting(seed):
    x, y, mean = random_covariance(2, seed), random_covariance(2, seed + 50), torch.zeros(2)
    # tr M^1/2 = sqrt(tr M + 2 sqrt(det M)) for 2x2; M = x y has the eigenvalues of x^1/2 y x^1/2.
    root = math.sqrt((x @ y).trace() + 2 * math.sqrt(torch.linalg.det(x @ y)))
    exact = float(x.trace() + y.trace()) - 2 * root
    assert frechet_from_moments(mean, x, mean, y) == pytest.approx(exact, rel=1e-10)
    # The fault a wrong implementation would have: roots taken as if the two commuted.
    values_x, values_y = torch.linalg.eigvalsh(x), torch.linalg.eigvalsh(y)
    commuting = float((values_x.sqrt() - values_y.sqrt()).square().sum())
    assert frechet_from_moments(mean, x, mean, y) != pytest.approx(commuting, rel=1e-3)


def test_it_is_the_gaussian_transport_cost():
    # T = x^-1/2 (x^1/2 y x^1/2)^1/2 x^-1/2 carries N(0, x) to N(0, y) at the cost tr (1 - T) x (1 - T).
    x, y, mean = random_covariance(5, 3), random_covariance(5, 4), torch.zeros(5)

    def power(matrix: Tensor, exponent: float) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        return (vectors * values**exponent) @ vectors.T

    inner = power(power(x, 0.5) @ y @ power(x, 0.5), 0.5)
    carry = power(x, -0.5) @ inner @ power(x, -0.5)
    assert torch.allclose(carry @ x @ carry, y, atol=1e-10)
    rest = torch.eye(5, dtype=torch.float64) - carry
    assert frechet_from_moments(mean, x, mean, y) == pytest.approx(float((rest @ x @ rest).trace()), rel=1e-9)


def test_singular_covariances():
    x, mean = random_covariance(30, 5, rank=4), torch.zeros(30)
    assert abs(frechet_from_moments(mean, x, mean, x)) < 1e-6 * float(x.trace())
    assert frechet_from_moments(mean, x, mean, 4 * x) == pytest.approx(float(x.trace()), rel=1e-6)
    assert frechet_from_moments(mean, 0 * x, mean, x) == pytest.approx(float(x.trace()), rel=1e-12)


def test_samples_use_unbiased_covariances():
    x = torch.tensor([[0.0], [2.0]])  # variance 2
    y = torch.tensor([[0.0], [4.0]])  # variance 8
    assert frechet_distance(x, y) == pytest.approx(1 + (math.sqrt(8) - math.sqrt(2)) ** 2, rel=1e-12)


def test_it_is_symmetric_and_zero_on_itself():
    x, y = gaussian(40, 8, seed=6), gaussian(30, 8, seed=7)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-10)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-10)


def test_invariance_under_orthogonal_maps_and_shifts_of_the_features():
    x, y = gaussian(60, 10, seed=8), 1.3 * gaussian(50, 10, seed=9) + 0.2
    q, shift = orthogonal(10, 10), gaussian(10, seed=11)
    before = frechet_distance(x, y)
    assert frechet_distance(x @ q + shift, y @ q + shift) == pytest.approx(before, rel=1e-10)
    # A map that is not orthogonal changes it.
    stretched = torch.diag(torch.linspace(0.5, 2, 10, dtype=torch.float64))
    assert frechet_distance(x @ stretched, y @ stretched) != pytest.approx(before, rel=1e-2)


def test_float32_features_far_from_zero_keep_their_distance():
    x, y = gaussian(500, 4, seed=12), gaussian(500, 4, seed=13)
    near, far = frechet_distance(x, y), frechet_distance((x + 1000).float(), (y + 1000).float())
    assert far == pytest.approx(near, rel=1e-2)


def test_noise_and_collapse_are_far():
    x, y = gaussian(400, 6, seed=14), gaussian(400, 6, seed=15)
    floor = frechet_distance(x, y)
    assert frechet_distance(x, y + gaussian(400, 6, seed=16)) > 5 * floor
    assert frechet_distance(x, y[:1].expand(400, 6)) > 10 * floor


@pytest.mark.parametrize("shape", [(1, 3), (5, 4), (5, 3, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="two matrices"):
        frechet_distance(torch.zeros(5, 3), torch.zeros(shape))
