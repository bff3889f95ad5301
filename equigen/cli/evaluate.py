"""`equigen evaluate RUN`: each metric beside its floor, into the run folder; of a generator, or of a classifier."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from pydantic import Field

from equigen.cli.options import Count, Debug, Json, Seed, legal
from equigen.cli.outcome import Outcome, table
from equigen.cli.progress import Progress
from equigen.cli.runs import Run, only_writer, open_classifier, open_run, require_run
from equigen.cli.sampling import SamplingFlags, require_guidable, sampling_asked
from equigen.table import SOLVERS
from equigen.training import processes
from equigen.training.errors import ConfigError

if TYPE_CHECKING:
    from equigen.metrics.classification import ClassifierEvaluation
    from equigen.metrics.evaluation import Evaluation

__all__ = ["evaluate"]


_COUNT = Annotated[int, Field(ge=1)]
_PLACE = Annotated[int, Field(ge=0)]


def _for_samples(kind: Any, shown: int) -> Parameter:
    """A number that a run which draws samples takes as shown, and that is refused where none are drawn."""
    return Parameter(converter=legal(kind), show_default=lambda _: str(shown))


def evaluate(
    run: Path,
    /,
    *,
    n: Count = 450,
    seeds: Annotated[int | None, _for_samples(_COUNT, 3)] = None,
    draws: Annotated[int | None, _for_samples(_COUNT, 10)] = None,
    seed: Seed = 0,
    solvers: str = "",
    likelihood: Annotated[int | None, _for_samples(_PLACE, 48)] = None,
    flags: Annotated[SamplingFlags | None, Parameter(name="*")] = None,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Measure a run against held-out data, each metric beside its floor.

    The floor of a metric is what it gives between two sets of real images of the same size. Of a classifier the
    accuracy is told beside chance, and on the same images in 16 rotations.

    Args:
        run: The run folder; evaluation.json, evaluation.npz and, of a generator, paths.npz are written there.
        n: Images on each side of a comparison, or in rotations; fewer where the data hold fewer.
        seeds: Generated sets; their spread gives the intervals.
        draws: Real sets for the floor.
        seed: Key of the randomness.
        solvers: Solvers to compare on the same noise by their network evaluations, by name, separated by commas.
        likelihood: Held-out images whose bits per dimension are told; 0: none.
    """
    from equigen.report.record import write_evaluation, write_paths
    from equigen.training.folder import recorded
    from equigen.training.shared_model import follow

    flags = flags or SamplingFlags()
    compared = _named(solvers)
    require_run(run)
    if recorded(run).task == "classify":
        _require_of_classifier(run, flags, solvers, {"--seeds": seeds, "--draws": draws, "--likelihood": likelihood})
        return _classifier(run, flags.device, n, seed)
    processes.start()
    with only_writer(run):
        opened = open_run(run, flags.device)
        asked = {"seed": seed, **sampling_asked(flags, opened.config)}
        require_guidable(opened.model, asked["guidance"])
        if processes.rank():
            follow(opened.model)
            return Outcome({}, ())
        counts = {"seeds": seeds or 3, "draws": draws or 10, "likelihood": 48 if likelihood is None else likelihood}
        found = _measure(opened, {"n": n, "solvers": compared, **counts, **asked})
        write_evaluation(found, run)
        write_paths(opened.model, run, **asked)
    return Outcome({"run": run, **found.to_dict()}, _lines(found))


def _require_of_classifier(run: Path, flags: SamplingFlags, solvers: str, counts: Mapping[str, int | None]) -> None:
    """Refuse what is asked of samples where a run draws none."""
    there = {
        **{name: count is not None for name, count in counts.items()},
        "--solvers": bool(solvers),
        "--solver": flags.solver is not None,
        "--steps": flags.steps is not None,
        "--tolerance": flags.tolerance is not None,
        "--guidance": flags.guidance != SamplingFlags.guidance,
        "--batch-size": flags.batch_size != SamplingFlags.batch_size,
    }
    if asked := [name for name, given in there.items() if given]:
        raise ConfigError(
            f"{asked[0]} was given, but {run} classifies images and draws no samples: leave it out, as in 'equigen "
            f"evaluate {run}'."
        )


def _classifier(run: Path, device: str, n: int, seed: int) -> Outcome:
    """Measure a run that classifies; one process does it all."""
    from equigen.metrics.classification_evaluating import classifier_stages, evaluate_classifier
    from equigen.report.record import write_evaluation
    from equigen.training.classifiers import load_labelled

    if processes.rank():
        return Outcome({}, ())
    with only_writer(run):
        opened = open_classifier(run, device)
        data, seed_of_run = opened.config.data, opened.config.seed
        _, train, held_out = load_labelled(data, seed_of_run)
        posed = data.pose != "none"
        before = load_labelled(data.model_copy(update={"pose": "none"}), seed_of_run)[2] if posed else None
        with Progress("evaluate", classifier_stages(), "stages") as progress:
            seen: list[str] = []

            def count(stage: str) -> None:
                progress.reach(len(seen))
                seen.append(stage)

            found = evaluate_classifier(opened.model, train, held_out, upright=before, n=n, seed=seed, on_stage=count)
        write_evaluation(found, run)
    return Outcome({"run": run, **found.to_dict()}, _classifier_lines(found))


def _classifier_lines(found: ClassifierEvaluation) -> list[str]:
    """What was measured on a classifier, for a person."""
    from equigen.report.classification.words import angle_rows, in_short

    lines = [*in_short(found)]
    if found.angles is not None:
        heading = ["degrees", "accuracy", "from the mean", "cross entropy"]
        lines += ["", *table(angle_rows(found.angles), heading, numbers=True), ""]
    return [*lines, *(f"note: {note}" for note in found.notes)]


def _named(text: str) -> list[str]:
    """Solvers by their names in a list with commas."""
    names = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names:
        if name not in SOLVERS:
            near = difflib.get_close_matches(name, SOLVERS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SOLVERS)}."
            raise ConfigError(f"--solvers has {name!r}, but there is no such solver: {hint}")
    return names


def _measure(opened: Run, asked: dict[str, Any]) -> Evaluation:
    """The evaluation, with progress over its stages; all processes draw the samples."""
    from equigen.metrics.evaluating import evaluate as measure
    from equigen.metrics.evaluating import stages
    from equigen.training.build import load_data
    from equigen.training.shared_model import shared

    _, training, held_out = load_data(opened.config.data, opened.config.seed)
    total = stages(asked["seeds"], asked["solvers"])
    with Progress("evaluate", total, "stages") as progress, shared(opened.model) as model:
        seen: list[str] = []

        def count(stage: str) -> None:
            progress.reach(len(seen))
            seen.append(stage)

        return measure(model, training, held_out, on_stage=count, **asked)


def _lines(found: Evaluation) -> list[str]:
    """The metrics for a person, with 95 % intervals."""
    from equigen.report.words import bits_per_dimension

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
    if found.likelihood is not None:
        lines.append(bits_per_dimension(found.likelihood))
    return [*lines, *(f"note: {note}" for note in found.notes)]
