"""What does a network gain that commutes? Plain, augmented and equivariant ones against the exact score.

    python -m benchmarks.symmetry --out benchmarks/results/symmetry.json

The law is a mixture about forty digits of 8 x 8 pixels, averaged over the four quarter turns, so that its score is
known exactly. All networks have one perceptron; the equivariant one is its average over the turns, trained as such, and
evaluates it four times in a step. It is to be compared with the augmented one that is given four times the steps: equal
work. Three trainings each, on other images with other weights.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measure import arguments, machine, record
from equigen.labs.symmetry.concluding import ratio
from equigen.labs.symmetry.learning import KINDS, Learned, Plan, learned
from equigen.labs.symmetry.setting import pictures

IMAGES = (50, 200, 1400)
PLAN = Plan(width=256, batch=64, steps=1000)
TRAININGS = 3


def main() -> None:
    given = arguments(__doc__ or "")
    start = time.perf_counter()
    found, _, at = learned(pictures(40, seed=0), IMAGES, PLAN, TRAININGS, seed=0)
    rows = {str(count): {one.kind: _row(one) for one in found if one.items == count} for count in IMAGES}
    for count in IMAGES:
        here = {one.kind: one for one in found if one.items == count}
        for kind in KINDS[:3]:
            value, error = ratio(here[kind], here[KINDS[3]])
            rows[str(count)][kind]["log_ratio_to_equivariant"] = {"mean": value, "error": error}
    result = {
        "question": "how far from the exact score are networks after training on so many images?",
        "machine": machine(given.device),
        "unit": "loss above the least possible, relative to the least",
        "least_loss": at.floor,
        "seconds": time.perf_counter() - start,
        "images": rows,
        "target": "the equivariant network not above the augmented one at equal work, and asymmetry below 1e-9",
    }
    record(result, given.out)


def _row(one: Learned) -> dict[str, Any]:
    mean, error = one.mean
    return {"above": mean, "error": error, "asymmetry": max(one.asymmetry), "evaluations": one.work}


if __name__ == "__main__":
    main()
