"""Sets larger than memory: the same numbers as in memory, and never many at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from equigen.data.images import Images, parts
from equigen.data.loading import load
from tests.data.conftest import pixels

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def in_file(monkeypatch):
    """Load a set so that it stays in its file."""

    def read(*args, **options):
        with monkeypatch.context() as patch:
            patch.setattr("equigen.data.memory.SHARE", 0.0)
            found = load(*args, **options)
        assert isinstance(found.x, Images)
        return found

    return read


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "grey": pixels(0, 30, 12, 16),
        "colour": pixels(0, 30, 12, 16, 3),
        "first": pixels(0, 30, 3, 12, 16),
        "deep": pixels(0, 30, 12, 16, dtype="uint16"),
        "float": rng.random((30, 12, 16), dtype=np.float32),
        "far": 1e6 + rng.random((30, 12, 16)),
        "fortran": np.asfortranarray(pixels(0, 30, 12, 16)),
    }


@pytest.mark.parametrize("resize", [None, 9])
@pytest.mark.parametrize("name", arrays())
def test_batches_and_facts_are_those_of_the_set_in_memory(tmp_path, in_file, name, resize):
    path = tmp_path / "a.npy"
    np.save(path, arrays()[name])
    small, large = load(path, resize=resize), in_file(path, resize=resize)
    assert (large.x.shape, large.x.dtype, len(large)) == (small.x.shape, small.x.dtype, len(small))
    told = [{**part.describe(), "in_memory": None, "notes": None} for part in (small, large)]
    assert told[0] == told[1]
    assert any("read from the file" in note for note in large.notes)
    for one, other in zip(small.split(seed=1), large.split(seed=1), strict=True):
        assert isinstance(other.x, Images)
        for size in (1, 7):
            assert torch.equal(one.batch(size, 0, 3).x, other.batch(size, 0, 3).x)
        assert torch.equal(one.whole().x, other.whole().x)
        assert torch.equal(one.x[2:5], other.x[2:5])
    assert torch.equal(small.subset([5, 1]).subset([1]).x, large.subset([5, 1]).subset([1]).x[:])


def test_a_folder_stays_in_its_files(folder, in_file):
    assert torch.equal(in_file(folder).x[:], load(folder).x)
    Image.fromarray(pixels(9, 30, 20, 3)).save(folder / "d.png")
    assert torch.equal(in_file(folder, resize=8, limit=3).x[:], load(folder, resize=8, limit=3).x)


def test_masks_and_labels_go_with_images_in_their_file(tmp_path, in_file):
    np.save(tmp_path / "a.npy", pixels(0, 20, 12, 12))
    np.save(tmp_path / "m.npy", pixels(1, 20, 12, 12) > 90)
    np.save(tmp_path / "l.npy", np.arange(20) % 3)
    options = {"masks": tmp_path / "m.npy", "labels": tmp_path / "l.npy", "condition": "label", "pose": "rotations"}
    small, large = load(tmp_path / "a.npy", **options), in_file(tmp_path / "a.npy", **options)
    one, other = small.batch(8, 0, 1), large.batch(8, 0, 1)
    assert torch.equal(one.x, other.x)
    assert torch.equal(one.structure, other.structure)  # type: ignore[arg-type]
    assert torch.equal(one.condition["label"], other.condition["label"])
    assert large.describe()["fingerprint"] == small.describe()["fingerprint"]


def test_what_is_not_finite_is_found_part_by_part(tmp_path, monkeypatch, refused):
    images = np.random.default_rng(0).random((30, 12, 16))
    images[27, 3, 4] = np.inf
    np.save(tmp_path / "a.npy", images)
    monkeypatch.setattr("equigen.data.memory.SHARE", 0.0)
    monkeypatch.setattr("equigen.data.images._ITEMS", 4)
    assert max(len(part) for _, part in parts(load(tmp_path / "a.npy", limit=3).x)) <= 4
    refused(tmp_path / "a.npy", "inf in image 27 at (channel, row, column) = (0, 3, 4)")


WALK = """
import json, resource, sys
import torch
import equigen.data.memory as memory
from equigen.data.loading import load
from equigen.data.statistics import moments

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if line.endswith("kB")}

memory.SHARE = float(sys.argv[2])
load("digits").batch(8, 0, 0)  # what libraries take once
limit = anonymous()["VmData"] + (128 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    found = load(sys.argv[1], pose="quarter-turns")
    told = found.describe()
    train, held_out = found.split(seed=0)
    batch = train.batch(64, seed=0, step=5)
    print(json.dumps({"items": told["items"], "range": told["range"], "mean": float(batch.x.mean())}))
except (MemoryError, RuntimeError) as error:
    print(json.dumps({"error": type(error).__name__}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
@pytest.mark.parametrize(("share", "works"), [(0.0, True), (1.0, False)])
def test_a_walk_over_a_large_file_takes_little_memory(tmp_path, share, works):
    """300 MB of pixels within 128 MB; the same set in memory does not fit."""
    count, side = 18_750, 64
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (count, side, side)}
        )
        start = file.tell()
        for place in (0, count - 1):
            file.seek(start + place * side * side * 4)
            file.write(np.linspace(0, 1, side * side, dtype="<f4").tobytes())
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(tmp_path / "a.npy"), str(share)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    told = json.loads(done.stdout)
    assert ("error" not in told) == works
    if works:
        assert (told["items"], told["range"]) == (count, [0.0, 1.0])
