"""From a configuration to a run folder, on the bundled digits with a small network."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from equigen import store
from equigen.data.dataset import DataSet
from equigen.data.errors import DataError
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.training.build import build_model, completed, load_data, widths
from equigen.training.callbacks import Callback
from equigen.training.config import DataConfig, TrainConfig
from equigen.training.errors import ConfigError, Interrupted, NonFiniteError, RunFolderError
from equigen.training.folder import recorded
from equigen.training.model_config import ModelConfig
from equigen.training.run import train

VALUES = {
    "data": {"source": "digits", "limit": 40},
    "steps": 6,
    "batch_size": 8,
    "device": "cpu",
    "threads": 1,
    "validate_every": 3,
    "checkpoint_every": 2,
    "sample_every": 6,
    "log_every": 2,
    "model": {"channels": [8, 8]},
}


def config(folder: Path, **changes: object) -> TrainConfig:
    return TrainConfig.parse({**VALUES, "out": folder, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return train(config(tmp_path_factory.mktemp("runs") / "digits"), command=["equigen", "train"])


class Signal(Callback):
    """Sends this process a signal after a step."""

    def __init__(self, step: int) -> None:
        self.step, self.notices = step, []

    def on_step(self, trainer):
        if trainer.step == self.step:
            signal.raise_signal(signal.SIGTERM)

    def on_notice(self, trainer, text):
        self.notices.append(text)


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def test_what_lies_in_the_folder(run):
    found = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    parts = ("average.safetensors", "manifest.json", "model.safetensors", "optimiser.safetensors", "state.json")
    assert found == {
        *("config.yaml", "metrics.jsonl", "checkpoints/latest", "progress/step-00000006.npz"),
        *("model/config.json", "model/model.safetensors"),
        *(f"checkpoints/step-0000000{step}/{part}" for step in (4, 6) for part in parts),
    }


def test_the_stored_model_is_the_average_and_samples(run):
    model = store.load(run)
    average = load_file(run / "checkpoints" / "step-00000006" / "average.safetensors")
    trained = load_file(run / "checkpoints" / "step-00000006" / "model.safetensors")
    state = model.state_dict()
    assert all(torch.equal(state[name], average[name]) for name in state)
    assert not all(torch.equal(state[name], trained[name]) for name in state)
    grid = np.load(run / "progress" / "step-00000006.npz")["images"]
    assert np.allclose(model.sample(32, seed=0, steps=20).numpy(), grid, atol=1e-5)


def test_metrics_have_the_fields_that_the_report_reads(run):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(r["kind"], r["step"]) for r in records] == [
        *(("train", 2), ("validation", 3), ("train", 4), ("train", 6), ("validation", 6)),
    ]
    validation = records[-1]
    assert set(validation) == {"kind", "step", "loss", "noise", "level_loss", "standard_error"}
    assert validation["loss"] == pytest.approx(np.mean(validation["level_loss"]))
    assert len(validation["noise"]) == len(validation["standard_error"]) == 8


def test_the_record_is_resolved_and_knows_its_data(run):
    found = recorded(run)
    assert (found.threads, found.model.channels, found.validate_every) == (1, (8, 8), 3)
    text = (run / "config.yaml").read_text()
    assert "fingerprint" in text
    assert found.model.schedule["t_max"] == store.load(run).denoiser.schedule.t_max > 10
    assert TrainConfig.parse({"data": "digits", "model": {"schedule": "edm"}}).differences(found) == []
    assert "torch" in text


def test_stopped_and_resumed_it_is_the_same_run(run, tmp_path):
    with pytest.raises(Interrupted) as caught:
        train(config(tmp_path / "run"), callbacks=[Signal(3)])
    assert (caught.value.step, caught.value.exit_code, caught.value.folder) == (4, 143, tmp_path / "run")
    assert not (tmp_path / "run" / "model").exists()
    (tmp_path / "run").rename(tmp_path / "moved")
    train(recorded(tmp_path / "moved"), resume=True)
    assert weights(tmp_path / "moved") == weights(run)


def test_another_seed_is_another_run(run, tmp_path):
    assert weights(train(config(tmp_path / "run", seed=1))) != weights(run)


def test_a_run_is_refused_resumed_or_overwritten(run, tmp_path):
    folder = train(config(tmp_path / "run", steps=2))
    before = weights(folder)
    with pytest.raises(RunFolderError, match="--resume"):
        train(config(folder))
    with pytest.raises(ConfigError, match="steps: 2 there, 6 now"):
        train(config(folder), resume=True)
    with pytest.raises(ConfigError, match="drop one"):
        train(config(folder), resume=True, overwrite=True)
    assert weights(folder) == before
    assert weights(train(config(folder), overwrite=True)) == weights(run)


def test_overwriting_waits_until_all_is_known_to_work(tmp_path):
    folder = train(config(tmp_path / "run", steps=2))
    before = weights(folder)
    with pytest.raises(DataError):
        train(config(folder, data="no-such-set"), overwrite=True)
    with pytest.raises(ValueError, match="channels"):
        train(config(folder, model={"channels": [8] * 9}), overwrite=True)
    assert weights(folder) == before


def test_a_folder_of_something_else_is_never_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="no equigen run"):
            train(config(tmp_path), overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_other_data_under_the_same_name_are_found(tmp_path, monkeypatch):
    images = np.random.default_rng(0).random((20, 8, 8), dtype=np.float32)
    np.save(tmp_path / "mine.npy", images)
    monkeypatch.chdir(tmp_path)
    asked = config(tmp_path / "run", data="mine.npy", steps=2)
    folder = train(asked)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    train(recorded(folder), resume=True)  # a relative path means the same from another folder
    images[3, 0, 0] += 0.25
    np.save(tmp_path / "mine.npy", images)
    with pytest.raises(RunFolderError, match="fingerprint"):
        train(recorded(folder), resume=True)


def test_another_torch_is_said_so(run, tmp_path):
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace(f"torch: {torch.__version__}", "torch: 1.0"))
    callback = Signal(-1)
    train(recorded(folder), resume=True, callbacks=[callback])
    (notice,) = callback.notices
    assert "torch 1.0" in notice


def test_a_learning_rate_out_of_all_bounds_stops_with_noise_levels(tmp_path):
    with pytest.raises(NonFiniteError) as caught:
        train(config(tmp_path / "run", learning_rate=1e30, warmup=0.0, clip=None))
    assert caught.value.step >= 2
    assert "is not finite" in str(caught.value)
    assert not (tmp_path / "run" / "model").exists()


def test_the_model_follows_its_section():
    _, training, held_out = load_data(DataConfig(source="digits", limit=40, held_out=0.5), seed=0)
    assert (len(training), len(held_out)) == (20, 20)
    section = ModelConfig(channels=(8, 8), circular=True, schedule={"kind": "geometric-noise", "base": 25.0})
    model = build_model(section, training, seed=0)
    assert type(model.denoiser.schedule).__name__ == "GeometricNoise"
    assert model.scale.to_model(training.x).std(correction=0).item() == pytest.approx(1.0, abs=1e-4)
    same, other = (build_model(section, training, seed=seed) for seed in (0, 1))
    first = [next(iter(m.parameters())) for m in (model, same, other)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


@pytest.mark.parametrize("height", [8, 9, 28, 32, 33, 64, 100, 256])
@pytest.mark.parametrize("width", [8, 28, 256])
@pytest.mark.parametrize("patch", [1, 2, 3])
def test_widths_fit_every_size_that_the_network_takes(height, width, patch):
    channels = widths(height, width, patch)
    store.build("unet", shape=(1, height, width), channels=[max(1, c // 32) for c in channels], patch=patch)
    assert len(channels) >= 3 or patch > 1
    halvings, long, short = len(channels) - 1, -(-max(height, width) // patch), -(-min(height, width) // patch)
    assert -(-long // 2**halvings) <= 8 or short < 2 ** (halvings + 1)  # 8 positions or less are left, or none to halve


@pytest.mark.parametrize(("side", "patch"), [(8, 1), (23, 1), (24, 2), (28, 2), (64, 2)])
def test_images_of_24_pixels_and_more_are_seen_by_squares(side, patch):
    x = torch.linspace(0, 1, 2 * side * side).reshape(2, 1, side, side)
    config = completed(ModelConfig(), DataSet(x, Euclidean(1, side, side), "ramp"))
    assert config.patch == patch
    assert completed(ModelConfig(patch=3), DataSet(x, Euclidean(1, side, side), "ramp")).patch == 3


@pytest.mark.parametrize("spread", [1.0, 20_000.0])
def test_raw_data_of_any_spread_start_at_the_best_linear_denoiser(spread):
    x = spread * torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    data = DataSet(x, Euclidean(1, 8, 8), "noise")
    raw, unit = (build_model(ModelConfig(channels=(8, 8), scale=scale), data, 0) for scale in ("none", "unit"))
    assert unit.loss(x, 0, 0).item() == pytest.approx(1.0, rel=0.1)
    # Raw data keep their mean of half the range, so that the loss is 1 and what the mean adds: 3 times the variance.
    assert 1.0 < raw.loss(x, 0, 0).item() < 5.0
    assert raw.denoiser.schedule.t_max == pytest.approx(unit.denoiser.schedule.t_max * x.std().item(), rel=0.02)


def test_a_canvas_with_a_mask_has_the_range_of_noise_of_the_image_alone():
    x = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)).cumsum(3)
    canvas, mask = torch.zeros(64, 1, 32, 32), torch.zeros(64, 1, 32, 32, dtype=torch.bool)
    canvas[..., :8, :8], mask[..., :8, :8] = x, True
    alone = completed(ModelConfig(), DataSet(x, Euclidean(1, 8, 8), "alone"))
    placed = completed(ModelConfig(), DataSet(canvas, Masked(1, 32, 32), "placed", structure=mask))
    assert placed.schedule == alone.schedule
