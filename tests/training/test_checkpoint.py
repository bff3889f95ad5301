"""Checkpoints come back to the last bit, torn ones do not come back at all, and only the last two are kept."""

from __future__ import annotations

import errno
import json
import math
from pathlib import Path

import pytest
import torch

from equigen.training import checkpoint, files
from equigen.training.checkpoint import Checkpoints, Snapshot, TornError
from equigen.training.errors import RunFolderError


def snapshot(step: int, shift: float = 0.0) -> Snapshot:
    big = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7 + shift
    tensors = {
        "big": big,
        "turned": big.T,
        "tied": big,
        "double": torch.tensor(math.pi, dtype=torch.float64),
        "count": torch.tensor(3),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "empty": torch.zeros(0, 3),
    }
    return Snapshot(step, {"model": tensors, "optimiser": {}}, {"seconds": 0.1 + 0.2, "window": [[1e-45, 1 / 3]]})


def equal(a: Snapshot, b: Snapshot) -> bool:
    return (
        (a.step, a.state) == (b.step, b.state)
        and all(a.parts[part].keys() == b.parts[part].keys() for part in a.parts)
        and all(
            value.dtype == b.parts[part][name].dtype and torch.equal(value, b.parts[part][name])
            for part, tensors in a.parts.items()
            for name, value in tensors.items()
        )
    )


def test_every_bit_comes_back(tmp_path):
    Checkpoints(tmp_path / "a" / "b").save(snapshot(7))
    found = Checkpoints(tmp_path / "a" / "b").newest()
    assert equal(found, snapshot(7))
    assert not equal(found, snapshot(7, shift=1e-7))


def test_the_last_two_are_kept_and_latest_names_the_newest(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (3, 5, 8, 13):
        checkpoints.save(snapshot(step))
    assert checkpoints.steps() == [8, 13]
    assert (tmp_path / "latest").read_text() == "step-00000013\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "step-00000008", "step-00000013"]


def test_no_checkpoint_is_no_error(tmp_path):
    assert Checkpoints(tmp_path / "nowhere").newest() is None


def test_other_things_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "step-notes").mkdir()
    (tmp_path / "step-00000001").write_text("a file")
    (tmp_path / "mine.txt").write_text("mine")
    checkpoints = Checkpoints(tmp_path)
    for step in (2, 3, 4):
        checkpoints.save(snapshot(step))
    assert checkpoints.steps() == [3, 4]
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "step-notes").is_dir()


def test_after_a_torn_one_the_whole_one_before_it_is_kept(tmp_path):
    for step in (1, 2):
        Checkpoints(tmp_path).save(snapshot(step))
    (Checkpoints(tmp_path).path(2) / "state.json").unlink()
    resumed, said = Checkpoints(tmp_path), []
    assert resumed.newest(said.append).step == 1
    assert len(said) == 1
    resumed.settle(1)
    assert resumed.steps() == [1, 2]  # what is torn is left to look at until the run has passed it
    resumed.save(snapshot(2))
    assert resumed.steps() == [1, 2]
    assert Checkpoints(tmp_path).newest().step == 2


def test_a_later_torn_one_goes_when_the_run_is_saved_again(tmp_path):
    for step in (10, 20):
        Checkpoints(tmp_path).save(snapshot(step))
    (Checkpoints(tmp_path).path(20) / "model.safetensors").write_bytes(b"")
    resumed = Checkpoints(tmp_path)
    assert resumed.newest().step == 10
    resumed.save(snapshot(13))
    assert resumed.steps() == [10, 13]


def test_every_flipped_byte_is_found(tmp_path):
    folder = Checkpoints(tmp_path).save(snapshot(7))
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for place in range(0, len(content), max(1, len(content) // 40)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
            with pytest.raises((TornError, RunFolderError)):  # the latter: another format
                Checkpoints(tmp_path).read(7)
        path.write_bytes(content)
    assert equal(Checkpoints(tmp_path).read(7), snapshot(7))


def test_without_its_checksums_a_flipped_byte_would_pass(tmp_path, monkeypatch):
    folder = Checkpoints(tmp_path).save(snapshot(7))
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    monkeypatch.setattr(checkpoint, "_digest", lambda data: json.loads((folder / "manifest.json").read_text()) and "")
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["files"].values():
        entry["sha256"] = ""
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert not equal(Checkpoints(tmp_path).read(7), snapshot(7))


def test_a_newer_format_is_not_taken_for_a_torn_one(tmp_path):
    folder = Checkpoints(tmp_path).save(snapshot(7))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(RunFolderError, match="format 99"):
        Checkpoints(tmp_path).newest()


def test_numbers_that_json_lacks_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        Checkpoints(tmp_path).save(Snapshot(1, {}, {"seconds": float("nan")}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_leaves_the_ones_before(tmp_path, monkeypatch, failing, number):
    for step in (1, 2):
        Checkpoints(tmp_path).save(snapshot(step))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    count, write = 0, files.write_synced

    def refusing(path: Path, content: bytes) -> None:
        nonlocal count
        count += 1
        if count == failing:
            path.write_bytes(content[:3])
            raise OSError(number, "the disk refuses")
        write(path, content)

    monkeypatch.setattr(checkpoint, "write_synced", refusing)
    with pytest.raises(RunFolderError, match=r"step-00000003 cannot be written \(the disk refuses\): \w+"):
        Checkpoints(tmp_path).save(snapshot(3))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_may_not_be_read_is_not_called_torn(tmp_path, monkeypatch):
    Checkpoints(tmp_path).save(snapshot(1))

    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(RunFolderError, match="make it readable"):
        Checkpoints(tmp_path).newest()
