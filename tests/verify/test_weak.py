"""Densities and moments go through a step as they must, also where its parts are not symmetric."""

import pytest
import torch

from equigen.diffusion import EDM, EulerMaruyama, KarrasGrid
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.solvers.solver import State
from equigen.verify.grounds import normal_law
from equigen.verify.weak import moment_error, propagated
from tests.diffusion.methods import MILD


def test_the_density_is_carried_as_in_closed_form_on_normal_data():
    """A step of Euler-Maruyama on a mixture of one: mean and variance by the recursion that its docs state."""
    schedule, c, m = EDM(0.1, 3.0), 0.3, 0.4
    law = GaussianMixture(torch.ones(1), torch.tensor([[m]]), torch.tensor([c]))
    c, m = float(law.components.values), float(law.means)
    times = KarrasGrid(3.0)(schedule, 40)
    mean, variance = m, c + float(times[0]) ** 2
    for t, s in zip(times.tolist(), times.tolist()[1:], strict=False):
        h, total = t - s, c + t**2
        kept = 1 - h * 2 * t / total
        mean, variance = m + kept * (mean - m), kept**2 * variance + 2 * t * h
    found = propagated(EulerMaruyama(), law, schedule, times)
    assert float(found.mass.sum()) == pytest.approx(1.0, abs=1e-11)
    assert float(found.mass @ found.points) == pytest.approx(mean, abs=1e-8)
    assert float(found.mass @ found.points**2) - mean**2 == pytest.approx(variance, abs=1e-7)


class Turning(EulerMaruyama):
    """A step that is affine with parts that no transposition leaves alone, and knows nothing of the data."""

    linear = torch.tensor([[0.9, 0.4, 0.0], [0.0, 0.8, 0.3], [-0.2, 0.0, 0.7]], dtype=torch.float64)
    spread = torch.tensor([[0.5, 0.2, 0.0], [0.0, 0.4, -0.3], [0.1, 0.0, 0.6]], dtype=torch.float64)
    shift = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)

    def step(self, denoiser, state, t, s, noise):
        return State(state.x @ self.linear.T + noise(0) @ self.spread.T + self.shift)


def test_moments_go_through_a_step_as_covariances_do():
    """E x' = A m + b, Cov x' = A C A^T + B B^T, where A and B are not symmetric."""
    law, step, times = normal_law(), Turning(), KarrasGrid(3.0)(MILD["edm"], 1)
    eye = torch.eye(3, dtype=torch.float64)
    before, after = (law.covariance.apply(lambda c, t=t: c + t**2, eye) for t in times)  # alpha = 1, sigma = t
    mean, covariance = step.linear @ law.mean + step.shift, step.linear @ before @ step.linear.T
    covariance = covariance + step.spread @ step.spread.T
    gap = (mean - law.mean).norm() + (covariance - after).norm()
    assert moment_error(MILD["edm"], KarrasGrid(3.0))(step, 1) == pytest.approx(float(gap / after.norm()), rel=1e-12)
