"""Recipes: what they fill in, what overrides them, and that `song` is the published loss, network and optimiser."""

from __future__ import annotations

import math

import pytest
import torch

from equigen import random
from equigen.data.dataset import DataSet
from equigen.diffusion.loss import UniformTimes, stratified
from equigen.diffusion.solvers.solver import Solver
from equigen.networks.tutorial_unet import TutorialUNet
from equigen.spaces.euclidean import Euclidean
from equigen.training.build import build_model
from equigen.training.config import TrainConfig
from equigen.training.errors import ConfigError
from equigen.training.optimiser import learning_rate, make_optimiser
from equigen.training.recipes import RECIPES, beneath


def song(**values) -> TrainConfig:
    return TrainConfig.parse({"data": "mnist", "recipe": "song", **values})


class Still(Solver):
    """Stays where it is."""

    order = None

    def step(self, denoiser, state, t, s, noise):
        return state


def images(n: int = 6) -> DataSet:
    x = random.uniform((1, 20, 20), seed=0, stream=random.Stream.LAW, item=torch.arange(n))
    return DataSet(x, Euclidean(1, 20, 20), "noise")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_a_legal_configuration_that_survives_yaml(name, tmp_path):
    config = TrainConfig.parse({"data": "mnist", "recipe": name})
    (tmp_path / "a.yaml").write_text(config.to_yaml())
    again = TrainConfig.read(tmp_path / "a.yaml")
    assert again == config
    assert config.differences(again) == []


def test_what_is_set_overrides_a_recipe_and_the_rest_of_a_section_stays():
    config = song(steps=7, model={"weight": "karras-weight", "schedule": "edm"}, sampling={"steps": 9})
    assert (config.steps, config.batch_size, config.model.weight, config.model.schedule) == (
        *(7, 32, "karras-weight", "edm"),
    )
    assert config.model.network == "tutorial-unet"
    assert config.sampling.steps == 9
    assert config.sampling.solver["kind"] == "predictor-corrector"


def test_a_section_with_a_kind_is_not_mixed_with_another():
    assert beneath({"a": {"kind": "x"}}, {"a": {"kind": "y", "base": 2}}) == {"a": {"kind": "x"}}


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"'sung'.*did you mean 'song'"):
        TrainConfig.parse({"data": "mnist", "recipe": "sung"})
    with pytest.raises(ConfigError, match="recipe=3"):
        TrainConfig.parse({"data": "mnist", "recipe": 3})


def test_resuming_with_the_same_recipe_asks_for_nothing_new():
    assert song().differences(song()) == []
    assert ("batch_size", 32, 128) in song().differences(TrainConfig.parse({"data": "mnist"}))


def published_loss(network, x, t, z):
    sigma = torch.sqrt((25.0 ** (2 * t) - 1) / (2 * math.log(25.0)))[:, None, None, None]
    score = network(x + sigma * z, t) / sigma
    return ((score * sigma + z) ** 2).sum((1, 2, 3)).mean()


@pytest.mark.parametrize("fault", [None, "weight", "schedule", "scale"])
def test_the_loss_of_song_is_the_published_one_on_the_same_times_and_noise(fault):
    faults = {"weight": "karras-weight", "schedule": {"kind": "geometric-noise", "base": 5.0}, "scale": "unit"}
    config = song(model={} if fault is None else {fault: faults[fault]})
    data = images()
    model = build_model(config.model, data, 0).double()
    network = TutorialUNet((1, 20, 20), seed=0).double()
    x, item = data.x.double(), torch.arange(len(data))
    u = random.uniform((), seed=4, stream=random.Stream.TRAINING_TIME, item=item, step=2, dtype=torch.float64)
    t = UniformTimes()(build_model(song().model, data, 0).denoiser.schedule, stratified(item, len(x), u))
    z = random.normal((1, 20, 20), seed=4, stream=random.Stream.TRAINING_NOISE, item=item, step=2, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = 400 * model.loss(x, 4, 2), published_loss(network, x, t, z)
    assert (abs(ours / theirs - 1) < 1e-9) == (fault is None)
    assert float(t.min()) >= 1e-5


def test_song_has_every_value_of_the_published_text():
    """By the list of the course's text, and nothing of the default's in their place."""
    config = song()
    assert (config.steps, config.batch_size, config.clip, config.ema, config.warmup) == (93_750, 32, None, 0.0, 0.0)
    assert (config.model.network, config.model.channels) == ("tutorial-unet", (32, 64, 128, 256))
    assert config.model.schedule == {"kind": "geometric-noise", "base": 25.0, "t_min": 1e-5}
    assert (config.model.preconditioning, config.model.weight) == ("scale-by-sigma", "noise-weight")
    assert (config.model.times, config.model.scale) == ("uniform-times", "none")
    assert (config.sampling.steps, config.sampling.final) == (500, "denoise")
    assert config.sampling.solver == {"kind": "predictor-corrector", "snr": 0.16}
    assert config.sampling.grid == {"kind": "uniform-grid", "end": 1e-3}


@pytest.mark.parametrize("fault", [False, True])
def test_a_step_of_song_is_the_published_step(fault):
    """On 28x28 images, in float64: the mean over 784 pixels with its own epsilon against the sum with 1e-8."""
    x = random.uniform((1, 28, 28), seed=0, stream=random.Stream.LAW, item=torch.arange(4)).double()
    data = DataSet(x.float(), Euclidean(1, 28, 28), "noise")
    config = song(**({"epsilon": 1e-8} if fault else {}))
    model = build_model(config.model, data, 0).double()
    network = TutorialUNet((1, 28, 28), seed=0).double()
    item = torch.arange(4)
    u = random.uniform((), seed=0, stream=random.Stream.TRAINING_TIME, item=item, step=0, dtype=torch.float64)
    t = UniformTimes()(model.denoiser.schedule, stratified(item, 4, u))
    z = random.normal((1, 28, 28), seed=0, stream=random.Stream.TRAINING_NOISE, item=item, step=0, dtype=torch.float64)
    for loss, optimiser in (
        (model.loss(x, 0, 0), make_optimiser(model, config)),
        (published_loss(network, x, t, z), torch.optim.Adam(network.parameters(), lr=1e-4)),
    ):
        loss.backward()
        optimiser.step()
    pairs = zip(model.parameters(), network.parameters(), strict=True)
    assert (max(float((a - b).detach().abs().max()) for a, b in pairs) < 1e-7) == (
        not fault
    )  # a thousandth of the rate


def test_song_takes_the_published_adam_at_a_constant_rate():
    config = song()
    model = build_model(config.model, images(), 0)
    group = make_optimiser(model, config).param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.9, 0.999), 0)
    assert {learning_rate(step, config) for step in (1, 40_000, config.steps)} == {1e-4}
    assert config.steps == 50 * 60_000 / config.batch_size


def test_the_prior_of_song_is_wide_by_the_noise_and_the_data():
    data = images(200)
    model = build_model(song().model, data, 0)
    spread = math.sqrt((25.0**2 - 1) / (2 * math.log(25.0)) + float(data.x.var()))
    seen = model.sample(1, seed=3, steps=1, final="noisy", solver=Still())
    z = random.normal((1, 20, 20), seed=3, stream=random.Stream.PRIOR, item=torch.arange(1))
    torch.testing.assert_close(seen, spread * z, rtol=1e-3, atol=0)


def test_what_a_network_has_not_cannot_be_asked_of_it():
    with pytest.raises(ConfigError, match=r"model.circular is True.*'tutorial-unet' has no circular"):
        build_model(song(model={"circular": True}).model, images(), 0)
