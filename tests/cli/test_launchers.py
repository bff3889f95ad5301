"""The launchers that people use, as the shell runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

SMALL = [
    *("train", "digits", "--limit", "64", "--set", "model.channels=[8]", "--threads", "1", "--precision", "float64"),
    *("--batch-size", "9", "--checkpoint-every", "10", "--sample-every", "0", "--out", "run"),
]
PROGRAMS = Path(sys.executable).parent
LAUNCHERS = {
    "torchrun": ["--nproc-per-node", "2", "-m", "equigen", "--"],
    "accelerate": ["launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1", "-m", "equigen"],
}


def start(folder, *words, launcher=None):
    folder.mkdir()
    before = [PROGRAMS / "equigen"] if launcher is None else [PROGRAMS / launcher, *LAUNCHERS[launcher]]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*before, *map(str, words)], cwd=folder, env=environment, **pipes)


def weights(folder):
    return load_file(folder / "run" / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "one"
    process = start(folder, *SMALL, "--steps", 20)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return weights(folder)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_end_in_the_weights_of_one(alone, tmp_path, launcher):
    process = start(tmp_path / "two", *SMALL, "--steps", 20, launcher=launcher)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert out.count("run: 20 steps in") == 1
    assert err.count("20 steps of about") == 1
    found = weights(tmp_path / "two")
    assert max(float((found[name] - alone[name]).abs().max()) for name in alone) < 1e-9


def test_ctrl_c_on_the_launcher_saves(tmp_path):
    process = start(tmp_path / "long", *SMALL, "--steps", 100_000, launcher="torchrun")
    latest, end = tmp_path / "long" / "run" / "checkpoints" / "latest", time.monotonic() + 60
    while not latest.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert out == ""
    said = [line for line in err.splitlines() if line.startswith("equigen: stopped")]
    assert len(said) == 1, err
    newest = sorted(latest.parent.glob("step-*"))[-1]
    assert f"after step {int(newest.name.removeprefix('step-'))}, which is saved" in said[0]
