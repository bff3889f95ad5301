"""Direction and length of the score where they are known."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.mixture_score import MixtureScore
from equigen.labs.plane.critical_points import critical_points
from equigen.labs.plane.direction import angle, contested, directions, identity, one_round, share, uniform
from equigen.labs.plane.magnitude import far, path, rank_correlation

LAW = MixtureScore().law()
FOUND = critical_points(LAW)


def test_angles_are_accurate_at_both_ends():
    e = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    turned = torch.tensor([[math.cos(1e-9), math.sin(1e-9)]], dtype=torch.float64)
    assert math.radians(angle(e, turned).item()) == pytest.approx(1e-9, rel=1e-6)
    assert angle(e, -e).item() == 180.0


def test_one_isotropic_covariance_points_to_the_weighted_mean_and_others_do_not():
    x = uniform(LAW, 200, 0)
    plain = one_round(LAW)
    assert directions(plain, critical_points(plain).modes, x).to_mean.max() < 1e-6
    assert directions(LAW, FOUND.modes, x).to_mean.max() > 30


def test_the_sum_of_pulls_is_the_gradient_only_with_posterior_weights():
    found = identity(LAW, uniform(LAW, 200, 0))
    assert found.posterior.max() < 1e-10
    assert found.prior.median() > 0.5


def test_a_share_of_all_points_still_has_an_error():
    value, error = share(torch.ones(10, dtype=torch.bool))
    assert value == 1.0
    assert error > 0.05
    assert share(torch.arange(1000) < 300)[1] == pytest.approx(math.sqrt(0.3 * 0.7 / 1000), rel=0.02)


def test_contested_points_lie_between_components():
    x = uniform(LAW, 1000, 0)
    chosen = LAW.responsibilities(contested(LAW, x, 6)).topk(2, dim=1).values[:, 1]
    assert chosen.min() > LAW.responsibilities(x).topk(2, dim=1).values[:, 1].median()


def test_far_away_the_widest_component_is_left():
    means = torch.tensor([[0.0, 0.0], [3.0, 1.0]])
    law = GaussianMixture(torch.tensor([0.9, 0.1]), means, torch.tensor([1.0, 4.0]))
    assert torch.allclose(far(law).slope, torch.tensor(0.25).double(), atol=1e-6)
    assert (far(law, reach=0.5).slope - 0.25).abs().max() > 0.05  # not yet, so near


def test_the_path_meets_zeros_at_its_marks():
    along = path(LAW, FOUND)
    assert [name for name, _ in along.marks] == ["mode", "saddle", "mode"]
    for _, at in along.marks:
        assert along.magnitude[(along.place - at).abs().argmin()] < 0.1
    assert along.magnitude.max() > 2


def test_rank_correlation_sees_only_the_order():
    x = torch.linspace(-2, 2, 50)
    assert rank_correlation(x, x.exp())[0] == 1.0
    assert rank_correlation(x, -(x**3))[0] == -1.0
    assert abs(rank_correlation(x, x.abs())[0]) < 0.1


def test_the_error_of_a_rank_correlation_is_its_spread_over_samples():
    draws = torch.randn(2, 300, 200, generator=torch.Generator().manual_seed(0))
    found = [rank_correlation(a, a + 0.5 * b) for a, b in draws.transpose(0, 1)]
    spread = torch.tensor([value for value, _ in found]).std()
    assert sum(error for _, error in found) / len(found) == pytest.approx(float(spread), rel=0.2)
    assert float(spread) < 0.5 * 1.03 / 197**0.5  # which is the error of no correlation
