"""Models on disk: exact round trips, a closed table, and damage that is told."""

import json

import pytest
import torch

from equigen import store, table
from equigen.diffusion import EDM, DiffusionModel, KarrasPreconditioning, NetworkDenoiser, Scale
from equigen.networks.unet import UNet
from equigen.spaces.euclidean import Euclidean


def model():
    network, generator = UNet((1, 8, 8), channels=(8, 16), seed=2), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    scale = Scale(torch.tensor([1 / 3], dtype=torch.float64), torch.tensor([0.37], dtype=torch.float64))
    return DiffusionModel(Euclidean(1, 8, 8), NetworkDenoiser(network, EDM(0.01, 40.0), KarrasPreconditioning()), scale)


def test_a_model_comes_back_exactly(tmp_path):
    first = model()
    again = store.load(store.save(first, tmp_path / "run" / "model"))
    assert torch.equal(first.sample(3, seed=0, steps=4), again.sample(3, seed=0, steps=4))
    assert again.denoiser.schedule == first.denoiser.schedule
    assert torch.equal(again.scale.shift, first.scale.shift)
    assert not again.training
    assert {path.name for path in (tmp_path / "run" / "model").iterdir()} == {"config.json", "model.safetensors"}
    assert torch.equal(store.load(tmp_path / "run").scale.shift, first.scale.shift)  # from the run folder


def test_saving_again_replaces_and_leaves_nothing_aside(tmp_path):
    store.save(model(), tmp_path / "model")
    other = model()
    other.denoiser.network.inward.bias.data.fill_(3.0)
    store.save(other, tmp_path / "model")
    found = store.load(tmp_path / "model").denoiser.network.inward.bias
    assert bool((found == 3.0).all())
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_save_that_fails_keeps_what_was_there(tmp_path, monkeypatch):
    store.save(model(), tmp_path / "model")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", refuse)
    with pytest.raises(OSError, match="space"):
        store.save(model(), tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    store.load(tmp_path / "model")


@pytest.mark.parametrize("kind", table.TABLE)
def test_every_name_is_a_class(kind):
    assert isinstance(store.resolve(kind), type)


@pytest.mark.parametrize(
    "kind", [*table.SCHEDULES, *table.PRECONDITIONINGS, *table.WEIGHTS, *table.TIMES, *table.SOLVERS, *table.GRIDS]
)
def test_every_formula_goes_there_and_back(kind):
    value = store.build(kind)
    config = json.loads(json.dumps(store.to_config(value)))
    again = store.from_config(config)
    assert type(again) is type(value)
    assert store.to_config(again) == config


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: store.resolve("eddm"), "did you mean 'edm'"),
        (lambda: store.resolve("os.system"), "choose one of"),
        (lambda: store.build("edm", t_maxx=3.0), "did you mean 't_max'"),
        (lambda: store.build("edm", t_min=3.0, t_max=1.0), "cannot be built"),
        (lambda: store.from_config({"shape": [1]}), "'kind'"),
        (lambda: store.to_config(torch.nn.Linear(1, 1)), "not in the store's table"),
    ],
)
def test_what_is_not_in_the_table_is_refused(attempt, words):
    with pytest.raises(store.StoreError, match=words):
        attempt()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "holds no model"),
        (lambda folder: (folder / "config.json").write_text("{"), "damaged"),
        (lambda folder: (folder / "config.json").write_text("[]"), "damaged"),
        (lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe"), "damaged"),
        (lambda folder: (folder / "config.json").write_text('{"format": 99, "model": {}}'), "format 99"),
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 100), "cannot be read"),
        (lambda folder: torn(folder / "model.safetensors"), "cannot be read"),
        (lambda folder: narrower(folder / "config.json"), "cannot be read"),
    ],
)
def test_damage_is_told_in_one_sentence(tmp_path, damage, words):
    folder = store.save(model(), tmp_path / "model")
    damage(folder)
    with pytest.raises(store.StoreError, match=words) as caught:
        store.load(folder)
    assert "\n" not in str(caught.value)


def torn(path):
    path.write_bytes(path.read_bytes()[:-100])


def narrower(path):
    path.write_text(path.read_text().replace("16", "12"))
