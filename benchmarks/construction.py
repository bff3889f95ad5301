"""How long does it take to build a steerable network of 50 layers, kernel bases and initial weights included?

    python -m benchmarks.construction --out benchmarks/results/construction.json

Each network is built in a process of its own, so that nothing is cached; the clock starts after the imports. A plain
network of as many channels is built beside it. The promise is 2 seconds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from benchmarks.measure import arguments, machine, record

NETWORKS = {
    "C4 regular": ("C4", "16xregular"),
    "C8 regular": ("C8", "8xregular"),
    "C16 regular": ("C16", "4xregular"),
    "D4 regular": ("D4", "8xregular"),
    "D8 regular": ("D8", "4xregular"),
    "SO2 to frequency 3": ("SO2", "9xregular(3)"),
    "O2 to frequency 3": ("O2", "4xregular(3)"),
    "C4 wide (448 channels)": ("C4", "112xregular"),
}
BUILD = """
import json, sys, time
import torch
from torch import nn
from equigen.groups import plane_group
from equigen.steerable import FieldType, SteerableConv2d, SteerableSequential

name, text, kernels = json.loads(sys.argv[1])
start = time.perf_counter()
group = plane_group(name)
image, fields = FieldType(group, "1x0e"), FieldType(group, text)
layers = [SteerableConv2d(image, fields, 7, padding=3)]
layers += [SteerableConv2d(fields, fields, k, padding=k // 2) for k in kernels]
network = SteerableSequential(*layers)
built = time.perf_counter() - start
start = time.perf_counter()
plain = nn.Sequential(*(nn.Conv2d(fields.size, fields.size, k) for k in kernels))
print(json.dumps([built, time.perf_counter() - start, sum(p.numel() for p in network.parameters()), fields.size]))
"""


def main() -> None:
    given = arguments(__doc__ or "")
    kernels = [3, 5] * 24 + [1]
    rows = {}
    for name, (group, text) in NETWORKS.items():
        words = [sys.executable, "-c", BUILD, json.dumps([group, text, kernels])]
        found = [json.loads(subprocess.run(words, check=True, capture_output=True).stdout) for _ in range(3)]
        rows[name] = {
            "seconds": statistics.median(row[0] for row in found),
            "largest_seconds": max(row[0] for row in found),
            "plain_seconds": statistics.median(row[1] for row in found),
            "weights": found[0][2],
            "channels": found[0][3],
            "promised_seconds": 2.0,
        }
        print(name, rows[name], flush=True)
    question = "how long does it take to build a steerable network of 50 layers?"
    record({"question": question, "machine": machine(given.device), **rows}, given.out)


if __name__ == "__main__":
    main()
