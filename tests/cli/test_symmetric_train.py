"""`equigen train --symmetry`: for both tasks, said, recorded, certified at the end, and used as any run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import yaml

import equigen as package
from equigen.cli import own_certificate
from equigen.cli.main import main
from equigen.cli.options import configuration
from equigen.report.contents import read
from equigen.report.page import render
from equigen.symmetry.theorem.certificate import ModelCertificate
from tests.cli.conftest import TINY, contents, require_one_sentence
from tests.report.certificates import certificate
from tests.training.test_processes import nest, weights  # noqa: F401 - a fixture

TURNED = ["digits", "--pose", "quarter-turns", "--symmetry", "C4", *TINY]
SAYS = "symmetry C4: every element moves pixels onto pixels and is exact."


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    """Certificates cost no time here: a made-up one stands for each that is measured; counts them."""
    made: list[str] = []

    def certified(folder, **_):
        made.append(str(folder))
        return certificate("exact")

    monkeypatch.setattr("equigen.cli.certified.certified_run", certified)
    return made


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    """A finished run with a symmetry, certified; copy it before changing it."""
    folder = tmp_path_factory.mktemp("turned") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("equigen.cli.certified.certified_run", lambda folder, **_: certificate("exact"))
        assert main(["train", *TURNED, "--out", str(folder)]) == 0
    return folder


def test_a_training_says_what_is_exact_and_ends_with_its_certificate(equigen, tmp_path, measured):
    done = equigen("train", *TURNED, "--out", "run")
    assert done.code == 0, done.err
    assert f"equigen: {SAYS}" in done.err.splitlines()
    first, verdict, then = done.out.splitlines()
    assert "4 steps" in first
    assert verdict.startswith("Certificate: exact. The model keeps C4")
    assert verdict.endswith("run/certificate.html shows it.")
    assert then == "Next: equigen sample run, equigen evaluate run, equigen report run"
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (written["model"]["network"], written["model"]["symmetry"]) == ("steerable-unet", "C4")
    assert written["equigen"]["symmetry"] == {"group": "C4", "on_grid": "C4", "exact": True, "sentence": SAYS}
    kept = ModelCertificate.from_dict(json.loads((tmp_path / "run" / "certificate.json").read_text()))
    assert (kept.holds, measured) == (True, ["run"])
    assert (tmp_path / "run" / "certificate.html").is_file()


def test_a_plain_training_ends_without_one(equigen, trained, measured):
    """The control."""
    done = equigen("train", "--resume", trained)
    assert "Certificate" not in done.out
    assert not (trained / "certificate.json").exists()
    assert measured == []
    assert "symmetry" not in yaml.safe_load((trained / "config.yaml").read_text())["equigen"]


def test_a_broken_certificate_is_said_and_the_training_is_done_all_the_same(equigen, monkeypatch):
    monkeypatch.setattr("equigen.cli.certified.certified_run", lambda folder, **_: certificate("broken"))
    done = equigen("train", *TURNED, "--out", "run", "--json")
    assert done.code == 0
    assert json.loads(done.out)["certificate"] == {"verdict": "broken", "holds": False}
    done = equigen("train", "--resume", "run")
    assert "Certificate: broken. The model does not keep C4" in done.out


def test_what_cannot_be_certified_is_said_and_the_training_is_done_all_the_same(equigen, monkeypatch, tmp_path):
    def refuse(folder, **_):
        raise ValueError("the run holds out one image, but two are needed.")

    monkeypatch.setattr("equigen.cli.certified.certified_run", refuse)
    done = equigen("train", *TURNED, "--out", "run")
    assert done.code == 0
    assert "Not certified: the run holds out one image, but two are needed." in done.out.splitlines()
    assert (tmp_path / "run" / "model").is_dir()


def test_a_finished_run_is_certified_once(equigen, turned, tmp_path, measured):
    shutil.copytree(turned, tmp_path / "run")
    before = contents(tmp_path / "run")
    done = equigen("train", "--resume", "run")
    assert "finished before" in done.out
    assert "Certificate: exact." in done.out
    assert measured == []
    assert contents(tmp_path / "run") == before
    (tmp_path / "run" / "certificate.json").write_text("{")
    assert "Certificate: exact." in equigen("train", "--resume", "run").out
    assert measured == ["run"]


def test_a_certificate_of_another_group_does_not_take_the_place_of_the_runs_own(equigen, turned, tmp_path, monkeypatch):
    shutil.copytree(turned, tmp_path / "run")
    before = contents(tmp_path / "run")
    other = replace(certificate("broken"), group="D4")
    with monkeypatch.context() as patch:
        patch.setattr("equigen.cli.certified.certified_run", lambda folder, **_: other)
        done = equigen("certify", "run", "--group", "D4")
        assert done.code == 1
        assert done.out.splitlines()[-1] == "Not written, since run was built for C4: --out FOLDER writes it there."
        assert equigen("certify", "run", "--group", "D4", "--out", "told").code == 1
    assert contents(tmp_path / "run") == before
    assert ModelCertificate.from_dict(json.loads((tmp_path / "told" / "certificate.json").read_text())) == other
    shutil.copy(tmp_path / "told" / "certificate.json", tmp_path / "run" / "certificate.json")  # as once written there
    assert "Certificate: exact." in equigen("train", "--resume", "run").out


def test_a_guided_certificate_does_not_take_the_place_of_the_runs_own(equigen, turned, tmp_path):
    shutil.copytree(turned, tmp_path / "run")
    before = contents(tmp_path / "run")
    done = equigen("certify", "run", "--guidance", "2")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == (
        "Not written, since a certificate of run itself has guidance 1: --out FOLDER writes it there."
    )
    assert contents(tmp_path / "run") == before
    equigen("certify", "run", "--guidance", "2", "--out", "told")
    assert (tmp_path / "told" / "certificate.json").is_file()
    assert "Not written" not in equigen("certify", "run", "--guidance", "1").out


def test_it_goes_on_to_the_same_bits_and_is_certified_anew(equigen, turned, tmp_path, measured):
    shutil.copytree(turned, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000004")
    shutil.rmtree(tmp_path / "run" / "model")
    assert equigen("train", "--resume", "run").code == 0
    assert contents(turned / "model") == contents(tmp_path / "run" / "model")
    assert measured == ["run"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--symmetry", "C8"], "model.symmetry: C4 there, C8 now"),
        (["--set", "model.frequency=3"], "model.frequency"),
    ],
)
def test_another_symmetry_is_refused_on_the_way(equigen, turned, words, said):
    done = equigen("train", "--resume", turned, *words)
    assert done.code == 2
    require_one_sentence(done)
    assert said in done.complaint


def test_it_is_sampled_and_loaded_as_any_run(equigen, turned, tmp_path):
    shutil.copytree(turned, tmp_path / "run")
    assert equigen("sample", "run", "--n", "4", "--steps", "2").code == 0
    assert (tmp_path / "run" / "samples.npz").is_file()
    model = package.load(tmp_path / "run")
    assert model.denoiser.network.group.name == "C4"


def test_the_report_has_the_verdict_and_links_the_certificate(turned, trained, tmp_path):
    shutil.copytree(turned, tmp_path / "run")
    text = render(read(tmp_path / "run"))
    assert "<h2>Symmetry</h2>" in text
    assert SAYS[1:] in text
    assert 'href="certificate.html"' in text
    assert "The model keeps C4: every premise holds, exactly up to rounding." in text
    (tmp_path / "run" / "certificate.json").unlink()
    assert "The run has not been certified" in render(read(tmp_path / "run"))
    (tmp_path / "run" / "certificate.json").write_text("[]")
    assert "certificate.json cannot be used" in render(read(tmp_path / "run"))
    assert "<h2>Symmetry</h2>" not in render(read(trained))


@pytest.mark.parametrize(("sets", "given"), [([], {"task": "classify"}), (["task=classify"], {})])
def test_the_flag_reaches_the_section_of_the_task(tmp_path, sets, given):
    found = configuration("digits", None, sets, {**given, "symmetry": "D4"})
    assert (found.classifier.symmetry, found.model.symmetry) == ("D4", None)
    (tmp_path / "a.yaml").write_text("task: classify\ndata: digits\n")
    assert configuration(None, tmp_path / "a.yaml", [], {"symmetry": "D4"}).classifier.symmetry == "D4"
    assert configuration("digits", None, [], {"symmetry": "D4"}).model.symmetry == "D4"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--symmetry", "SO(2)"], "did you mean 'SO2'?"),
        (["--symmetry", "C4", "--set", "model.symmetry=D4"], "both set model.symmetry"),
        (["--symmetry", "C4", "--recipe", "song"], "model.network=tutorial-unet"),
        (["--symmetry", "C4", "--set", "model.network=unet"], "model.network=unet"),
        (["--symmetry", "D4", "--pose", "rotations", "--set", "model.fields=1x0o"], "a pose moves pixels"),
        (["--symmetry", "C4", "--set", "model.fields=1x1"], "2 channels"),
        (["--set", "model.network=steerable-unet"], "should be a group"),
        (["--symmetry", "SO2", "--set", "model.patch=2"], "patch"),
        (["--orbit-target", "C4"], "add pose=quarter-turns (--pose quarter-turns)"),
        (["--orbit-target", "SO2", "--pose", "rotations"], "take C4 (--orbit-target C4)"),
        (["--orbit-target", "C4", "--task", "classify"], "is for task=generate"),
        (["--orbit-target", "C4", "--set", "model.orbit_target=D4"], "both set model.orbit_target"),
    ],
)
def test_what_does_not_go_together_ends_in_one_sentence(equigen, words, said, tmp_path):
    done = equigen("train", "digits", *TINY, *words)
    assert done.code == 2, done.err
    require_one_sentence(done)
    assert said in done.complaint
    assert not (tmp_path / "runs").exists() or contents(tmp_path / "runs") == {}


def test_the_help_names_each_flag_once(equigen):
    said = equigen("train", "--help").out
    assert said.count("--symmetry") == said.count("--orbit-target") == 1


def test_a_run_that_is_there_already_is_not_certified_as_a_classifier(turned):
    found = own_certificate.certified_after(turned, trained=False)
    assert found is not None
    assert found.values["certificate"]["holds"]


def test_two_processes_find_the_weights_of_one(nest, equigen, tmp_path):  # noqa: F811
    # One image held out is too few for a certificate, which would take its time there.
    words = ["train", *TURNED, "--precision", "float64", "--set", "data.held_out=0.01", "--validate-every", "0"]
    found = nest.run(tmp_path, *words, "--out", "two")
    assert found["codes"] == [0, 0], found
    assert "Not certified: the run holds out one image" in found["out"][0]
    assert found["out"][1] == ""
    assert equigen(*words, "--out", "one").code == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(value.allclose(two[name], rtol=0, atol=1e-9) for name, value in one.items())
