"""`equigen lab`: lists questions and settings, answers one, and says in one sentence what is wrong."""

from __future__ import annotations

import json
import re

import pytest

from equigen.table import LABS
from tests.cli.conftest import require_one_sentence


@pytest.fixture
def coin(monkeypatch):
    """The command knows one lab, which takes no time."""
    from equigen.cli import lab
    from tests.labs.coin import Coin

    monkeypatch.setattr(lab, "LABS", {"coin": "not imported"})
    real = lab.resolve

    def resolve(name, table):
        return Coin if name == "coin" else real(name, table)

    monkeypatch.setattr(lab, "resolve", resolve)


def test_the_list_names_every_lab_its_question_and_its_settings(equigen):
    result = equigen("lab", "list")
    assert result.code == 0
    for name in LABS:
        assert f"{name}: " in result.out
    assert "seed=0" in result.out
    found = json.loads(equigen("lab", "list", "--json").out)
    assert [one["lab"] for one in found["labs"]] == list(LABS)
    assert all(one["settings"]["seed"]["default"] == 0 for one in found["labs"])


def test_the_help_names_every_lab(equigen):
    told = re.sub(r"[\s│]+", " ", equigen("lab", "--help").out)
    for name in LABS:
        assert re.search(rf"[ ,]{name}[,.]", told), name
    assert not re.search("[ ,]coin[,.]", told)


def test_an_answer_is_printed_and_written(equigen, coin, tmp_path):
    result = equigen("lab", "coin", "--out", "pages", "--set", "heads=0.9")
    assert result.code == 0, result.err
    assert "The coin is fair: no." in result.out
    assert "pages/coin.html" in result.out
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["coin", "coin.html", "coin.json"]


def test_json_is_one_object(equigen, coin):
    found = json.loads(equigen("lab", "coin", "--json").out)
    assert found["page"] == "labs/coin.html"
    assert found["conclusions"][0]["verdict"] == "yes"
    assert found["numbers"]["heads"] == 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["coni"], "did you mean 'coin'"),
        (["nothing-like-it"], "coin"),
        (["coin", "--set", "tosse=3"], "did you mean 'tosses'"),
        (["coin", "--set", "tosses=0"], "tosses=0"),
        (["coin", "--set", "tosses=many"], "tosses='many'"),
        (["coin", "--set", "tosses"], "needs key=value"),
        (["coin", "--set", "tosses=1", "--set", "tosses=2"], "twice"),
        (["list", "--out", "a"], "neither"),
        ([], "name"),
    ],
)
def test_what_is_wrong_is_one_sentence(equigen, coin, words, said, tmp_path):
    result = equigen("lab", *words)
    assert result.code == 2
    require_one_sentence(result)
    assert said.lower() in result.complaint.lower()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(equigen, coin, tmp_path):
    (tmp_path / "file").write_text("keep")
    result = equigen("lab", "coin", "--out", "file/pages")
    assert result.code == 1
    require_one_sentence(result)
    assert (tmp_path / "file").read_text() == "keep"
