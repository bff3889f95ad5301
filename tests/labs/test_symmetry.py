"""The lab symmetry: closed forms against brute force, oracles against each other, and faults that turn conclusions."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace

import pytest
import torch

from equigen.diffusion.laws.covariance import Dense, Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.heun import Heun
from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.labs.symmetry import laws
from equigen.labs.symmetry.breaking import _Changed, broken, cases
from equigen.labs.symmetry.keeping import kept, mirrored
from equigen.labs.symmetry.lab import Symmetry
from equigen.labs.symmetry.laws import sector_counts, sector_p_value
from equigen.labs.symmetry.learning import KINDS, Plan, above, asymmetry, probes, trained
from equigen.labs.symmetry.setting import SCHEDULE, perceptron, pictures, points
from equigen.labs.symmetry.stepping import asymmetry as asymmetry_of
from equigen.labs.symmetry.stepping import fitted, invariant_moments, law_of_steps, stepped
from equigen.labs.symmetry.turning import turned
from equigen.labs.symmetry.walking import normals, turning_errors, walk
from equigen.symmetry.orbit_law import OrbitLaw
from equigen.symmetry.symmetrised import Symmetrised
from equigen.training.errors import ConfigError


@pytest.fixture(scope="module", autouse=True)
def quick():
    """What a test of a law could have found is not asked here."""
    patch = pytest.MonkeyPatch()
    patch.setattr(importlib.import_module("equigen.symmetry.invariance"), "_REPEATS", 1)
    patch.setattr(laws, "LOOKS", 2)
    yield
    patch.undo()


# --- laws


def test_the_law_in_the_plane_is_the_average_over_the_orbit():
    """Written as one mixture here, averaged pose by pose there."""
    setting = points(Dihedral(4))
    cloud = GaussianMixture(torch.ones(1), torch.tensor([[1.1, 0.35]]).double(), torch.tensor([0.14**2]).double())
    orbit, x = OrbitLaw(cloud, setting.action), torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(setting.law.log_prob(x), orbit.log_prob(x), atol=1e-12)
    t = torch.tensor(0.4).double()
    assert torch.allclose(setting.exact()(x, t), orbit.denoiser(SCHEDULE)(x, t), atol=1e-12)


@pytest.mark.parametrize("setting", [points(Dihedral(4)), points(Cyclic(8)), pictures(5, seed=0)])
def test_the_exact_denoiser_commutes_and_one_of_a_single_pose_does_not(setting):
    x = setting.law.sample(8, seed=1, dtype=torch.float64)
    t, g = torch.tensor(0.7).double(), setting.action.group.elements()[1]

    def off(denoiser):
        return float((denoiser(setting.action(g, x), t) - setting.action(g, denoiser(x, t))).norm())

    assert off(setting.exact()) < 1e-12
    assert off(Gaussian(setting.law.means[0], Isotropic(0.1)).denoiser(SCHEDULE)) > 0.1


def test_the_deviation_is_that_of_samples():
    for setting in (points(Dihedral(4)), pictures(5, seed=0)):
        x = setting.law.sample(20_000, seed=0, dtype=torch.float64)
        assert float(x.square().mean().sqrt()) == pytest.approx(setting.data_std, rel=0.02)


# --- closed forms


def test_the_law_of_steps_is_that_of_samples():
    moments = invariant_moments(0)
    denoiser = Gaussian(torch.zeros(1, 4, 4), Dense(moments)).denoiser(SCHEDULE)
    closed = law_of_steps(denoiser, 6)
    setting = replace(points(Cyclic(4)), law=_images())
    path = walk(denoiser, EulerMaruyama(), normals(setting, 20_000, 6, seed=0, draws=1), 1.0)
    for wanted, x in zip(closed, path, strict=True):
        flat = x.flatten(1)
        assert float((flat.T @ flat / len(flat) - wanted).norm() / wanted.norm()) < 0.06


def _images():
    """A law of images of 4 x 4 pixels, for its shape."""
    return GaussianMixture(torch.ones(1), torch.zeros(1, 1, 4, 4), torch.ones(1))


def test_the_law_of_many_steps_is_that_of_the_data():
    moments = invariant_moments(0)
    denoiser = Gaussian(torch.zeros(1, 4, 4), Dense(moments)).denoiser(SCHEDULE)
    noised = moments + SCHEDULE.t_min**2 * torch.eye(16)
    far, near = (float((law_of_steps(denoiser, n)[-1] - noised).norm() / noised.norm()) for n in (50, 400))
    assert near < 0.2 * far < 0.1


def test_a_wrong_score_keeps_the_law_only_if_it_commutes():
    exact, wrong, augmented = stepped(1000, 8, seed=3)
    assert exact.wrong == 0.0
    assert wrong.wrong > 0.5
    assert wrong.largest < 1e-12
    assert augmented.wrong < 0.1 < 100 * augmented.asymmetry[-1]
    assert asymmetry_of(torch.eye(16).double()) == 0.0
    assert asymmetry_of(torch.diag(torch.arange(16.0)).double()) > 0.1


def test_the_asymmetry_of_moments_is_that_of_the_closed_form():
    few, many = fitted((50, 400), 40, 1, seed=1)
    for one in (few, many):
        assert abs(one.moments - one.expected) < 4 * one.moments_error
        assert one.moments_error < 0.25 * one.expected
    assert few.expected == pytest.approx(8 * many.expected)


# --- tests of laws


def test_sectors_are_told_by_their_angle():
    angle = (torch.arange(8) + 0.5) * math.tau / 8
    assert sector_counts(torch.stack((angle.cos(), angle.sin()), 1)).tolist() == [1] * 8
    moved = points(Dihedral(4)).action(Dihedral(4).elements(), torch.tensor([[1.0, 0.2]]).expand(8, 2))
    assert sector_counts(moved).tolist() == [1] * 8  # the group takes one sector to all


def test_sectors_that_are_alike_are_rejected_as_often_as_they_should_be():
    throws = torch.randint(0, 8, (1000, 400, 8), generator=torch.Generator().manual_seed(0))
    found = [sector_p_value(torch.nn.functional.one_hot(row, 8).sum(1)) for row in throws]
    share = sum(p <= 0.05 for p in found) / len(found)
    assert abs(share - 0.05) < 4 * math.sqrt(0.05 * 0.95 / len(found))
    throws[:, :40] = 3
    loaded = [sector_p_value(torch.nn.functional.one_hot(row, 8).sum(1)) for row in throws[:200]]
    assert sum(p <= 0.05 for p in loaded) > 190


def test_poses_tell_a_score_that_does_not_commute():
    setting = points(Dihedral(4))
    at = probes(setting, 64, seed=0)
    commutes, does_not = laws.tested(setting, scores(setting), at, 16, 5, 19, seed=0)
    assert max(map(abs, commutes.shares)) == 0.0
    assert commutes.sector_p_value == 1.0
    assert max(map(abs, does_not.shares)) > 0.05
    assert does_not.sector_p_value < 0.01


# --- paths


def scores(setting):
    """One that commutes and one that does not, both of random weights."""
    network = perceptron(setting, 8, seed=0, gain=3.0).double().requires_grad_(False)
    return {"commutes": Symmetrised(network, setting.action), "does not": network}


def test_paths_turn_with_their_normals_where_the_score_commutes():
    setting = points(Dihedral(4))
    for one in turned(setting, scores(setting), 4, 5, seed=0):
        assert (one.largest < 1e-12) == (one.denoiser == "commutes")
        if one.noisy:
            assert one.prior_only > 0.1


def test_turning_is_compared_with_the_path_of_each_element():
    setting = points(Cyclic(4))
    given, network = normals(setting, 3, 4, seed=0, draws=1), scores(setting)["does not"]
    found = turning_errors(lambda some: walk(network, EulerMaruyama(), some, 1.0), given, setting.action)
    path = walk(network, EulerMaruyama(), given, 1.0)
    for g, row in zip(setting.action.group.elements()[1:], found, strict=True):
        moved = replace(
            given,
            start=setting.action(g, given.start),
            steps=torch.stack([setting.action(g, z[0])[None] for z in given.steps]),
        )
        other = walk(network, EulerMaruyama(), moved, 1.0)
        for k in range(5):
            goal = setting.action(g, path[k])
            assert float(row[k]) == pytest.approx(float((other[k] - goal).norm() / goal.norm()), abs=1e-12)


def test_a_symmetric_start_stays_on_its_line():
    setting = points(Dihedral(4))
    found = {(one.denoiser, one.noise): one for one in kept(setting, scores(setting), 5, 6, seed=0)}
    assert found["commutes", "none"].largest < 1e-12
    assert found["commutes", "on the line"].largest < 1e-12
    assert found["commutes", "free"].off[-1] > 0.1
    assert found["does not", "none"].largest > 0.01
    assert mirrored(torch.tensor([[1.0, 2.0]])).tolist() == [[1.0, 0.0]]


def test_walking_is_what_the_model_does():
    setting = points(Cyclic(4))
    given = normals(setting, 2, 5, seed=0)
    seen = walk(setting.exact(), Heun(), given, setting.data_std)
    assert len(seen) == 6
    assert torch.equal(walk(setting.exact(), Heun(), given, setting.data_std), seen)


# --- what breaks it


def test_every_change_does_what_the_theorem_says():
    found = {one.name: one for one in broken(points(Cyclic(8)), 16, 5, 19, seed=0)}
    assert set(found) == {one.name for one in cases()}
    for one in found.values():
        assert (one.quarters > 1e-3) == (one.expected == "broken")
        assert (one.eighths > 1e-3) == (one.expected in ("broken", "eighths"))
        assert (one.company > 1e-6) == (one.expected == "batch")


def test_a_change_is_made_to_the_denoiser():
    setting, x = points(Cyclic(8)), torch.tensor([[1.0, 0.2]]).double()
    t, by = torch.tensor(0.5).double(), {one.name: one for one in cases()}
    plain = setting.exact()(x, t)
    shifted = _Changed(setting.exact(), by["a shift to one side"].change)(x, t)
    assert (shifted - plain).tolist()[0] == pytest.approx([0.3, 0.0])


# --- networks


def test_loss_above_the_least_is_that_of_the_loss():
    """On fresh items the loss is the floor plus the distance from the exact denoiser."""
    setting = points(Dihedral(4))
    at = probes(setting, 20_000, seed=0)
    assert above(setting.exact(), at, setting) == 0.0
    network = perceptron(setting, 8, seed=0, gain=1.0).requires_grad_(False)
    other = probes(setting, 20_000, seed=1)
    assert above(network, at, setting) == pytest.approx(above(network, other, setting), rel=0.1)
    assert at.floor == pytest.approx(other.floor, rel=0.1)


def test_kinds_are_what_their_names_say():
    setting = points(Cyclic(4))
    x, plan = setting.law.sample(32, seed=0), Plan(8, 16, 12)
    networks = {kind: trained(setting, x, kind, plan, seed=0) for kind in KINDS}
    at = probes(setting, 64, seed=0)
    off = {kind: asymmetry(network, at, setting.action) for kind, network in networks.items()}
    assert off["equivariant"] < 1e-12
    assert all(off[kind] > 1e-3 for kind in KINDS[:3])
    assert len({round(one, 12) for one in off.values()}) == 4


# --- settings


def test_settings_are_read_strictly():
    with pytest.raises(ConfigError, match="distinct numbers"):
        Symmetry(items=(50, 50))
