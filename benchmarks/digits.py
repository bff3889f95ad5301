"""How good are new digits, and what do they cost? Train as `make demo` does, then judge beside the floor.

    python -m benchmarks.digits --out benchmarks/results/digits.json

The Frechet distance of 450 samples (mean of 3 seeds) against 450 held-out digits is to be within twice the mean floor
of 10 draws of real digits; the other metrics stand beside their floors as well.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.measure import arguments, machine, record
from equigen import store
from equigen.metrics.evaluating import evaluate
from equigen.training.build import load_data
from equigen.training.config import TrainConfig
from equigen.training.run import train

STEPS = 1200


def main() -> None:
    given = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        values = {"data": "digits", "steps": STEPS, "out": Path(folder) / "run", "device": given.device}
        config = TrainConfig.model_validate(values)
        start = time.perf_counter()
        model = store.load(train(config))
        trained = time.perf_counter()
        _, training, held_out = load_data(config.data, config.seed)
        evaluation = evaluate(model, training, held_out, seed=0)
        judged = time.perf_counter()
    rows = {
        row.name: {
            "value": row.value,
            "interval": row.interval,
            "floor": row.floor,
            "floor_interval": row.floor_interval,
            "ratio": row.ratio,
        }
        for row in evaluation.metrics
    }
    record(
        {
            "question": f"how close are 450 digits, after {STEPS} steps, to 450 held-out ones, beside real draws?",
            "machine": machine(given.device),
            "training_seconds": trained - start,
            "evaluation_seconds": judged - trained,
            "metrics": rows,
            "target": "Frechet distance: ratio below 2",
        },
        given.out,
    )


if __name__ == "__main__":
    main()
