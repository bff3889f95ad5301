"""Guidance against closed forms: scores by differentiation, a class's law, the recursion of a Gaussian path."""

from itertools import pairwise

import pytest
import torch

from equigen.diffusion import (
    EDM,
    DiffusionModel,
    Euler,
    GuidedDenoiser,
    KarrasGrid,
    KarrasPreconditioning,
    NetworkDenoiser,
    VariancePreserving,
)
from equigen.diffusion.denoiser import Denoiser
from equigen.spaces.euclidean import Euclidean
from tests.diffusion.two_classes import MEANS, SHARES, VARIANCES, TwoClasses, log_joint

WEIGHTS = [-0.5, 0.0, 0.4, 1.0, 2.0, 5.0]


def labels(n):
    return torch.arange(n) % 2


def model():
    return DiffusionModel(Euclidean(2), TwoClasses(EDM(t_max=400.0)), data_std=2.0)


def by_differentiation(schedule, x, t, label, w):
    """(x + sigma^2 grad(ln p(x) + w ln p(c | x))) / alpha."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x = x.clone().requires_grad_(True)
    joint = log_joint(x, alpha, sigma)
    free = torch.logsumexp(joint, 1)
    class_given_x = joint.gather(1, label[:, None])[:, 0] - free
    (score,) = torch.autograd.grad((free + w * class_given_x).sum(), x)
    return (x.detach() + sigma**2 * score) / alpha


@pytest.mark.parametrize("schedule", [EDM(), VariancePreserving()], ids=["edm", "vp"])
@pytest.mark.parametrize("w", WEIGHTS)
def test_the_guided_score_is_that_of_the_tilted_law(schedule, w):
    generator = torch.Generator().manual_seed(0)
    x = 2.0 * torch.randn(50, 2, generator=generator, dtype=torch.float64)
    for t in (0.05, 0.4, 0.9):
        time = torch.tensor(t, dtype=torch.float64)
        found = GuidedDenoiser(TwoClasses(schedule), w)(x, time, label=labels(50))
        expected = by_differentiation(schedule, x, time, labels(50), w)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        # The controls: the paper's own w, which is one less, and the other class.
        for wrong in (by_differentiation(schedule, x, time, labels(50), w + 1.0), expected.flip(0)):
            assert float((found - wrong).abs().max()) > 1e-3


@pytest.mark.parametrize(("w", "calls_each"), [(1.0, 1), (0.0, 1), (0.5, 2), (3.0, 2)])
def test_it_costs_what_it_must(w, calls_each):
    drawn, calls = model(), []
    drawn.denoiser.register_forward_hook(lambda *_: calls.append(1))
    drawn.sample(4, seed=0, steps=6, condition={"label": labels(4)}, guidance=w)
    assert len(calls) == 6 * calls_each


def test_one_is_the_conditional_model_and_zero_the_free_one():
    given, nothing = {"label": labels(8)}, {"label": torch.full((8,), -1)}
    plain = model().sample(8, seed=3, condition=given)
    assert torch.equal(model().sample(8, seed=3, condition=given, guidance=1.0), plain)
    free = model().sample(8, seed=3, condition=nothing)
    assert torch.equal(model().sample(8, seed=3, condition=given, guidance=0.0), free)
    assert float((plain - free).abs().max()) > 0.1
    # An item without a condition is not guided, whatever stands beside it.
    mixed = {"label": torch.where(torch.arange(8) < 4, -1, labels(8))}
    both = model().sample(8, seed=3, condition=mixed, guidance=4.0)
    torch.testing.assert_close(both[:4], free[:4], rtol=1e-6, atol=1e-6)
    assert float((both[4:] - plain[4:]).abs().max()) > 1e-3


@pytest.mark.parametrize("label", [0, 1])
def test_without_extra_guidance_samples_have_the_law_of_their_class(label):
    n = 8000
    given = {"label": torch.full((n,), label)}
    x = model().sample(n, seed=0, steps=60, condition=given, batch_size=n).double()
    error = float((VARIANCES[label] / n) ** 0.5)
    assert float((x.mean(0) - MEANS[label]).abs().max()) < 5 * error
    assert float(x.var(0).mean() / VARIANCES[label]) == pytest.approx(1.0, abs=0.05)
    # The control: guided samples have another law.
    tilted = model().sample(n, seed=0, steps=60, condition=given, batch_size=n, guidance=3.0).double()
    assert float((tilted.mean(0) - MEANS[label]).abs().max()) > 8 * error


def test_free_samples_have_the_shares_of_the_classes():
    n = 8000
    x = model().sample(n, seed=1, steps=60, condition={"label": labels(n)}, batch_size=n, guidance=0.0).double()
    one, zero = torch.tensor(1.0), torch.tensor(0.0)
    share = torch.softmax(log_joint(x, one, zero), 1).mean(0)
    assert float(share[1]) == pytest.approx(float(SHARES[1]), abs=5 * float((SHARES.prod() / n) ** 0.5))


class TwoGaussians(Denoiser):
    """N(0, 4) without a label and N(3, 1/4) with one: guidance between them keeps every path Gaussian."""

    schedule = EDM(t_min=0.01, t_max=20.0)

    def forward(self, x_t, t, label):
        given = (label >= 0)[:, None].to(x_t)
        mean, c = 3.0 * given, 4.0 - 3.75 * given
        return mean + c / (c + t**2) * (x_t - mean)


@pytest.mark.parametrize("w", [0.5, 2.0])
def test_a_guided_path_follows_its_recursion(w):
    """Euler's step on the flow is linear here: x <- (1 - h (1 - a) / t) x + h b / t with D_w = a x + b."""

    def recursion(w):
        times = KarrasGrid()(TwoGaussians.schedule, 30).tolist()
        mean, std = 0.0, times[0]
        for t, s in pairwise(times):
            gain_free, gain_given = 4.0 / (4.0 + t**2), 0.25 / (0.25 + t**2)
            a, b = gain_free + w * (gain_given - gain_free), w * 3.0 * (1.0 - gain_given)
            factor = 1.0 + (s - t) * (1.0 - a) / t
            mean, std = factor * mean - (s - t) * b / t, abs(factor) * std
        return mean, std

    n = 4000
    drawn = DiffusionModel(Euclidean(1), TwoGaussians(), data_std=0.0)
    given = {"label": torch.zeros(n, dtype=torch.int64)}
    how = {"seed": 2, "steps": 30, "solver": Euler(), "final": "noisy", "batch_size": n}
    x = drawn.sample(n, condition=given, guidance=w, **how).double()
    mean, std = recursion(w)
    assert float(x.mean()) == pytest.approx(mean, abs=5 * std / n**0.5)
    assert float(x.std()) == pytest.approx(std, rel=5 / (2 * n) ** 0.5)
    assert abs(recursion(1.0)[0] - mean) > 10 * std / n**0.5  # the control: the conditional model ends elsewhere


def test_the_structure_is_never_withheld():
    seen = []

    class Structured(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, label, structure):
            seen.append((label.tolist(), structure.tolist()))
            return x_t

    mask = torch.tensor([[True, False]])
    GuidedDenoiser(Structured(), 2.0)(torch.zeros(1, 2), torch.tensor(1.0), label=torch.tensor([1]), structure=mask)
    assert sorted(seen) == [([-1], mask.tolist()), ([1], mask.tolist())]


def test_what_cannot_be_guided_is_refused():
    class Zero(torch.nn.Module):
        def forward(self, x, noise, label=None):
            return torch.zeros_like(x)

    def network(**how):
        return DiffusionModel(Euclidean(2), NetworkDenoiser(Zero(), EDM(), KarrasPreconditioning()), **how)

    given = {"label": torch.tensor([0, 1])}
    with pytest.raises(ValueError, match="guidance is 2, but no condition is given"):
        model().sample(2, seed=0, guidance=2.0)
    with pytest.raises(ValueError, match="finite"):
        model().sample(2, seed=0, condition=given, guidance=float("nan"))
    with pytest.raises(ValueError, match="condition_dropout=0"):
        network().sample(2, seed=0, condition=given, guidance=2.0)
    network(condition_dropout=0.1).sample(2, seed=0, condition=given, guidance=2.0)
