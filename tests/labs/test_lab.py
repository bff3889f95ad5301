"""Conclusions follow from measurement and error, and come out either way; answers become files."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equigen.labs.lab import Conclusion, answer
from equigen.labs.writing import document, require_writable, write
from equigen.store import StoreError, resolve
from equigen.table import LABS
from equigen.training.errors import ConfigError, RunFolderError
from tests.labs.coin import Coin


@pytest.mark.parametrize(
    ("measured", "error", "verdict"),
    [
        (1.05, 0.02, "yes"),  # 0.05 + 0.04 is within 0.1
        (1.05, 0.03, "not resolved"),
        (0.95, 0.02, "yes"),
        (1.15, 0.02, "no"),  # 0.15 - 0.04 is beyond 0.1
        (1.15, 0.03, "not resolved"),
        (0.85, 0.02, "no"),
        (1.1, 0.0, "yes"),
        (math.nextafter(1.1, 2) + 1e-12, 0.0, "no"),
        (math.nan, 0.0, "not resolved"),
        (1.0, math.nan, "not resolved"),
        (1.0, math.inf, "not resolved"),
        (math.inf, 0.1, "not resolved"),
    ],
)
def test_within(measured, error, verdict):
    assert Conclusion.within("it is 1", measured, error, 1.0, tolerance=0.1 + 1e-15).verdict == verdict


@pytest.mark.parametrize(
    ("measured", "error", "verdict"),
    [(1.3, 0.1, "yes"), (1.1, 0.1, "not resolved"), (0.9, 0.1, "not resolved"), (0.7, 0.1, "no"), (1.0, 0.0, "no")],
)
def test_above(measured, error, verdict):
    found = Conclusion.above("it is more than 1", measured, error, 1.0)
    assert (found.verdict, found.holds) == (verdict, verdict == "yes")


def test_yes_and_no_are_rarely_wrong():
    """Two errors: a number at the edge of the tolerance is decided, rightly or wrongly, in one case of twenty."""
    draws = np.random.default_rng(0).normal(1.1, 0.01, 4000)
    verdicts = [Conclusion.within("it is 1", float(x), 0.01, 1.0, tolerance=0.1).verdict for x in draws]
    decided = sum(one != "not resolved" for one in verdicts) / len(verdicts)
    assert 0.035 < decided < 0.056  # 4.55 % of a normal lies beyond two deviations


def test_a_conclusion_is_found_by_its_words():
    found = Coin().run()
    assert found["heads are half"].holds
    with pytest.raises(KeyError, match="0 claims"):
        found["tails"]


def test_the_answer_can_come_out_in_three_ways():
    said = [Coin(**settings).run().answer for settings in ({}, {"heads": 0.6}, {"tosses": 20})]
    assert said == [f"The coin is fair: {verdict}." for verdict in ("yes", "no", "not resolved")]


def test_the_files_hold_what_was_found(tmp_path):
    found = Coin(heads=0.7).run()
    page = write(found, tmp_path / "deep" / "pages")
    record = json.loads((page.parent / "coin.json").read_text())
    assert record["conclusions"][0]["verdict"] == "no"
    assert record["numbers"] == {"heads": 0.7}
    assert record["settings"] == {"seed": 0, "tosses": 10_000, "heads": 0.7}
    text = page.read_text()
    assert text.count("<svg") == 5  # two formulas of the heading and the paragraph, one displayed, two of the table
    assert "$" not in text
    assert "It is &lt; 1 &amp; more than" in text
    assert "equigen lab coin --out pages/ --set seed=0 --set tosses=10000 --set heads=0.7" in text
    assert "http" not in text.replace("http://www.w3.org", "")  # nothing is fetched


def test_numbers_that_are_not_finite_are_null_in_json(tmp_path):
    found = Coin().run()
    page = write(type(found)(**{**vars(found), "numbers": {"x": math.nan, "y": [math.inf]}}), tmp_path)
    assert json.loads(page.with_suffix(".json").read_text())["numbers"] == {"x": None, "y": [None]}


def test_a_second_answer_replaces_the_first(tmp_path):
    write(Coin().run(), tmp_path)
    write(Coin(heads=0.9).run(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coin", "coin.html", "coin.json"]
    assert json.loads((tmp_path / "coin.json").read_text())["numbers"] == {"heads": 0.9}


def test_a_folder_that_cannot_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        require_writable(tmp_path / "file" / "pages")
    require_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_settings_are_read_strictly():
    with pytest.raises(ConfigError, match="did you mean 'tosses'"):
        Coin.parse({"tosse": 3}, "lab coin")
    with pytest.raises(ConfigError, match=r"heads=2\.0"):
        Coin.parse({"heads": 2.0}, "lab coin")
    with pytest.raises(StoreError, match="did you mean 'denoising'"):
        answer("denoisin")


@pytest.mark.parametrize("name", LABS)
def test_every_lab_says_what_it_asks_and_what_can_be_set(name):
    kind = resolve(name, LABS)
    assert kind.name == name
    assert kind.question.endswith("?")
    assert all(field.description for field in kind.model_fields.values())


def test_the_page_tells_statements_and_facts():
    shown = document(Coin().run())
    assert shown.title == "Is the coin fair?"
    assert ("lab", "coin") in shown.facts
    (table,) = [block for block in shown.chapters[-1].blocks if hasattr(block, "rows")]
    assert table.rows == [["heads are half of all", "yes", "0.5", "0.005", "0.5 within 0.05"]]


def test_an_error_that_is_not_known_is_said_to_be_unknown():
    answer = Coin(tosses=10).run()
    one = Conclusion.within("heads are half", 0.5, math.inf, 0.5, tolerance=0.05)
    shown = document(replace(answer, conclusions=[one])).chapters[-1].blocks[0].rows[0]
    assert shown[1] == "not resolved"
    assert shown[3] == "unknown"


def test_the_docs_ask_the_questions_of_the_labs():
    page = (Path(__file__).resolve().parents[2] / "docs" / "labs.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", page, re.MULTILINE))
    assert rows == {name: resolve(name, LABS).question for name in LABS}
