"""`equigen evaluate`, `certify` and `report` of a run that classifies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from equigen import store
from equigen.cli.main import main
from equigen.metrics.classification import ClassifierEvaluation
from equigen.symmetry.certificate import Certificate
from tests.cli.conftest import require_one_sentence

SMALL = [
    *("--steps", "4", "--checkpoint-every", "0", "--batch-size", "8", "--limit", "48", "--pose", "rotations"),
    *("--threads", "1", "--set", "classifier.width=1"),
]


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    """A finished classification of 48 digits in random poses; copy it before changing it."""
    folder = tmp_path_factory.mktemp("judged") / "run"
    assert main(["train", "digits", "--task", "classify", "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture
def judged(classified, tmp_path):
    """A copy of it."""
    shutil.copytree(classified, tmp_path / "run")
    return tmp_path / "run"


def test_an_evaluation_is_told_and_written(equigen, judged):
    done = equigen("evaluate", judged, "--n", "6", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["task"] == "classify"
    written = json.loads((judged / "evaluation.json").read_text())
    evaluation = ClassifierEvaluation.from_dict(written)
    assert {**written, "run": found["run"]} == found
    assert evaluation.held_out == evaluation.accuracy.n == 12
    assert evaluation.angles.n == 6
    # C4: what a quarter turn does to the accuracy is nothing.
    assert evaluation.angles.accuracy[:4] == evaluation.angles.accuracy[4:8]
    assert "before they were put into poses" in evaluation.notes[0]
    with np.load(judged / "evaluation.npz", allow_pickle=False) as arrays:
        assert arrays["turned"].shape == (2, 16, 1, 8, 8)
    assert not (judged / "paths.npz").exists()


def test_people_are_told_each_angle(equigen, judged):
    done = equigen("evaluate", judged, "--n", "4")
    assert "of 12 held-out images are called rightly" in done.out
    assert "337.5" in done.out
    assert "most frequent class" in done.out


@pytest.mark.parametrize(
    "asked",
    [
        *(("--solvers", "heun"), ("--steps", "3"), ("--guidance", "2"), ("--solver", "euler"), ("--batch-size", "8")),
        *(("--seeds", "3"), ("--draws", "10"), ("--likelihood", "0")),  # also as they are for generators
    ],
)
def test_what_is_asked_of_samples_is_refused(equigen, judged, asked):
    done = equigen("evaluate", judged, *asked)
    assert done.code == 2
    require_one_sentence(done)
    assert asked[0] in done.complaint
    assert "classifies images" in done.complaint


def test_a_certificate_is_told_and_written(equigen, judged):
    done = equigen("certify", judged, "--items", "3")
    assert done.code == 0, done.err
    assert done.out.startswith("All that C4 promises on pixels is kept")
    found = Certificate.from_dict(json.loads((judged / "certificate.json").read_text()))
    assert found.images == 3
    assert done.out == f"{found}\n{judged / 'certificate.html'}: open it in a browser.\n"
    report = equigen("report", judged)
    assert report.code == 0, report.err
    assert "All that C4 promises" in (judged / "report.html").read_text(encoding="utf-8")


def test_a_broken_network_ends_in_exit_code_1_and_its_layer_is_named(equigen, judged, monkeypatch):
    def planted(folder, device="cpu"):
        model = load(folder, device)
        model.network.trunk.layers[1].register_forward_hook(tilt)
        return model

    def tilt(module: nn.Module, given: tuple[torch.Tensor], out: torch.Tensor) -> torch.Tensor:
        return out * torch.linspace(1.0, 1.1, out.shape[-1], dtype=out.dtype)

    load = store.load
    monkeypatch.setattr(store, "load", planted)
    done = equigen("certify", judged, "--items", "2", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert found["holds"] is False
    assert {claim["where"] for claim in found["claims"] if claim["verdict"] == "broken"} == {"trunk.layers.1"}


def test_a_run_that_generates_is_not_certified(equigen, trained):
    done = equigen("certify", trained)
    assert done.code == 1
    require_one_sentence(done)
    assert not (trained / "certificate.json").exists()


def test_one_held_out_image_is_answered_with_what_gives_more(equigen):
    few = ["--limit", "6", "--set", "data.held_out=0.1", "--steps", "1", "--batch-size", "4", "--threads", "1"]
    words = ["--task", "classify", "--set", "classifier.width=1", "--out", "few"]
    assert equigen("train", "digits", *few, *words).code == 0
    done = equigen("certify", "few")
    assert done.code != 0
    require_one_sentence(done)
    assert "--limit" in done.complaint
    assert "--set data.held_out=" in done.complaint
    told = equigen("evaluate", "few")
    assert told.code == 0, told.err
    assert "(error unknown) nats" in told.out
    assert json.loads(Path("few/evaluation.json").read_text())["cross_entropy_error"] is None


@pytest.mark.parametrize(
    ("asked", "mend"),
    [
        (["--resize", "3"], "--resize 28"),
        (["--symmetry", "C9999"], "take a smaller group, as C16"),
        (["--set", "data.condition=none"], "data.condition='none', but it should be 'label'"),
    ],
)
def test_what_cannot_be_classified_is_answered_with_words_of_the_command_line(equigen, asked, mend):
    done = equigen("train", "digits", "--task", "classify", "--limit", "12", "--steps", "1", "--out", "none", *asked)
    assert done.code != 0
    require_one_sentence(done)
    assert mend in done.complaint
    assert "lower frequency" not in done.complaint
    assert "shape=(1" not in done.complaint


@pytest.mark.parametrize("images", ["1", "0", "two"])
def test_a_number_of_images_that_is_none_is_refused(equigen, judged, images):
    done = equigen("certify", judged, "--items", images)
    assert done.code == 2
    assert images in done.complaint
