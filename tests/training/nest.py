"""Starts groups of real processes quickly: everything is imported once, then each process is a fork.

Every line of standard input is one request in JSON, and is answered by one line.

    {"argv": [...], "world": 2, "cwd": [...], "fault": name}     -> {"pids": [...]}
    {"wait": true}                                               -> {"codes": [...], "out": [...], "err": [...]}

The processes find what `torchrun` would tell them, and a store that outlives each of them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from equigen.cli.main import main
from equigen.spaces.space import BoundSpace
from equigen.training import engine, processes


def environment(rank: int, world: int, port: int) -> dict[str, str]:
    """What torchrun tells a process."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": True}
    return {name: str(value) for name, value in told.items()}


def plant(fault: str | None) -> None:
    """Something that a correct group of processes does not do, or a record of what it does."""
    if fault == "record-noise":
        noise, drawn = BoundSpace.noise, []

        def recording(self: BoundSpace, **where: object) -> torch.Tensor:
            drawn.append(noise(self, **where))
            np.savez(f"noise-{processes.rank()}.npz", *[one.numpy() for one in drawn])
            return drawn[-1]

        BoundSpace.noise = recording
    elif fault == "unweighted":  # the mean of means, though the slices differ in size
        engine._Loss.forward = lambda self, batch, seed, step: self.model.loss(batch, seed, step)
    elif fault == "same-numbers":  # every process draws the first items
        share = processes.share
        processes.share = lambda n, *which: (0, share(n, *which)[1])
    elif fault == "die" and processes.rank() == 1:
        processes.start = lambda: os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "everyone-speaks":
        processes.first_to_fail = lambda: True


def child(request: dict, rank: int, port: int, outputs: list[Path]) -> None:
    """One process of a group; never returns."""
    code = 70
    try:
        os.setsid()
        for stream, path in zip((1, 2), outputs, strict=True):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        os.chdir(request["cwd"][rank])
        if request["world"] > 1:
            os.environ.update(environment(rank, request["world"], port))
        plant(request.get("fault"))
        code = main(request["argv"])
    except BaseException:  # noqa: BLE001 - a child must never run on as a second server
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Answer requests until there are no more."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        group: list[tuple[int, list[Path]]] = []
        for line in sys.stdin:
            request = json.loads(line)
            if request.get("wait"):
                codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid, _ in group]
                said = [[outputs[k].read_text() for _, outputs in group] for k in (0, 1)]
                answer = {"codes": codes, "out": said[0], "err": said[1]}
            else:
                world = request["world"]
                store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
                group = []
                for rank in range(world):
                    outputs = [Path(folder) / f"{name}-{rank}" for name in ("out", "err")]
                    if (pid := os.fork()) == 0:
                        child(request, rank, store.port, outputs)
                    group.append((pid, outputs))
                answer = {"pids": [pid for pid, _ in group]}
            sys.__stdout__.write(json.dumps(answer) + "\n")
            sys.__stdout__.flush()


if __name__ == "__main__":
    import equigen.cli.following
    import equigen.metrics.evaluating
    import equigen.report.grid
    import equigen.report.record
    import equigen.training.run  # noqa: F401 - so that the forks find them

    serve()
