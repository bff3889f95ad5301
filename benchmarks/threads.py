"""How long should threads spin while they wait for each other? A digits training step, quiet and disturbed.

    python -m benchmarks.threads --out benchmarks/results/threads.json

Each setting of libgomp runs in a process of its own, alone and beside one process that keeps a core busy. The baseline
is libgomp's default; the command `equigen` sets GOMP_SPINCOUNT=2000. The numbers computed are the same in all.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from benchmarks.measure import arguments, machine, record

SETTINGS = {
    "default": {},
    "spin 2000": {"GOMP_SPINCOUNT": "2000"},
    "spin 30000": {"GOMP_SPINCOUNT": "30000"},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
}
STEPS = 10
WORK = f"""
import time, torch
from equigen.networks.unet import UNet
network = UNet((1, 8, 8))
x, noise = torch.ones(128, 1, 8, 8), torch.zeros(128)
for step in range({STEPS} + 1):
    start = time.perf_counter()
    (network(x, noise) - x).square().mean().backward()
    if step:
        print(time.perf_counter() - start)
"""


def seconds(setting: dict[str, str]) -> list[float]:
    """Seconds of each step in a process with these settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    run = subprocess.run([sys.executable, "-c", WORK], env=clean | setting, capture_output=True, text=True, check=True)
    return [float(line) for line in run.stdout.split()]


def measured(repeats: int) -> dict[str, object]:
    """Each setting's median step and its ratio to the default, the settings taken in turn."""
    found: dict[str, list[float]] = {name: [] for name in SETTINGS}
    for _ in range(repeats):
        for name, setting in SETTINGS.items():
            found[name].append(statistics.median(seconds(setting)))
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {
        name: {"ms": value * 1e3, "runs_ms": [v * 1e3 for v in found[name]], "over_default": value / medians["default"]}
        for name, value in medians.items()
    }


def main() -> None:
    given = arguments(__doc__ or "")
    repeats = min(given.repeats, 5)
    quiet = measured(repeats)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        disturbed = measured(repeats)
    finally:
        busy.kill()
    record(
        {
            "question": "what do waiting threads cost a training step, alone and beside one busy process?",
            "machine": machine("cpu"),
            "alone": quiet,
            "beside one busy process": disturbed,
        },
        given.out,
    )


if __name__ == "__main__":
    main()
