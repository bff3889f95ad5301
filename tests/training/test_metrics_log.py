"""metrics.jsonl is appended to whole lines at a time and cut back to a step."""

from __future__ import annotations

import os

import pytest

from equigen.training.errors import RunFolderError
from equigen.training.metrics_log import MetricsLog


def test_lines_come_back(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    assert log.read() == []
    records = [{"kind": "train", "step": k, "loss": 1 / k} for k in (1, 2, 3)]
    for record in records:
        log.append(record)
    log.sync()
    assert log.read() == records
    log.cut_back(2)
    assert log.read() == records[:2]
    log.cut_back(0)
    assert log.read() == []


def test_cutting_back_nothing_makes_no_file(tmp_path):
    MetricsLog(tmp_path / "metrics.jsonl").cut_back(3)
    assert list(tmp_path.iterdir()) == []


def test_torn_and_foreign_lines_are_passed_over(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\xff\xfe\n[3]\n{"step": "x"}\n{"step": 2}\n{"step": 3')
    log = MetricsLog(path)
    assert [record["step"] for record in log.read()] == [1, 2]
    log.cut_back(9)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_numbers_that_json_lacks_are_refused(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        log.append({"step": 1, "loss": float("inf")})
    assert log.read() == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no device that is always full")
def test_a_full_disk_is_one_sentence(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunFolderError, match="No space left on device"):
        MetricsLog(tmp_path / "metrics.jsonl").append({"step": 1})


def test_a_line_that_only_half_fits_leaves_nothing(tmp_path, monkeypatch):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append({"step": 1})
    write = os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) < 8:
            raise OSError(28, "No space left on device")
        return write(handle, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(RunFolderError, match="free some space"):
        log.append({"step": 2, "loss": 3})
    assert log.path.read_text() == '{"step": 1}\n'
