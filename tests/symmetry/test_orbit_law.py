"""Orbit-averaged laws: against mixtures of all poses written out, against autograd, and invariant to rounding."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.diffusion import EDM, Diagonal, DiffusionModel, Empirical, Gaussian, GaussianMixture, Isotropic
from equigen.diffusion.laws.law import Law
from equigen.diffusion.schedules.variance_preserving import VariancePreserving
from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.spaces.euclidean import Euclidean
from equigen.symmetry.action import PermutationAction, PointsAction
from equigen.symmetry.error import equivariance_error
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_law import OrbitLaw
from tests.symmetry.lopsided import noise

IMAGES, POINTS, NODES = ImageAction(Dihedral(4)), PointsAction(Cyclic(3)), PermutationAction(Symmetric(3))
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
VARIANCES = torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64)


def mixture(*shape):
    return GaussianMixture(WEIGHTS, noise(3, *shape, seed=1), VARIANCES)


CASES = {
    "images": (IMAGES, (1, 4, 4)),
    "points": (POINTS, (2, 2)),
    "nodes": (NODES, (3, 2)),
}


def written_out(action, law, shape):
    """The mixture of all poses of an isotropic one."""
    elements = action.group.elements()
    means = torch.cat([action(g, law.means) for g in elements])
    return GaussianMixture(WEIGHTS.repeat(len(elements)) / len(elements), means, VARIANCES.repeat(len(elements)))


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_mixture_of_all_poses(name):
    action, shape = CASES[name]
    law, x = OrbitLaw(mixture(*shape), action), noise(5, *shape, seed=2)
    expected = written_out(action, law.law, shape)
    torch.testing.assert_close(law.log_prob(x), expected.log_prob(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(law.score(x), expected.score(x), rtol=1e-11, atol=1e-12)
    assert float((law.law.log_prob(x) - expected.log_prob(x)).abs().max()) > 0.05  # planted: one pose
    for schedule in (EDM(), VariancePreserving()):
        for t in (torch.tensor(0.3, dtype=torch.float64), torch.linspace(0.1, 0.9, 5, dtype=torch.float64)):
            found = law.denoiser(schedule)(x, t)
            torch.testing.assert_close(found, expected.denoiser(schedule)(x, t), rtol=1e-11, atol=1e-12)
        diffused = law.diffused(schedule, 0.3)
        torch.testing.assert_close(diffused.log_prob(x), expected.diffused(schedule, 0.3).log_prob(x))
        score = law.denoiser(schedule).score(x, torch.tensor(0.3, dtype=torch.float64))  # Tweedie's formula
        torch.testing.assert_close(score, diffused.score(x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_the_score_is_the_gradient_of_the_log_density(name):
    action, shape = CASES[name]
    law, x = OrbitLaw(mixture(*shape), action), noise(4, *shape, seed=2).requires_grad_()
    (expected,) = torch.autograd.grad(law.log_prob(x).sum(), x)
    torch.testing.assert_close(law.score(x), expected, rtol=1e-11, atol=1e-12)
    share = law.responsibilities(x)
    torch.testing.assert_close(share.sum(1), torch.ones(4).double())
    assert share.shape == (4, action.group.order)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("t", [0.002, 0.3, 20.0])
def test_density_and_denoiser_are_invariant_to_rounding_at_any_noise(name, t):
    action, shape = CASES[name]
    law, x = OrbitLaw(mixture(*shape), action), noise(5, *shape, seed=2)
    D, time = law.denoiser(EDM()), torch.tensor(t).double()
    assert equivariance_error(lambda x: D(x, time), x, action, action).largest < (1e-13 if name == "points" else 3e-15)
    for g in action.group.elements():
        torch.testing.assert_close(law.log_prob(action(g, x)), law.log_prob(x), rtol=1e-14, atol=1e-14)
    plain = law.law.denoiser(EDM())
    assert t < 0.1 or equivariance_error(lambda x: plain(x, time), x, action, action).largest > 0.05


def test_densities_integrate_to_one():
    side = torch.linspace(-6.0, 6.0, 241, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)[:, None]
    law = OrbitLaw(GaussianMixture(WEIGHTS, noise(3, 1, 2, seed=1), VARIANCES), POINTS)
    assert float(law.log_prob(grid).exp().sum()) * 0.05**2 == pytest.approx(1.0, abs=1e-9)


def test_samples_follow_it_and_have_their_addresses():
    law = OrbitLaw(GaussianMixture(WEIGHTS, 2.0 + noise(3, 1, 2, seed=1), VARIANCES), PointsAction(Cyclic(4)))
    n = 20000
    x = law.sample(n, seed=1, dtype=torch.float64)
    assert float((x.mean(0) / x.std(0)).abs().max()) * n**0.5 < 4.0
    plain = law.law.sample(n, seed=1, dtype=torch.float64)
    assert float((plain.mean(0) / plain.std(0)).abs().max()) * n**0.5 > 100.0
    torch.testing.assert_close(x.square().sum(), plain.square().sum())  # each item is moved, none is changed
    assert torch.equal(law.sample(3, seed=1, first=17, dtype=torch.float64), x[17:20])
    # E[ln p] over the samples is minus the entropy, which Monte Carlo over the written-out mixture shares
    poses = torch.cat([law.action(g, plain[: n // 4]) for g in Cyclic(4).elements()])
    gap = float(law.log_prob(x).mean() - law.log_prob(poses).mean())
    assert abs(gap) < 5.0 * float(law.log_prob(x).std()) * (1.0 / n + 4.0 / n) ** 0.5


@pytest.mark.parametrize(
    "covariance", [Isotropic(0.4), Diagonal(torch.linspace(0.1, 2.0, 16).reshape(1, 4, 4)), Isotropic(0.0)]
)
def test_a_gaussian_is_averaged_as_its_mixture(covariance):
    one = Gaussian(noise(1, 4, 4, seed=1), covariance)
    x, t = noise(5, 1, 4, 4, seed=2), torch.tensor(0.8, dtype=torch.float64)
    alone = OrbitLaw(one, ImageAction(Cyclic(1))).denoiser(EDM())
    torch.testing.assert_close(alone(x, t), one.denoiser(EDM())(x, t), rtol=1e-12, atol=1e-13)
    law = OrbitLaw(one, IMAGES)
    score = law.denoiser(EDM()).score(x, t)
    torch.testing.assert_close(score, law.diffused(EDM(), 0.8).score(x), rtol=1e-11, atol=1e-12)


def test_a_data_set_is_closed_under_the_group():
    data, x, t = noise(6, 1, 4, 4), noise(5, 1, 4, 4, seed=2), torch.tensor(1.3, dtype=torch.float64)
    closed = torch.cat([IMAGES(g, data) for g in Dihedral(4).elements()])
    law = OrbitLaw(Empirical(data), IMAGES)
    torch.testing.assert_close(law.denoiser(EDM())(x, t), Empirical(closed).denoiser(EDM())(x, t))
    drawn = law.sample(64, seed=0, dtype=torch.float64)
    assert bool((drawn[:, None] == closed).flatten(2).all(2).any(1).all())
    with pytest.raises(ValueError, match="no density"):
        law.log_prob(x)


def test_a_model_around_it_has_its_density():
    law = OrbitLaw(GaussianMixture(WEIGHTS, noise(3, 1, 2, seed=1), VARIANCES), POINTS)
    model = DiffusionModel(Euclidean(1, 2), law.denoiser(EDM(t_max=200.0)))
    x = noise(3, 1, 2, seed=4)
    found = model.log_prob(x)
    expected = law.diffused(EDM(), 0.002).log_prob(x)
    assert float((found.value - expected).abs().max()) < 2e-3
    turned = model.log_prob(POINTS(Cyclic(3).elements()[1], x))
    torch.testing.assert_close(turned.value, found.value, rtol=0, atol=1e-7)


class Unknown(Law):
    """A law of which no denoiser is known here."""

    def sample(self, n, *, seed, first=0, dtype=torch.float32):
        return torch.zeros(n, 1, 2, dtype=dtype)

    def log_prob(self, x):
        return x.new_zeros(len(x))

    def score(self, x):
        return torch.zeros_like(x)

    def denoiser(self, schedule):
        raise NotImplementedError

    def diffused(self, schedule, t):
        return self


@pytest.mark.parametrize("action", [PointsAction(SO2()), ImageAction(Cyclic(8))], ids=["infinite", "off the grid"])
def test_what_would_not_be_exact_is_refused(action):
    with pytest.raises(ValueError, match="exactly invariant"):
        OrbitLaw(mixture(1, 4, 4), action)
    with pytest.raises(TypeError, match="GaussianMixture"):
        OrbitLaw(Unknown(), POINTS).denoiser(EDM())


def test_float32_items_keep_their_type():
    law = OrbitLaw(mixture(1, 4, 4), IMAGES)
    x = noise(3, 1, 4, 4, seed=2)
    for value in (law.denoiser(EDM())(x.float(), torch.tensor(0.3)), law.score(x.float()), law.log_prob(x.float())):
        assert value.dtype == torch.float32
    found = law.denoiser(EDM())(x.float(), torch.tensor(0.3)).double()
    torch.testing.assert_close(
        found, law.denoiser(EDM())(x, torch.tensor(0.3, dtype=torch.float64)), rtol=1e-4, atol=1e-5
    )
    assert math.isfinite(float(law.log_prob(1e3 * x.float()).min()))
