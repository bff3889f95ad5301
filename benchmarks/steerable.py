"""How fast are two steerable convolutions with norm and activation, beside plain ones of as many channels?

    python -m benchmarks.steerable --out benchmarks/results/steerable.json            # the whole table: about an hour
    python -m benchmarks.steerable --quick                                            # a sample of its cells: minutes

A training step is the forward pass, the mean of squares, gradients and a step of Adam; an inference is the forward pass
of the same network in evaluation. The plain network is twice nn.Conv2d, nn.BatchNorm2d, nn.SiLU. All networks of a cell
take their turns one after the other, and another one begins in each round; ratios are those of a round. A round begins
while the budget of the cell is not spent; there are 5 at least, 3 where a step of the plain network takes over 1
second, 2 where it takes over 5. What is measured is written after every cell, and a run that finds its file goes on
behind it, if it was asked the same.

The batch is 64. On a processor it is 8 (marked *) where a convolution of 64 is over 3.5e11 operations. What a steerable
layer does to its weights (expanding the filter, and Adam) does not grow with the batch, so a ratio at 8 is no smaller
than that at 64 but for the noise: one cell is measured at both.

Beside the times stand the errors achieved in float32: that of commuting with a quarter turn, and the distance to the
plain module that the network hands out. Peak memory is that of benchmarks/steerable_memory.py, on processors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.measure import clock, machine
from benchmarks.steerable_memory import memory
from benchmarks.steerable_networks import (
    BATCH,
    FOURIER,
    NAMES,
    REGULAR,
    Cell,
    fields_of,
    inferrer,
    network,
    products,
    trainer,
)

CHANNELS, KERNELS, MAPS = (64, 192, 448), (3, 5, 7), (14, 29, 56)
SMALL_BATCH, LARGEST_FOR_BATCH = 8, 3.5e11
BOTH_BATCHES: Cell = (192, 3, 29)
QUICK: list[Cell] = [(64, 3, 14), (64, 3, 29), (64, 7, 14), (192, 3, 14), (192, 5, 14), (448, 3, 14)]
KINDS = (("regular", REGULAR), ("Fourier", FOURIER))
PROMISED = {
    "training regular": {"geometric_mean": 1.05, "largest": 1.2},
    "training Fourier": {"geometric_mean": 1.4},
    "inference regular": {"geometric_mean": 1.05},
    "inference Fourier": {"geometric_mean": 1.25},
    "memory regular": {"largest": 1.15},
}


def errors(name: str, module: nn.Sequential, channels: int, size: int) -> dict[str, float]:
    """How far the network is from commuting with a quarter turn, and from the plain module it hands out."""
    x = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0))
    turn = fields_of(name, channels).matrix(torch.tensor([math.pi / 2, 0.0], dtype=torch.float64)).float()

    def turned(y: Tensor) -> Tensor:
        return torch.einsum("ij,bjhw->bihw", turn, y).rot90(1, (-2, -1))

    device = next(module.parameters()).device
    module.cpu().eval()
    with torch.no_grad():
        y, there = module(x), module(turned(x))
        plain = nn.Sequential(*(layer.plain() for layer in module))(x)  # pyright: ignore[reportCallIssue]
    module.to(device)
    apart = [(there - turned(y)).norm() / y.norm(), (plain - y).norm() / y.norm()]
    return {"quarter_turn": float(apart[0]), "plain_module": float(apart[1])}


def rounds(
    pieces: Mapping[str, Callable[[], object]], budget: float, clocked: Callable[[Callable[[], object]], float]
) -> dict[str, list[float]]:
    """Seconds of each piece in turn, another one first in each round, for as many rounds as begin within the budget."""
    seconds: dict[str, list[float]] = {name: [] for name in pieces}
    names, start, least = list(pieces), time.perf_counter(), 1
    while (done := len(seconds["plain"])) < least or (time.perf_counter() - start < budget and done < 200):
        first = done % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(clocked(pieces[name]))
        plain = min(seconds["plain"])
        least = 5 if plain < 1 else 3 if plain < 5 else 2
    return seconds


def compared(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Median and least of the plain network in milliseconds, and of the others over it, round by round.

    The spread is that of the quartiles over the rounds, or from the least to the largest where there are under 4.
    """
    plain = seconds["plain"]
    found: dict[str, Any] = {"rounds": len(plain)}
    found["plain_ms"] = {"median": statistics.median(plain) * 1e3, "least": min(plain) * 1e3}
    for name, each in seconds.items():
        if name != "plain":
            paired = sorted(a / b for a, b in zip(each, plain, strict=True))
            low, middle, high = paired[0], statistics.median(paired), paired[-1]
            if len(paired) >= 4:
                low, _, high = statistics.quantiles(paired, n=4)
            found[name] = {"median": middle, "spread": [low, high], "least": min(each) / min(plain)}
    return found


def batch_of(cell: Cell, device: str) -> int:
    """How many items a cell is measured at."""
    return BATCH if device != "cpu" or products(cell) <= LARGEST_FOR_BATCH else SMALL_BATCH


def measured(cell: Cell, batch: int, given: argparse.Namespace) -> dict[str, Any]:
    """All that is measured of one cell but its memory."""
    channels, kernel, size = cell
    torch.manual_seed(0)
    x = torch.randn(batch, channels, size, size, device=given.device)
    modules = {name: network(name, channels, kernel).to(given.device) for name in NAMES}
    row: dict[str, Any] = {"channels": channels, "kernel": kernel, "map": size, "batch": batch}
    row["errors"] = {name: errors(name, module, channels, size) for name, module in modules.items() if name != "plain"}
    if given.compile:
        for module in modules.values():
            module.compile()
    # The first call is not counted: torch plans and allocates. Where calls are long, few items are enough for it.
    first = x if given.compile or given.device != "cpu" or products(cell, batch) < 1e10 else x[:1]
    for mode, kind in (("training", trainer), ("inference", inferrer)):
        pieces: dict[str, Callable[[], object]] = {}
        for name, module in modules.items():
            module.train(mode == "training")
            work = kind(module, given.bf16)
            work(first)
            pieces[name] = partial(work, x)
        row[mode] = compared(rounds(pieces, given.budget, partial(clock, device=given.device)))
    return row


def summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Geometric mean and largest of the ratios over the cells, beside what is promised, and the largest errors."""
    found: dict[str, Any] = {}
    for mode, (kind, names) in itertools.product(("training", "inference", "memory"), KINDS):
        cells = [row[mode] for row in rows if row.get(mode) is not None]
        for way in ("median", "least") if mode != "memory" else ("",):
            ratios = [cell[name][way] if way else cell[name] for cell in cells for name in names]
            if ratios:
                found[f"{mode} {kind}{way and ', '}{way}"] = {
                    "cells": f"{len(cells)} of {len(rows)}",
                    "geometric_mean": statistics.geometric_mean(ratios),
                    "largest": max(ratios),
                    "promised": PROMISED.get(f"{mode} {kind}"),
                }
    for error in ("quarter_turn", "plain_module"):
        each = [network[error] for row in rows for network in row["errors"].values()]
        found[f"largest_error_{error}"] = max(each, default=None)
    return found


def told(row: dict[str, Any]) -> str:
    """One cell in a line for each mode: medians, and in brackets their spread over the rounds."""
    cell = f"{row['channels']:4d} channels, {row['kernel']}x{row['kernel']}, {row['map']:2d} pixels"
    mark = " " if row["batch"] == BATCH else "*"
    lines = []
    for mode in ("training", "inference"):
        part = row[mode]
        each = {name: (part[name]["median"], *part[name]["spread"]) for name in (*REGULAR, *FOURIER)}
        ratios = "  ".join(f"{name} {middle:.3f} ({low:.2f}-{high:.2f})" for name, (middle, low, high) in each.items())
        plain = f"plain {part['plain_ms']['median']:8.1f} ms"
        lines.append(f"{cell}, {mode:9s}: batch {row['batch']:2d}{mark} {plain}  {ratios}   {part['rounds']} rounds")
    if row.get("memory") is not None:
        ratios = "  ".join(f"{name} {row['memory'][name]:.3f}" for name in (*REGULAR, *FOURIER))
        lines.append(f"{cell}, memory   : batch {BATCH}  plain {row['memory']['plain_mib']:7.1f} MiB  {ratios}")
    worst = {kind: max(each[kind] for each in row["errors"].values()) for kind in ("quarter_turn", "plain_module")}
    return "\n".join(
        [*lines, f"{cell}, errors   : " + ", ".join(f"{kind} {value:.1e}" for kind, value in worst.items())]
    )


def begun(out: Path | None, asked: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows that a run which was asked the same has finished already."""
    if out is None or not out.exists():
        return {"rows": [], "beside": []}
    found = json.loads(out.read_text())
    there = found.get("asked", {})
    other = [key for key in {**asked, **there} if asked.get(key) != there.get(key)]
    if other:
        said = ", ".join(f"{key} {there.get(key)!r} there and {asked.get(key)!r} here" for key in other)
        raise SystemExit(f"{out} holds another measurement ({said}): give another file, or move it away.")
    return {"rows": found["rows"], "beside": found["beside"]}


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--budget", type=float, default=25.0, help="seconds after which a cell begins no new round")
    parser.add_argument("--quick", action="store_true", help="a sample of the cells, 5 seconds each")
    parser.add_argument("--bf16", action="store_true", help="under autocast to bfloat16")
    parser.add_argument("--compile", action="store_true", help="behind torch.compile")
    return parser.parse_args()


def main() -> None:
    given = options()
    given.budget = 5.0 if given.quick else given.budget
    here = machine(given.device)
    asked = {key: value for key, value in vars(given).items() if key != "out"} | {"batches": [BATCH, SMALL_BATCH]}
    asked |= {key: here[key] for key in ("device", "threads", "torch")} | {"on": given.device}
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0], "machine": here, "asked": asked}
    result |= {"summary": {}, **begun(given.out, asked)}
    table = QUICK if given.quick else list(itertools.product(CHANNELS, KERNELS, MAPS))
    work = [(cell, batch_of(cell, given.device), "rows") for cell in table]
    if not given.quick and given.device == "cpu":
        work.append((BOTH_BATCHES, SMALL_BATCH, "beside"))
    for cell, batch, place in sorted(work, key=lambda one: products(*one[:2])):
        if any((row["channels"], row["kernel"], row["map"]) == cell for row in result[place]):
            continue
        row = measured(cell, batch, given)
        if place == "rows":
            row["memory"] = memory(cell) if given.device == "cpu" else None
        result[place].append(row)
        print(told(row), flush=True)
        result["summary"] = summed(result["rows"])
        if given.out is not None:
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(summed(result["rows"]), indent=2))


if __name__ == "__main__":
    main()
