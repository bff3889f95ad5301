"""Every schedule against quadrature of its own stochastic process."""

import math

import pytest
import torch

from equigen.diffusion import EDM, Cosine, GeometricNoise, RectifiedFlow, VarianceExploding, VariancePreserving
from tests.diffusion.processes import ALL_SCHEDULES, PROCESSES
from tests.oracles import derivative, gauss_legendre


def times(schedule, n=9, dtype=torch.float64):
    u = torch.linspace(0.0, 1.0, n, dtype=torch.float64)
    t = schedule.t_min * (schedule.t_max / schedule.t_min) ** u
    t[0], t[-1] = schedule.t_min, schedule.t_max
    return t.to(dtype)


def relative(found, expected):
    found, expected = torch.as_tensor(found).double(), torch.as_tensor(expected).double()
    return float(((found - expected).abs() / expected.abs().clamp_min(1e-300)).max())


def quadrature(f, g, t):
    """alpha and sigma^2 at t of the process from 0: ln alpha = int f, sigma^2 = int g^2 (alpha_t / alpha)^2."""

    def log_alpha(s):
        return gauss_legendre(f, 0.0, s, 60)

    end = log_alpha(t)

    def integrand(s):
        past = torch.tensor([log_alpha(float(v)) for v in s.flatten()], dtype=torch.float64).reshape(s.shape)
        return g(s) ** 2 * torch.exp(2 * (end - past))

    return math.exp(end), gauss_legendre(integrand, 0.0, t, 60)


@pytest.mark.parametrize("name", PROCESSES)
class TestConformance:
    def test_the_kernel_is_that_of_the_process(self, name):
        schedule, f, g = PROCESSES[name]
        for t in times(schedule, 5):
            alpha, variance = quadrature(f, g, float(t))
            assert float(schedule.alpha(t)) == pytest.approx(alpha, rel=1e-9)
            assert float(schedule.sigma(t)) ** 2 == pytest.approx(variance, rel=1e-8)

    def test_drift_and_diffusion_are_the_published_ones(self, name):
        schedule, f, g = PROCESSES[name]
        t = times(schedule)
        torch.testing.assert_close(schedule.drift(t), f(t), rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(schedule.diffusion(t), g(t), rtol=1e-8, atol=0)

    def test_rates_are_the_derivatives(self, name):
        schedule = ALL_SCHEDULES[name]
        t = times(schedule)
        for value, rate in [(schedule.alpha, schedule.alpha_rate), (schedule.sigma, schedule.sigma_rate)]:
            torch.testing.assert_close(rate(t), derivative(value, t), rtol=1e-9, atol=1e-12)

    def test_the_flow_keeps_the_marginals_of_gaussian_data(self, name):
        """For N(0, c): v = (d ln std / dt) x with std^2 = alpha^2 c + sigma^2, and D = alpha c x / std^2."""
        schedule = ALL_SCHEDULES[name]
        t, c = times(schedule), 0.3

        def log_std(t):
            return 0.5 * torch.log(schedule.alpha(t) ** 2 * c + schedule.sigma(t) ** 2)

        expected = derivative(log_std, t)
        a, b = schedule.flow(t)
        denoised = schedule.alpha(t) * c / (schedule.alpha(t) ** 2 * c + schedule.sigma(t) ** 2)
        scale = a.abs() + (b * denoised).abs()
        assert float(((a + b * denoised - expected).abs() / scale).max()) < 1e-10

    def test_the_inverse_inverts(self, name):
        schedule = ALL_SCHEDULES[name]
        t = times(schedule)
        # As sigma saturates (geometric noise below 1) or t is read off a flat curve, rounding is amplified a little.
        assert relative(schedule.time_at_log_snr(schedule.log_snr(t)), t) < 1e-10
        assert relative(schedule.time_at_noise(schedule.relative_noise(t)), t) < 1e-10
        single = times(schedule, dtype=torch.float32)
        assert relative(schedule.time_at_noise(schedule.relative_noise(single)), single) < 3e-5

    def test_the_signal_falls(self, name):
        assert bool((ALL_SCHEDULES[name].log_snr(times(ALL_SCHEDULES[name])).diff() < 0).all())

    def test_float32_is_stable_down_to_the_smallest_time(self, name):
        schedule = ALL_SCHEDULES[name]
        single = times(schedule, 41, torch.float32)
        for quantity in ("alpha", "sigma", "sigma_rate", "diffusion", "relative_noise"):
            found, exact = getattr(schedule, quantity)(single), getattr(schedule, quantity)(single.double())
            assert found.dtype == torch.float32
            assert relative(found, exact) < 4e-6, quantity
        assert float((schedule.log_snr(single) - schedule.log_snr(single.double())).abs().max()) < 1e-5

    def test_it_is_finite_within_its_times(self, name):
        schedule = ALL_SCHEDULES[name]
        t = times(schedule, dtype=torch.float32)
        for quantity in ("alpha", "sigma", "drift", "diffusion", "log_snr"):
            assert bool(getattr(schedule, quantity)(t).isfinite().all())


def test_the_tutorial_noise_has_its_known_values():
    one = torch.tensor(1.0, dtype=torch.float64)
    assert float(GeometricNoise(25.0).sigma(one)) == pytest.approx(9.845, abs=5e-4)
    assert float(GeometricNoise(0.5).sigma(one)) ** 2 == pytest.approx(0.541, abs=5e-4)
    assert float(GeometricNoise(0.5).sigma(1e3 * one)) ** 2 == pytest.approx(1 / (2 * math.log(2)), rel=1e-12)
    assert float(GeometricNoise(1.0).sigma(one)) == 1.0
    assert bool(GeometricNoise(0.5).time_at_noise(torch.tensor(0.9)).isnan())


def test_the_control_naive_formulas_are_seen():
    """The naive variance and the copy in circulation fail the checks above."""
    t = torch.tensor(1e-5, dtype=torch.float32)
    exact = float(GeometricNoise(25.0).sigma(t.double())) ** 2
    naive = float((torch.tensor(25.0) ** (2 * t) - 1) / (2 * math.log(25.0)))
    assert abs(naive / exact - 1) > 2e-5
    wrong = math.sqrt((25.0**2 - 1) / 2) / math.log(25.0)
    assert wrong / float(GeometricNoise(25.0).sigma(torch.tensor(1.0))) == pytest.approx(0.557, abs=1e-3)
    schedule, f, g = PROCESSES["vp"]
    _, variance = quadrature(f, lambda s: 1.01 * g(s), 0.5)
    assert abs(float(schedule.sigma(torch.tensor(0.5))) ** 2 / variance - 1) > 1e-2


def test_limits_where_the_data_vanish():
    one = torch.tensor(1.0)
    assert RectifiedFlow().flow(one) == (1.0, -1.0)
    assert math.isinf(float(RectifiedFlow().relative_noise(one)))
    assert float(RectifiedFlow().time_at_noise(torch.tensor(1e30))) == 1.0


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: GeometricNoise(0.0),
        lambda: GeometricNoise(-3.0),
        lambda: GeometricNoise(math.inf),
        lambda: VarianceExploding(2.0, 1.0),
        lambda: VariancePreserving(beta_min=3.0, beta_max=1.0),
        lambda: EDM(t_min=0.0),
        lambda: EDM(t_min=2.0, t_max=1.0),
        lambda: Cosine(t_max=1.0),
        lambda: RectifiedFlow(t_max=1.0),
    ],
)
def test_a_schedule_that_is_none_is_refused(mistake):
    with pytest.raises(ValueError, match="but"):
        mistake()
