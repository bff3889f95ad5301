"""Every preconditioning, on every schedule, can express the exact denoiser, and what it asks of the network."""

import pytest
import torch

from equigen.diffusion import EDM, Gaussian, GeometricNoise, Isotropic, NetworkDenoiser, RectifiedFlow
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.preconditioning.noise_prediction import NoisePrediction
from equigen.diffusion.preconditioning.scale_by_sigma import ScaleBySigma
from equigen.diffusion.preconditioning.velocity_prediction import VelocityPrediction
from tests.diffusion.processes import ALL_SCHEDULES

ALL = [KarrasPreconditioning(0.7), ScaleBySigma(), NoisePrediction(), VelocityPrediction()]
GENERATOR = torch.Generator().manual_seed(0)
X_0 = 0.7 * torch.randn(5000, 4, dtype=torch.float64, generator=GENERATOR)
Z = torch.randn(5000, 4, dtype=torch.float64, generator=GENERATOR)


class Given(torch.nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x, noise):
        self.seen = x, noise
        return self.value


@pytest.mark.parametrize("name", ALL_SCHEDULES)
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: type(kind).__name__)
def test_the_network_target_makes_the_denoiser_exact(kind, name):
    """With F = (x_0 - c_skip x) / c_out the denoiser returns x_0."""
    schedule = ALL_SCHEDULES[name]
    t = schedule.time_at_noise(torch.tensor(0.8, dtype=torch.float64)).expand(len(X_0))
    x = schedule.alpha(t)[:, None] * X_0 + schedule.sigma(t)[:, None] * Z
    c = kind(schedule, t)
    target = (X_0 - c.skip[:, None] * x) / c.out[:, None]
    network = Given(target)
    torch.testing.assert_close(NetworkDenoiser(network, schedule, kind)(x, t), X_0, rtol=1e-10, atol=1e-10)
    assert all(coefficient.shape == t.shape for coefficient in c)
    seen, noise = network.seen
    torch.testing.assert_close(seen, c.inward[:, None] * x)
    assert noise.shape == t.shape


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_what_each_asks_of_the_network(name):
    schedule = ALL_SCHEDULES[name]
    t = schedule.time_at_noise(torch.tensor(0.8, dtype=torch.float64))
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x = alpha * X_0 + sigma * Z

    def target(kind):
        c = kind(schedule, t)
        return (X_0 - c.skip * x) / c.out

    torch.testing.assert_close(target(NoisePrediction()), Z, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(target(ScaleBySigma()), -Z, rtol=1e-9, atol=1e-9)
    velocity = schedule.alpha_rate(t) * X_0 + schedule.sigma_rate(t) * Z
    torch.testing.assert_close(target(VelocityPrediction()), velocity, rtol=1e-9, atol=1e-8)
    # Karras: input and target have unit variance, and are uncorrelated, for data with that standard deviation.
    karras = KarrasPreconditioning(0.7)
    assert float(target(karras).var()) == pytest.approx(1.0, abs=0.06)
    assert float((karras(schedule, t).inward * x).var()) == pytest.approx(1.0, abs=0.06)
    assert float((target(karras) * x).mean()) == pytest.approx(0.0, abs=0.06)


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_a_network_that_returns_zero_is_the_linear_denoiser_under_karras(name):
    schedule = ALL_SCHEDULES[name]
    t = schedule.time_at_noise(torch.tensor(0.8, dtype=torch.float64))
    found = NetworkDenoiser(Given(torch.zeros_like(X_0)), schedule, KarrasPreconditioning(0.7))(X_0, t)
    exact = Gaussian(torch.zeros(4), Isotropic(0.49)).denoiser(schedule)(X_0, t)
    torch.testing.assert_close(found, exact, rtol=1e-12, atol=1e-12)
    scaled = NetworkDenoiser(Given(torch.zeros_like(X_0)), schedule, KarrasPreconditioning(0.8))(X_0, t)
    assert float((scaled - exact).abs().max()) > 1e-2  # the control: another variance is another filter


@pytest.mark.parametrize("kind", [KarrasPreconditioning(), VelocityPrediction()], ids=lambda kind: type(kind).__name__)
def test_it_is_finite_where_the_data_vanish(kind):
    c = kind(RectifiedFlow(), torch.tensor([1.0]))
    assert all(bool(value.isfinite().all()) for value in c)


def test_the_tutorials_division():
    """score = F / sigma, with the raw input and time."""
    schedule, t = GeometricNoise(25.0), torch.tensor(0.6, dtype=torch.float64)
    network = Given(torch.ones_like(X_0))
    D = NetworkDenoiser(network, schedule, ScaleBySigma())
    torch.testing.assert_close(D.score(X_0, t), torch.ones_like(X_0) / schedule.sigma(t), rtol=1e-9, atol=1e-9)
    assert torch.equal(network.seen[0], X_0)
    assert bool((network.seen[1] == t).all())


def test_the_noise_coordinate():
    c = KarrasPreconditioning()(EDM(), torch.tensor([1.0, 80.0, 1e-30]))
    torch.testing.assert_close(c.noise, torch.tensor([0.0, 1.0955, -10.0]), rtol=1e-4, atol=1e-6)
