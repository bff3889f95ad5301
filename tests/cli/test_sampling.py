"""How samples are drawn follows from the run and from the flags, and what for from the labels that the run knows."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from equigen.cli.main import main
from equigen.cli.runs import open_run
from equigen.cli.sampling import SamplingFlags, condition_asked, sampling_asked
from equigen.training.config import TrainConfig
from tests.cli.conftest import TINY


def asked(recorded, **flags):
    config = TrainConfig.parse({"data": "digits", "sampling": recorded})
    found = sampling_asked(SamplingFlags(**flags), config)
    return type(found["solver"]).__name__, found["steps"], type(found["grid"]).__name__, found["final"]


def test_what_the_run_recorded_is_taken():
    recorded = {"solver": "heun", "steps": 7, "grid": "uniform-grid", "final": "noisy"}
    assert asked(recorded) == ("Heun", 7, "UniformGrid", "noisy")
    assert asked(recorded, steps=3) == ("Heun", 3, "UniformGrid", "noisy")
    assert asked(recorded, solver="euler") == ("Euler", 7, "UniformGrid", "noisy")
    assert asked({}) == ("DPMSolver2M", 20, "KarrasGrid", "denoise")


def test_a_solver_with_parameters():
    config = TrainConfig(data="digits")
    assert sampling_asked(SamplingFlags(solver="{kind: heun, churn: 40}"), config)["solver"].churn == 40
    found = sampling_asked(SamplingFlags(solver="rk45", tolerance=0.25), config)["solver"]
    assert found.tolerance == 0.25


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A run on three named classes, of which one has twice as many images as another."""
    folder = tmp_path_factory.mktemp("labelled")
    images = (np.random.default_rng(0).random((48, 8, 8)) * 200).astype("uint8")
    np.savez(folder / "a.npz", images=images, labels=np.array(["round", "flat", "flat"] * 16))
    assert main(["train", str(folder / "a.npz"), "--out", str(folder / "run"), "--condition", "label", *TINY]) == 0
    return folder / "run"


@pytest.mark.parametrize(
    ("text", "first", "expected"),
    [
        ("flat", 0, [0, 0, 0]),
        ("0", 0, [0, 0, 0]),
        ("round", 0, [1, 1, 1]),
        ("all", 0, [0, 1, 0]),
        ("all", 1, [1, 0, 1]),
    ],
)
def test_classes_by_name_and_number(labelled, text, first, expected):
    found = condition_asked(open_run(labelled, "cpu"), text, None, 3, first)
    assert found["label"].tolist() == expected
    assert found["label"].dtype == torch.int64


def test_samples_of_a_class_are_samples_for_that_class(equigen, labelled, tmp_path):
    def sample(name, *words):
        result = equigen("sample", labelled, *words, "--steps", "2", "--formats", "npy", "--out", name, "--json")
        assert result.code == 0, result.err
        return np.load(tmp_path / name / "samples.npy"), json.loads(result.out)

    every, told = sample("every", "--n", "4", "--label", "all")
    assert told["label"] == "all"
    flat, _ = sample("flat", "--n", "4", "--label", "flat")
    later, _ = sample("later", "--n", "2", "--first", "2", "--label", "all")
    np.testing.assert_array_equal(every[[0, 2]], flat[[0, 2]])
    np.testing.assert_array_equal(every[2:], later)
    strong, _ = sample("strong", "--n", "4", "--label", "flat", "--guidance", "30")
    assert (strong != flat).any()


def test_samples_into_the_run_of_a_class(equigen, labelled):
    result = equigen("sample", labelled, "--n", "2", "--steps", "2", "--label", "flat", "--guidance", "2")
    assert result.code == 0, result.err
    with np.load(labelled / "paths.npz") as arrays:
        assert arrays["images"].shape[1:] == (6, 1, 8, 8)


def test_an_adaptive_solver_samples_and_leaves_paths(equigen, run):
    result = equigen("sample", run, "--n", "2", "--solver", "rk45", "--tolerance", "0.5")
    assert result.code == 0, result.err
    assert len(list((run / "samples").glob("*.png"))) == 2


def test_solvers_are_compared(equigen, run):
    words = ["--n", "4", "--seeds", "1", "--draws", "2", "--steps", "2", "--solvers", "euler, heun"]
    result = equigen("evaluate", run, *words, "--json")
    assert result.code == 0, result.err
    assert [curve["solver"] for curve in json.loads(result.out)["solvers"]["curves"]] == ["euler", "heun"]


def test_classes_are_written_beside_their_samples(equigen, labelled, tmp_path):
    def labels(name, *words):
        result = equigen("sample", labelled, "--n", "40", "--steps", "1", "--formats", "npz", "--out", name, *words)
        assert result.code == 0, result.err
        with np.load(tmp_path / name / "samples.npz") as file:
            return file["labels"].tolist() if "labels" in file else None

    assert labels("all", "--label", "all") == [0, 1] * 20
    drawn = labels("drawn")  # by the model itself: "flat" is twice as frequent
    assert 18 <= drawn.count(0) <= 36
    assert labels("again", "--seed", "1") != drawn
    assert labels("free", "--guidance", "0") is None
    everything, label = open_run(labelled, "cpu").model.sample, torch.tensor(drawn)
    given = everything(40, seed=0, steps=1, condition={"label": label})
    assert torch.equal(given, everything(40, seed=0, steps=1))  # the classes written are those drawn for
    assert not torch.equal(given, everything(40, seed=0, steps=1, condition={"label": label.flip(0)}))


def test_pictures_as_tiff_keep_every_value(equigen, run, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    result = equigen("sample", run, "--n", "3", "--steps", "2", "--formats", "tif,npy", "--out", "new")
    assert result.code == 0, result.err
    assert "3 TIF files" in result.out
    stored = np.load(tmp_path / "new" / "samples.npy")
    for place in range(3):
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "new" / f"sample-{place:05d}.tif"), stored[place])
    assert equigen("sample", run, "--n", "1", "--out", "new").code == 1  # what lies there is kept


def test_values_and_masks_are_written_beside_their_samples(equigen, tmp_path):
    rng = np.random.default_rng(0)
    masks = rng.random((24, 8, 8)) > 0.3
    values = np.arange(24.0) % 3
    np.savez(tmp_path / "a.npz", images=rng.random((24, 8, 8), dtype="float32") - 0.5, values=values, masks=masks)
    assert equigen("train", tmp_path / "a.npz", "--out", "run", "--condition", "value", *TINY).code == 0

    def drawn(*words):
        result = equigen(
            "sample", "run", "--n", "6", "--steps", "2", "--formats", "npz", "--out", "new", "--overwrite", *words
        )
        assert result.code == 0, result.err
        with np.load(tmp_path / "new" / "samples.npz") as file:
            return dict(file)

    found = drawn()
    assert set(found) == {"images", "values", "masks"}
    assert set(found["values"].ravel().tolist()) <= {0.0, 1.0, 2.0}
    assert (found["images"][~found["masks"]] == 0).all()
    assert (found["images"][found["masks"]] != 0).all()  # the masks written are those drawn for
    assert drawn("--value", "1.5")["values"].tolist() == [[1.5]] * 6
    assert set(drawn("--guidance", "0")) == {"images", "masks"}


def test_a_report_says_which_classes_its_samples_are_of(equigen, labelled):
    assert equigen("sample", labelled, "--n", "3", "--steps", "1", "--label", "flat").code == 0
    assert equigen("report", labelled).code == 0
    assert "samples.npz (drawn for flat)" in (labelled / "report.html").read_text()
    assert equigen("sample", labelled, "--n", "4", "--steps", "1", "--label", "all").code == 0
    assert equigen("report", labelled).code == 0
    assert "(drawn for" not in (labelled / "report.html").read_text()


def test_an_evaluation_with_guidance_says_so(equigen, labelled):
    plain = equigen("evaluate", labelled, "--steps", "2", "--seeds", "1", "--draws", "2", "--json")
    guided = equigen("evaluate", labelled, "--steps", "2", "--seeds", "1", "--draws", "2", "--json", "--guidance", "3")
    assert guided.code == plain.code == 0, guided.err
    assert any("guidance 3" in note for note in json.loads(guided.out)["notes"])
    assert not any("guidance" in note for note in json.loads(plain.out)["notes"])
