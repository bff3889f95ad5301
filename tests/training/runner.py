"""Runs training in real processes that may be killed anywhere: reads scenarios from standard input, forks for each.

The server trains once before it forks, since torch imports its optimisers late; on one thread, so that forks are safe.
A scenario is one line of JSON:

    folder   the run folder
    resume   whether to go on
    kill     {"step": k}: SIGKILL after step k, before its checkpoint
             {"event": n}: SIGKILL before the n-th operation on files in the folder
             {"half": n}: SIGKILL in the middle of the n-th file written
             {"signal": s, "step": k}: signal s at step k
    fault    name of a planted fault of the resume
    limit    largest file in bytes that the system lets the process write
    config   changes of the configuration

The answer is one line: {"status": exit code or minus the signal, "said": [...], "events": file operations}.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import torch

from equigen.training import files
from equigen.training.callbacks import Callback
from equigen.training.checkpoint import Checkpoints, Snapshot
from equigen.training.engine import Engine
from equigen.training.errors import Interrupted, RunFolderError
from equigen.training.trainer import Trainer
from tests.training.small import Points, Small, config

WATCHED = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Events:
    """Counts operations on files below a folder, and dies before the n-th."""

    def __init__(self, folder: str, fatal: int | None) -> None:
        self.folder, self.fatal, self.count = folder, fatal, 0
        sys.addaudithook(self.audit)
        sync = os.fsync

        def fsync(handle: int) -> None:
            self.happen()
            sync(handle)

        os.fsync = fsync

    def audit(self, event: str, arguments: tuple) -> None:
        if event in WATCHED and str(arguments[0]).startswith(self.folder):
            self.happen()

    def happen(self) -> None:
        self.count += 1
        if self.count == self.fatal:
            die()


class Say(Callback):
    """Tells a parent that the first step is about to be taken."""

    def on_start(self, trainer):
        sys.stdout.write("ready\n")
        sys.stdout.flush()


class Reporter(Callback):
    def __init__(self, kill: dict) -> None:
        self.kill, self.said = kill, []

    def on_notice(self, trainer, text):
        self.said.append(text)

    def on_step(self, trainer):
        if trainer.step == self.kill.get("step"):
            os.kill(os.getpid(), self.kill.get("signal", signal.SIGKILL))


def half_writes(fatal: int) -> None:
    """Die in the middle of the n-th file of a checkpoint."""
    count = 0

    def write(path: Path, content: bytes) -> None:
        nonlocal count
        count += 1
        half = len(content) // 2 if count == fatal else len(content)
        path.write_bytes(content[:half])
        if count == fatal:
            die()

    files.write_synced = write
    sys.modules["equigen.training.checkpoint"].write_synced = write


def plant(fault: str | None, resume: bool) -> None:
    """A resume that forgets, replays or skips."""
    if fault is None or not resume:
        return
    newest, loss, batch = Checkpoints.newest, Small.loss, Points.batch
    if fault.startswith("forget-"):
        part = fault.removeprefix("forget-")
        fresh = {"average": Small().state_dict(), "optimiser": {}}

        def forgetful(self, notice):
            snapshot = newest(self, notice)
            state = {**snapshot.state, "window": []} if part == "window" else snapshot.state
            parts = {**snapshot.parts, **({part: fresh[part]} if part in fresh else {})}
            return Snapshot(snapshot.step, parts, state)

        Checkpoints.newest = forgetful
    elif fault == "replay-noise":
        Small.loss = lambda self, items, seed, step: loss(self, items, seed, max(0, step - 8))
    elif fault == "replay-dropout":
        seeded = Engine.seed_step
        Engine.seed_step = lambda self, step: seeded(self, max(0, step - 8))
    elif fault == "skip-item":
        skipping = torch.arange(1, 9) % 8
        Points.batch = lambda self, size, seed, step, *rank: shifted(batch(self, size, seed, step, *rank), skipping)
    else:
        raise ValueError(fault)


def shifted(batch, order):
    from dataclasses import replace

    return replace(batch, x=batch.x[order])


def perform(scenario: dict) -> dict:
    kill, resume = scenario.get("kill") or {}, bool(scenario.get("resume"))
    plant(scenario.get("fault"), resume)
    if "half" in kill:
        half_writes(kill["half"])
    events = Events(scenario["folder"], kill.get("event"))
    if limit := scenario.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    reporter = Reporter(kill)
    answer: dict = {"status": 0}
    try:
        settings = config(**scenario.get("config", {}))
        Trainer(Small(), Points(), settings, Path(scenario["folder"]), callbacks=[reporter]).fit(resume=resume)
    except Interrupted as stop:
        answer = {"status": stop.exit_code, "error": str(stop)}
    except RunFolderError as error:
        answer = {"status": 1, "error": str(error)}
    return {**answer, "said": reporter.said, "events": events.count}


def serve() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        Trainer(Small(), Points(), config(), Path(folder)).fit()
    for line in sys.stdin:
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.write(writing, json.dumps(perform(json.loads(line))).encode())
            except BaseException:  # noqa: BLE001 - a child must never run on as a second server
                os.write(writing, json.dumps({"status": 70, "error": traceback.format_exc()}).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answer = json.loads(said) if said else {"status": status, "said": [], "events": None}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__" and len(sys.argv) > 1:
    Trainer(Small(), Points(), config(), Path(sys.argv[1]), callbacks=[Say()]).fit(resume=True)
elif __name__ == "__main__":
    serve()
