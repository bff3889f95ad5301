"""How fast are two steerable convolutions with norm and activation, beside plain ones of as many channels?

    python -m benchmarks.steerable --out benchmarks/results/steerable.json            # the whole table: 3 hours
    python -m benchmarks.steerable --quick                                            # a sample of its cells: minutes

A training step is the forward pass, the mean of squares, gradients and a step of Adam; an inference is the forward pass
of the same network in evaluation. The plain network is twice nn.Conv2d, nn.BatchNorm2d, nn.SiLU. All networks of a cell
take their turns one after the other; ratios are those of a round. A round begins while the budget of the cell is not
spent, two at least. What is measured is written after every cell, and a run that finds its file goes on behind it.

Beside the times stand the errors achieved in float32: that of commuting with a quarter turn, and the distance to the
plain module that the network hands out. Peak memory is that of training steps in a process of its own (Linux), tables
of the basis included, over what the process held before the network was built.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.measure import clock, machine
from equigen.groups import plane_group
from equigen.steerable import BatchNorm, FieldType, FourierActivation, Pointwise, SteerableConv2d

CHANNELS, KERNELS, MAPS, BATCH = (64, 192, 448), (3, 5, 7), (14, 29, 56), 64
REGULAR, FOURIER = ("C4", "C8", "C16", "D4"), ("SO2", "O2")
QUICK = [(64, 3, 14), (64, 3, 29), (64, 7, 14), (192, 3, 14), (192, 5, 14), (448, 3, 14)]
PROMISED = {
    "training regular": 1.05,
    "training Fourier": 1.4,
    "inference regular": 1.05,
    "inference Fourier": 1.25,
    "memory regular": 1.15,
}
LONGEST_FOR_MEMORY = 30.0


def fields_of(name: str, channels: int) -> FieldType:
    """Fields of that many channels: regular ones, or functions up to frequency 3 and scalars for the rest."""
    group = plane_group(name)
    if name in REGULAR:
        return FieldType(group, f"{channels // group.order}xregular")
    count, rest = divmod(channels, 7 if name == "SO2" else 14)
    return FieldType(group, f"{count}xregular(3)" + (f" + {rest}x0e" if rest else ""))


def network(name: str, channels: int, kernel: int) -> nn.Sequential:
    """Twice a convolution that keeps the size, a norm over the batch and the activation."""
    settings: dict[str, Any] = {"padding": kernel // 2, "bias": False}
    if name == "plain":
        blocks = [
            (nn.Conv2d(channels, channels, kernel, **settings), nn.BatchNorm2d(channels), nn.SiLU()) for _ in range(2)
        ]
        return nn.Sequential(*itertools.chain(*blocks))
    fields = fields_of(name, channels)
    act = Pointwise if name in REGULAR else FourierActivation
    blocks = [
        (SteerableConv2d(fields, fields, kernel, **settings), BatchNorm(fields), act(fields, nn.SiLU()))
        for _ in range(2)
    ]
    return nn.Sequential(*itertools.chain(*blocks))


def trainer(module: nn.Module, x: Tensor, low: bool) -> Callable[[], None]:
    """One step of training, as a function to be timed."""
    adam = torch.optim.Adam(module.parameters(), lr=1e-4)

    def step() -> None:
        adam.zero_grad()
        with torch.autocast(x.device.type, torch.bfloat16) if low else nullcontext():
            loss = module(x).square().mean()
        loss.backward()
        adam.step()

    return step


def inferrer(module: nn.Module, x: Tensor, low: bool) -> Callable[[], None]:
    """One forward pass without derivative."""

    def run() -> None:
        with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16) if low else nullcontext():
            module(x)

    return run


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


def rounds(pieces: dict[str, Callable[[], None]], device: str, budget: float) -> dict[str, list[float]]:
    """Seconds of each piece in turn, for as many rounds as begin within the budget, two at least."""
    seconds: dict[str, list[float]] = {name: [] for name in pieces}
    start = time.perf_counter()
    while len(seconds["plain"]) < 2 or (time.perf_counter() - start < budget and len(seconds["plain"]) < 200):
        for name, work in pieces.items():
            seconds[name].append(clock(work, device))
    return seconds


def compared(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Median and least of the plain network in milliseconds, and of the others over it, round by round."""
    plain = seconds["plain"]
    found: dict[str, Any] = {"rounds": len(plain)}
    found["plain_ms"] = {"median": statistics.median(plain) * 1e3, "least": min(plain) * 1e3}
    for name, each in seconds.items():
        if name != "plain":
            paired = statistics.median(a / b for a, b in zip(each, plain, strict=True))
            found[name] = {"median": paired, "least": min(each) / min(plain)}
    return found


def memory(names: tuple[str, ...], cell: tuple[int, int, int]) -> dict[str, Any]:
    """Peak memory of a training step, each network in a process of its own: mebibytes, and ratios to the plain one."""
    found: dict[str, Any] = {}
    for name in names:
        words = [sys.executable, "-m", "benchmarks.steerable", "--peak", name, *map(str, cell)]
        found[name] = float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return {"plain_mib": found["plain"]} | {name: found[name] / found["plain"] for name in names if name != "plain"}


def print_peak(name: str, channels: int, kernel: int, size: int) -> None:
    """Print the peak memory of a training step of one network in this process, in mebibytes."""
    x = torch.randn(BATCH, channels, size, size)
    trainer(network(name, 16 * 7, 3), torch.randn(2, 16 * 7, 8, 8), False)()  # what torch loads at first use
    before = _kibibytes("VmRSS")
    step = trainer(network(name, channels, kernel), x, False)
    ctypes.CDLL(None).malloc_trim(0)  # building a basis takes memory too, once: it is handed back, and
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    step()
    step()
    print((_kibibytes("VmHWM") - before) / 1024)


def _kibibytes(name: str) -> int:
    """A line of /proc/self/status: resident memory now (VmRSS), or at its highest (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))


def measured(cell: tuple[int, int, int], given: argparse.Namespace) -> dict[str, Any]:
    """All that is measured of one cell."""
    channels, kernel, size = cell
    names = ("plain", *REGULAR, *FOURIER)
    torch.manual_seed(0)
    x = torch.randn(BATCH, channels, size, size, device=given.device)
    modules = {name: network(name, channels, kernel).to(given.device) for name in names}
    row: dict[str, Any] = {"channels": channels, "kernel": kernel, "map": size}
    row["errors"] = {name: errors(name, module, channels, size) for name, module in modules.items() if name != "plain"}
    if given.compile:
        for module in modules.values():
            module.compile()
    for mode, kind in (("training", trainer), ("inference", inferrer)):
        for module in modules.values():
            module.train(mode == "training")
        few = x if given.compile else x[:2]
        pieces = {}
        for name, module in modules.items():
            kind(module, few, given.bf16)()  # the first call is not counted: torch plans and allocates
            pieces[name] = kind(module, x, given.bf16)
        row[mode] = compared(rounds(pieces, given.device, given.budget))
    if given.device == "cpu" and row["training"]["plain_ms"]["median"] < 1e3 * LONGEST_FOR_MEMORY:
        row["memory"] = memory(names, cell)
    return row


def summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Geometric mean and largest of the ratios over all cells, beside what is promised, and the largest errors."""
    found: dict[str, Any] = {"cells": len(rows)}
    for mode, (kind, names) in itertools.product(
        ("training", "inference", "memory"), (("regular", REGULAR), ("Fourier", FOURIER))
    ):
        ratios = [row[mode][name] for row in rows if mode in row for name in names]
        for way in ("median", "least") if mode != "memory" else (None,):
            each = ratios if way is None else [ratio[way] for ratio in ratios]
            if each:
                title = f"{mode} {kind}"
                found[title if way is None else f"{title}, {way}"] = {
                    "geometric_mean": statistics.geometric_mean(each),
                    "largest": max(each),
                    "promised": PROMISED.get(title),
                }
    for error in ("quarter_turn", "plain_module"):
        found[f"largest_error_{error}"] = max(each[error] for row in rows for each in row["errors"].values())
    return found


def told(row: dict[str, Any]) -> str:
    """One cell in one line for each mode."""
    lines = []
    for mode in ("training", "inference"):
        part = row[mode]
        ratios = "  ".join(f"{name} {part[name]['median']:.3f}" for name in (*REGULAR, *FOURIER))
        lines.append(
            f"{row['channels']:4d} channels, {row['kernel']}x{row['kernel']}, {row['map']:2d} pixels, {mode:9s}: "
            f"plain {part['plain_ms']['median']:8.1f} ms   {ratios}   ({part['rounds']} rounds)"
        )
    if "memory" in row:
        ratios = "  ".join(f"{name} {row['memory'][name]:.3f}" for name in (*REGULAR, *FOURIER))
        lines.append(f"{'':33s}memory   : plain {row['memory']['plain_mib']:8.1f} MiB  {ratios}")
    worst = {kind: max(each[kind] for each in row["errors"].values()) for kind in ("quarter_turn", "plain_module")}
    lines.append(f"{'':33s}errors   : " + ", ".join(f"{kind} {value:.1e}" for kind, value in worst.items()))
    return "\n".join(lines)


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--budget", type=float, default=40.0, help="seconds after which a cell begins no new round")
    parser.add_argument("--quick", action="store_true", help="a sample of the cells, 5 seconds each")
    parser.add_argument("--bf16", action="store_true", help="under autocast to bfloat16")
    parser.add_argument("--compile", action="store_true", help="behind torch.compile")
    parser.add_argument("--peak", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    given = options()
    if given.peak:
        print_peak(given.peak[0], *map(int, given.peak[1:]))
        return
    given.budget = 5.0 if given.quick else given.budget
    every = sorted(itertools.product(CHANNELS, KERNELS, MAPS), key=lambda cell: (cell[0] * cell[1] * cell[2]) ** 2)
    rows: list[dict[str, Any]] = []
    if given.out is not None and given.out.exists():
        rows = json.loads(given.out.read_text())["rows"]
    done = {(row["channels"], row["kernel"], row["map"]) for row in rows}
    for cell in QUICK if given.quick else every:
        if cell in done:
            continue
        rows.append(measured(cell, given))
        print(told(rows[-1]), flush=True)
        settings = {"batch": BATCH, "budget_s": given.budget, "bf16": given.bf16, "compile": given.compile}
        result = {"question": (__doc__ or "").splitlines()[0], "machine": machine(given.device), **settings}
        if given.out is not None:
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(result | {"summary": summed(rows), "rows": rows}, indent=2) + "\n")
    print(json.dumps(summed(rows), indent=2))


if __name__ == "__main__":
    main()
