"""Critical points against closed forms and differences; what smoothing does against a closed form."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.mixture_score import MixtureScore
from equigen.labs.plane.critical_points import ascended, covariances, critical_points, curvature
from equigen.labs.plane.smoothing import smoothed, smoothing

LAW = MixtureScore().law()


def pair(half, variance, weight=0.5):
    means = torch.tensor([[-half, 0.0], [half, 0.0]], dtype=torch.float64)
    return GaussianMixture(torch.tensor([weight, 1 - weight]).double(), means, torch.full((2,), variance).double())


@pytest.mark.parametrize("half", [1.05, 1.5, 3.0])
def test_modes_of_two_equal_components_solve_their_equation(half):
    found = critical_points(pair(half, 1.0))
    m = half
    for _ in range(5000):
        m = half * math.tanh(half * m)  # the mode of two unit components at +-half
    assert found.modes[:, 0].abs().tolist() == pytest.approx([m, m], abs=1e-7)
    assert found.saddles.norm() < 1e-9
    assert found.index == 1


def test_components_that_overlap_have_one_mode():
    found = critical_points(pair(0.95, 1.0))
    assert (len(found.modes), len(found.saddles)) == (1, 0)


def test_gradient_and_curvature_are_those_of_differences():
    x, h = torch.tensor([[0.3, -0.4], [1.0, 1.2]], dtype=torch.float64), 1e-4
    _, gradient, hessian = curvature(LAW, x)
    for i in range(2):
        e = torch.eye(2).double()[i] * h
        up, down = LAW.log_prob(x + e), LAW.log_prob(x - e)
        assert torch.allclose(gradient[:, i], (up - down) / (2 * h), rtol=1e-6)
        assert torch.allclose(hessian[:, i], (LAW.score(x + e) - LAW.score(x - e)) / (2 * h), rtol=1e-6)


def test_all_kinds_are_found_and_the_index_tells_of_one_that_is_missed():
    found = critical_points(LAW)
    assert (len(found.modes), len(found.saddles), len(found.minima), found.index) == (3, 3, 1, 1)
    assert LAW.score(found.points).norm(dim=1).max() < 1e-9
    edges = critical_points(LAW, starts=0)  # without the inside of the ridgeline
    assert edges.index == 1 - (len(found.minima) - len(edges.minima))


def test_uphill_ends_at_modes():
    x = LAW.sample(50, seed=0, dtype=torch.float64)
    ends = ascended(LAW, x)
    assert torch.cdist(ends, critical_points(LAW).modes).amin(1).max() < 1e-2
    assert torch.cdist(ascended(LAW, x, steps=1), critical_points(LAW).modes).amin(1).max() > 0.1


def test_two_modes_meet_where_the_closed_form_says():
    found = smoothing(pair(2.0, 0.5), 0.2, 5.0, 6)
    (change,) = found.changes
    assert change.noise == pytest.approx(math.sqrt(2.0**2 - 0.5), rel=1e-3)
    assert (change.before, change.after) == (2, 1)


def test_smoothing_adds_the_variance_of_the_noise():
    more = covariances(smoothed(LAW, 0.5)) - covariances(LAW)
    assert torch.allclose(more, 0.25 * torch.eye(2).double(), atol=1e-12)
