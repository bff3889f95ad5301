"""The law of a data set beside the sum over all points spelled out, and beside the mixture of narrow normals."""

import math
import resource

import pytest
import torch

from equigen.diffusion import EDM, Empirical, GaussianMixture, VariancePreserving
from equigen.diffusion.laws import components
from equigen.testing import assert_batch_independent
from tests.diffusion.processes import ALL_SCHEDULES

POINTS = torch.randn(9, 1, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WIDE = 0.15 * torch.randn(9, 6, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_hand(points, x, alpha, sigma):
    """The weighted mean, its weights and its covariance, one item at a time."""
    means, shares, covariances = [], [], []
    for item in x:
        logits = torch.stack([-((item - alpha * point) ** 2).sum() / (2 * sigma**2) for point in points])
        share = torch.exp(logits - logits.max())
        share = share / share.sum()
        mean = sum(s * point for s, point in zip(share, points, strict=True))
        spread = sum(
            s * torch.outer((p - mean).flatten(), (p - mean).flatten()) for s, p in zip(share, points, strict=True)
        )
        means.append(mean), shares.append(share), covariances.append(spread)
    return torch.stack(means), torch.stack(shares), torch.stack(covariances)


@pytest.mark.parametrize("points", [POINTS, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("name", ALL_SCHEDULES)
@pytest.mark.parametrize("noise", [0.05, 0.4, 0.8])
def test_the_denoiser_is_the_weighted_mean_of_the_points(points, name, noise):
    schedule = ALL_SCHEDULES[name]
    t = schedule.time_at_noise(torch.tensor(noise, dtype=torch.float64))
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x = alpha * points[:4] + 3.0 * sigma * torch.cos(torch.arange(4.0 * points[0].numel())).reshape(points[:4].shape)
    D = Empirical(points).denoiser(schedule)
    mean, share, covariance = by_hand(points, x, alpha, sigma)
    torch.testing.assert_close(D(x, t), mean, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(D.responsibilities(x, t), share, rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(D.posterior_covariance(x, t), covariance, rtol=1e-7, atol=1e-10)
    each = D(x, t * torch.tensor([1.0, 0.9, 0.8, 0.7], dtype=torch.float64))
    torch.testing.assert_close(each[:1], mean[:1], rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(each[3:], D(x[3:], 0.7 * t), rtol=1e-10, atol=1e-12)
    single = Empirical(points.float()).denoiser(schedule)(x.float(), t.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), mean, rtol=1e-3, atol=1e-3 / noise)
    if noise == 0.4:  # planted: sigma for sigma^2
        wrong = by_hand(points, x, alpha, sigma**0.5)[0]
        assert float((wrong - mean).abs().max()) > 1e-2


@pytest.mark.parametrize("points", [POINTS, WIDE], ids=["narrow", "wide"])
def test_it_is_the_limit_of_a_mixture_of_narrow_normals(points):
    schedule, t = VariancePreserving(), torch.tensor(0.3, dtype=torch.float64)
    narrow = GaussianMixture(torch.full((9,), 1 / 9), points, torch.full((9,), 1e-12))
    law = Empirical(points)
    x = points[:3] + 0.2
    torch.testing.assert_close(law.denoiser(schedule)(x, t), narrow.denoiser(schedule)(x, t), rtol=1e-8, atol=1e-9)
    one, other = law.diffused(schedule, 0.3), narrow.diffused(schedule, 0.3)
    torch.testing.assert_close(one.log_prob(x), other.log_prob(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(one.score(x), law.denoiser(schedule).score(x, t), rtol=1e-9, atol=1e-9)


def test_without_noise_it_returns_the_nearest_point():
    """At sigma = 1e-4, with data in float32 whose squares are a million, each point comes back and no other."""
    data = (torch.rand(50, 100, generator=torch.Generator().manual_seed(3)) + 100.0).float()
    near = data[:1] + 1e-3 * torch.randn(3, 100, generator=torch.Generator().manual_seed(4))
    data = torch.cat((data, near))
    D = Empirical(data).denoiser(EDM(1e-4))
    torch.testing.assert_close(D(data, torch.tensor(1e-4)), data, rtol=0, atol=0)
    # planted: distances by expansion in float32 choose wrong points
    square = (data * data).sum(1)
    chosen = (square[:, None] - 2 * data @ data.T + square).argmin(1)
    assert bool((chosen != torch.arange(len(data))).any())


def test_samples_are_points_evenly_and_by_address():
    law, n = Empirical(POINTS), 9000
    x = law.sample(n, seed=2, dtype=torch.float64)
    counts = (x[:, None] == POINTS).flatten(2).all(2).sum(0)
    assert int(counts.sum()) == n
    assert float((counts - n / 9).abs().max()) < 5 * math.sqrt(n / 9)
    assert torch.equal(law.sample(4, seed=2, first=100, dtype=torch.float64), x[100:104])
    assert float((law.sample(n, seed=3, dtype=torch.float64) - x).abs().max()) > 0


def test_an_item_does_not_depend_on_its_batch_or_on_blocks(monkeypatch):
    D, t = Empirical(WIDE.float()).denoiser(VariancePreserving()), torch.tensor(0.3, dtype=torch.float64)
    x = torch.randn(16, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_batch_independent(lambda item: D(x[item], t))
    whole, spread = D(x, t), D.posterior_covariance(x[:2], t)
    for block in (1, 100, 300):
        monkeypatch.setattr(components, "_BLOCK", block)
        torch.testing.assert_close(D(x, t), whole, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(D.posterior_covariance(x[:2], t), spread, rtol=1e-10, atol=1e-12)


def test_memory_is_bounded():
    """20000 x 784 with 64 items needs far less than all pairs of coordinates (8 GiB), or the data in float64."""
    law = Empirical(torch.rand(20000, 784, generator=torch.Generator().manual_seed(0)))
    x = law.data[:64] + 0.1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.no_grad():
        law.denoiser(EDM())(x, torch.tensor(0.3))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: Empirical(torch.zeros(3, 2, dtype=torch.uint8)), "float"),
        (lambda: Empirical(torch.zeros(0, 2)), "needed"),
        (lambda: Empirical(torch.zeros(3)), r"data\[:, None\]"),
        (lambda: Empirical(torch.tensor([[math.nan]])), "NaN"),
        (lambda: Empirical(POINTS).log_prob(POINTS), r"law.diffused\(schedule, t\)"),
        (lambda: Empirical(POINTS).score(POINTS), r"law.diffused\(schedule, t\)"),
        (lambda: Empirical(POINTS).denoiser(EDM())(WIDE, torch.tensor(1.0)), "42 numbers"),
    ],
)
def test_what_does_not_fit_is_refused(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()
