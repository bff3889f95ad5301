"""What do the labs answer with their default settings, and how long do they take?

    python -m benchmarks.labs --out benchmarks/results/labs.json --runs labs/

The pages, numbers and figures are left in the folder of `--runs`. Each lab is to take less than 2 minutes on 2 cores,
equivariance less than 5, mnist-diffusion less than 6, rotation-stability less than 10.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.measure import arguments, clock, machine, record
from equigen.labs.lab import answer
from equigen.labs.writing import record as found
from equigen.labs.writing import write
from equigen.table import LABS

ALLOWED = {"mnist-diffusion": 360.0, "equivariance": 300.0, "rotation-stability": 600.0}  # seconds; the others have 120


def main() -> None:
    given = arguments(__doc__ or "", runs=Path("labs"))
    rows: dict[str, Any] = {}
    for name in LABS:

        def work(name: str = name) -> None:
            done = answer(name)
            write(done, given.runs)
            rows[name] = found(done)

        seconds = clock(work, given.device)
        rows[name] |= {"seconds": seconds, "allowed_seconds": ALLOWED.get(name, 120.0)}
        rows[name].pop("numbers")
    record({"question": "what do the labs answer, and how fast?", "machine": machine(given.device), **rows}, given.out)


if __name__ == "__main__":
    main()
