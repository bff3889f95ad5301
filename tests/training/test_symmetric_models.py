"""A symmetry in a configuration becomes a network that keeps it, and what cannot be kept is refused in a sentence."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch

from equigen.data.dataset import DataSet
from equigen.data.loading import load
from equigen.diffusion.model import DiffusionModel
from equigen.groups.plane_groups import plane_group
from equigen.networks.acting import action_of
from equigen.networks.steerable_filters import field_of
from equigen.networks.steerable_unet import SteerableUNet
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.symmetry.elements import elements_of
from equigen.symmetry.image_action import ImageAction
from equigen.training.build import build_model, completed
from equigen.training.classifier_config import ClassifierConfig
from equigen.training.config import TrainConfig
from equigen.training.errors import ConfigError
from equigen.training.folder import circumstances
from equigen.training.group_names import limits_frequency
from equigen.training.model_config import ModelConfig
from equigen.training.run import train
from equigen.training.symmetric import Promise, promise
from tests.training.test_processes import weights

VECTORS = "1x0e + 1x1"


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load("digits", limit=48)


def vectors(size: int = 8) -> DataSet:
    """24 images of a number and a vector, with means of their own."""
    x = 2.0 + normal((3, size, size), seed=1, stream=Stream.LAW, item=torch.arange(24))
    return DataSet(x.float(), Euclidean(3, size, size), "vectors")


def small(**values: object) -> ModelConfig:
    return ModelConfig.parse({"channels": [8, 8], **values})


def stirred(model: DiffusionModel) -> DiffusionModel:
    """The model with other weights than those it begins with, whose last layer is zero; float64."""
    for number, parameter in enumerate(model.parameters()):
        parameter.data += 0.1 * normal(parameter.shape, seed=2, stream=Stream.INITIALISATION, item=number)
    return model.double().eval()


@torch.no_grad()
def off(model: DiffusionModel, x: torch.Tensor, action: ImageAction) -> float:
    """How far the denoiser, between data and data units, is from commuting with the motions of the grid."""

    def f(x: torch.Tensor) -> torch.Tensor:
        return model.scale.to_data(model.denoiser(model.scale.to_model(x), torch.tensor(1.0, dtype=x.dtype)))

    inside = replace(action, group=action.group.on_grid())
    x = x[:4].double()
    return max(float((f(inside(g, x)) - inside(g, f(x))).norm() / f(x).norm()) for g in elements_of(inside.group))


# --- the configuration


def test_a_symmetry_chooses_the_network_and_the_steps():
    config = TrainConfig.parse({"data": "digits", "model": {"symmetry": "D4"}})
    assert (config.model.network, config.steps) == ("steerable-unet", 600)
    plain = TrainConfig.parse({"data": "digits"})
    assert (plain.model.network, plain.model.symmetry, plain.steps) == ("unet", None, 2500)
    assert TrainConfig.parse({"data": "digits", "steps": 7, "model": {"symmetry": "D4"}}).steps == 7


def test_the_steps_of_a_symmetric_run_ask_for_nothing_on_resume():
    then = TrainConfig.parse({"data": "digits", "steps": 7, "model": {"symmetry": "D4"}})
    assert TrainConfig.parse({"data": "digits", "model": {"symmetry": "D4"}}).differences(then) == []
    other = TrainConfig.parse({"data": "digits", "model": {"symmetry": "C4"}}).differences(then)
    assert other == [("model.symmetry", "C4", "D4")]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"symmetry": "c4"}, ["symmetry='c4'", "did you mean 'C4'?"]),
        ({"symmetry": "SO3"}, ["'SO3'", "no group of the plane"]),
        ({"symmetry": "C4", "network": "unet"}, ["model.network=unet", "leave one of the two out"]),
        ({"network": "steerable-unet"}, ["symmetry=None", "should be a group"]),
        ({"fields": VECTORS}, ["fields", "no symmetry"]),
        ({"frequency": 3}, ["frequency", "no symmetry"]),
        ({"symmetry": "SO2", "frequency": 0}, ["frequency=0"]),
        ({"symmetry": "C4", "frequency": 3}, ["frequency=3", "left out under symmetry=C4"]),
        ({"symmetry": "D8", "frequency": 1}, ["frequency=1", "left out under symmetry=D8"]),
        ({"orbit_target": "c4"}, ["orbit_target='c4'", "did you mean 'C4'?"]),
    ],
)
def test_what_does_not_go_together_is_refused(model, words):
    with pytest.raises(ConfigError) as error:
        TrainConfig.parse({"data": "digits", "model": model})
    for word in words:
        assert word in str(error.value)


def test_a_classifiers_symmetry_is_read_as_before():
    assert ClassifierConfig.parse({"symmetry": "D8", "restrict": "C8"}).restrict == "C8"
    with pytest.raises(ConfigError, match="did you mean 'SO2'"):
        ClassifierConfig.parse({"symmetry": "SO(2)"})


def test_a_configuration_of_before_there_were_symmetries_is_read(tmp_path):
    config = TrainConfig.parse({"data": "digits"})
    lines = [line for line in config.to_yaml().splitlines() if line.split(":")[0].strip() not in OLD]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    assert TrainConfig.read(tmp_path / "a.yaml") == config


OLD = ("symmetry", "fields", "frequency", "orbit_target")


@pytest.mark.parametrize("name", ["C1", "C4", "D4", "C8", "D8", "C9", "D9", "C16", "D16", "SO2", "O2"])
def test_a_frequency_is_taken_where_it_changes_the_features_and_nowhere_else(name):
    sizes = {field_of(plane_group(name), frequency).size for frequency in (1, 2)}
    assert limits_frequency(name) == (len(sizes) == 2)


# --- the model


@pytest.mark.parametrize("symmetry", ["C4", "D4", "C8", "SO2", "O2"])
def test_the_built_model_commutes_with_the_motions_of_the_grid(digits, symmetry):
    model = stirred(build_model(small(symmetry=symmetry, channels=[16, 16]), digits, seed=0))
    action = action_of(model)
    assert isinstance(action, ImageAction)
    assert action.group.name == symmetry
    assert off(model, digits.x[:], action) < 1e-12


def test_a_plain_model_does_not(digits):
    model = stirred(build_model(small(), digits, seed=0))
    assert action_of(model) is None
    assert off(model, digits.x[:], ImageAction(plane_group("C4"))) > 0.01


def test_vectors_turn_with_their_pixels():
    data = vectors()
    model = stirred(build_model(small(symmetry="C4", fields=VECTORS), data, seed=0))
    action = action_of(model)
    assert isinstance(action, ImageAction)
    assert str(action.channels) == VECTORS
    assert off(model, data.x[:], action) < 1e-12
    numbers = stirred(build_model(small(symmetry="C4"), data, seed=0))
    assert off(numbers, data.x[:], action) > 0.01  # the control: channels that nothing mixes


def test_the_settings_reach_the_network(digits):
    config = small(symmetry="SO2", frequency=1, blocks=2, attention=True)
    network = build_model(config, digits, seed=5).denoiser.network
    assert isinstance(network, SteerableUNet)
    assert (network.frequency, network.blocks, network.attention, network.seed) == (1, 2, True, 5)
    assert build_model(small(symmetry="SO2"), digits, seed=0).denoiser.network.frequency >= 1


@pytest.mark.parametrize(
    ("symmetry", "size", "patch"),
    [("C4", 24, 2), ("D4", 28, 2), ("C4", 29, 1), ("SO2", 28, 1), ("C8", 28, 1), (None, 29, 2)],
)
def test_squares_of_pixels_are_taken_where_the_group_keeps_them(symmetry, size, patch):
    data = DataSet(torch.randn(8, 1, size, size), Euclidean(1, size, size), "made up")
    assert completed(ModelConfig.parse({"symmetry": symmetry}), data).patch == patch


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"symmetry": "C4", "fields": "1x1"}, "2 channels, but the images have 3"),
        ({"symmetry": "C4", "fields": "1xvector"}, "model.fields cannot be used"),
        ({"symmetry": "C4", "circular": True}, "no circular: leave it out, or train without a symmetry"),
    ],
)
def test_what_the_network_cannot_do_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        build_model(small(**values), vectors(), seed=0)


def test_frames_that_do_not_turn_are_refused():
    data = DataSet(torch.randn(8, 1, 8, 10), Euclidean(1, 8, 10), "made up")
    with pytest.raises(ConfigError, match=r"symmetry C4 cannot be used.*square frames"):
        build_model(small(symmetry="C4"), data, seed=0)
    assert build_model(small(symmetry="C2"), data, seed=0)


@pytest.mark.parametrize(("symmetry", "side"), [("C4", None), ("C8", 8)])
def test_what_is_exact_on_pixels_is_found_of_the_model(digits, symmetry, side):
    found = promise(build_model(small(symmetry=symmetry), digits, seed=0))
    assert found == Promise(symmetry, "C4", exact=True, side=side)


def test_images_of_enough_pixels_are_not_called_too_small():
    for side, small_side in ((19, 19), (20, None)):
        data = DataSet(torch.randn(4, 1, side, side), Euclidean(1, side, side), "made up")
        assert promise(build_model(small(symmetry="SO2"), data, seed=0)).side == small_side


@pytest.mark.parametrize(
    ("promised", "words"),
    [
        (Promise("C4", "C4", exact=True), "every element moves pixels onto pixels and is exact"),
        (Promise("SO2", "C4", exact=True), "its motions of the grid (C4) are exact, its other elements approximate"),
        (Promise("SO2", "C4", exact=True, side=8), "its other elements rough: 8 pixels do not hold them, 20 do"),
        (Promise("D4", "D4", exact=False), "not exact on images of this size"),
        (Promise("C3", "C1", exact=True), "so it is approximate"),
        (Promise("C1", "C1", exact=True), "nothing is promised"),
    ],
)
def test_what_is_exact_on_pixels_is_said(promised, words):
    assert words in promised.sentence()
    assert promised.to_dict()["sentence"] == promised.sentence()


@pytest.mark.parametrize("exact", [True, False])
def test_the_promise_is_what_the_network_says_of_itself(digits, monkeypatch, exact):
    monkeypatch.setattr(SteerableUNet, "exact", property(lambda self: exact))
    found = promise(build_model(small(symmetry="C8"), digits, seed=0))
    assert found == Promise("C8", "C4", exact=exact, side=8)
    assert ("not exact on images of this size" in found.sentence()) is not exact


def test_nothing_is_said_of_a_plain_model(digits):
    assert promise(build_model(small(), digits, seed=0)) is None


# --- the run


def config(folder, **values):
    model = {"symmetry": "C4", "channels": [8, 8]}
    every = {"steps": 4, "checkpoint_every": 1, "sample_every": 0, "batch_size": 8, "threads": 1, "device": "cpu"}
    data = {"source": "digits", "limit": 48, "pose": "quarter-turns"}
    return TrainConfig.parse({"data": data, "model": model, "out": str(folder), **every, **values})


def test_a_run_that_is_resumed_ends_in_the_same_bits(tmp_path):
    whole = train(config(tmp_path / "whole"))
    assert circumstances(whole)["symmetry"]["on_grid"] == "C4"
    shutil.copytree(whole, tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "model")
    shutil.rmtree(tmp_path / "again" / "checkpoints" / "step-00000004")
    again = train(config(tmp_path / "again"), resume=True)
    assert weights(whole).keys() == weights(again).keys()
    assert all(value.equal(weights(again)[name]) for name, value in weights(whole).items())


def test_poses_do_not_go_with_vectors(tmp_path):
    model = {"symmetry": "C4", "channels": [8, 8], "fields": "1x0o"}
    with pytest.raises(ConfigError, match="a pose moves pixels"):
        train(config(tmp_path / "run", model={**model, "symmetry": "D4"}))
    assert not (tmp_path / "run").exists()
