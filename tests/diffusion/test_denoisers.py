"""The Gaussian law and its denoiser against conditioning by linear algebra, and the views of any denoiser."""

import math

import pytest
import torch

from equigen.diffusion import EDM, Dense, Diagonal, Gaussian, Isotropic, VariancePreserving
from equigen.diffusion.denoiser import BoundDenoiser, Denoiser, per_item
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.spaces.centred import Centred
from tests.diffusion.processes import ALL_SCHEDULES

ROOT = torch.tensor([[1.0, 0.2, 0.0], [0.3, 0.8, 0.1], [0.0, -0.5, 0.4]], dtype=torch.float64)
MATRIX = ROOT @ ROOT.T
MEAN = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
LAWS = {
    "dense": (Gaussian(MEAN, Dense(MATRIX)), MATRIX),
    "diagonal": (Gaussian(MEAN, Diagonal(MATRIX.diagonal())), torch.diag(MATRIX.diagonal())),
    "isotropic": (Gaussian(MEAN, Isotropic(0.7)), 0.7 * torch.eye(3, dtype=torch.float64)),
    "degenerate": (
        Gaussian(MEAN, Diagonal(torch.tensor([1.0, 0.0, 2.0]))),
        torch.diag(torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)),
    ),
}
X = torch.tensor([[0.1, 0.2, 0.3], [-3.0, 4.0, 1.0]], dtype=torch.float64)


def middle(schedule):
    return schedule.time_at_noise(torch.tensor(0.4, dtype=torch.float64))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_the_denoiser_is_the_conditional_mean(law, name):
    """E[x_0 | x_t] = m + Cov(x_0, x_t) Cov(x_t)^-1 (x_t - alpha m)."""
    (gaussian, matrix), schedule = LAWS[law], ALL_SCHEDULES[name]
    t = torch.stack([middle(schedule), middle(schedule) * 0.5])
    for row, time in enumerate(t):
        alpha, sigma = schedule.alpha(time), schedule.sigma(time)
        gain = alpha * matrix @ torch.linalg.inv(alpha**2 * matrix + sigma**2 * torch.eye(3, dtype=torch.float64))
        expected = MEAN + gain @ (X[row] - alpha * MEAN)
        torch.testing.assert_close(gaussian.denoiser(schedule)(X, t)[row], expected, rtol=1e-12, atol=1e-12)
    single = gaussian.denoiser(schedule)(X.float(), t.float())
    torch.testing.assert_close(single.double(), gaussian.denoiser(schedule)(X, t), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("law", ["dense", "diagonal", "isotropic"])
@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_the_score_is_the_gradient_of_the_diffused_density(law, name):
    (gaussian, _), schedule = LAWS[law], ALL_SCHEDULES[name]
    t = middle(schedule)
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(gaussian.diffused(schedule, float(t)).log_prob(x).sum(), x)
    torch.testing.assert_close(gaussian.denoiser(schedule).score(X, t), gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("law", ["dense", "diagonal", "isotropic"])
def test_the_density_is_torchs(law):
    gaussian, matrix = LAWS[law]
    expected = torch.distributions.MultivariateNormal(MEAN, matrix).log_prob(X)
    torch.testing.assert_close(gaussian.log_prob(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("law", LAWS)
def test_samples_have_mean_and_covariance_and_addresses(law):
    gaussian, matrix = LAWS[law]
    x = gaussian.sample(40000, seed=3, dtype=torch.float64)
    scale = float(matrix.diagonal().max())
    assert float((x.mean(0) - MEAN).abs().max()) < 5 * math.sqrt(scale / 40000)
    assert float((torch.cov(x.T) - matrix).abs().max()) < 5 * scale * math.sqrt(2 / 40000)
    assert torch.equal(gaussian.sample(3, seed=3, first=17, dtype=torch.float64), x[17:20])


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_the_views_agree_with_their_definitions(name):
    """x = alpha D + sigma noise; score = -noise / sigma; velocity = f x - g^2 score / 2."""
    schedule = ALL_SCHEDULES[name]
    D, t = LAWS["dense"][0].denoiser(schedule), middle(schedule)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    torch.testing.assert_close(alpha * D(X, t) + sigma * D.noise(X, t), X, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(D.score(X, t), -D.noise(X, t) / sigma, rtol=1e-12, atol=1e-12)
    field = schedule.drift(t) * X - schedule.diffusion(t) ** 2 * D.score(X, t) / 2
    torch.testing.assert_close(D.velocity(X, t), field, rtol=1e-8, atol=1e-8)
    each = torch.stack([t, 0.3 * t])
    torch.testing.assert_close(D.score(X, each)[1:], D.score(X[1:], 0.3 * t), rtol=1e-10, atol=1e-10)


def test_second_order_tweedie():
    """Cov[x_0 | x_t] = (sigma^2 / alpha^2)(I + sigma^2 grad score)."""
    schedule, (gaussian, matrix) = VariancePreserving(), LAWS["dense"]
    t = middle(schedule)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    D = gaussian.denoiser(schedule)
    jacobian = torch.autograd.functional.jacobian(lambda x: D.score(x[None], t)[0], X[0])
    found = sigma**2 / alpha**2 * (torch.eye(3, dtype=torch.float64) + sigma**2 * jacobian)
    expected = torch.linalg.inv(torch.linalg.inv(matrix) + alpha**2 / sigma**2 * torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_the_control_a_wrong_filter_is_seen():
    class Wrong(Denoiser):
        def __init__(self):
            super().__init__()
            self.schedule = EDM()

        def forward(self, x_t, t, **condition):
            c = 0.7
            return MEAN + c / (c + per_item(t, x_t)) * (x_t - MEAN)  # sigma for sigma^2

    t = torch.tensor(0.4, dtype=torch.float64)
    right = LAWS["isotropic"][0].denoiser(EDM())
    assert float((Wrong()(X, t) - right(X, t)).abs().max()) > 0.1


def test_a_bound_denoiser_stays_in_its_space_and_hands_its_conditions_on():
    class Echo(torch.nn.Module):
        def forward(self, x, noise, shift, structure):
            return x + shift[:, None, None] * structure[..., None]

    mask = torch.tensor([[True, True, True], [True, True, False]])
    space = Centred(3, 2).at(mask)
    inner = NetworkDenoiser(Echo(), EDM(), KarrasPreconditioning())
    bound = BoundDenoiser(inner, space, {"structure": mask, "shift": torch.tensor([1.0, 2.0])})
    x = space.project(torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0)))
    out = bound(x, torch.tensor(1.0))
    torch.testing.assert_close(out, space.project(out), rtol=0, atol=1e-6)
    assert bool((out[1, 2] == 0).all())


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: per_item(torch.ones(3), X),
        lambda: per_item(torch.ones(2, 1), X),
        lambda: Isotropic(-1.0),
        lambda: Isotropic(math.nan),
        lambda: Diagonal(torch.tensor([1.0, -1.0])),
        lambda: Dense(torch.ones(2, 3)),
        lambda: Dense(torch.tensor([[1.0, 2.0], [0.0, 1.0]])),
        lambda: Dense(torch.tensor([[1.0, 2.0], [2.0, 1.0]])),
        lambda: KarrasPreconditioning(0.0),
    ],
)
def test_what_does_not_fit_is_refused(mistake):
    with pytest.raises(ValueError, match="but"):
        mistake()
