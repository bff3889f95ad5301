"""One JSON object for programs, lines for people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from equigen.cli.outcome import Outcome, show, table


def test_json_is_one_strict_object(capsys):
    show(Outcome({"a": float("inf"), "b": Path("x"), "c": [float("nan"), 1.5], "d": {1: None}}, ()), as_json=True)
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": "x", "c": [None, 1.5], "d": {"1": None}}


def test_lines_are_for_people(capsys):
    show(Outcome({"a": 1}, ("one", "two")), as_json=False)
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_reader_that_goes_away_is_no_fault():
    code = "from equigen.cli.outcome import Outcome, show\nshow(Outcome({}, ['x' * 80] * 99999), False)\n"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_tables_line_up():
    assert table([["a", "1"], ["long", "22"]], ["name", "value"], numbers=True) == [
        "name  value",
        "a         1",
        "long     22",
    ]
    assert table([["a", "b", "c"], ["aa", "bb", "cc"]]) == ["a   b   c", "aa  bb  cc"]
