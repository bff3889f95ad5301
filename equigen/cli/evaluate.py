"""`equigen evaluate RUN`: each metric beside its floor, into the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from equigen.cli.options import Count, Debug, Device, Json, Seed
from equigen.cli.outcome import Outcome, table
from equigen.cli.progress import Progress
from equigen.store import SOLVERS, build

if TYPE_CHECKING:
    from equigen.metrics.evaluation import Evaluation

__all__ = ["evaluate"]

_STAGES = 4  # of an evaluation, beside one for each generated set


def evaluate(
    run: Path,
    /,
    *,
    n: Count = 450,
    seeds: Count = 3,
    draws: Count = 10,
    steps: Count = 20,
    seed: Seed = 0,
    solver: Annotated[str, Parameter(choices=tuple(SOLVERS))] = "dpm-solver-2m",
    device: Device = "auto",
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Measure a run against held-out data, each metric beside its floor.

    The floor of a metric is what it gives between two sets of real images of the same size.

    Args:
        run: The run folder; evaluation.json, evaluation.npz and paths.npz are written there.
        n: Images on each side of a comparison; fewer where the data hold fewer.
        seeds: Generated sets; their spread gives the intervals.
        draws: Real sets for the floor.
        steps: Steps of the solver; one evaluation of the network each, two for heun.
        seed: Key of the randomness.
        solver: How to go from noise to image.
        device: Where to compute; auto: an accelerator if there is one.
    """
    from equigen.cli.runs import open_run
    from equigen.metrics.evaluating import evaluate as measure
    from equigen.report.record import write_evaluation, write_paths
    from equigen.training.build import load_data

    opened = open_run(run, device)
    _, training, held_out = load_data(opened.config.data, opened.config.seed)
    sampling: dict[str, Any] = {"seed": seed, "steps": steps, "solver": build(solver, SOLVERS)}
    stages = seeds + _STAGES
    with Progress("evaluate", stages, "stages") as progress:
        seen: list[str] = []

        def count(stage: str) -> None:
            progress.reach(len(seen))
            seen.append(stage)

        found = measure(opened.model, training, held_out, n=n, seeds=seeds, draws=draws, on_stage=count, **sampling)
        progress.reach(stages)
    write_evaluation(found, run)
    write_paths(opened.model, run, **sampling)
    return Outcome({"run": run, **found.to_dict()}, _lines(found))


def _lines(found: Evaluation) -> list[str]:
    """The metrics for a person, with 95 % intervals."""

    def with_interval(value: float, interval: tuple[float, float]) -> str:
        return f"{value:.4g} [{interval[0]:.4g}, {interval[1]:.4g}]"

    rows = [
        [
            f"{m.name} ({m.better} is better)",
            with_interval(m.value, m.interval),
            with_interval(m.floor, m.floor_interval),
            "-" if m.ratio is None else f"{m.ratio:.3g}",
        ]
        for m in found.metrics
    ]
    lines = [
        f"{found.data}: {found.seeds} sets of {found.n} samples against {found.held_out} held-out images, "
        f"features: {found.features.name}",
        *table(rows, ["metric", "value [95 %]", "floor [95 %]", "ratio"], numbers=True),
    ]
    if found.loss is not None:
        levels = len(found.loss.noise)
        lines.append(
            f"held-out loss {sum(found.loss.held_out) / levels:.4g}, on training images "
            f"{sum(found.loss.train) / levels:.4g} (mean over {levels} noise levels)"
        )
    return [*lines, *(f"note: {note}" for note in found.notes)]
