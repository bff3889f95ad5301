"""Copies count in every pose that a model draws: against brute force over orbits, and in whole evaluations."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from equigen.data.dataset import DataSet
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane_groups import plane_group
from equigen.metrics.evaluating import evaluate
from equigen.metrics.evaluation import Evaluation
from equigen.metrics.judging import judge
from equigen.metrics.neighbours import nearest
from equigen.metrics.poses import nearest_pose, poses_of
from equigen.networks.steerable_unet import SteerableUNet
from equigen.networks.unet import UNet
from equigen.random import Stream, integers, normal
from equigen.spaces.euclidean import Euclidean
from equigen.steerable.field_type import FieldType
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_target import OrbitTarget
from equigen.symmetry.symmetrised import Symmetrised
from equigen.training.shared_model import SharedModel

N = 60
CHANNELS = FieldType(plane_group("D4"), "1x0e + 1x1")


def images(n: int, seed: int) -> Tensor:
    return normal((3, 6, 6), seed=seed, stream=Stream.LAW, item=torch.arange(n)).float()


def posed(x: Tensor, action: ImageAction, seed: int) -> tuple[Tensor, Tensor]:
    """The items in random poses, and these."""
    g = action.group.elements()[integers(action.group.order or 1, (), seed=seed, stream=Stream.POSE, item=range_of(x))]
    return action(g, x), g


def range_of(x: Tensor) -> Tensor:
    return torch.arange(len(x))


def symmetric(symmetry: str, **more: object) -> DiffusionModel:
    network = SteerableUNet(symmetry, (1, 8, 8), channels=(8, 8))
    return DiffusionModel(Euclidean(1, 8, 8), NetworkDenoiser(network, EDM(), KarrasPreconditioning()), **more)


def plain(**more: object) -> DiffusionModel:
    network = UNet((1, 8, 8), channels=(8, 8))
    return DiffusionModel(Euclidean(1, 8, 8), NetworkDenoiser(network, EDM(), KarrasPreconditioning()), **more)


# --- neighbours


@pytest.mark.parametrize("action", [ImageAction(plane_group("C4")), ImageAction(plane_group("D4"), CHANNELS)])
def test_against_brute_force_over_the_orbits(action):
    x, reference = images(9, 1), images(20, 2)
    orbits = torch.stack([action(g, reference) for g in action.group.elements()])
    every = (x.double()[:, None, None] - orbits.double()[None]).flatten(3).norm(dim=3)  # (9, |G|, 20)
    found = nearest_pose(x, reference, action)
    best, place = every.flatten(1).min(1)
    torch.testing.assert_close(found.distance, best, rtol=1e-6, atol=0.0)
    assert found.index.tolist() == (place % 20).tolist()
    assert found.pose is not None
    assert torch.equal(found.pose, action.group.elements()[place // 20])
    assert bool((nearest(x, reference).distance > best + 1e-3).any())  # the control: poses matter here


def test_the_pose_takes_the_reference_item_to_the_item():
    action, reference = ImageAction(plane_group("D4"), CHANNELS), images(30, 3)
    x, g = posed(reference, action, 4)
    found = nearest_pose(x, reference, action)
    assert found.index.tolist() == list(range(30))
    assert found.distance.max() < 1e-5
    assert found.pose is not None
    assert torch.equal(found.pose, g)
    assert (action(found.pose, reference[found.index]) - x).abs().max() < 1e-5
    assert nearest(x, reference).distance.median() > 1.0  # the control: as they are, they are no copies


def test_of_an_item_that_no_element_changes_the_identity_is_told():
    flat = torch.ones(2, 1, 4, 4)
    found = nearest_pose(flat, flat[:1], ImageAction(plane_group("D4")))
    assert found.distance.tolist() == [0.0, 0.0]
    assert found.pose is not None
    assert found.pose.tolist() == [[0.0, 0.0]] * 2


# --- which poses a model has


@pytest.mark.parametrize(
    ("symmetry", "name"), [("C4", "C4"), ("D4", "D4"), ("C8", "C4"), ("SO2", "C4"), ("O2", "D4"), ("C6", "C2")]
)
def test_the_poses_of_a_model_are_the_motions_of_the_grid_in_its_group(symmetry, name):
    action = poses_of(symmetric(symmetry))
    assert action is not None
    assert action.group.name == name


def test_several_processes_know_them_too():
    action = poses_of(SharedModel(symmetric("C4")))
    assert action is not None
    assert action.group.name == "C4"


def test_averages_and_targets_have_poses_and_plain_models_none():
    C4, D4 = ImageAction(plane_group("C4")), ImageAction(plane_group("D4"))
    inner = plain().denoiser
    assert poses_of(DiffusionModel(Euclidean(1, 8, 8), Symmetrised(inner, C4))) == C4
    assert poses_of(plain(target=OrbitTarget(D4))) == D4
    assert poses_of(symmetric("C2", target=OrbitTarget(D4))) == D4
    assert poses_of(symmetric("D4", target=OrbitTarget(C4))) == D4
    for model in (plain(), symmetric("C1"), symmetric("C3"), nn.Linear(1, 1), SimpleNamespace()):
        assert poses_of(model) is None


# --- evaluations


class Planted(nn.Module):
    """A model with a denoiser that draws given items, as they are told to be drawn."""

    def __init__(self, x: Tensor, denoiser: nn.Module | None):
        super().__init__()
        self.x, self.denoiser = x, denoiser

    def sample(self, n: int, *, seed: int, steps: int) -> Tensor:
        return self.x[(torch.arange(n) + 7 * seed) % len(self.x)]


@pytest.fixture(scope="module")
def halves(digits):
    train, held_out = digits
    return train.subset(torch.arange(300)), held_out, train.x[400:1000]


def score(model, halves, digit_features, **more) -> Evaluation:
    train, held_out, _ = halves
    return evaluate(model, train, held_out, n=N, draws=3, seeds=2, features=digit_features, **more)


@pytest.fixture(scope="module")
def copied(halves, digit_features) -> Evaluation:
    """What a C4 model scores that draws its training items turned by a quarter."""
    return score(Planted(halves[0].x[:].rot90(1, (2, 3)), symmetric("C4").denoiser), halves, digit_features)


def test_a_turned_copy_is_memorised_in_a_symmetric_run(copied):
    assert copied.poses == "C4"
    assert copied.neighbours.copies == 2 * N
    assert copied.neighbours.suspicious
    assert copied.memorisation is not None
    assert copied.memorisation.copying
    assert {pair.pose for pair in copied.nearest} == {"90 degrees"}
    assert any("nearest of their 4 poses under C4" in note for note in copied.notes)


def test_the_pairs_are_shown_in_the_pose_of_the_sample(copied):
    assert (copied.pictures["nearest_samples"] == copied.pictures["nearest_samples_train"]).all()


def test_in_a_plain_run_it_is_not(halves, digit_features):
    """The control: quarter turns of what a plain model was shown are no copies."""
    found = score(Planted(halves[0].x[:].rot90(1, (2, 3)), plain().denoiser), halves, digit_features)
    assert (found.poses, found.neighbours.copies) == (None, 0)
    assert {pair.pose for pair in found.nearest} == {None}
    assert not any("poses" in note for note in found.notes)


def test_fresh_items_in_random_poses_are_no_copies(halves, digit_features):
    fresh, _ = posed(halves[2], ImageAction(plane_group("C4")), 5)
    held_out, _ = posed(halves[1].x[:], ImageAction(plane_group("C4")), 6)
    parts = (halves[0], DataSet(held_out, halves[1].space, "turned"), fresh)
    found = score(Planted(fresh, symmetric("C4").denoiser), parts, digit_features)
    assert found.neighbours.copies == 0
    assert not found.neighbours.suspicious
    assert not found.memorisation.copying


def test_the_floor_is_taken_over_the_poses_too(halves, digit_features):
    """Held-out items that are training items, turned: with a floor as they are, their copies would not count."""
    train, _, fresh = halves
    held_out = DataSet(train.x[:100].rot90(3, (2, 3)), train.space, "doubles")
    poses = ImageAction(plane_group("C4"))
    found = judge([fresh[:N]], train, held_out, n=N, draws=2, features=digit_features, poses=poses)
    assert found.neighbours.held_out_copies == N
    as_they_are = judge([fresh[:N]], train, held_out, n=N, draws=2, features=digit_features)
    assert as_they_are.neighbours.held_out_copies == 0


def test_the_record_comes_back_and_an_older_one_has_no_poses(copied):
    kept = json.loads(json.dumps(copied.to_dict()))
    assert Evaluation.from_dict(kept) == copied
    del kept["poses"]
    for pair in kept["nearest"]:
        del pair["pose"]
    assert Evaluation.from_dict(kept).poses is None


def test_poses_of_items_with_masks_are_refused(halves, digit_features):
    train, held_out, fresh = halves
    masks = torch.ones(len(train), 1, 8, 8, dtype=torch.bool)
    masked = DataSet(train.x[:], train.space, "masked", structure=masks)
    with pytest.raises(ValueError, match="leave poses out"):
        judge([fresh], masked, held_out, n=20, draws=2, features=digit_features, poses=ImageAction(plane_group("C4")))
