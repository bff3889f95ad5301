"""The lab rotation-stability on real networks: how they are trained, and that each number is what it is said to be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from equigen.labs.digits_in_poses import posed_digits, poses
from equigen.labs.rotation_stability import measuring
from equigen.labs.rotation_stability.competitors import KINDS, Terms, untrained
from equigen.labs.rotation_stability.concluding import concluded
from equigen.labs.rotation_stability.lab import RotationStability
from equigen.labs.rotation_stability.measuring import FINE, Found, Network, Trial, at_quarter_turns, judged, tried
from equigen.labs.writing import record
from equigen.symmetry.rotation import disk_mask, rotate
from equigen.training.errors import ConfigError

DATA = posed_digits(train=8, test=12)
PLAN = Terms(steps=3, batch_size=4, channels=8, images=12)


def seen(network: nn.Module, images: int = 12) -> Trial:
    """What is measured of a network."""
    return judged(network.eval(), DATA, replace(PLAN, images=images), 0, 0.0, torch.zeros(1))


# --- quarter turns


@pytest.mark.parametrize("name", ["C4", "D4", "SO2", "plain"])
def test_logits_at_quarter_turns_are_the_same_where_a_group_holds_them(name):
    fresh = untrained(KINDS[name], 29, 8, seed=0).eval()
    got = at_quarter_turns(fresh, DATA.test[:3])
    assert (got["float32"] < 1e-5) == (got["float64"] < 1e-11) == KINDS[name].steerable


class _Corner(nn.Module):
    """The fault: it knows which corner of the image is which."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + x[..., :14, :14].sum((1, 2, 3))[:, None]


def test_a_layer_that_knows_where_it_is_is_found_at_quarter_turns():
    body = untrained(KINDS["C4"], 29, 4, seed=0).eval()
    data, plan = replace(DATA, test=DATA.test[:2]), replace(PLAN, images=1)
    for network, verdict in ((body, "yes"), (_Corner(body), "no")):
        got = judged(network, data, plan, 0, 0.0, torch.zeros(1))
        one = Network("C4", 4, 1, (got,), DATA.test_labels[:2])
        given = Found([one, one], DATA, PLAN)
        assert {c.verdict for c in concluded(given) if "quarter turns" in c.claim} == {verdict}
        assert (got.told.shape, got.fine.shape, float(got.moved[0].max())) == ((16, 2), (100, 1), 0.0)
        assert (float(got.moved[4].max()) < 1e-5) == (verdict == "yes")
        assert float(got.moved[2].min()) > 1e-3


class _Ends(nn.Module):
    """Mean of the middle rows against that of the middle columns: a half turn leaves it, a quarter turn does not."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[..., 12:17, :].mean((1, 2, 3)), x[..., 12:17].mean((1, 2, 3))], dim=1)


def test_half_turns_do_not_stand_for_quarter_turns():
    x = DATA.test.double()
    logits, half = _Ends()(x), _Ends()(torch.rot90(x, 2, (-2, -1)))
    assert torch.allclose(half, logits, atol=1e-12)
    assert at_quarter_turns(_Ends(), DATA.test)["float64"] > 0.1


# --- turned and turned back, and how far the logits go


class _Half(nn.Module):
    """Whether the upper half or the lower one is brighter: turning changes it, the error of turning does not."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[..., :14, :].sum((1, 2, 3)), x[..., 15:, :].sum((1, 2, 3))], dim=1)


class _Fragile(nn.Module):
    """Whether a hundred-thousandth of the brightest pixel is even or odd: every error changes its mind."""

    def forward(self, x: Tensor) -> Tensor:
        odd = (x.amax((1, 2, 3)) * 1e5).floor() % 2
        return torch.stack([odd, 1 - odd], dim=1)


def test_turning_back_changes_the_mind_of_the_fragile_alone():
    assert seen(untrained(KINDS["C4"], 29, 4, seed=0)).back == 0
    steady, fragile = seen(_Half()), seen(_Fragile())
    assert float(steady.changes.mean()) > 0.2  # it is no invariant: turned and not turned back it changes its mind
    assert steady.back == 0
    assert 0.25 < fragile.back < 0.75


def test_logits_at_all_angles_are_measured_relative_to_the_upright_ones():
    class Loud(_Half):
        def forward(self, x: Tensor) -> Tensor:
            return 50 * super().forward(x)

    quiet, loud = seen(_Half(), images=5), seen(Loud(), images=5)
    x = DATA.test[:5]
    upright, turned = _Half()(x).double(), _Half()(rotate(x, float(poses(FINE)[40]))).double()
    assert float(quiet.fine_moved[40]) == pytest.approx(float((turned - upright).norm() / upright.norm()), rel=1e-5)
    assert float(quiet.fine_moved.max()) < 2
    assert torch.allclose(loud.fine_moved, quiet.fine_moved, rtol=1e-4)
    each = (turned - upright).norm(dim=1) / upright.norm(dim=1)
    sixteenth = _Half()(rotate(x, math.tau / 16)).double()
    each = (sixteenth - upright).norm(dim=1) / upright.norm(dim=1)
    assert torch.allclose(quiet.moved[1, :5], each, rtol=1e-4)


# --- trainings


@pytest.mark.parametrize("name", ["C4", "plain", "plain-augmented"])
def test_a_network_is_trained_on_the_terms_of_all_and_augmented_where_its_kind_is(name, monkeypatch):
    calls: list[dict[str, Any]] = []
    original = measuring.trained

    def spy(network: nn.Module, images: Tensor, labels: Tensor, **given: Any) -> nn.Module:
        calls.append({"images": images, "labels": labels, **given})
        return original(network, images, labels, **given)

    monkeypatch.setattr(measuring, "trained", spy)
    network, trial = tried(KINDS[name], DATA, replace(PLAN, images=2), seed=5)
    (given,) = calls
    assert given["augmentation"] == {"C4": "none", "plain": "none", "plain-augmented": "rotations"}[name]
    assert (given["steps"], given["batch_size"], given["seed"]) == (3, 4, 5)
    assert given["images"] is DATA.train
    assert given["labels"] is DATA.train_labels
    assert (network.symmetry, network.seed, trial.seed, trial.loss.shape) == (KINDS[name].symmetry, 5, 5, (3,))


def test_each_seed_is_a_training_of_its_own_and_the_same_for_all_networks():
    settings: dict[str, Any] = {"steps": 2, "batch_size": 4, "train": 8, "test": 3, "images": 2, "seed": 7}
    found = RotationStability(networks=("plain", "plain-augmented"), seeds=2, **settings).measure()
    for one in found.networks:
        assert [trial.seed for trial in one.trials] == [7, 8]
        first, second = (trial.loss for trial in one.trials)
        assert float((first - second).abs().min()) > 1e-3
        assert not torch.equal(one.trials[0].moved, one.trials[1].moved)


def test_all_networks_have_the_channels_that_were_asked_for_to_whole_fields():
    for kind in KINDS.values():
        width = untrained(kind, 29, 16, seed=0).trunk[1].out_type.size
        assert abs(width - 16) <= kind.field / 2


@pytest.mark.parametrize("name", ["SO2", "plain"])
def test_every_network_sees_the_disk_alone(name):
    network = untrained(KINDS[name], 29, 8, seed=0).eval()
    corners, inside = (disk_mask(29, 29) == 0).float(), torch.eye(29)[14].outer(torch.eye(29)[14])
    with torch.no_grad():
        upright = network(DATA.test[:2])
        assert torch.equal(network(DATA.test[:2] + 5 * corners), upright)
        assert not torch.allclose(network(DATA.test[:2] + 5 * inside), upright)


# --- the lab


def test_the_lab_runs_and_keeps_what_it_measured():
    stages: list[str] = []
    small: dict[str, Any] = {"steps": 2, "batch_size": 2, "width": 4, "train": 8, "test": 2, "images": 2}
    made = RotationStability(networks=("C4", "plain"), seeds=1, **small).run(stages.append)
    assert stages[0] == "digits in random poses"
    assert len(stages) == 4
    numbers = record(made)["numbers"]
    assert set(numbers["networks"]) == {"C4", "plain"}
    assert len(numbers["networks"]["C4"]["accuracy at 100 angles"]) == 100
    assert made["C4: the logits are the same at quarter turns in single"].verdict == "yes"
    assert made["the plain network: the logits are the same at quarter turns in double"].verdict == "no"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"networks": ["C4"]}, "two or more distinct names"),
        ({"networks": ["C4", "C5"]}, "should be"),
        ({"seeds": 0}, "greater than or equal to 1"),
        ({"data": "cifar"}, "should be"),
        ({"step": 3}, "did you mean 'steps'"),
    ],
)
def test_impossible_settings_get_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words) as error:
        RotationStability.parse(settings)
    assert str(error.value).count("\n") == 0
