"""`equigen train --task classify`: what it says, what goes on, and what other commands say to a classifier."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import yaml

import equigen as package
from equigen.cli.main import main
from equigen.cli.runs import open_classifier, open_run
from equigen.networks.classification_model import ClassificationModel
from equigen.training.errors import RunFolderError
from tests.cli.conftest import contents, require_one_sentence

SMALL = [
    *("--steps", "4", "--checkpoint-every", "1", "--batch-size", "8", "--limit", "48"),
    *("--threads", "1", "--set", "classifier.width=1"),
]


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    """A finished classification of 48 digits; copy it before changing it."""
    folder = tmp_path_factory.mktemp("classified") / "run"
    assert main(["train", "digits", "--task", "classify", "--out", str(folder), *SMALL]) == 0
    return folder


def test_a_training_tells_the_accuracy_and_what_comes_next(equigen):
    words = ["--task", "classify", "--symmetry", "SO2", "--augment", "rotations", "--pose", "rotations"]
    done = equigen("train", "digits", *words, *SMALL, "--out", "run")
    assert done.code == 0, done.err
    first, then = done.out.splitlines()
    assert "4 steps" in first
    assert "accuracy" in first
    assert then == "Next: equigen evaluate run, equigen certify run, equigen report run"
    assert "sample" not in then


def test_json_tells_it_to_programs_and_flags_reach_the_configuration(equigen, tmp_path):
    words = ["--symmetry", "D4", "--augment", "quarter-turns", "--json"]
    done = equigen("train", "digits", "--task", "classify", *words, *SMALL, "--out", "run")
    found = json.loads(done.out)
    assert 0 <= found["validation_accuracy"] <= 1
    assert found["steps"] == 4
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (written["classifier"]["symmetry"], written["classifier"]["augmentation"]) == ("D4", "quarter-turns")
    assert not {"model", "sampling", "recipe", "sample_every"} & set(written)


def test_a_generation_tells_no_accuracy(trained):
    """The control: its run records what it used before there were tasks, and one key more."""
    written = yaml.safe_load((trained / "config.yaml").read_text())
    assert written["task"] == "generate"
    assert "classifier" not in written
    assert {"model", "sampling", "recipe"} <= set(written)
    assert "accuracy" not in (trained / "metrics.jsonl").read_text()


def test_a_run_of_before_there_were_tasks_is_a_generation(trained, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(trained, old)
    written = yaml.safe_load((old / "config.yaml").read_text())
    written.pop("task")
    (old / "config.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
    assert open_run(old, "cpu").config.task == "generate"


def test_the_model_is_loaded_from_the_run(classified):
    model = package.load(classified)
    assert isinstance(model, ClassificationModel)
    opened = open_classifier(classified, "cpu")
    assert opened.config.classifier.symmetry == "C4"
    assert opened.names("class_names") == list(opened.model.classes)
    assert not model.training


def test_it_goes_on_without_being_told_the_task_again(equigen, classified, tmp_path):
    for name in ("whole", "again"):
        shutil.copytree(classified, tmp_path / name)
    shutil.rmtree(tmp_path / "again" / "checkpoints" / "step-00000004")
    shutil.rmtree(tmp_path / "again" / "model")
    assert equigen("train", "--resume", "again").code == 0
    weights = [contents(tmp_path / name / "model") for name in ("whole", "again")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--symmetry", "C8"], "classifier.symmetry: C4 there, C8 now"),
        (["--task", "generate"], "task: classify there, generate now"),
        (["--steps", "9"], "steps: 4 there, 9 now"),
    ],
)
def test_another_configuration_is_refused_on_the_way(equigen, classified, words, said):
    before = contents(classified)
    done = equigen("train", "--resume", classified, *words)
    assert done.code == 2
    require_one_sentence(done)
    assert said in done.complaint
    assert contents(classified) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digits", "--augment", "rotations"], "--task classify"),
        (["digits", "--task", "clasify"], "classify"),
        (["digits", "--task", "classify", "--symmetry", "SO(2)"], "did you mean 'SO2'?"),
        (["digits", "--task", "classify", "--symmetry", "D4", "--set", "classifier.restrict=C8"], "no subgroup"),
        (["digits", "--task", "classify", "--recipe", "song"], "task=generate"),
        (["digits", "--task", "classify", "--sample-every", "5"], "sample_every"),
        (["digits", "--task", "classify", "--condition", "value"], "condition"),
        (["digits", "--task", "classify", "--batch-size", "1"], "two images"),
    ],
)
def test_what_cannot_be_trained_ends_in_one_sentence(equigen, words, said, tmp_path):
    done = equigen("train", *words)
    assert done.code == 2
    require_one_sentence(done)
    assert said in done.complaint
    assert not (tmp_path / "runs").exists() or contents(tmp_path / "runs") == {}


@pytest.mark.parametrize(
    ("labels", "said"), [(None, "has no labels"), (np.zeros(6, np.int64), "two classes"), ("masks", "has masks")]
)
def test_data_without_classes_end_in_one_sentence(equigen, tmp_path, labels, said):
    arrays = {"images": np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8)}
    if labels is not None:
        arrays["labels"] = np.arange(6) % 2 if isinstance(labels, str) else labels
    if isinstance(labels, str):
        arrays["masks"] = np.ones((6, 8, 8), bool)
    np.savez(tmp_path / "a.npz", **arrays)
    done = equigen("train", "a.npz", "--task", "classify", *SMALL[:-2])
    assert done.code == 1
    require_one_sentence(done)
    assert said in done.complaint


@pytest.mark.parametrize("command", [["sample"], ["verify", "model"]])
def test_what_only_a_generation_can_do_is_refused_in_one_sentence(equigen, classified, command):
    before = contents(classified)
    done = equigen(*command, classified)
    assert done.code == 1
    require_one_sentence(done)
    assert "tells the classes of images" in done.complaint
    assert "equigen evaluate" in done.complaint
    assert contents(classified) == before


def test_each_run_is_opened_for_its_own_task(classified, trained):
    with pytest.raises(RunFolderError, match="tells the classes"):
        open_run(classified, "cpu")
    with pytest.raises(RunFolderError, match="--task classify"):
        open_classifier(trained, "cpu")


def test_the_help_names_the_flags(equigen):
    said = equigen("train", "--help").out
    for flag in ("--task", "--symmetry", "--augment"):
        assert flag in said
