"""Checks and their verdicts: pass, fail, not resolved, told; powers."""

import json
import math
import re

import pytest

from equigen.verify.check import Check, Trend, Verification, slope
from equigen.verify.page import document, rows, summary, write


@pytest.mark.parametrize(
    ("measured", "error", "verdict"),
    [
        (1.05, 0.0, "pass"),
        (1.11, 0.0, "fail"),
        (0.89, 0.0, "fail"),
        (1.05, 0.02, "pass"),
        (1.05, 0.03, "not resolved"),
        (1.15, 0.03, "not resolved"),
        (1.15, 0.02, "fail"),
        (math.nan, 0.0, "fail"),
        (math.inf, 0.0, "fail"),
        (1.0, math.nan, "not resolved"),
    ],
)
def test_the_verdict_leaves_no_doubt_of_two_errors(measured, error, verdict):
    assert Check("x", measured, 1.0, 0.1, "by hand", error).verdict == verdict


def test_what_is_bounded_above_may_lie_far_below():
    assert Check("x", -5.0, 1.0, 0.1, "by hand", at_most=True).verdict == "pass"
    assert Check("x", -5.0, 1.0, 0.1, "by hand").verdict == "fail"
    assert Check("x", 1.2, 1.0, 0.1, "by hand", at_most=True).verdict == "fail"
    assert Check("x", -math.inf, 1.0, 0.1, "by hand", at_most=True).verdict == "fail"
    assert Check("x", -5.0, 1.0, 0.1, "by hand", error=1.0, at_most=True).verdict == "pass"
    assert Check("x", -5.0, 1.0, 0.1, "by hand", error=4.0, at_most=True).verdict == "not resolved"
    shown, exact = (rows([Check("x", -5.0, 1.0, 0.1, "by hand", at_most=most)])[0] for most in (True, False))
    assert (shown[2], exact[2]) == ("at most 1", "1")


def test_nothing_is_claimed_of_what_is_told():
    assert Check("x", math.nan, 0.0, None, "by hand").verdict == "told"


def test_a_power_is_read_off_errors_and_nothing_off_zero():
    assert slope([2, 4, 8], [3.0, 3.0 / 8, 3.0 / 64]) == pytest.approx(-3.0)
    assert math.isnan(slope([2, 4], [1.0, 0.0]))
    assert math.isnan(slope([2, 4], [1.0, math.inf]))


def test_one_failure_fails_the_whole_and_doubt_does_not():
    good, bad = Check("good", 0, 0, 0, "-"), Check("bad", 1, 0, 0, "-")
    open_ = Check("open", 0, 0, 0.1, "-", 1.0)
    assert Verification("v", [good, open_]).passed
    assert not Verification("v", [good, bad]).passed
    assert summary(Verification("v", [good, bad, open_])) == (
        "v: 1 check passes, 1 fails (bad), 1 cannot be resolved with this many samples."
    )
    assert "5 fail (bad; bad; bad; and 2 more)." in summary(Verification("v", [bad] * 5))


def test_what_a_failure_means_is_said_where_one_is():
    good, bad = Check("good", 0, 0, 0, "-"), Check("bad", 1, 0, 0, "-")
    assert summary(Verification("v", [bad], meaning="It leaks.")) == "v: 0 checks pass, 1 fails (bad). It leaks."
    assert "leaks" not in summary(Verification("v", [good], meaning="It leaks."))


def test_the_files_hold_every_check_and_curve(tmp_path):
    trend = Trend("edm", "error against truth", "error", "steps", (10, 20), (1.0, 0.5), -1.0)
    found = Verification("v", [Check("a", 1.0, 1.0, 0.1, "by hand", 0.01), Check("b", math.nan, 0, None, "-")], [trend])
    page = write(found, tmp_path / "new")
    text = page.read_text()
    assert text.count("<img") == 1
    assert "1 ± 0.01" in text
    assert "A check measures one number" in text
    row = text[text.index(">a</td>") - 20 :].split("</tr>")[0]
    assert re.findall('class="([a-z]+)"', row) == ["words", "number", "number", "number", "words", "words"]
    kept = json.loads((tmp_path / "new" / "verify.json").read_text())
    assert kept["checks"][0]["verdict"] == "pass"
    assert kept["checks"][1]["measured"] is None
    assert kept["trends"][0]["slope"] == pytest.approx(-1.0)
    assert rows(found.checks)[1][2:4] == ["-", "-"]
    assert len(document(found).pictures) == 1


@pytest.mark.parametrize("power", [-1.0, None])
def test_a_curve_of_tolerances_is_drawn_with_and_without_a_claim(power):
    trend = Trend("edm", "error against truth", "error", "tolerance", (1e-4, 1e-8), (1e-3, 1e-7), power)
    assert len(document(Verification("v", [], [trend])).pictures) == 1
