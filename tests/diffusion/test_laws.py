"""Every law: its score, samples, diffused law and denoiser belong together; and each check finds a planted fault."""

import math

import pytest
import torch

from equigen.diffusion import EDM, Dense, Diagonal, Empirical, Gaussian, GaussianMixture, Isotropic
from equigen.diffusion.laws.law import Law
from tests.diffusion.methods import MILD
from tests.diffusion.processes import ALL_SCHEDULES

MEANS = torch.tensor([[0.5, -1.0, 1.5], [-1.5, 0.3, 0.0]], dtype=torch.float64)
ROOTS = torch.tensor(
    [[[1.0, 0.2, 0.0], [0.3, 0.8, 0.1], [0.0, -0.5, 0.4]], [[0.3, 0.0, 0.1], [0.2, 0.5, 0.0], [0.1, 0.1, 0.2]]],
    dtype=torch.float64,
)
WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)
ALL_LAWS = {
    "normal, dense": Gaussian(MEANS[0], Dense(ROOTS[0] @ ROOTS[0].T)),
    "normal, diagonal": Gaussian(MEANS[0], Diagonal(torch.tensor([1.0, 0.2, 2.0]))),
    "normal, isotropic": Gaussian(MEANS[0], Isotropic(0.3)),
    "mixture, full": GaussianMixture(WEIGHTS, MEANS, ROOTS @ ROOTS.mT),
    "mixture, diagonal": GaussianMixture(WEIGHTS, MEANS, torch.tensor([[1.0, 0.2, 2.0], [0.3, 0.1, 0.4]])),
    "mixture, isotropic": GaussianMixture(WEIGHTS, MEANS, torch.tensor([0.3, 0.1])),
    "points": Empirical(torch.cat((MEANS, MEANS.flip(1)))),
}
N = 20000


def middle(schedule, noise=0.4):
    return schedule.time_at_noise(torch.tensor(noise, dtype=torch.float64))


def gradient_gap(law, x):
    """The largest difference between the score and the gradient of the log density, relative to the score."""
    y = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(law.log_prob(y).sum(), y)
    return float(((law.score(x) - gradient).norm(dim=1) / gradient.norm(dim=1)).max())


def noised(law, schedule, t):
    """x_0 and x_t = alpha x_0 + sigma z with torch's own noise."""
    x_0 = law.sample(N, seed=0, dtype=torch.float64)
    z = torch.randn(x_0.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x_0, schedule.alpha(t) * x_0 + schedule.sigma(t) * z


def in_errors(values):
    """The mean of values (n,) in units of its standard error."""
    return abs(float(values.mean())) / (float(values.std()) / math.sqrt(len(values)))


class Faulty(Law):
    """A law whose parts can be replaced one by one."""

    def __init__(self, law, **faults):
        self.law, self.faults = law, faults

    def sample(self, n, **where):
        return self.law.sample(n, **where)

    def log_prob(self, x):
        return self.law.log_prob(x)

    def score(self, x):
        return self.faults.get("score", self.law.score)(x)

    def denoiser(self, schedule):
        return self.law.denoiser(schedule)

    def diffused(self, schedule, t):
        return self.law.diffused(schedule, t)


@pytest.mark.parametrize("law", ALL_LAWS)
@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_the_score_is_the_gradient_and_the_denoisers(law, name):
    law, schedule = ALL_LAWS[law], ALL_SCHEDULES[name]
    t = middle(schedule)
    diffused = law.diffused(schedule, float(t))
    x = diffused.sample(9, seed=1, dtype=torch.float64)
    assert gradient_gap(diffused, x) < 1e-10
    torch.testing.assert_close(law.denoiser(schedule).score(x, t), diffused.score(x), rtol=1e-8, atol=1e-8)
    assert gradient_gap(Faulty(diffused, score=lambda y: 0.99 * diffused.score(y)), x) > 1e-3


@pytest.mark.parametrize("law", ALL_LAWS)
@pytest.mark.parametrize("name", ["vp", "edm", "rectified flow"])
def test_the_diffused_law_is_the_law_of_noised_samples(law, name):
    """Characteristic functions of both agree; those of the clean law do not."""
    law, schedule = ALL_LAWS[law], MILD[name]
    t = middle(schedule)
    _, x_t = noised(law, schedule, t)
    other = law.diffused(schedule, float(t)).sample(N, seed=5, dtype=torch.float64)
    clean = law.sample(N, seed=5, dtype=torch.float64)

    def apart(one, two):
        waves = torch.tensor(
            [[1.0, 0.5, 0.0], [0.0, 1.0, 2.0], [2.0, -1.0, 1.0], [0.3, 0.3, -0.2]], dtype=torch.float64
        )
        pairs = [f(x @ waves.T) for f in (torch.cos, torch.sin) for x in (one, two)]
        gaps = (pairs[0] - pairs[1], pairs[2] - pairs[3])
        return max(in_errors(gap[:, k]) for gap in gaps for k in range(4))

    assert apart(x_t, other) < 4.5  # the largest of eight
    assert apart(x_t, clean) > 6


@pytest.mark.parametrize("law", ALL_LAWS)
@pytest.mark.parametrize("name", ["vp", "edm", "rectified flow"])
def test_the_denoisers_error_is_orthogonal_to_whatever_is_known(law, name):
    """E (x_0 - D(x_t)) phi(x_t) = 0 for every phi: that, and no formula, makes D the conditional mean."""
    law, schedule = ALL_LAWS[law], MILD[name]
    t = middle(schedule)
    x_0, x_t = noised(law, schedule, t)
    D = law.denoiser(schedule)(x_t, t)
    for phi in (torch.ones_like(x_t), x_t, torch.tanh(3.0 * x_t), torch.cos(2.0 * x_t)):
        assert in_errors(((x_0 - D) * phi).sum(1)) < 4.5
    assert in_errors(((x_0 - 0.9 * D - 0.1 * x_t / schedule.alpha(t)) * x_t).sum(1)) > 5  # planted: a blend with x_t


@pytest.mark.parametrize("law", [name for name in ALL_LAWS if name != "points"])
def test_integration_by_parts(law):
    """E s = 0, E s_i x_j = -1 if i = j else 0; planted: 10 % too much."""
    law = ALL_LAWS[law]
    x = law.sample(N, seed=2, dtype=torch.float64)
    s = law.score(x)
    for i in range(3):
        assert in_errors(s[:, i]) < 4.5
        for j in range(3):
            assert in_errors(s[:, i] * x[:, j] + float(i == j)) < 4.5
    assert max(in_errors(1.1 * s[:, i] * x[:, i] + 1) for i in range(3)) > 4.5


@pytest.mark.parametrize("law", ALL_LAWS)
def test_types_follow_the_items_and_times_may_differ(law):
    law, schedule = ALL_LAWS[law], MILD["vp"]
    t = middle(schedule)
    diffused = law.diffused(schedule, float(t))
    for dtype in (torch.float32, torch.float64):
        x = diffused.sample(4, seed=0, dtype=dtype)
        assert x.dtype == diffused.score(x).dtype == diffused.log_prob(x).dtype == dtype
        D = law.denoiser(schedule)
        each = D(x, torch.stack([t, t, 0.5 * t, t]).to(dtype))
        assert each.dtype == dtype
        torch.testing.assert_close(each[2:3], D(x[2:3], (0.5 * t).to(dtype)), rtol=1e-5, atol=1e-6)
        assert D(x[:0], t.to(dtype)).shape == (0, 3)


@pytest.mark.parametrize("name", ALL_LAWS)
@pytest.mark.parametrize(
    ("mistake", "kind", "said"),
    [
        (
            lambda law: law.denoiser(EDM())(torch.zeros(2, 3, dtype=torch.int64), torch.tensor(1.0)),
            TypeError,
            "floating",
        ),
        (lambda law: law.diffused(EDM(), 1.0).log_prob(torch.zeros(2, 3, dtype=torch.int64)), TypeError, "floating"),
        (lambda law: law.diffused(EDM(), 1.0).score(torch.zeros(2, 3, dtype=torch.int64)), TypeError, "floating"),
        (lambda law: law.diffused(EDM(), 1.0).log_prob(torch.zeros(3)), ValueError, r"needs \(B, 3\)"),
        (lambda law: law.diffused(EDM(), 1.0).score(torch.zeros(2, 2)), ValueError, r"needs \(B, 3\)"),
        (lambda law: law.diffused(EDM(), -1.0), ValueError, "t is -1"),
        (lambda law: law.diffused(EDM(), math.nan), ValueError, "t is nan"),
        (lambda law: law.diffused(EDM(), torch.ones(2)), ValueError, "one time"),
        (lambda law: law.sample(-1, seed=0), ValueError, "n is -1"),
    ],
)
def test_what_is_no_item_no_time_or_no_number_is_refused(name, mistake, kind, said):
    with pytest.raises(kind, match=said):
        mistake(ALL_LAWS[name])


def test_a_law_takes_lists():
    law = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0])
    torch.testing.assert_close(law.means, torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    assert len(Empirical([[0.0], [1.0]]).sample(3, seed=0)) == 3
    with pytest.raises(ValueError, match="a mean is NaN"):
        GaussianMixture([1.0], [[math.nan]], [1.0])
