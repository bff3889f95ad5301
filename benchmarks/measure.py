"""Timing in pairs, and the record that every benchmark writes: medians, spread, machine, date, errors."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch


def arguments(question: str, runs: Path | None = None) -> argparse.Namespace:
    """The options all benchmarks share; those that train for long keep their runs in a folder."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path)
    if runs is not None:
        parser.add_argument("--runs", type=Path, default=runs)
    return parser.parse_args()


def clock(work: Callable[[], object], device: str) -> float:
    """Seconds that a piece of work takes."""
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def interleaved(pieces: dict[str, Callable[[], object]], repeats: int, device: str) -> dict[str, list[float]]:
    """Seconds of each piece, measured in turn so that the machine's moods fall on all alike; the first round warms."""
    seconds: dict[str, list[float]] = {name: [] for name in pieces}
    for round_ in range(repeats + 1):
        for name, work in pieces.items():
            spent = clock(work, device)
            if round_:
                seconds[name].append(spent)
    return seconds


def summary(seconds: list[float]) -> dict[str, Any]:
    """Median and quartiles in milliseconds."""
    low, middle, high = statistics.quantiles(seconds, n=4)
    return {"median_ms": middle * 1e3, "quartiles_ms": [low * 1e3, high * 1e3]}


def ratios(first: list[float], second: list[float]) -> dict[str, Any]:
    """Median and quartiles of the paired ratios first / second."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(first, second, strict=True)], n=4)
    return {"median": middle, "quartiles": [low, high]}


def machine(device: str) -> dict[str, object]:
    """What the figures were measured on, and when."""
    named = torch.cuda.get_device_name() if device != "cpu" else _processor()
    return {
        "date": date.today().isoformat(),
        "device": named,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def record(result: dict[str, object], out: Path | None) -> None:
    """Print a result and write it."""
    text = json.dumps(result, indent=2)
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n")
