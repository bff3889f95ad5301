"""What does a network gain that commutes? Plain, augmented and equivariant ones against the exact score.

    python -m benchmarks.symmetry --out benchmarks/results/symmetry.json

The law is a mixture about forty digits of 8 x 8 pixels, averaged over the four quarter turns, so that its score is
known exactly. All networks have one perceptron; the equivariant one is its average over the turns, trained as such, and
evaluates it four times in a step. So all are compared after equal work: as many images given to the perceptron. On few
images a network that goes on learning gets worse; what each kind has at the best work stands beside the rest. Three
trainings each, on other images with other weights. The record is written anew after each comparison.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measure import arguments, machine, record
from equigen.labs.symmetry.concluding import ratio
from equigen.labs.symmetry.learning import KINDS, Learned, Plan, learned
from equigen.labs.symmetry.setting import Setting, pictures

IMAGES = (50, 200, 1400)
WORK = (16_384, 65_536, 262_144)
WIDTH, BATCH, TRAININGS = 256, 64, 3
PLAIN, AUGMENTED, EQUIVARIANT = KINDS[0], KINDS[1], KINDS[3]
ASYMMETRY = 1e-9


def main() -> None:
    given = arguments(__doc__ or "")
    start, setting = time.perf_counter(), pictures(40, seed=0)
    found: dict[tuple[int, int], dict[str, Learned]] = {}
    for count in IMAGES:
        for work in WORK:
            found[count, work], floor = _trained(setting, count, work)
            record(
                {
                    "question": "how far from the exact score are networks after equal work on so many images?",
                    "machine": machine(given.device),
                    "unit": "loss above the least possible, relative to the least; work in images given to the "
                    "perceptron",
                    "least_loss": floor,
                    "trainings": TRAININGS,
                    "seconds": time.perf_counter() - start,
                    **_told(found),
                },
                given.out,
            )


def _trained(setting: Setting, count: int, work: int) -> tuple[dict[str, Learned], float]:
    """All kinds after equal work, and the least possible loss."""
    steps, order = work // BATCH, len(setting.action.group.elements())
    one, _, at = learned(setting, (count,), Plan(WIDTH, BATCH, steps), TRAININGS, 0, kinds=(PLAIN, AUGMENTED))
    other, _, _ = learned(setting, (count,), Plan(WIDTH, BATCH, steps // order), TRAININGS, 0, kinds=(EQUIVARIANT,))
    return {each.kind: each for each in (*one, *other)}, at.floor


def _told(found: dict[tuple[int, int], dict[str, Learned]]) -> dict[str, Any]:
    rows = [
        {"images": count, "work": work, **{kind: _row(one) for kind, one in kinds.items()}, **_compared(kinds)}
        for (count, work), kinds in found.items()
    ]
    best = [{"images": count, **_best(found, count)} for count in dict.fromkeys(count for count, _ in found)]
    return {
        "equal_work": rows,
        "best_work": best,
        "to_come": [key for key in ((count, work) for count in IMAGES for work in WORK) if key not in found],
        "target": f"at the best work of each, {EQUIVARIANT} not above {AUGMENTED} by more than two errors; an "
        f"asymmetry below {ASYMMETRY:g}",
        "met": {
            "loss": all(_not_worse(one["log_ratio_to_equivariant"][AUGMENTED]) for one in best),
            "asymmetry": all(max(kinds[EQUIVARIANT].asymmetry) < ASYMMETRY for kinds in found.values()),
        },
    }


def _best(found: dict[tuple[int, int], dict[str, Learned]], count: int) -> dict[str, Any]:
    """Each kind after that work which leaves the least mean loss."""
    works = [work for images, work in found if images == count]
    at = {kind: min(works, key=lambda work: found[count, work][kind].mean[0]) for kind in (*KINDS[:2], EQUIVARIANT)}
    kinds = {kind: found[count, work][kind] for kind, work in at.items()}
    return {**{kind: {"work": at[kind], **_row(one)} for kind, one in kinds.items()}, **_compared(kinds)}


def _compared(kinds: dict[str, Learned]) -> dict[str, Any]:
    told = {kind: ratio(kinds[kind], kinds[EQUIVARIANT]) for kind in (PLAIN, AUGMENTED)}
    return {"log_ratio_to_equivariant": {kind: {"mean": mean, "error": error} for kind, (mean, error) in told.items()}}


def _row(one: Learned) -> dict[str, Any]:
    mean, error = one.mean
    return {"above": mean, "error": error, "each": list(one.above), "asymmetry": max(one.asymmetry)}


def _not_worse(told: dict[str, float]) -> bool:
    return told["mean"] + 2.0 * told["error"] >= 0.0


if __name__ == "__main__":
    main()
