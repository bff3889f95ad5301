"""The average over an orbit as a training target: the posterior by brute force, the same gradient, less variance."""

from __future__ import annotations

import pytest
import torch

from equigen import store
from equigen.diffusion import EDM, DiffusionModel, Empirical, VariancePreserving
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.random import Stream, integers
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.symmetry.action import PointsAction
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_law import OrbitLaw
from equigen.symmetry.orbit_target import OrbitTarget
from tests.symmetry.lopsided import noise

ACTION = ImageAction(Dihedral(4))
SPACE = Euclidean(1, 4, 4).at()
ELEMENTS = Dihedral(4).elements()


def posed(x, seed=0):
    """Items in poses drawn uniformly."""
    g = integers(len(ELEMENTS), (), seed=seed, stream=Stream.POSE, item=torch.arange(len(x)))
    return ACTION(ELEMENTS[g], x)


@pytest.mark.parametrize("one_each", [False, True])
def test_it_is_the_posterior_mean_over_the_poses(one_each):
    x_0, x_t = noise(3, 1, 4, 4), noise(3, 1, 4, 4, seed=1)
    alpha, sigma = torch.tensor([0.9, 0.7, 0.8]).double(), torch.tensor([0.5, 2.0, 0.1]).double()
    if not one_each:
        alpha, sigma = alpha[0], sigma[0]
    found = OrbitTarget(ACTION)(x_0, x_t, alpha, sigma, SPACE)
    for k in range(3):
        a, s = (float(value if value.ndim == 0 else value[k]) for value in (alpha, sigma))
        poses = [ACTION(g, x_0[k : k + 1])[0] for g in ELEMENTS]
        weights = torch.stack([torch.exp(-(x_t[k] - a * y).square().sum() / (2 * s**2)) for y in poses])
        expected = sum(w * y for w, y in zip(weights / weights.sum(), poses, strict=True))
        torch.testing.assert_close(found[k], expected, rtol=1e-12, atol=1e-13)
        assert float((expected - x_0[k]).abs().max()) > 0.1 or s < 0.3


def test_it_does_not_tell_the_pose_of_the_item():
    x_0, x_t, one = noise(3, 1, 4, 4), noise(3, 1, 4, 4, seed=1), torch.tensor(1.0).double()
    expected = OrbitTarget(ACTION)(x_0, x_t, one, one, SPACE)
    torch.testing.assert_close(OrbitTarget(ACTION)(posed(x_0), x_t, one, one, SPACE), expected)
    turned = OrbitTarget(ACTION)(x_0, ACTION(ELEMENTS[5], x_t), one, one, SPACE)
    torch.testing.assert_close(turned, ACTION(ELEMENTS[5], expected))


def test_distances_are_those_of_the_space():
    """What a space projects away weighs nothing."""
    action, space = PointsAction(Cyclic(2)), Centred(3, 2).at()
    x_0, x_t, one = space.project(noise(2, 3, 2)), space.project(noise(2, 3, 2, seed=1)), torch.tensor(1.0).double()
    found = OrbitTarget(action)(x_0, x_t, one, one, space)
    moved = OrbitTarget(action)(x_0, x_t + 7.0, one, one, space)
    torch.testing.assert_close(moved, found)
    away = OrbitTarget(action)(x_0, x_t + 7.0 * x_0, one, one, space)
    assert float((away - found).abs().max()) > 0.1


@pytest.mark.parametrize("noise_level", [0.2, 1.0, 4.0])
def test_its_mean_given_the_noised_item_is_the_denoiser_of_the_closed_data(noise_level):
    """E[T | x_t] over orbits of a data set is exactly the denoiser of the orbit-averaged empirical law."""
    data, x_t = noise(5, 1, 4, 4), noise(4, 1, 4, 4, seed=2)
    t = torch.tensor(noise_level).double()
    closed = OrbitLaw(Empirical(data), ACTION)
    orbits = torch.stack(
        [OrbitLaw(Empirical(y[None]), ACTION).diffused(EDM(), noise_level).log_prob(x_t) for y in data], dim=1
    )
    share = torch.softmax(orbits, dim=1)
    targets = [OrbitTarget(ACTION)(y.expand_as(x_t), x_t, torch.ones_like(t), t, SPACE) for y in data]
    mean = sum(per_item(share[:, k], x_t) * targets[k] for k in range(5))
    torch.testing.assert_close(mean, closed.denoiser(EDM())(x_t, t), rtol=1e-11, atol=1e-12)
    open_one = Empirical(data).denoiser(EDM())(x_t, t)  # planted: the empirical law, not closed
    assert float((mean - open_one).abs().max()) > 0.05


def test_memorising_one_orbit_costs_nothing_against_it_and_something_against_the_item():
    x = posed(noise(1, 1, 4, 4).expand(64, 1, 4, 4))
    D = OrbitLaw(Empirical(x[:1]), ACTION).denoiser(EDM())
    targets = (OrbitTarget(ACTION), None)
    losses = [DiffusionModel(Euclidean(1, 4, 4), D, target=target).loss(x, seed=0, step=0) for target in targets]
    assert float(losses[0]) < 1e-20
    assert float(losses[1]) > 0.01


class Scaled(Denoiser):
    """D = a x with one learned number: commutes with every linear action; or, lopsided, a times one pixel only."""

    def __init__(self, schedule, mask=None):
        super().__init__()
        self.schedule = schedule
        self.factor = torch.nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.mask = 1.0 if mask is None else mask

    def forward(self, x_t, t, **condition):
        return self.factor * self.mask * x_t


def gradients(D, x_0, z, t, target):
    """d/da of |D(x_t) - target|^2, item by item, (B,)."""
    alpha, sigma = D.schedule.alpha(t), D.schedule.sigma(t)
    x_t = alpha * x_0 + sigma * z
    goal = x_0 if target is None else target(x_0, x_t, alpha, sigma, SPACE)
    pull = D.mask * x_t
    return 2.0 * ((D.factor.detach() * pull - goal) * pull).flatten(1).sum(1)


@pytest.mark.parametrize("schedule", [EDM(), VariancePreserving()], ids=["edm", "vp"])
@pytest.mark.parametrize("lopsided", [False, True])
def test_the_mean_gradient_stays_and_its_variance_falls(schedule, lopsided):
    """On data in uniform poses, for any denoiser: mean of the difference within its standard error, variance lower."""
    n, t = 20000, schedule.time_at_noise(torch.tensor(2.0).double())
    x_0 = posed(noise(1, 1, 4, 4).expand(n, 1, 4, 4), seed=4)
    z = noise(n, 1, 4, 4, seed=5)
    mask = torch.zeros(1, 4, 4, dtype=torch.float64)
    mask[0, 0, 0] = 1.0
    D = Scaled(schedule, mask if lopsided else None)
    plain, orbit = (gradients(D, x_0, z, t, target) for target in (None, OrbitTarget(ACTION)))
    apart = plain - orbit
    assert abs(float(apart.mean())) < 4.0 * float(apart.std()) / n**0.5
    assert float(orbit.var()) < 0.9 * float(plain.var())
    shrunk = gradients(D, x_0, z, t, lambda *given: 0.9 * OrbitTarget(ACTION)(*given))  # planted
    assert abs(float((plain - shrunk).mean())) > 4.0 * float((plain - shrunk).std()) / n**0.5


def test_on_data_in_one_pose_the_gradient_of_a_lopsided_denoiser_is_another():
    """The condition that the documentation names: uniform poses, or a denoiser that commutes."""
    n, t = 20000, torch.tensor(2.0).double()
    x_0, z = noise(1, 1, 4, 4).expand(n, 1, 4, 4), noise(n, 1, 4, 4, seed=5)
    mask = torch.zeros(1, 4, 4, dtype=torch.float64)
    mask[0, 0, 0] = 1.0
    for lopsided in (False, True):
        D = Scaled(EDM(), mask if lopsided else None)
        apart = gradients(D, x_0, z, t, None) - gradients(D, x_0, z, t, OrbitTarget(ACTION))
        far = abs(float(apart.mean())) / (float(apart.std()) / n**0.5)
        assert (far > 8.0) if lopsided else (far < 4.0)


def test_a_model_keeps_its_target_on_disk_and_in_the_loss():
    model = DiffusionModel(Euclidean(1, 4, 4), Scaled(EDM()), target=OrbitTarget(ACTION))
    plain = DiffusionModel(Euclidean(1, 4, 4), Scaled(EDM()))
    x = posed(noise(64, 1, 4, 4))
    assert model.loss(x, seed=0, step=0).item() < plain.loss(x, seed=0, step=0).item()
    assert torch.equal(model.loss_by_noise_level(x, seed=0).loss, plain.loss_by_noise_level(x, seed=0).loss)
    assert store.from_config(store.to_config(model.target)) == model.target


def test_items_with_structures_of_their_own_are_refused():
    x, mask = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.bool)
    one = torch.tensor(1.0)
    with pytest.raises(ValueError, match="structures of their own"):
        OrbitTarget(ImageAction(Cyclic(4)))(x, x, one, one, Masked(1, 4, 4).at(mask))
