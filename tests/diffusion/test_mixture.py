"""Gaussian mixtures beside torch's densities, Bayes' rule, automatic differentiation, and the mixture on the line."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from equigen.diffusion import EDM, GaussianMixture, VariancePreserving
from equigen.diffusion.laws import components
from equigen.testing import assert_batch_independent
from tests.diffusion import mixture as line
from tests.diffusion.processes import ALL_SCHEDULES
from tests.oracles import kolmogorov_distance

WEIGHTS = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
MEANS = torch.tensor([[0.5, -1.0, 2.0], [-1.5, 0.3, 0.0], [1.0, 1.0, -1.0]], dtype=torch.float64)
ISOTROPIC = torch.tensor([0.3, 0.05, 1.2], dtype=torch.float64)
DIAGONAL = torch.tensor([[0.3, 0.1, 1.0], [0.05, 0.4, 0.2], [1.0, 0.02, 0.5]], dtype=torch.float64)
ROOTS = torch.tensor(
    [
        [[1.0, 0.2, 0.0], [0.3, 0.8, 0.1], [0.0, -0.5, 0.4]],
        [[0.3, 0.0, 0.1], [0.2, 0.5, 0.0], [0.1, 0.1, 0.2]],
        [[0.6, -0.5, 0.0], [0.6, 0.4, 0.2], [0.0, 0.3, 1.0]],
    ],
    dtype=torch.float64,
)
FULL = ROOTS @ ROOTS.mT
FORMS = {
    "isotropic": (ISOTROPIC, ISOTROPIC[:, None, None] * torch.eye(3, dtype=torch.float64)),
    "diagonal": (DIAGONAL, torch.diag_embed(DIAGONAL)),
    "full": (FULL, FULL),
}
X = torch.tensor([[0.1, 0.2, 0.3], [-3.0, 4.0, 1.0], [0.4, -0.8, 1.5], [-1.2, 0.5, 0.2]], dtype=torch.float64)


def middle(schedule, noise=0.4):
    return schedule.time_at_noise(torch.tensor(noise, dtype=torch.float64))


def joint(x, alpha, sigma, matrices, weights=WEIGHTS):
    """ln w_k + ln N(x; alpha m_k, alpha^2 C_k + sigma^2), by torch's normals, (B, K)."""
    eye = torch.eye(3, dtype=torch.float64)
    normals = [
        MultivariateNormal(alpha * m, alpha**2 * C + sigma**2 * eye) for m, C in zip(MEANS, matrices, strict=True)
    ]
    return torch.stack([w.log() + normal.log_prob(x) for w, normal in zip(weights, normals, strict=True)], 1)


def posterior(x, alpha, sigma, matrices):
    """E and Cov of x_0 given x, by precision matrices: (C^-1 + alpha^2 / sigma^2)^-1 for each component."""
    eye = torch.eye(3, dtype=torch.float64)
    shares = joint(x, alpha, sigma, matrices).softmax(1)
    within = torch.linalg.inv(torch.linalg.inv(matrices) + alpha**2 / sigma**2 * eye)
    pulled = (torch.linalg.inv(matrices) @ MEANS[..., None])[..., 0] + alpha / sigma**2 * x[:, None]
    means = torch.einsum("kij,bkj->bki", within, pulled)
    mean = torch.einsum("bk,bki->bi", shares, means)
    second = torch.einsum("bk,kij->bij", shares, within) + torch.einsum("bk,bki,bkj->bij", shares, means, means)
    return mean, second - mean[:, :, None] * mean[:, None]


@pytest.mark.parametrize("form", FORMS)
def test_the_density_is_torchs(form):
    given, matrices = FORMS[form]
    expected = joint(X, 1.0, 0.0, matrices)
    law = GaussianMixture(WEIGHTS, MEANS, given)
    torch.testing.assert_close(law.log_prob(X), expected.logsumexp(1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(law.responsibilities(X), expected.softmax(1), rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(law.log_prob(X.float()).double(), law.log_prob(X.float().double()), rtol=1e-6, atol=0)
    torch.testing.assert_close(law.weights, WEIGHTS)
    torch.testing.assert_close(law.means, MEANS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_the_denoiser_is_bayes_rule(form, name):
    (given, matrices), schedule = FORMS[form], ALL_SCHEDULES[name]
    D = GaussianMixture(WEIGHTS, MEANS, given).denoiser(schedule)
    t = torch.stack([middle(schedule), middle(schedule, 0.05), middle(schedule, 0.7), middle(schedule, 0.2)])
    for k, time in enumerate(t):
        alpha, sigma, x = schedule.alpha(time), schedule.sigma(time), X[k : k + 1]
        mean, covariance = posterior(x, alpha, sigma, matrices)
        torch.testing.assert_close(D(X, t)[k : k + 1], mean, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(D.posterior_covariance(X, t)[k : k + 1], covariance, rtol=1e-8, atol=1e-9)
        expected = joint(x, alpha, sigma, matrices).softmax(1)
        torch.testing.assert_close(D.responsibilities(X, t)[k : k + 1], expected, rtol=1e-8, atol=1e-12)
        torch.testing.assert_close(D(x, time), D(X, t)[k : k + 1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        D(X.float(), t.float()).double(), D(X.float().double(), t.float().double()), atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_score_is_the_gradient_and_the_sum_of_its_components_by_responsibility(form):
    law = GaussianMixture(WEIGHTS, MEANS, FORMS[form][0])
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(joint(x, 1.0, 0.0, FORMS[form][1]).logsumexp(1).sum(), x)
    torch.testing.assert_close(law.score(X), gradient, rtol=1e-10, atol=1e-10)
    (own,) = torch.autograd.grad(law.log_prob(x).sum(), x)
    torch.testing.assert_close(own, gradient, rtol=1e-10, atol=1e-10)
    parts = law.component_scores(X)
    for k, (mean, C) in enumerate(zip(MEANS, FORMS[form][1], strict=True)):
        torch.testing.assert_close(parts[:, k], torch.linalg.solve(C, (mean - X).T).T, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close((law.responsibilities(X)[..., None] * parts).sum(1), gradient, rtol=1e-9, atol=1e-9)
    # planted: the weights of the mixture in the place of the responsibilities
    assert float(((WEIGHTS[:, None] * parts).sum(1) - gradient).abs().max()) > 0.1


@pytest.mark.parametrize("form", FORMS)
def test_the_scores_of_the_noised_components_sum_to_the_denoisers(form):
    schedule, law = VariancePreserving(), GaussianMixture(WEIGHTS, MEANS, FORMS[form][0])
    D, t = law.denoiser(schedule), middle(schedule)
    summed = (D.responsibilities(X, t)[..., None] * D.component_scores(X, t)).sum(1)
    noised = law.diffused(schedule, float(t))
    for found in (summed, D.score(X, t), (noised.responsibilities(X)[..., None] * noised.component_scores(X)).sum(1)):
        torch.testing.assert_close(found, noised.score(X), rtol=1e-9, atol=1e-9)


def test_second_order_tweedie_and_its_halves():
    """Cov[x_0 | x_t] = (sigma^2 / alpha^2)(I + sigma^2 grad score); planted: the mean of the covariances alone."""
    schedule, law = VariancePreserving(), GaussianMixture(WEIGHTS, MEANS, FULL)
    D, t = law.denoiser(schedule), middle(schedule)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    for x in X:
        jacobian = torch.autograd.functional.jacobian(lambda y: D.score(y[None], t)[0], x)
        expected = sigma**2 / alpha**2 * (torch.eye(3, dtype=torch.float64) + sigma**2 * jacobian)
        torch.testing.assert_close(D.posterior_covariance(x[None], t)[0], expected, rtol=1e-9, atol=1e-9)
    within = torch.linalg.inv(torch.linalg.inv(FULL) + alpha**2 / sigma**2 * torch.eye(3, dtype=torch.float64))
    share = D.responsibilities(X, t)
    gap = D.posterior_covariance(X, t) - torch.einsum("bk,kij->bij", share, within)
    assert float(gap.diagonal(dim1=1, dim2=2).sum(1).max()) > 0.01


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_on_the_line_it_is_the_mixture_of_the_tests(name):
    schedule = ALL_SCHEDULES[name]
    law = GaussianMixture(line.WEIGHTS, line.MEANS[:, None], line.VARIANCES)
    t, x = middle(schedule), torch.linspace(-4.0, 4.0, 41, dtype=torch.float64)
    expected = line.MixtureDenoiser(schedule)(x[:, None], t)
    torch.testing.assert_close(law.denoiser(schedule)(x[:, None], t), expected, rtol=1e-12, atol=1e-12)
    density = law.diffused(schedule, float(t)).log_prob(x[:, None]).exp()
    torch.testing.assert_close(density, line.density(schedule, x, t), rtol=1e-11, atol=1e-14)
    wrong = (line.WEIGHTS * (line.MEANS + 0.4 * x[:, None])).sum(1, keepdim=True)
    assert float((wrong - expected).abs().max()) > 0.1


@pytest.mark.parametrize("form", FORMS)
def test_items_of_any_shape_are_flattened(form):
    flat = GaussianMixture(WEIGHTS, MEANS, FORMS[form][0])
    given = DIAGONAL.reshape(3, 1, 3) if form == "diagonal" else FORMS[form][0]
    shaped = GaussianMixture(WEIGHTS, MEANS.reshape(3, 1, 3), given)
    x, t, schedule = X.reshape(4, 1, 3), torch.tensor(0.4, dtype=torch.float64), EDM()
    assert shaped.denoiser(schedule)(x, t).shape == shaped.score(x).shape == x.shape
    assert shaped.component_scores(x).shape == (4, 3, 1, 3)
    assert shaped.sample(5, seed=0).shape == (5, 1, 3)
    assert torch.equal(shaped.denoiser(schedule)(x, t).flatten(1), flat.denoiser(schedule)(X, t))
    assert torch.equal(shaped.diffused(schedule, 0.4).log_prob(x), flat.diffused(schedule, 0.4).log_prob(X))


@pytest.mark.parametrize("form", FORMS)
def test_samples_have_mean_covariance_and_addresses(form):
    given, matrices = FORMS[form]
    law, n = GaussianMixture(WEIGHTS, MEANS, given), 40000
    x = law.sample(n, seed=3, dtype=torch.float64)
    mean = WEIGHTS @ MEANS
    covariance = torch.einsum("k,kij->ij", WEIGHTS, matrices + MEANS[:, :, None] * MEANS[:, None]) - torch.outer(
        mean, mean
    )
    scale = float(covariance.diagonal().max())
    assert float((x.mean(0) - mean).abs().max()) < 5 * math.sqrt(scale / n)
    assert float((torch.cov(x.T) - covariance).abs().max()) < 8 * scale * math.sqrt(2 / n)
    # planted: the covariances alone, without that of the means
    assert float((torch.cov(x.T) - torch.einsum("k,kij->ij", WEIGHTS, matrices)).abs().max()) > 0.3
    assert torch.equal(law.sample(3, seed=3, first=17, dtype=torch.float64), x[17:20])
    assert torch.equal(law.sample(20, seed=3), x[:20].float())


def test_samples_follow_the_distribution_function():
    law, n = GaussianMixture(line.WEIGHTS, line.MEANS[:, None], line.VARIANCES), 40000
    x = law.sample(n, seed=1, dtype=torch.float64)[:, 0]
    normals = Normal(line.MEANS, line.VARIANCES.sqrt())
    assert kolmogorov_distance(x, lambda y: normals.cdf(y[:, None]) @ line.WEIGHTS) < 1.95 / math.sqrt(
        n
    )  # exceeded once in a thousand
    assert kolmogorov_distance(x, lambda y: Normal(law.means.mean(), 1.0).cdf(y)) > 10 / math.sqrt(n)


@pytest.mark.parametrize("form", FORMS)
def test_far_away_the_score_grows_linearly_and_nothing_overflows(form):
    """On the ray x = r e the component that decays slowest along e wins: s -> -C^-1 x."""
    given, matrices = FORMS[form]
    law = GaussianMixture(WEIGHTS, MEANS, given)
    direction = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    winner = int(torch.stack([direction @ torch.linalg.inv(C) @ direction for C in matrices]).argmin())
    expected = -torch.linalg.inv(matrices[winner]) @ direction
    for far in (1e4, 1e8, 1e15):
        x = (far * direction)[None]
        within = {"rtol": 1e-6, "atol": 100.0 / far}
        torch.testing.assert_close(law.score(x)[0] / far, expected, **within)
        torch.testing.assert_close(law.score(x.float())[0] / far, expected.float(), **within)
        assert bool(law.log_prob(x).isfinite())


@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_small_noise_far_from_the_origin_keeps_its_responsibilities_in_float32(d, offset):
    """Two components at distance 1e-2, noise 3e-3: in float32, |x|^2 - 2 x m + |m|^2 is lost in its rounding."""
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(d, generator=generator, dtype=torch.float64)
    centre = (offset + centre / centre.norm()).float().double()
    way = torch.nn.functional.normalize(torch.randn(d, generator=generator, dtype=torch.float64), dim=0)
    means = torch.stack([centre, centre + 1e-2 * way])
    law = GaussianMixture(torch.tensor([0.5, 0.5]), means, torch.full((2,), 1e-14))
    x = (centre + 4e-3 * way)[None].float()
    t = torch.tensor(3e-3)
    variance = t.double() ** 2 + 1e-14
    distance = (x.double() - means).square().sum(1)
    expected = torch.softmax(-0.5 * distance / variance, 0)
    share = law.denoiser(EDM(1e-4)).responsibilities(x, t)[0]
    torch.testing.assert_close(share.double(), expected, rtol=1e-5 if offset == 0 or d == 2 else 1e-2, atol=1e-6)
    if offset:  # planted: the same by expansion in float32
        m = means.float()
        square = (x @ x.T)[0] - 2 * (x @ m.T)[0] + (m * m).sum(1)
        naive = torch.softmax(-0.5 * square / variance.float(), 0)
        assert float((naive.double() - expected).abs().max()) > 1e-3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("d", [3, 33])
def test_components_seen_through_a_kernel_are_the_diffused_components(form, d):
    alpha, sigma = torch.tensor(0.6, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
    parts = GaussianMixture(WEIGHTS, MEANS, FORMS[form][0]).components
    if d == 33 and form == "isotropic":
        parts = GaussianMixture(WEIGHTS, MEANS.repeat(1, 11), ISOTROPIC).components
    x, noised = X.repeat(1, parts.means.shape[1] // 3), parts.diffused(alpha, sigma)
    for name in ("log_density", "log_joint", "responsibilities", "scores", "score"):
        found, expected = getattr(parts, name)(x, alpha, sigma), getattr(noised, name)(x, alpha / alpha, 0.0 * sigma)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
        other = getattr(parts, name)(x, alpha / alpha, sigma)  # planted: without alpha
        assert float((other - expected).abs().max()) > 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_blocks_change_nothing(form, monkeypatch):
    """Points and components in blocks of any size give what one block gives."""
    law = GaussianMixture(WEIGHTS, MEANS, FORMS[form][0])
    D, t = law.denoiser(EDM()), torch.tensor([0.1, 0.5, 1.0, 2.0], dtype=torch.float64)

    def everything():
        yield from (D(X, t), D.responsibilities(X, t), D.posterior_covariance(X, t), D.component_scores(X, t))
        yield from (law.score(X), law.log_prob(X), D(X, t[0]), law.sample(4, seed=0))

    whole = list(everything())
    for block, rows in ((1, 1), (6, 2), (12, 1)):
        monkeypatch.setattr(components, "_BLOCK", block)
        monkeypatch.setattr(components, "_ROWS", rows)
        for found, expected in zip(everything(), whole, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_wide_isotropic_components_are_diagonal_ones():
    """Above 32 dimensions distances come from a matrix product; the same law as diagonal takes differences."""
    generator = torch.Generator().manual_seed(2)
    means = torch.randn(7, 40, generator=generator, dtype=torch.float64)
    variances = torch.rand(7, generator=generator, dtype=torch.float64) + 0.1
    weights = torch.full((7,), 1 / 7, dtype=torch.float64)
    one = GaussianMixture(weights, means, variances)
    other = GaussianMixture(weights, means, variances[:, None].expand(7, 40))
    x, t = torch.randn(5, 40, generator=generator, dtype=torch.float64), torch.rand(5, dtype=torch.float64) + 0.3
    torch.testing.assert_close(one.log_prob(x), other.log_prob(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(one.score(x), other.score(x), rtol=1e-10, atol=1e-10)
    for name in ("edm", "vp"):
        D, E = one.denoiser(ALL_SCHEDULES[name]), other.denoiser(ALL_SCHEDULES[name])
        torch.testing.assert_close(D(x, t), E(x, t), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(D.posterior_covariance(x, t), E.posterior_covariance(x, t), rtol=1e-9, atol=1e-10)


def test_thousands_of_components_approach_the_law_that_they_sample():
    """3000 narrow normals at quantiles of N(0, 1) have the density of N(0, 1 + c)."""
    levels = (torch.arange(3000, dtype=torch.float64) + 0.5) / 3000
    law = GaussianMixture(
        torch.full((3000,), 1 / 3000), torch.special.ndtri(levels)[:, None], torch.full((3000,), 0.01)
    )
    x = torch.linspace(-2.0, 2.0, 9)[:, None]
    torch.testing.assert_close(law.score(x), -x / 1.01, rtol=5e-3, atol=2e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_denoiser_that_changes_its_type_still_works_and_leaves_the_law_alone(form):
    law, t = GaussianMixture(WEIGHTS, MEANS, FORMS[form][0]), torch.tensor(0.4)
    expected, density = law.denoiser(EDM())(X, t.double()), law.log_prob(X)
    D = law.denoiser(EDM()).float()
    torch.testing.assert_close(D(X.float(), t).double(), expected, rtol=1e-4, atol=1e-5)
    assert D.posterior_covariance(X.float(), t).dtype == D.component_scores(X.float(), t).dtype == torch.float32
    assert torch.equal(law.log_prob(X), density)


@pytest.mark.parametrize("form", FORMS)
def test_an_item_does_not_depend_on_its_batch(form):
    D = GaussianMixture(WEIGHTS, MEANS, FORMS[form][0]).denoiser(EDM())
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_batch_independent(lambda item: D(x[item], torch.tensor(0.5, dtype=torch.float64)))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, in forward mode
def test_derivatives_in_both_directions_agree():
    """Likelihoods differentiate a denoiser forward and backward, also for many items at once."""
    D, t = GaussianMixture(WEIGHTS, MEANS, FULL).denoiser(EDM()), torch.tensor(0.7, dtype=torch.float64)

    def one(x):
        return D(x[None], t)[0]

    forward, backward = torch.func.vmap(torch.func.jacfwd(one))(X), torch.func.vmap(torch.func.jacrev(one))(X)
    torch.testing.assert_close(forward, backward, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(forward, D.posterior_covariance(X, t) / t**2, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: GaussianMixture(torch.tensor([0.5, 0.6]), MEANS[:2], ISOTROPIC[:2]), "sum to 1.1"),
        (lambda: GaussianMixture(torch.tensor([1.5, -0.5]), MEANS[:2], ISOTROPIC[:2]), "positive"),
        (lambda: GaussianMixture(torch.tensor([1.0, 0.0]), MEANS[:2], ISOTROPIC[:2]), "positive"),
        (lambda: GaussianMixture(torch.tensor([math.nan, 1.0]), MEANS[:2], ISOTROPIC[:2]), "positive"),
        (lambda: GaussianMixture(WEIGHTS[:2], MEANS, ISOTROPIC), r"need \(K,\)"),
        (lambda: GaussianMixture(WEIGHTS, MEANS[:, 0], ISOTROPIC), r"means\[:, None\]"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, ISOTROPIC[:2]), "covariances have shape"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, 0.0 * ISOTROPIC), "Empirical"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, -DIAGONAL), "Empirical"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, torch.full_like(DIAGONAL, math.nan)), "Empirical"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, torch.full_like(DIAGONAL, math.inf)), "Empirical"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, torch.ones(3, 3, 3)), "Empirical"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, ROOTS), "symmetric"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, FULL * math.nan), "symmetric"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, FULL).denoiser(EDM())(X, torch.ones(3)), "expand"),
        (lambda: GaussianMixture(WEIGHTS, MEANS, FULL).log_prob(X[:, :2]), r"needs \(B, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()


def test_weights_that_sum_to_one_within_rounding_are_made_exact():
    law = GaussianMixture(torch.tensor([0.1, 0.2, 0.7]), MEANS, ISOTROPIC)  # float32: the sum is not 1 in float64
    assert abs(float(law.weights.sum()) - 1.0) < 1e-15
