"""The risk identity L(D) = L(QD) + E||D - QD||^2: on closed batches to rounding, and broken by each planted fault."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from equigen.diffusion import EDM, BoundDenoiser, DiffusionModel, Gaussian, Isotropic, VariancePreserving
from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.symmetry.action import ExactAction, PermutationAction, PointsAction
from equigen.symmetry.averaging import averaged
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.random_element import RandomElement
from equigen.symmetry.risk import recoverable_loss
from equigen.symmetry.symmetrised import Symmetrised
from tests.symmetry.lopsided import Lopsided, noise

TIMES = torch.tensor([0.05, 0.5, 5.0], dtype=torch.float64)
IMAGES = ImageAction(Dihedral(4))
CASES = {
    "images": (IMAGES, Euclidean(1, 4, 4)),
    "points": (PointsAction(Cyclic(3)), Centred(4, 2)),
    "nodes": (PermutationAction(Symmetric(3)), Euclidean(3, 2)),
}


def measured(denoiser, action, space, n=8, **rest):
    x_0 = space.at().project(noise(n, *space.shape))
    how = {"space": space.at(), "seed": 0, "times": TIMES, **rest}
    return recoverable_loss(denoiser, x_0, action, **how)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("schedule", [EDM(), VariancePreserving()], ids=["edm", "vp"])
def test_the_identity_holds_to_rounding(name, schedule):
    action, space = CASES[name]
    found = measured(Lopsided(noise(*space.shape).numel(), schedule), action, space)
    assert float(found.identity_error.max()) < 1e-13
    assert bool((found.symmetrised < found.loss).all())
    assert bool((found.share > 0.005).all())


def test_with_conditions_shared_and_bound_before_or_not():
    label = torch.arange(8)
    free, given = Lopsided(16), {"label": label}
    space = Euclidean(1, 4, 4)
    found = measured(free, IMAGES, space, condition=given)
    bound = measured(BoundDenoiser(free, space.at(), given), IMAGES, space)
    assert torch.equal(found.loss, bound.loss)
    assert float(found.identity_error.max()) < 1e-13
    assert not torch.equal(found.loss, measured(free, IMAGES, space).loss)


def risks(denoiser, average, x_0, x_t, t):
    """L(D), L(QD) and E||D - QD||^2 over a batch as it is."""
    plain, symmetrised = denoiser(x_t, t), average(x_t, t)
    gaps = (plain - x_0, symmetrised - x_0, plain - symmetrised)
    return [float(gap.square().sum(tuple(range(1, gap.ndim))).mean()) for gap in gaps]


def identity_error(parts):
    return abs(parts[0] - parts[1] - parts[2]) / parts[0]


@torch.no_grad()
def test_fresh_noise_in_each_pose_breaks_it():
    """Planted: the batch is closed in its items alone."""
    D, x_0, z, t = Lopsided(16), noise(8, 1, 4, 4), noise(8, 1, 4, 4, seed=1), TIMES[1]
    average = Symmetrised(D, IMAGES)
    items = torch.cat([IMAGES(g, x_0) for g in Dihedral(4).elements()])
    closed = torch.cat([IMAGES(g, z) for g in Dihedral(4).elements()])
    assert identity_error(risks(D, average, items, items + t * closed, t)) < 1e-13
    assert identity_error(risks(D, average, items, items + t * noise(64, 1, 4, 4, seed=2), t)) > 1e-5
    assert identity_error(risks(D, average, x_0, x_0 + t * z, t)) > 1e-4  # planted: not closed at all


@torch.no_grad()
def test_a_mean_over_no_subgroup_breaks_it():
    """Planted: three of four quarter turns."""
    D, t, quarters = Lopsided(16), TIMES[1], ImageAction(Cyclic(4))
    elements = Cyclic(4).elements()
    items, noised = ([quarters(g, x) for g in elements] for x in (noise(8, 1, 4, 4), noise(8, 1, 4, 4, seed=1)))
    x_0, z = torch.cat(items), torch.cat(noised)

    def average(some):
        return lambda x, t: averaged(lambda y: D(y, t), x, quarters, quarters, some)

    assert identity_error(risks(D, average(elements), x_0, x_0 + t * z, t)) < 1e-13
    assert identity_error(risks(D, average(elements[:3]), x_0, x_0 + t * z, t)) > 1e-4


@dataclass(frozen=True)
class Sheared(ExactAction):
    """Planted: half turns of points in a skewed frame, linear, of order two, and no isometry."""

    def __call__(self, g, x):
        flip = torch.tensor([[1.0, 1.0], [0.0, -1.0]], dtype=x.dtype)
        return x if float(g[0]) < 1.0 else x @ flip.mT


def test_an_action_that_is_no_isometry_breaks_it():
    found = measured(Lopsided(8), Sheared(Cyclic(2)), Euclidean(4, 2))
    assert float(found.identity_error.min()) > 1e-3


def test_a_denoiser_that_commutes_has_nothing_to_recover_and_the_loss_of_the_model():
    """Its loss is the same in all poses: that of `loss_by_noise_level`, on the same noise."""
    space = Euclidean(1, 4, 4)
    D = Gaussian(torch.zeros(1, 4, 4), Isotropic(0.7)).denoiser(EDM())
    levels = DiffusionModel(space, D).loss_by_noise_level(noise(8, 1, 4, 4), seed=0, levels=3)
    found = measured(D, IMAGES, space, times=levels.noise)
    torch.testing.assert_close(found.noise, levels.noise)
    torch.testing.assert_close(found.loss, levels.loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.loss_error, levels.standard_error, rtol=1e-12, atol=0)
    assert float(found.share.max()) < 1e-28
    lopsided = DiffusionModel(space, Lopsided(16)).loss_by_noise_level(noise(8, 1, 4, 4), seed=0, levels=3)
    other = measured(Lopsided(16), IMAGES, space, times=levels.noise)
    assert float((other.loss - lopsided.loss).abs().max()) > 1e-4  # one pose is not all of them


def test_the_recoverable_part_is_what_was_added():
    """D + a c with c in one direction that quarter turns average away: ||a c||^2 for each degree of freedom."""

    class Pushed(Lopsided):
        def forward(self, x_t, t, **condition):
            push = torch.zeros_like(x_t)
            push[..., 0, 0], push[..., 0, 3], push[..., 3, 3], push[..., 3, 0] = 1.0, -1.0, 1.0, -1.0
            return x_t / (1.0 + t**2) + 0.5 * push

    found = measured(Pushed(16), ImageAction(Cyclic(4)), Euclidean(1, 4, 4))
    expected = 0.25 * 4.0 / 16.0 * (1.0 + TIMES**-2)
    torch.testing.assert_close(found.recoverable, expected, rtol=1e-12, atol=0)
    assert float(found.recoverable_error.max()) < 1e-12 * float(expected.max())
    assert "recoverable for certain: up to" in str(found)
    assert len(str(found).splitlines()) == 5


def test_in_float32_to_its_rounding():
    x_0 = noise(8, 1, 4, 4).float()
    found = recoverable_loss(Lopsided(16), x_0, IMAGES, space=Euclidean(1, 4, 4).at(), seed=0, times=TIMES)
    assert 1e-10 < float(found.identity_error.max()) < 1e-6


def test_a_denoiser_that_draws_is_measured_with_its_elements_held():
    D = RandomElement(Lopsided(16), IMAGES)
    found = measured(D, IMAGES, Euclidean(1, 4, 4))
    assert float(found.identity_error.max()) < 1e-13
    plain = measured(Lopsided(16), IMAGES, Euclidean(1, 4, 4))
    torch.testing.assert_close(found.loss, plain.loss, rtol=1e-12, atol=0)  # over all poses the mean is the same


def test_one_item_is_refused():
    with pytest.raises(ValueError, match="standard error"):
        measured(Lopsided(16), IMAGES, Euclidean(1, 4, 4), n=1)


def test_poses_that_are_no_pairs_of_the_same_kind_are_refused():
    x = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    D = Gaussian(torch.zeros(1, 8, 8), Isotropic(1.0)).denoiser(EDM())
    mask = torch.ones(2, 1, 8, 8, dtype=torch.bool)
    mask[..., :3] = False
    how = {"seed": 0, "times": torch.ones(1)}
    with pytest.raises(ValueError, match="structures of their own"):
        recoverable_loss(D, x, ImageAction(Cyclic(4)), space=Masked(1, 8, 8).at(mask), **how)
    with pytest.raises(ValueError, match="elements of SO2 interpolate"):
        recoverable_loss(D, x, ImageAction(SO2()), space=Euclidean(1, 8, 8).at(), **how)
    how |= {"space": Euclidean(1, 8, 8).at(), "condition": {"structure": mask}}
    with pytest.raises(ValueError, match="structure is given"):
        recoverable_loss(D, x, ImageAction(Cyclic(4)), **how)


def test_losses_are_those_of_the_model_for_each_degree_of_freedom():
    law = Gaussian(torch.zeros(3, 2), Isotropic(1.0))
    model = DiffusionModel(Centred(3, 2), law.denoiser(EDM()))
    x = model.space.at().project(law.sample(64, seed=0, dtype=torch.float64))
    levels = model.loss_by_noise_level(x, seed=1, levels=2, low=0.5, high=2.0)
    times = model.denoiser.schedule.time_at_noise(levels.noise)
    found = recoverable_loss(model.denoiser, x, PointsAction(Cyclic(4)), space=model.space.at(), seed=1, times=times)
    assert found.loss.tolist() == pytest.approx(levels.loss.tolist(), rel=1e-6)
