"""The command line in this process, and a small trained run."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from equigen.cli.main import main

TINY = [
    *("--steps", "4", "--checkpoint-every", "1", "--batch-size", "8", "--limit", "48"),
    *("--threads", "1", "--set", "model.channels=[8, 8]"),
]
"""Flags that make a training take a second."""


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one sentence of a failure, without the program's name."""
        lines = self.err.splitlines()
        assert lines, "no word on standard error"
        assert lines[-1].startswith("equigen: "), self.err
        return lines[-1].removeprefix("equigen: ")


def require_one_sentence(result: Result) -> None:
    """A failure is one line that is one sentence, and no traceback."""
    assert "Traceback" not in result.err
    text = result.complaint
    assert text.endswith((".", "?")), text
    assert not re.search(r"[.?!] [A-Z]", text), text
    assert "unexpected" not in text, text
    assert len(text) > 20, text


def contents(folder: Path) -> dict[str, str]:
    """Every file under a folder with its checksum."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def equigen(capsys, monkeypatch, tmp_path):
    """Runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*argv: object) -> Result:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A finished run on 48 digits; copy it before changing it."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", "digits", "--out", str(folder), *TINY]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the finished run."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"
