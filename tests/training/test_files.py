"""Files are whole or not there, and what the system refuses is one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from equigen.training import files
from equigen.training.errors import RunFolderError
from equigen.training.files import discard, one_sentence, write_whole


def test_a_file_is_replaced(tmp_path):
    write_whole(tmp_path / "a", b"one")
    write_whole(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_refusal_keeps_the_old_content(tmp_path, monkeypatch, call):
    write_whole(tmp_path / "a", b"one")

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, call, refuse)
    with pytest.raises(RunFolderError, match=r"a cannot be written \(No space left on device\): free some space\."):
        write_whole(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_path_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="whose parents are folders"):
        write_whole(tmp_path / "file" / "a", b"")


def test_other_errors_pass():
    with pytest.raises(KeyError), one_sentence(Path("a")):
        raise KeyError("a")


def test_discarding_a_link_keeps_what_it_points_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").write_text("a")
    os.symlink(tmp_path / "kept", tmp_path / "link")
    discard(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    discard(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []
