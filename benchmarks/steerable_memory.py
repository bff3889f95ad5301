"""Peak memory of training steps of one network, each in a process of its own (Linux).

    python -m benchmarks.steerable_memory C4 64 7 29

It is resident memory at its highest, over what the process held before the network was built, tables of the basis
included. glibc gives large pieces back to the system as soon as they are freed, but only until it has learned that
they come again: from then on it keeps them, and the peak depends on their order. MALLOC_MMAP_THRESHOLD_ stops the
learning, so that what is counted is what the network holds.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.steerable_networks import BATCH, NAMES, Cell, network, products, trainer

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 1e11
"""Operations of a convolution up to which memory is measured: above, the time of the steps is too long."""


def memory(cell: Cell) -> dict[str, Any] | None:
    """Peak memory of all networks: the plain one's in mebibytes, and ratios to it; None if steps take too long."""
    if products(cell) > LARGEST:
        return None
    found = {name: alone(name, cell) for name in NAMES}
    plain = found.pop("plain")
    return {"plain_mib": plain} | {name: each / plain for name, each in found.items()}


def alone(name: str, cell: Cell) -> float:
    """Peak memory of training steps of one network in a process of its own, in mebibytes."""
    words = [sys.executable, "-m", "benchmarks.steerable_memory", name, *map(str, cell)]
    settings = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=settings, cwd=ROOT)
    return float(done.stdout)


def peak(name: str, channels: int, kernel: int, size: int) -> float:
    """Peak memory of training steps of one network in this process, in mebibytes."""
    x = torch.randn(BATCH, channels, size, size)
    trainer(network(name, 16 * 7, 3), low=False)(torch.randn(2, 16 * 7, 8, 8))  # what torch loads at first use
    ctypes.CDLL(None).malloc_trim(0)
    before = _kibibytes("VmRSS")
    step = trainer(network(name, channels, kernel), low=False)
    ctypes.CDLL(None).malloc_trim(0)  # building a basis takes memory too, once: it is handed back, and
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    step(x[:1])  # Adam makes its averages
    step(x)
    return (_kibibytes("VmHWM") - before) / 1024


def _kibibytes(name: str) -> int:
    """A line of /proc/self/status: resident memory now (VmRSS), or at its highest (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))


if __name__ == "__main__":
    print(peak(sys.argv[1], *map(int, sys.argv[2:])))
