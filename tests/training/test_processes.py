"""Real processes: the same run as one process, one sentence for a failure, and no one left waiting."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from equigen.cli.main import main
from equigen.training import processes
from equigen.training.shared_model import _pooled
from tests.cli.conftest import contents

ROOT = Path(__file__).resolve().parents[2]
STEPS, SAVED = 20, 10
SMALL = [
    *("train", "digits", "--limit", "64", "--set", "model.channels=[8]", "--threads", "1", "--precision", "float64"),
    *("--steps", STEPS, "--checkpoint-every", SAVED, "--batch-size", "9", "--sample-every", "0"),
]
LONG = [100_000 if word == STEPS else word for word in SMALL]
SOON = 30  # seconds in which a group must have ended


class Nest:
    """A server that forks groups of processes."""

    def __init__(self, server) -> None:
        self.server = server
        self.begun: list[int] = []

    def ask(self, **request) -> dict:
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def begin(self, cwd, *words, world=2, fault=None) -> list[int]:
        folders = cwd if isinstance(cwd, list) else [cwd] * world
        argv = [str(word) for word in words]
        self.begun = self.ask(argv=argv, world=world, cwd=[str(one) for one in folders], fault=fault)["pids"]
        return self.begun

    def end(self) -> dict:
        start = time.monotonic()
        found = self.ask(wait=True)
        self.begun = []
        assert time.monotonic() - start < SOON
        return found

    def stop(self) -> None:
        """Leave no process behind, not even after a test that failed in the middle."""
        for pid in self.begun:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(self, cwd, *words, **how) -> dict:
        self.begin(cwd, *words, **how)
        return self.end()


@pytest.fixture(scope="module")
def nest():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.training.nest"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=-1, stdout=-1, text=True) as server:
        nest = Nest(server)
        yield nest
        nest.stop()
        server.stdin.close()


@pytest.fixture(scope="module")
def one(nest, tmp_path_factory):
    """A run of one process."""
    folder = tmp_path_factory.mktemp("one")
    assert nest.run(folder, *SMALL, "--out", "run", world=1)["codes"] == [0]
    return folder / "run"


@pytest.fixture(scope="module")
def two(nest, tmp_path_factory):
    """The same run of two, and what the processes said."""
    folder = tmp_path_factory.mktemp("two")
    found = nest.run(folder, *SMALL, "--out", "run")
    assert found["codes"] == [0, 0], found
    return folder / "run", found


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def distance(run: Path, other: Path) -> float:
    a, b = weights(run), weights(other)
    assert a.keys() == b.keys()
    assert any(value.dtype == torch.float64 for value in a.values())
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


def require_one_sentence(found: dict) -> str:
    """All failed, and one said so in one line; which is returned."""
    assert 0 not in found["codes"], found
    assert found["out"] == ["", ""]
    lines = [line for text in found["err"] for line in text.splitlines() if " steps of about " not in line]
    complaints = [line for line in lines if not re.match(r"\[[EW]\d{4} ", line)]  # torch's own log, on a busy machine
    assert len(complaints) == 1, found["err"]
    assert complaints[0].startswith("equigen: ")
    assert complaints[0].endswith((".", "?"))
    return complaints[0]


# --- training


def test_two_processes_end_in_the_weights_of_one(one, two):
    assert distance(one, two[0]) < 1e-9
    lines = [[json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] for run in (one, two[0])]
    for mine, theirs in zip(*lines, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-9)


def test_a_mean_over_processes_that_ignores_the_sizes_of_slices_is_found(nest, one, tmp_path):
    assert nest.run(tmp_path, *SMALL, "--out", "run", fault="unweighted")["codes"] == [0, 0]
    assert distance(one, tmp_path / "run") > 1e-6


def test_only_the_first_process_speaks(two):
    run, found = two
    assert found["out"][0].startswith("run: 20 steps in")
    assert (found["out"][1], found["err"][1]) == ("", "")
    assert not [path for path in run.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("world", [1, 2])
def test_a_run_goes_on_with_another_number_of_processes(nest, one, two, tmp_path, world):
    begun = two[0] if world == 1 else one
    shutil.copytree(begun, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / f"step-{STEPS:08d}")
    found = nest.run(tmp_path, "train", "--resume", "run", "--json", world=world)
    assert json.loads(found["out"][0])["steps_taken"] == STEPS - SAVED
    assert distance(one, tmp_path / "run") < 1e-9


def wait_for(path: Path) -> None:
    end = time.monotonic() + SOON
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("signum", "receivers", "code"),
    [(signal.SIGINT, [0, 1], 130), (signal.SIGTERM, [0, 1], 143), (signal.SIGTERM, [1], 143)],
)
def test_a_signal_stops_all_at_the_same_step(nest, tmp_path, signum, receivers, code):
    pids = nest.begin(tmp_path, *LONG, "--out", "run")
    wait_for(tmp_path / "run" / "checkpoints" / "latest")
    for place in receivers:
        os.kill(pids[place], signum)
    found = nest.end()
    assert found["codes"] == [code, code]
    said = require_one_sentence(found)
    newest = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[-1]
    assert f"after step {int(newest.name.removeprefix('step-'))}, which is saved" in said


# --- failures


def test_what_all_see_is_said_once(nest, tmp_path):
    found = nest.run(tmp_path, "train", "nowhere", "--out", "run")
    assert found["codes"] == [1, 1]
    assert "nowhere" in require_one_sentence(found)
    assert contents(tmp_path) == {}
    found = nest.run(tmp_path, "train", "digits", "--stepz", "3")
    assert found["codes"] == [2, 2]
    assert "--steps" in require_one_sentence(found)


def test_a_group_in_which_everyone_speaks_is_found(nest, tmp_path):
    found = nest.run(tmp_path, "train", "nowhere", fault="everyone-speaks")
    with pytest.raises(AssertionError):
        require_one_sentence(found)


def test_a_failure_of_the_first_process_alone_ends_all(nest, tmp_path):
    found = nest.run(tmp_path, *SMALL, "--out", "/proc/equigen/run")
    assert "/proc/equigen/run cannot be written" in require_one_sentence(found)


def test_a_failure_of_another_process_alone_ends_all(nest, tmp_path):
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    np.save(there / "a.npy", (np.random.default_rng(0).random((16, 8, 8)) * 200).astype("uint8"))
    found = nest.run([there, elsewhere], "train", "a.npy", *SMALL[2:], "--out", tmp_path / "run")
    assert "a.npy" in require_one_sentence(found)
    assert not (tmp_path / "run").exists()


def test_a_process_that_is_killed_ends_all(nest, tmp_path):
    pids = nest.begin(tmp_path, *LONG, "--out", "run")
    wait_for(tmp_path / "run" / "checkpoints" / "latest")
    os.kill(pids[1], signal.SIGKILL)
    found = nest.end()
    assert found["codes"] == [1, -signal.SIGKILL]
    assert "another process has ended" in require_one_sentence(found)


# --- samples and evaluation


def noise(folder: Path) -> list[np.ndarray]:
    """What all processes drew, put together along the axis of items: the first, or the second behind that of steps."""
    parts = []
    for path in sorted(folder.glob("noise-*.npz")):
        with np.load(path) as arrays:
            parts.append([arrays[name] for name in sorted(arrays.files)])
    return [np.concatenate(arrays, axis=arrays[0].ndim - 4) for arrays in zip(*parts, strict=True)]


def sampled(nest, run, folder, world, fault="record-noise"):
    folder.mkdir()
    words = ["--n", "5", "--steps", "3", "--solver", "euler-maruyama", "--formats", "npy", "--out", "new"]
    found = nest.run(folder, "sample", run, *words, world=world, fault=fault)
    assert set(found["codes"]) == {0}, found
    assert [bool(text) for text in found["out"]] == [True, False][:world]
    return np.load(folder / "new" / "samples.npy").astype(float)


def test_samples_are_those_of_one_process(nest, one, tmp_path):
    alone, together = (sampled(nest, one, tmp_path / str(world), world) for world in (1, 2))
    assert alone.shape == (5, 8, 8)
    assert np.abs(alone - together).max() <= 1  # grey levels of 16: a rounding may fall on the other side
    assert (alone != together).mean() < 0.01
    mine, theirs = noise(tmp_path / "1"), noise(tmp_path / "2")
    assert [part.shape for part in mine] == [(5, 1, 8, 8), (2, 5, 1, 8, 8)]  # prior, and both steps of the solver
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_processes_that_draw_the_same_items_are_found(nest, one, tmp_path):
    alone = sampled(nest, one, tmp_path / "1", 1)
    assert (alone != sampled(nest, one, tmp_path / "2", 2, fault="same-numbers")).mean() > 0.1


def test_fewer_samples_than_processes(nest, one, tmp_path):
    found = nest.run(tmp_path, "sample", one, "--n", "1", "--steps", "1", "--out", "new")
    assert found["codes"] == [0, 0], found
    assert len(list((tmp_path / "new").glob("sample-*.png"))) == 1


def test_an_evaluation_is_that_of_one_process(nest, one, tmp_path):
    records = []
    for world in (1, 2):
        shutil.copytree(one, tmp_path / str(world))
        words = ["--n", "9", "--seeds", "1", "--draws", "1", "--steps", "2", "--json"]
        found = nest.run(tmp_path, "evaluate", str(world), *words, world=world)
        assert set(found["codes"]) == {0}, found
        records.append(json.loads((tmp_path / str(world) / "evaluation.json").read_text()))
    alone, together = records
    for mine, theirs in zip(alone["metrics"], together["metrics"], strict=True):
        assert mine["value"] == pytest.approx(theirs["value"], rel=1e-4)
    for name, values in alone["loss"].items():
        assert together["loss"][name] == pytest.approx(values, rel=1e-6), name


def test_samples_that_cannot_be_written_end_all(nest, one, tmp_path):
    found = nest.run(tmp_path, "sample", one, "--n", "2", "--steps", "1", "--out", "/proc/equigen")
    assert "/proc/equigen cannot be written" in require_one_sentence(found)


# --- alone


@pytest.mark.parametrize(("n", "among"), [(0, 3), (1, 3), (7, 1), (7, 2), (7, 7), (100, 9)])
def test_shares_are_all_items_in_order(n, among):
    shares = [processes.share(n, process, among) for process in range(among)]
    assert [item for first, count in shares for item in range(first, first + count)] == list(range(n))
    counts = [count for _, count in shares]
    assert max(counts) - min(counts) <= 1
    assert counts[0] == max(counts)


def test_parts_are_pooled_into_the_mean_and_error_of_the_whole():
    x = torch.randn(11, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parts = x.split([5, 2, 4])
    mean = torch.stack([part.mean(0) for part in parts])
    error = torch.stack([part.std(0) / len(part) ** 0.5 for part in parts])
    found = _pooled(mean, error, torch.tensor([[5.0], [2.0], [4.0]], dtype=torch.float64))
    torch.testing.assert_close(found[0], x.mean(0))
    torch.testing.assert_close(found[1], x.std(0) / 11**0.5)
    forgetful = (error**2).mean(0).sqrt() / 3**0.5
    assert not torch.allclose(found[1], forgetful)


def test_what_a_lost_process_leaves_is_told_from_other_errors(monkeypatch):
    told = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert processes.was_left(RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:27003"))
    assert not processes.was_left(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not processes.was_left(ValueError("n is 0"))


def test_variables_of_another_launcher_start_no_group(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some clusters set it for every job
    assert (processes.world(), processes.rank()) == (1, 0)


def test_a_group_is_ended_when_the_command_ends(monkeypatch):
    from torch import distributed

    ended = []
    monkeypatch.setattr(distributed, "is_initialized", lambda: not ended)
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: ended.append(1))
    assert main(["--version"]) == 0
    assert main(["train"]) == 2  # a failure ends it as well, and one that is gone is not ended twice
    assert ended == [1]
