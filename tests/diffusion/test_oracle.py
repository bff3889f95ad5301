"""What is known of laws beside closed forms, beside other numbers of the same law, and beside sampling; with faults."""

import math

import pytest
import torch

from equigen.diffusion import (
    EDM,
    Diagonal,
    Empirical,
    Gaussian,
    GaussianMixture,
    GeometricNoise,
    Isotropic,
    RectifiedFlow,
    VariancePreserving,
)
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.law import Law
from equigen.diffusion.oracle import (
    cdf,
    denoising_loss,
    entropy,
    entropy_gap,
    expectation,
    fisher_information,
    fokker_planck_residual,
    loss_above_floor,
    loss_floor,
    martingale_gap,
    prior_mismatch,
    quantile,
    quantile_map,
)
from tests.diffusion import mixture as line
from tests.diffusion.methods import MILD
from tests.oracles import derivative, gauss_legendre

LINE = GaussianMixture(line.WEIGHTS, line.MEANS[:, None], line.VARIANCES)
NORMAL = Gaussian(torch.tensor([0.4], dtype=torch.float64), Isotropic(0.3))
AS_MIXTURE = GaussianMixture(
    torch.tensor([0.25, 0.75]), NORMAL.mean.expand(2, 1), torch.full((2,), 0.3, dtype=torch.float64)
)
DIAGONAL = Gaussian(torch.tensor([0.5, -1.0, 2.0]), Diagonal(torch.tensor([1.0, 0.2, 2.0])))
ROOTS = torch.tensor([[[0.5, 0.2], [0.0, 0.3]], [[0.3, 0.0], [0.4, 0.6]]], dtype=torch.float64)
PLANE = GaussianMixture(torch.tensor([0.4, 0.6]), torch.tensor([[-1.0, 0.0], [1.0, 0.5]]), ROOTS @ ROOTS.mT)
POINTS = Empirical(torch.tensor([[-1.0], [0.2], [1.5]], dtype=torch.float64))


def middle(schedule, noise=0.4):
    return float(schedule.time_at_noise(torch.tensor(noise, dtype=torch.float64)))


class Blurred(Denoiser):
    """The exact denoiser of the law with a fault: sigma where sigma^2 belongs, a scale, or a shift, by the time."""

    def __init__(self, law, schedule, scale=lambda t: 1.0, shift=lambda t: 0.0):
        super().__init__()
        self.schedule, self.exact, self.scale, self.shift = schedule, law.denoiser(schedule), scale, shift

    def forward(self, x_t, t, **condition):
        return self.scale(t) * self.exact(x_t, t) + self.shift(t)


# --- the line


@pytest.mark.parametrize("name", ["geometric 25", "vp", "rectified flow", "edm"])
def test_distribution_functions_and_quantiles_are_those_of_the_tests(name):
    schedule = MILD[name]
    t = middle(schedule)
    noised, time = LINE.diffused(schedule, t), torch.tensor(t, dtype=torch.float64)
    x = torch.linspace(-3.0, 3.0, 31, dtype=torch.float64)
    torch.testing.assert_close(cdf(noised, x), line.cdf(schedule, x, time), rtol=1e-12, atol=1e-15)
    expected = line.quantile(schedule, line.LEVELS, time)
    torch.testing.assert_close(quantile(noised, line.LEVELS), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(cdf(noised, quantile(noised, line.LEVELS)), line.LEVELS, rtol=1e-13, atol=0)
    torch.testing.assert_close(derivative(lambda y: cdf(noised, y), x), noised.log_prob(x[:, None]).exp())
    start, end = line.ends(schedule, torch.tensor([t, schedule.t_min], dtype=torch.float64))
    found = quantile_map(LINE, schedule, start, t, schedule.t_min)
    torch.testing.assert_close(found, end, rtol=1e-10, atol=1e-10)
    assert float((quantile_map(LINE, schedule, start, t, t) - end).abs().max()) > 1e-2


def test_the_quantile_map_is_accurate_in_both_tails():
    """A Gaussian is only scaled, by sqrt((c + s^2) / (c + t^2)), 30 standard deviations out as in the middle."""
    x = 0.4 + torch.tensor([-30.0, -6.0, 0.0, 6.0, 30.0], dtype=torch.float64)[:, None] * math.sqrt(0.3 + 4.0)
    expected = 0.4 + (x - 0.4) * math.sqrt((0.3 + 0.01) / (0.3 + 4.0))
    for law in (NORMAL, AS_MIXTURE):
        torch.testing.assert_close(quantile_map(law, EDM(), x, 2.0, 0.1), expected, rtol=1e-12, atol=1e-12)
    lost = quantile(NORMAL.diffused(EDM(), 0.1), cdf(NORMAL.diffused(EDM(), 2.0), x[:4]).clamp(1e-300, 1 - 1e-16))
    assert float((lost - expected[:4]).abs().max()) > 1e-9  # planted: through P(X <= x), which is 1 in the upper tail


def test_points_have_steps_and_quantiles():
    x = torch.tensor([-1.1, -1.0, 0.0, 0.2, 2.0], dtype=torch.float64)
    torch.testing.assert_close(cdf(POINTS, x), torch.tensor([0.0, 1, 1, 2, 3], dtype=torch.float64) / 3)
    levels = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    torch.testing.assert_close(quantile(POINTS, levels), torch.tensor([-1.0, 0.2, 1.5], dtype=torch.float64))


# --- expectations, information


@pytest.mark.parametrize("law", [NORMAL, AS_MIXTURE, LINE], ids=["normal", "normal twice", "mixture"])
def test_quadrature_beside_an_integral_of_another_kind(law):
    def integral(f):
        x = torch.linspace(-12.0, 12.0, 20001, dtype=torch.float64)[:, None]  # what decays: the trapezoid's best case
        return float(f(x).sum() * (x[1] - x[0]))

    for f in (lambda x: x[:, 0] ** 4, lambda x: torch.cos(3 * x[:, 0])):
        expected = integral(lambda x, f=f: law.log_prob(x).exp() * f(x))
        assert abs(expectation(law, f).value - expected) < 1e-10
    surprise = integral(lambda x: -law.log_prob(x).exp() * law.log_prob(x))
    assert abs(entropy(law).value - surprise) < 1e-10
    squared = integral(lambda x: law.log_prob(x).exp() * law.score(x)[:, 0] ** 2)
    assert abs(fisher_information(law).value - squared) < 1e-10


def test_narrow_components_inside_a_wide_one_are_not_missed():
    """h of a mixture of scales 1e-6 and 1e3 is that of its parts and of the choice between them."""
    law = GaussianMixture(torch.tensor([0.5, 0.5]), torch.zeros(2, 1), torch.tensor([1e-12, 1e6]))
    parts = [0.5 * math.log(2 * math.pi * math.e * variance) for variance in (1e-12, 1e6)]
    assert abs(expectation(law, lambda x: torch.ones(len(x))).value - 1.0) < 1e-12
    assert abs(entropy(law).value - (sum(parts) / 2 + math.log(2))) < 1e-6
    assert abs(fisher_information(law).value - 0.5 * 1e12) < 1e-6 * 1e12


@pytest.mark.parametrize("law", [DIAGONAL, PLANE], ids=["normal", "mixture"])
def test_sampled_numbers_agree_with_identities(law):
    """E s = 0 and E x.s = -d; for a normal the closed forms of entropy and information."""
    dimension = law.sample(1, seed=0).shape[1]
    product = expectation(law, lambda x: (x * law.score(x)).sum(1), n=20000)
    assert abs(product.value + dimension) < 5 * product.standard_error
    assert 0 < product.standard_error < 0.1
    assert abs(product.value + dimension + 1) > 5 * product.standard_error  # planted: another dimension
    if isinstance(law, Gaussian):
        sampled = expectation(law, lambda x: -law.log_prob(x), n=20000)
        assert abs(sampled.value - entropy(law).value) < 5 * sampled.standard_error
        sampled = expectation(law, lambda x: law.score(x).square().sum(1), n=20000)
        assert abs(sampled.value - fisher_information(law).value) < 5 * sampled.standard_error


def test_the_same_law_said_in_two_ways_has_the_same_numbers():
    for f in (entropy, fisher_information):
        assert abs(f(NORMAL).value - f(AS_MIXTURE).value) < 1e-11
    schedule = VariancePreserving()
    assert abs(loss_floor(NORMAL, schedule, 0.3).value - loss_floor(AS_MIXTURE, schedule, 0.3).value) < 1e-12
    for std in (0.5, 1.0):
        one, other = (prior_mismatch(law, EDM(t_max=2.0), std).value for law in (NORMAL, AS_MIXTURE))
        assert abs(one - other) < 1e-12
        assert one > 1e-3


def test_the_prior_mismatch_is_the_divergence_of_two_normals():
    """KL(N(m, a) || N(0, b)) = (a / b - 1 - ln(a / b) + m^2 / b) / 2, summed; sampled in the plane."""
    schedule = RectifiedFlow(t_max=0.7)
    a, b = 0.3**2 * DIAGONAL.covariance.eigenvalues(DIAGONAL.mean.shape) + 0.49, 0.3**2 * 4.0 + 0.49
    expected = 0.5 * (a / b - 1 - torch.log(a / b) + (0.3 * DIAGONAL.mean) ** 2 / b).sum()
    assert abs(prior_mismatch(DIAGONAL, schedule, 2.0).value - float(expected)) < 1e-12
    twice = GaussianMixture(
        torch.tensor([0.5, 0.5]),
        DIAGONAL.mean.expand(2, 3),
        DIAGONAL.covariance.eigenvalues(DIAGONAL.mean.shape).expand(2, 3),
    )
    found = prior_mismatch(twice, schedule, 2.0, n=20000)
    assert abs(found.value - float(expected)) < 5 * found.standard_error
    assert found.standard_error < 0.02
    assert abs(found.value - prior_mismatch(DIAGONAL, schedule, 1.0).value) > 5 * found.standard_error


# --- the loss and its floor


@pytest.mark.parametrize("name", ["geometric 25", "geometric 1/2", "vp", "sub-vp", "rectified flow", "edm"])
@pytest.mark.parametrize("noise", [0.1, 0.4, 0.7])
def test_the_floor_is_what_the_score_leaves(name, noise):
    """L* = ndof - sigma^2 J, by the score; (alpha / sigma)^2 E Var, by the posterior: two ways to one number."""
    schedule = MILD[name]
    t = middle(schedule, noise)
    sigma = float(schedule.sigma(torch.tensor(t, dtype=torch.float64)))
    for law in (LINE, POINTS, NORMAL, DIAGONAL):
        d = law.sample(1, seed=0).shape[1]
        floor = loss_floor(law, schedule, t)
        assert floor.standard_error == 0
        assert abs(floor.value - (d - sigma**2 * fisher_information(law.diffused(schedule, t)).value)) < 1e-10
        assert 0 < floor.value < d
    wrong = 1 - sigma * fisher_information(LINE.diffused(schedule, t)).value  # planted: sigma for sigma^2
    assert abs(loss_floor(LINE, schedule, t).value - wrong) > 1e-3


@pytest.mark.parametrize("law", [LINE, POINTS, DIAGONAL, PLANE], ids=["line", "points", "normal", "plane"])
def test_the_exact_denoiser_measures_the_floor(law):
    schedule = VariancePreserving()
    t = middle(schedule)
    floor = loss_floor(law, schedule, t, n=20000, seed=1)
    measured = denoising_loss(law.denoiser(schedule), law, schedule, t, n=20000, seed=2)
    error = math.hypot(floor.standard_error, measured.standard_error)
    assert abs(measured.value - floor.value) < 5 * error < 0.2
    shifted = denoising_loss(Blurred(law, schedule, shift=lambda t: 0.2), law, schedule, t, n=20000, seed=2)
    assert shifted.value - floor.value > 5 * error


def test_the_floor_of_the_plane_is_that_of_its_parts_when_they_are_far_apart():
    """Components that x_t tells apart: the floor is the mean of the components' closed forms."""
    far = GaussianMixture(torch.tensor([0.5, 0.5]), torch.tensor([[-50.0, 0.0], [50.0, 0.0]]), torch.tensor([1.0, 3.0]))
    found = loss_floor(far, EDM(), 1.0, n=20000)
    assert abs(found.value - (2 * 1 / 2 + 2 * 3 / 4) / 2) < 5 * found.standard_error < 0.1


@pytest.mark.parametrize("base", [0.5, 1.0, 2.0, 25.0])
@pytest.mark.parametrize("std", [0.5, 1.0, 2.0])
def test_the_floor_averaged_over_time_has_its_closed_form(base, std):
    """N(0, s^2), t uniform on (0, 1), a = 2 s^2 ln(base) - 1; base 1/2 and s = 1 give 0.76216."""
    schedule, law = GeometricNoise(base, t_min=1e-9), Gaussian(torch.zeros(1), Isotropic(std**2))
    average = gauss_legendre(
        lambda t: (
            torch.tensor([loss_floor(law, schedule, float(at)).value for at in t.flatten()]).reshape(t.shape).double()
        ),
        0.0,
        1.0,
        pieces=40,
    )
    if base == 1.0:
        expected = std**2 * math.log(1 + 1 / std**2)
    else:
        a = 2 * std**2 * math.log(base) - 1
        expected = std**2 / a * (2 * math.log(base) + math.log((1 + a) / (base**2 + a)))
    assert abs(average - expected) < 1e-6
    if (base, std) == (0.5, 1.0):
        assert abs(average - 0.76216) < 5e-6


@pytest.mark.parametrize("law", [LINE, DIAGONAL, PLANE, POINTS], ids=["line", "normal", "plane", "points"])
@pytest.mark.parametrize("name", ["geometric 25", "vp", "rectified flow"])
def test_loss_above_floor_is_zero_for_the_exact_denoiser_and_what_was_added_for_another(law, name):
    schedule = MILD[name]
    t = middle(schedule)
    assert abs(loss_above_floor(law.denoiser(schedule), law, schedule, t).value) < 1e-10
    found = loss_above_floor(Blurred(law, schedule, shift=lambda t: 0.1), law, schedule, t, n=20000)
    added = law.sample(1, seed=0).shape[1] * (0.1 / 0.4) ** 2
    assert abs(found.value - added) < 5 * found.standard_error
    assert found.value > 5 * found.standard_error


def test_loss_above_floor_calls_a_network_in_its_own_type():
    class Linear(Denoiser):
        def __init__(self):
            super().__init__()
            self.schedule, self.gain = EDM(), torch.nn.Parameter(torch.tensor(0.75))

        def forward(self, x_t, t, **condition):
            assert x_t.dtype == t.dtype == torch.float32
            return self.gain * x_t

    found = loss_above_floor(Linear(), Gaussian(torch.zeros(1), Isotropic(1.0)), EDM(), 1.0, n=20000)
    assert abs(found.value - 0.125) < 5 * found.standard_error


# --- identities


class Planted(VariancePreserving):
    """A schedule whose rate of alpha is 3 % off: its curves no longer belong to its drift and diffusion."""

    def alpha_rate(self, t):
        return 1.03 * super().alpha_rate(t)


class WrongScore(Law):
    """A law with a score that is 2 % too large: sample, density and denoiser are right."""

    def __init__(self, law):
        self.law = law

    def sample(self, n, **where):
        return self.law.sample(n, **where)

    def log_prob(self, x):
        return self.law.log_prob(x)

    def score(self, x):
        return 1.02 * self.law.score(x)

    def denoiser(self, schedule):
        return self.law.denoiser(schedule)

    def diffused(self, schedule, t):
        return WrongScore(self.law.diffused(schedule, t))


@pytest.mark.parametrize("name", MILD)
@pytest.mark.parametrize("law", [LINE, DIAGONAL, PLANE], ids=["line", "normal", "plane"])
def test_the_fokker_planck_equation_holds(name, law):
    schedule = MILD[name]
    for noise in (0.3, 0.5):
        t = middle(schedule, noise)
        x = 2.0 * law.diffused(schedule, t).sample(6, seed=0, dtype=torch.float64)
        assert float(fokker_planck_residual(law, schedule, x, t).abs().max()) < 1e-8


def test_the_control_a_wrong_rate_or_score_violates_fokker_planck():
    x = PLANE.sample(8, seed=0, dtype=torch.float64)
    assert float(fokker_planck_residual(PLANE, VariancePreserving(), x, 0.3).abs().max()) < 1e-8
    assert float(fokker_planck_residual(PLANE, Planted(), x, 0.3).abs().max()) > 1e-3
    assert float(fokker_planck_residual(WrongScore(PLANE), VariancePreserving(), x, 0.3).abs().max()) > 1e-3


@pytest.mark.parametrize("name", MILD)
def test_entropy_grows_by_fisher_information(name):
    schedule = MILD[name]
    t, s = schedule.t_max, schedule.t_min
    for law in (LINE, POINTS, DIAGONAL):
        gap = entropy_gap(law, schedule, t, s)
        assert gap.standard_error == 0
        assert abs(gap.value) < 1e-7
    assert abs(entropy_gap(LINE, schedule, s, t).value) < 1e-7


def test_entropy_in_the_plane_and_controls():
    schedule = VariancePreserving(t_min=0.05)
    gap = entropy_gap(PLANE, schedule, 0.9, 0.1, n=2000)
    assert abs(gap.value) < 5 * gap.standard_error < 0.3
    wrong = entropy_gap(WrongScore(PLANE), schedule, 0.9, 0.1, n=20000)
    assert abs(wrong.value) > 5 * wrong.standard_error
    assert abs(entropy_gap(LINE, Planted(t_min=0.05), 0.9, 0.1).value) > 1e-3


@pytest.mark.parametrize("law", [LINE, PLANE, DIAGONAL, POINTS], ids=["line", "plane", "normal", "points"])
@pytest.mark.parametrize("name", MILD)
def test_the_denoiser_is_a_martingale_of_the_reversed_process(law, name):
    schedule = MILD[name]
    r, t = middle(schedule, 0.2), middle(schedule, 0.6)
    exact = martingale_gap(law.denoiser(schedule), law, schedule, r, t, n=8192)
    assert abs(exact.value) < 5 * exact.standard_error < 0.06
    for fault in (
        Blurred(law, schedule, scale=lambda at, t=t: 1.1 if float(at) == t else 1.0),
        Blurred(law, schedule, shift=lambda at, t=t: 0.3 if float(at) == t else -0.3),
    ):
        wrong = martingale_gap(fault, law, schedule, r, t, n=8192)
        assert abs(wrong.value) > 5 * wrong.standard_error


def test_the_control_a_wrong_kernel_is_no_martingale():
    class Shrunk(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, **condition):
            return x_t / (1.0 + t)  # sigma for sigma^2

    found = martingale_gap(Shrunk(), Gaussian(torch.zeros(1), Isotropic(1.0)), EDM(), 0.1, 2.0, n=8192)
    expected = 3 * 1.01 / (1.1 * 5) - 1  # E D_r D_t / E D_t^2, by the covariances of x_r and x_t
    assert abs(found.value - expected) < 5 * found.standard_error < 0.2


def test_the_noisier_item_follows_from_the_other_by_the_forward_process():
    """For D = x on unit normals with VP, x_t keeps variance 1 and x_r . x_t has the mean alpha_t / alpha_r."""

    class Identity(Denoiser):
        schedule = VariancePreserving()

        def forward(self, x_t, t, **condition):
            return x_t

    schedule, law = VariancePreserving(), Gaussian(torch.zeros(4), Isotropic(1.0))
    r, t = middle(schedule, 1.0), middle(schedule, 3.0)
    found = martingale_gap(Identity(), law, schedule, r, t, n=8192)
    assert abs(found.value - (math.sqrt(0.1 / 0.5) - 1)) < 5 * found.standard_error < 0.1


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: cdf(PLANE, torch.zeros(2)), "on the line"),
        (lambda: quantile(LINE, torch.tensor([0.5, 1.0])), "0 or 1"),
        (lambda: quantile(LINE, torch.tensor([math.nan])), "0 or 1"),
        (lambda: expectation(PLANE, lambda x: x[:, 0], n=1), "n=4096"),
        (lambda: denoising_loss(PLANE.denoiser(EDM()), PLANE, EDM(), 1.0, n=1), "n=4096"),
        (lambda: prior_mismatch(LINE, EDM(), -1.0), "not negative"),
        (lambda: martingale_gap(LINE.denoiser(EDM()), LINE, EDM(), 2.0, 1.0), "r < t"),
        (lambda: entropy(POINTS), "no density"),
    ],
)
def test_what_does_not_fit_is_refused(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()


def test_the_error_of_the_martingale_gap_is_its_spread_over_seeds():
    schedule = EDM()
    found = [martingale_gap(LINE.denoiser(schedule), LINE, schedule, 0.3, 1.0, n=256, seed=seed) for seed in range(60)]
    values = torch.tensor([one.value for one in found])
    stated = sum(one.standard_error**2 for one in found) / 60
    assert float(values.square().mean()) == pytest.approx(stated, rel=0.6)
