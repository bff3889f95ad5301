"""`equigen verify`: the table, exit codes, files, and one sentence for what is not understood."""

import json

import pytest

from equigen.diffusion import EDM
from equigen.verify import solvers
from equigen.verify.check import Verification
from tests.cli.conftest import require_one_sentence


@pytest.fixture
def short(monkeypatch):
    """Two schedules and few steps."""
    both = dict(list(solvers.moderate_schedules().items())[:2])
    monkeypatch.setattr(solvers, "moderate_schedules", lambda: both)
    monkeypatch.setattr(solvers, "_MANY", (100, 200))


def test_a_schedule_that_is_sound(equigen):
    found = equigen("verify", "schedule", "edm")
    assert found.code == 0, found.err
    assert found.out.splitlines()[0].split()[:5] == ["check", "measured", "expected", "tolerance", "verdict"]
    assert "none fails" in found.out.splitlines()[-1]


def test_a_planted_fault_ends_with_code_1_and_still_shows_the_table(equigen, monkeypatch):
    monkeypatch.setattr(EDM, "sigma_rate", lambda self, t: 0.9 + 0.0 * t)
    found = equigen("verify", "schedule", "edm", "--json")
    assert found.code == 1
    said = json.loads(found.out)
    assert not said["passed"]
    assert {check["verdict"] for check in said["checks"]} == {"pass", "fail"}
    assert "error" not in said


def test_parameters_are_set(equigen):
    found = equigen("verify", "schedule", "geometric-noise", "--set", "base=0.5", "--json")
    assert found.code == 0
    assert json.loads(found.out)["subject"] == "schedule geometric-noise, base=0.5"


def test_a_number_that_yaml_takes_for_a_word_is_a_number(equigen):
    """So large a rate that alpha is 0, which is a check that fails and no crash."""
    found = equigen("verify", "schedule", "variance-preserving", "--set", "beta_max=1e9", "--json")
    assert found.code == 1
    failed = [check["name"] for check in json.loads(found.out)["checks"] if check["verdict"] == "fail"]
    assert "times at which alpha or sigma is not positive and finite" in failed


def test_what_may_be_none_or_a_word_may_be_set_to_it(equigen, monkeypatch):
    monkeypatch.setattr(solvers, "verify_solver", lambda made, name, tell: Verification(repr(made), []))
    for settings, text in (("churn_high=null", "churn_high=None"), ("churn=1e1", "churn=10.0")):
        assert text in equigen("verify", "solver", "heun", "--set", settings).out
    assert "batch-mean" in equigen("verify", "solver", "predictor-corrector", "--set", "norm=batch-mean").out


def test_a_solver_with_its_page(equigen, tmp_path, short):
    found = equigen("verify", "solver", "dpm-solver-2m", "--out", "pages/dpm")
    assert found.code == 0, found.err
    page = (tmp_path / "pages" / "dpm" / "verify.html").read_text()
    assert page.count("<img") == 2
    assert "order, line, edm" in page
    assert json.loads((tmp_path / "pages" / "dpm" / "verify.json").read_text())["passed"]


def test_a_run(equigen, run):
    """Four steps of training make no denoiser, which the table says."""
    found = equigen("verify", "model", run, "--json")
    assert found.code == 1, found.err
    verdicts = {check["name"]: check["verdict"] for check in json.loads(found.out)["checks"]}
    assert verdicts["change when a sample is drawn alone"] == "pass"
    assert "fail" in [verdict for name, verdict in verdicts.items() if "linear denoiser" in name]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["solver", "huen"], 2, "'huen' is not a known solver: did you mean 'heun'?"),
        (["schedule", "heun"], 2, "'heun' is not a known schedule"),
        (["solver", "heun", "--set", "chrn=3"], 2, "did you mean 'churn'?"),
        (["solver", "heun", "--set", "churn=-3"], 2, "churn is -3, but must not be negative"),
        (["solver", "heun", "--set", "churn=abc"], 2, "churn='abc' is no number"),
        (["solver", "heun", "--set", "churn=[1]"], 2, "churn=[1] is no number"),
        (["solver", "heun", "--set", "churn=.nan"], 2, "churn=nan is no number"),
        (["schedule", "edm", "--set", "t_max="], 2, "t_max=None is no number"),
        (["schedule", "edm", "--set", "t_max=true"], 2, "t_max=True is no number"),
        (["schedule", "edm", "--set", "t_min"], 2, "needs key=value"),
        (["schedule", "edm", "--set", "t_min=1", "--set", "t_min=2"], 2, "gives t_min twice"),
        (["model", "nowhere"], 1, "nowhere does not exist"),
        (["model", "nowhere", "--set", "a=1"], 2, "takes no --set"),
        (["network", "unet"], 2, "network"),
    ],
)
def test_what_is_not_understood(equigen, words, code, text):
    found = equigen("verify", *words)
    assert text in found.complaint
    assert found.code == code
    assert found.out == ""
    require_one_sentence(found)
