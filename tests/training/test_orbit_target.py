"""Training towards the mean of an image's poses: by any network, recorded, resumed, and refused where it is void."""

from __future__ import annotations

import shutil

import pytest
import torch

from equigen import store
from equigen.data.dataset import DataSet
from equigen.data.loading import load
from equigen.groups.plane_groups import plane_group
from equigen.networks.unet import UNet
from equigen.random import Stream, normal
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.spaces.space import Space
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_target import OrbitTarget
from equigen.training.build import build_model
from equigen.training.config import TrainConfig
from equigen.training.errors import ConfigError
from equigen.training.folder import recorded
from equigen.training.model_config import ModelConfig
from equigen.training.run import train
from equigen.training.symmetric import orbit_target, require_poses
from tests.training.test_processes import weights

VECTORS = "1x0e + 1x1"
POSED = {"source": "digits", "limit": 48, "pose": "quarter-turns"}


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load("digits", limit=48, pose="quarter-turns")


def small(**values: object) -> ModelConfig:
    return ModelConfig.parse({"channels": [8, 8], **values})


@pytest.mark.parametrize("model", [{}, {"symmetry": "C4"}, {"symmetry": "O2"}])
def test_any_network_learns_towards_the_poses(digits, model):
    built, plain = (build_model(small(**model, **more), digits, seed=0) for more in ({"orbit_target": "D4"}, {}))
    assert built.target == OrbitTarget(ImageAction(plane_group("D4")))
    assert plain.target is None
    batch = Batch.whole(digits.x[:16])
    assert all(a.equal(b) for a, b in zip(built.parameters(), plain.parameters(), strict=True))
    # Both begin with D = c x_t: the mean of the poses is nearer to it than the image, whose pose it cannot tell.
    assert built.loss(batch, 0, 0).item() < 0.999 * plain.loss(batch, 0, 0).item()


def test_the_loss_is_that_towards_the_weighted_poses(digits):
    """By hand: alpha = 1, D of the fresh network, and the softmax over eight poses in the model's units."""
    model = build_model(small(orbit_target="D4"), digits, seed=0).double()
    batch = Batch.whole(digits.x[:4].double())
    seen = {}
    target = model.target
    model.target = lambda x_0, x_t, alpha, sigma, space: seen.update(given=(x_0, x_t, sigma)) or x_0
    plain = model.loss(batch, 3, 7)
    x_0, x_t, sigma = seen["given"]
    poses = torch.stack([y for k in range(4) for y in (x_0.rot90(k, (2, 3)), x_0.flip(3).rot90(k, (2, 3)))])
    weight = torch.softmax(-(x_t - poses).square().flatten(2).sum(2) / (2 * sigma**2), 0)
    mean = (weight[..., None, None, None] * poses).sum(0)
    model.target = lambda *_: mean
    expected = model.loss(batch, 3, 7)
    model.target = target
    torch.testing.assert_close(model.loss(batch, 3, 7), expected, rtol=1e-12, atol=0.0)
    assert abs((plain - expected).item()) > 1e-3  # the control: the image itself


def test_vectors_turn_in_the_target():
    x = normal((3, 8, 8), seed=1, stream=Stream.LAW, item=torch.arange(24)).float()
    data = DataSet(x, Euclidean(3, 8, 8), "vectors")
    target = build_model(small(symmetry="D4", fields=VECTORS, orbit_target="C4"), data, seed=0).target
    assert isinstance(target, OrbitTarget)
    assert isinstance(target.action, ImageAction)
    assert (target.action.group.name, str(target.action.channels)) == ("C4", VECTORS)
    assert orbit_target(small(orbit_target="C4"), data.space).action.channels is None


@pytest.mark.parametrize(
    ("values", "space", "said"),
    [
        ({"orbit_target": "SO2"}, Euclidean(1, 8, 8), r"SO2, which has poses between the pixels.*: take C4 "),
        ({"orbit_target": "D8"}, Euclidean(1, 8, 8), r"D8, which has poses between.*: take D4 \(--orbit-target D4\)"),
        ({"orbit_target": "C3"}, Euclidean(1, 8, 8), r"C3, which has poses between the pixels.*: leave it out"),
        ({"orbit_target": "C1"}, Euclidean(1, 8, 8), r"C1, which has one pose.*: leave it out"),
        ({"orbit_target": "C4"}, Euclidean(1, 8, 10), r"8 x 10 pixels out of their frame.*take C2 or D2"),
        ({"orbit_target": "C2"}, Masked(1, 8, 8), "the images have masks"),
        ({"orbit_target": "D2", "symmetry": "C4"}, Euclidean(1, 8, 8), "symmetry C4, which does not hold.*take C4 "),
        ({"orbit_target": "D4", "symmetry": "C4", "fields": VECTORS}, Euclidean(3, 8, 8), "take C4 "),
        ({"orbit_target": "C2", "symmetry": "C3", "fields": VECTORS}, Euclidean(3, 8, 8), "poses: leave it out"),
    ],
)
def test_what_means_nothing_is_refused(values: dict[str, str], space: Space, said: str):
    with pytest.raises(ConfigError, match=said):
        orbit_target(small(**values), space)


@pytest.mark.parametrize(
    ("values", "space"),
    [
        ({"orbit_target": "C2"}, Euclidean(1, 8, 10)),
        ({"orbit_target": "D2"}, Euclidean(1, 8, 10)),
        ({"orbit_target": "D4", "symmetry": "C4"}, Euclidean(1, 8, 8)),
        ({"orbit_target": "C2", "symmetry": "O2"}, Euclidean(1, 8, 8)),
        ({"orbit_target": "D4", "symmetry": "C3"}, Euclidean(1, 8, 8)),
        ({"orbit_target": "C4", "symmetry": "SO2", "fields": VECTORS}, Euclidean(3, 8, 8)),
    ],
)
def test_what_means_something_is_taken(values: dict[str, str], space: Space):
    found = orbit_target(small(**values), space)
    assert found is not None
    assert found.action.group.name == values["orbit_target"]


def asked(pose: str, source: str = "digits", **model: str) -> TrainConfig:
    return TrainConfig.parse({"data": {"source": source, "pose": pose}, "model": model})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (asked("none", orbit_target="C4"), "do not stand in all poses of C4.*add pose=quarter-turns"),
        (asked("quarter-turns", orbit_target="D4"), "in all poses of D4.*leave it out, or train with --symmetry D4"),
        (asked("none", orbit_target="C4", symmetry="C2"), "in all poses of C4"),
    ],
)
def test_upright_images_have_no_poses_that_a_plain_network_should_learn(config, said):
    with pytest.raises(ConfigError, match=said):
        require_poses(config, Euclidean(1, 8, 8))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (asked("quarter-turns", orbit_target="C8"), r"C8, which has poses between.*take C4 \(--orbit-target C4\)"),
        (asked("none", orbit_target="SO2"), r"SO2, which has poses between.*take C4 \(--orbit-target C4\)"),
        (asked("none", orbit_target="C4", symmetry="D2"), "symmetry D2, which does not hold.*take D2"),
    ],
)
def test_what_no_poses_make_good_is_refused_first(config, said):
    with pytest.raises(ConfigError, match=said) as refused:
        require_poses(config, Euclidean(1, 8, 8))
    assert "pose=quarter-turns" not in str(refused.value)


@pytest.mark.parametrize(
    "config",
    [
        asked("none"),
        asked("none", orbit_target="C4", symmetry="D4"),
        asked("quarter-turns", orbit_target="C2"),
        asked("rotations", orbit_target="C4"),
        asked("none", source="cells.npz", orbit_target="D4"),
    ],
)
def test_where_poses_are_there_or_kept_or_not_known_it_is_taken(config):
    require_poses(config, Euclidean(1, 8, 8))


def test_a_classifier_has_no_target():
    with pytest.raises(ConfigError, match="is for task=generate"):
        TrainConfig.parse({"data": "digits", "task": "classify", "model": {"orbit_target": "C4"}})


def config(folder, **model):
    every = {"steps": 4, "checkpoint_every": 1, "sample_every": 0, "batch_size": 8, "threads": 1, "device": "cpu"}
    model = {"channels": [8, 8], "orbit_target": "C4", **model}
    return TrainConfig.parse({"data": POSED, "model": model, "out": str(folder), **every})


def test_a_run_records_its_target_and_is_resumed_to_the_same_bits(tmp_path):
    whole = train(config(tmp_path / "whole"))
    assert recorded(whole).model.orbit_target == "C4"
    shutil.copytree(whole, tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "model")
    shutil.rmtree(tmp_path / "again" / "checkpoints" / "step-00000004")
    again = train(config(tmp_path / "again"), resume=True)
    assert all(value.equal(weights(again)[name]) for name, value in weights(whole).items())
    plain = train(config(tmp_path / "plain", orbit_target=None))
    assert not all(value.equal(weights(plain)[name]) for name, value in weights(whole).items())
    with pytest.raises(ConfigError, match="orbit_target"):
        train(config(tmp_path / "again", orbit_target="C2"), resume=True)


def test_the_stored_model_knows_its_target(tmp_path):
    model = store.load(train(config(tmp_path / "run")) / "model")
    assert isinstance(model.target, OrbitTarget)
    assert model.target.action.group.name == "C4"
    assert isinstance(model.denoiser.network, UNet)


def test_upright_digits_are_refused_before_anything_is_written(tmp_path):
    upright = config(tmp_path / "run").model_copy(update={"data": asked("none").data})
    with pytest.raises(ConfigError, match="do not stand in all poses"):
        train(upright)
    assert not (tmp_path / "run").exists()
