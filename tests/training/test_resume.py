"""A run in a real process, killed anywhere and resumed, ends in the bits of the run that was left alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from equigen.training.checkpoint import Checkpoints
from equigen.training.metrics_log import MetricsLog

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("model", "average", "optimiser")
KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def run():
    """Perform a scenario in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.training.runner"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=-1, stdout=-1, text=True) as server:

        def perform(folder: Path, **scenario) -> dict:
            server.stdin.write(json.dumps({"folder": str(folder), **scenario}) + "\n")
            server.stdin.flush()
            answer = json.loads(server.stdout.readline())
            assert answer["status"] != 70, answer["error"]
            return answer

        yield perform
        server.stdin.close()


def bits(folder: Path) -> dict[str, bytes]:
    """The last checkpoint's files of tensors."""
    checkpoints = Checkpoints(folder / "checkpoints")
    last = checkpoints.path(checkpoints.steps()[-1])
    return {part: (last / f"{part}.safetensors").read_bytes() for part in PARTS}


def metrics(folder: Path) -> list[dict]:
    """What was recorded, but for the time it took."""
    records = MetricsLog(folder / "metrics.jsonl").read()
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory) -> Path:
    """The run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run(folder)["status"] == 0
    return folder


def same(folder: Path, whole: Path) -> bool:
    return bits(folder) == bits(whole) and metrics(folder) == metrics(whole)


def test_a_run_repeats_itself(run, whole, tmp_path):
    assert run(tmp_path / "run")["status"] == 0
    assert same(tmp_path / "run", whole)
    assert [record["step"] for record in metrics(whole)] == [3, 6, 9, 12, 15, 18, 20]


def test_another_seed_is_another_run(run, whole, tmp_path):
    assert run(tmp_path / "run", config={"seed": 6})["status"] == 0
    assert bits(tmp_path / "run")["model"] != bits(whole)["model"]


@pytest.mark.parametrize("step", [1, 4, 5, 11, 20])
def test_killed_after_a_step(run, whole, tmp_path, step):
    folder = tmp_path / "run"
    assert run(folder, kill={"step": step})["status"] == KILLED
    assert run(folder, resume=True)["status"] == 0
    assert same(folder, whole)


def test_killed_at_every_operation_on_files(run, whole, tmp_path):
    # From the checkpoint of step 16 on: what a resume writes, metrics, and a save that removes an old checkpoint.
    start = tmp_path / "start"
    assert run(start, kill={"step": 17})["status"] == KILLED
    total = None
    for event in range(1, 200):
        folder = tmp_path / f"event-{event}"
        shutil.copytree(start, folder)
        answer = run(folder, resume=True, kill={"event": event})
        if answer["status"] == 0:
            total = answer["events"]
            break
        assert answer["status"] == KILLED
        answer = run(folder, resume=True)
        assert (answer["status"], answer["said"]) == (0, [])  # nothing is ever torn, whenever the process dies
        assert same(folder, whole), f"killed before operation {event}"
        left = sorted(path.name for path in (folder / "checkpoints").iterdir())
        assert left == ["latest", "step-00000016", "step-00000020"]
        shutil.rmtree(folder)
    assert total is not None
    assert total > 30


@pytest.mark.parametrize("written", [1, 3, 5, 6, 9])
def test_killed_in_the_middle_of_a_file(run, whole, tmp_path, written):
    folder = tmp_path / "run"
    assert run(folder, kill={"half": written})["status"] == KILLED
    assert run(folder, resume=True)["status"] == 0
    assert same(folder, whole)


def test_killed_from_outside(whole, tmp_path):
    command = [sys.executable, "-m", "tests.training.runner", str(tmp_path / "run")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ends = []
    for delay in (0.03, 0.1, None):
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            if delay is not None:
                time.sleep(delay)
                process.kill()
        ends.append(process.returncode)
    assert ends[-1] == 0
    assert same(tmp_path / "run", whole)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signals_finish_the_step_and_save(run, whole, tmp_path, signum):
    folder = tmp_path / "run"
    answer = run(folder, kill={"step": 7, "signal": int(signum)})
    assert answer["status"] == 128 + signum
    assert "after step 8" in answer["error"]  # sent when step 7 was over, noticed at the end of step 8
    assert Checkpoints(folder / "checkpoints").steps() == [4, 8]
    assert run(folder, resume=True)["status"] == 0
    assert same(folder, whole)


def test_a_signal_between_two_lines_of_metrics_loses_none_of_their_steps(run, whole, tmp_path):
    folder = tmp_path / "run"
    assert run(folder, kill={"step": 9, "signal": int(signal.SIGTERM)})["status"] == 143  # saves 10: line at 9 and 12
    assert run(folder, resume=True)["status"] == 0
    assert metrics(folder) == metrics(whole)


def test_resuming_a_finished_run_changes_nothing(run, whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    assert run(folder, resume=True)["status"] == 0
    assert same(folder, whole)


def test_a_folder_with_checkpoints_is_not_begun_anew(run, whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    answer = run(folder)
    assert answer["status"] == 1
    assert "resume" in answer["error"]
    assert same(folder, whole)


def tear(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "short":
        path.write_bytes(content[:-3])
    elif how == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *(("model.safetensors", how) for how in ("short", "flipped", "gone")),
        *(("optimiser.safetensors", "flipped"), ("average.safetensors", "flipped"), ("state.json", "flipped")),
        *(("manifest.json", how) for how in ("short", "empty", "gone")),
    ],
)
def test_a_torn_checkpoint_is_passed_over_and_said_so(run, whole, tmp_path, name, how):
    folder = tmp_path / "run"
    assert run(folder, kill={"step": 19})["status"] == KILLED
    tear(folder / "checkpoints" / "step-00000016" / name, how)
    answer = run(folder, resume=True)
    assert answer["status"] == 0
    (said,) = answer["said"]
    assert "step 16 is torn" in said
    assert "step 12" in said
    assert same(folder, whole)


def test_when_every_checkpoint_is_torn_the_run_is_not_begun_anew_silently(run, tmp_path):
    folder = tmp_path / "run"
    assert run(folder, kill={"step": 11})["status"] == KILLED
    for step in (4, 8):
        tear(folder / "checkpoints" / f"step-{step:08d}" / "model.safetensors", "short")
    answer = run(folder, resume=True)
    assert answer["status"] == 1
    assert "no checkpoint that is whole" in answer["error"]
    assert len(answer["said"]) == 2


def test_a_full_disk_loses_nothing(run, whole, tmp_path):
    # The system's own limit on the size of a file: the state of the optimiser no longer fits.
    folder = tmp_path / "run"
    assert run(folder, kill={"step": 10})["status"] == KILLED
    answer = run(folder, resume=True, limit=1200)
    assert answer["status"] == 1
    assert "step-00000012 cannot be written" in answer["error"]
    assert Checkpoints(folder / "checkpoints").steps() == [4, 8]
    assert not [path for path in (folder / "checkpoints").iterdir() if path.name.startswith(".")]
    assert run(folder, resume=True)["status"] == 0
    assert same(folder, whole)


FAULTS = ["forget-average", "forget-optimiser", "replay-noise", "replay-dropout", "skip-item"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_resume_is_found(run, whole, tmp_path, fault):
    folder = tmp_path / "run"
    assert run(folder, kill={"step": 11})["status"] == KILLED
    assert run(folder, resume=True, fault=fault)["status"] == 0
    different = {part for part in PARTS if bits(folder)[part] != bits(whole)[part]}
    assert different == ({"average"} if fault == "forget-average" else set(PARTS))


def test_a_resume_that_forgets_the_numbers_of_the_last_steps_is_found(run, whole, tmp_path):
    folder = tmp_path / "run"
    assert run(folder, kill={"step": 11})["status"] == KILLED
    assert run(folder, resume=True, fault="forget-window")["status"] == 0
    assert bits(folder) == bits(whole)
    assert metrics(folder) != metrics(whole)


def test_metrics_are_cut_back_to_the_checkpoint(run, whole, tmp_path):
    folder = tmp_path / "run"
    assert run(folder, kill={"step": 11})["status"] == KILLED
    lines = (folder / "metrics.jsonl").read_text()
    assert [record["step"] for record in metrics(folder)] == [3, 6, 9]
    (folder / "metrics.jsonl").write_text(lines + '{"kind": "train", "st')  # as a killed process might leave it
    assert run(folder, resume=True, kill={"step": 9})["status"] == KILLED
    assert [record["step"] for record in metrics(folder)] == [3, 6, 9]
    assert run(folder, resume=True)["status"] == 0
    assert metrics(folder) == metrics(whole)
