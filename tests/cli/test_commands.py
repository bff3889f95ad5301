"""The commands do what they say, for people and for programs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import TINY, contents


def test_train_leaves_a_run_and_says_where(equigen):
    result = equigen("train", "digits", "--out", "runs/a", *TINY)
    assert result.code == 0, result.err
    assert result.out.startswith("runs/a: 4 steps in")
    assert "equigen sample runs/a" in result.out
    assert result.err.startswith("equigen: 4 steps of about ")  # what it will take
    assert result.err.count("\n") == 1


def test_train_speaks_json(equigen):
    result = equigen("train", "digits", "--json", *TINY)
    found = json.loads(result.out)
    assert (found["run"], found["steps"], found["steps_taken"]) == ("runs/digits", 4, 4)
    assert np.isfinite([found["loss"], found["validation_loss"], found["seconds"]]).all()


def test_resuming_a_finished_run_takes_no_step(equigen, run):
    before = contents(run / "model")
    result = equigen("train", "--resume", run, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["steps_taken"] == 0
    assert contents(run / "model") == before


def test_overwrite_begins_anew(equigen, run):
    (run / "evaluation.json").write_text("{}")
    result = equigen("train", "digits", "--out", run, "--overwrite", "--seed", "1", *TINY)
    assert result.code == 0, result.err
    assert not (run / "evaluation.json").exists()


def test_a_recorded_configuration_makes_the_same_model(equigen, run, tmp_path):
    result = equigen("train", "--config", run / "config.yaml", "--out", tmp_path / "again")
    assert result.code == 0, result.err
    assert contents(tmp_path / "again" / "model") == contents(run / "model")
    result = equigen("train", "--config", run / "config.yaml", "--out", tmp_path / "other", "--seed", "1")
    assert contents(tmp_path / "other" / "model") != contents(run / "model")


def test_sample_fills_the_run_folder(equigen, run):
    result = equigen("sample", run, "--n", "3", "--steps", "2")
    assert result.code == 0, result.err
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"sample-0000{k}.png" for k in range(3)]
    with np.load(run / "samples.npz", allow_pickle=False) as arrays:
        images = arrays["images"]
    assert (images.shape, images.dtype, images.max() <= 16) == ((3, 8, 8), np.uint8, True)
    with Image.open(run / "samples.png") as picture:
        assert picture.size[0] > 100
    with np.load(run / "paths.npz", allow_pickle=False) as arrays:
        assert arrays["images"].shape[1:] == (6, 1, 8, 8)


def test_fewer_samples_leave_no_older_ones(equigen, run):
    equigen("sample", run, "--n", "3", "--steps", "1")
    equigen("sample", run, "--n", "2", "--steps", "1")
    assert len(list((run / "samples").glob("*.png"))) == 2


def test_samples_of_one_seed_are_the_same_in_any_batch_and_part(equigen, run, tmp_path):
    options = ["--steps", "2", "--seed", "5", "--formats", "npy"]
    equigen("sample", run, "--n", "6", "--out", "whole", *options)
    equigen("sample", run, "--n", "6", "--out", "batches", "--batch-size", "4", *options)
    equigen("sample", run, "--n", "2", "--first", "4", "--out", "part", *options)
    equigen("sample", run, "--n", "6", "--out", "other", *options[:2], "--seed", "6", "--formats", "npy")
    whole, batches, part, other = (
        np.load(tmp_path / name / "samples.npy") for name in ("whole", "batches", "part", "other")
    )
    np.testing.assert_array_equal(whole, batches)
    np.testing.assert_array_equal(whole[4:], part)
    assert (whole != other).any()


def test_sample_elsewhere_leaves_the_run_alone(equigen, run, tmp_path):
    before = contents(run)
    result = equigen(
        "sample", run, "--n", "2", "--steps", "1", "--out", tmp_path / "new", "--formats", "npz,png", "--json"
    )
    assert contents(run) == before
    files = json.loads(result.out)["files"]
    assert sorted(files) == sorted(str(path) for path in (tmp_path / "new").iterdir())


def test_solvers_by_name(equigen, run):
    for name in ("euler", "heun", "euler-maruyama"):
        assert equigen("sample", run, "--n", "1", "--steps", "2", "--solver", name).code == 0


def test_evaluate_and_report(equigen, run):
    result = equigen("evaluate", run, "--n", "8", "--seeds", "2", "--draws", "2", "--steps", "2")
    assert result.code == 0, result.err
    assert "frechet distance (lower is better)" in result.out.lower()
    assert "floor" in result.out
    recorded = json.loads((run / "evaluation.json").read_text())
    assert recorded["seeds"] == 2
    result = equigen("report", run, "--json")
    assert result.code == 0, result.err
    page = json.loads(result.out)["report"]
    assert page == str(run / "report.html")
    assert "<html" in (run / "report.html").read_text()[:200]


def test_evaluate_speaks_json(equigen, run):
    result = equigen("evaluate", run, "--n", "8", "--seeds", "1", "--draws", "2", "--steps", "1", "--json")
    found = json.loads(result.out, parse_constant=pytest.fail)
    assert {"metrics", "neighbours", "loss", "run"} <= found.keys()


def test_data_describes_what_train_would_read(equigen, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(4 * 8 * 8, dtype=np.uint16).reshape(4, 8, 8) * 100)
    result = equigen("data", "a.npy")
    assert result.code == 0, result.err
    assert "8 x 8 pixels, 1 channel" in result.out
    assert "uint16" in result.out
    found = json.loads(equigen("data", "a.npy", "--json").out)
    assert (found["items"], found["shape"]) == (4, [1, 8, 8])


def test_samples_keep_the_users_form(equigen, tmp_path):
    generator = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", generator.normal(7.0, 2.0, (24, 8, 8, 2)))
    result = equigen("train", "a.npy", "--out", "run", "--layout", "nhwc", *TINY)
    assert result.code == 0, result.err
    equigen("sample", "run", "--n", "2", "--steps", "2", "--formats", "npy")
    samples = np.load(tmp_path / "run" / "samples.npy")
    assert (samples.shape, samples.dtype) == ((2, 8, 8, 2), np.float64)
    assert 2 < samples.mean() < 12


def test_help_names_every_command(equigen):
    result = equigen("--help")
    assert result.code == 0
    for name in ("train", "sample", "evaluate", "report", "data"):
        assert name in result.out
        assert equigen(name, "--help").code == 0


def test_every_flag_of_the_configuration_is_in_the_help(equigen):
    from equigen.training.config import DataConfig, TrainerConfig

    text = equigen("train", "--help").out
    for name in [*TrainerConfig.model_fields, *DataConfig.model_fields]:
        if name not in ("source", "beta2", "epsilon"):  # of Adam only the rate: the rest is for recipes
            assert f"--{name.replace('_', '-')}" in text


def test_the_version_is_the_packages(equigen):
    import equigen as package

    assert equigen("--version").out.strip() == package.__version__


def test_a_folder_that_takes_no_samples_is_found_before_any_is_drawn(equigen, run, monkeypatch):
    def drawn(*_, **__):
        raise AssertionError("samples were drawn first")

    monkeypatch.setattr("equigen.diffusion.model.DiffusionModel.sample", drawn)
    result = equigen("sample", run, "--n", "2", "--out", "/proc/none")
    assert result.code == 1
    assert "cannot be written" in result.err


def test_a_split_too_small_to_train_on_names_its_flag(equigen, tmp_path):
    np.save(tmp_path / "two.npy", np.random.default_rng(0).random((2, 9, 9)))
    result = equigen("train", tmp_path / "two.npy", "--out", tmp_path / "run")
    assert result.code == 1
    assert "1 of 2 images" in result.err
    assert "--held-out" in result.err


def test_data_shows_a_spread_that_is_small_beside_its_offset(equigen, tmp_path):
    images = np.linspace(1000.0, 1000.5, 4 * 81, dtype=np.float32).reshape(4, 9, 9)
    np.save(tmp_path / "far.npy", images)
    assert "1000 to 1000.5" in equigen("data", tmp_path / "far.npy").out


def test_a_resume_may_name_the_recipe_it_has_but_no_other(equigen, run):
    """The run has values of its own above its recipe, which naming the recipe again does not ask to change."""
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("recipe: default", "recipe: song"))
    result = equigen("train", "--resume", run, "--recipe", "song")
    assert result.code == 0, result.err
    result = equigen("train", "--resume", run, "--recipe", "default")
    assert result.code == 2
    assert "recipe: song there, default now" in result.err
