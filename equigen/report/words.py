"""What a page says in words and numbers: the facts of a run, and its evaluation in a few sentences and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from equigen.metrics.by_evaluations import SolverComparison
from equigen.metrics.evaluation import Evaluation
from equigen.metrics.floor import Measured
from equigen.metrics.groups import ConditionGroup
from equigen.metrics.likelihood import Likelihood
from equigen.metrics.memorising import Memorisation
from equigen.metrics.two_sample import TwoSampleTest
from equigen.report.contents import Contents

__all__ = [
    "bits_per_dimension",
    "compared",
    "copied",
    "cost",
    "facts",
    "features",
    "group_row",
    "in_short",
    "row",
    "told_apart",
    "verdict",
]

_COVARIANCE = {"full": "covariances", "diagonal": "variances"}


def facts(contents: Contents) -> list[tuple[str, str]]:
    """(label, value) of what a reader wants to know first, as far as the run folder tells."""
    found: list[tuple[str, str]] = []
    config, evaluation = contents.config, contents.evaluation
    if evaluation:
        channels, *sides = evaluation.shape
        size = " x ".join(map(str, sides))
        found += [("images", f"{size} pixels, {channels} channel{'s' if channels != 1 else ''}")]
        found += [("training items", f"{evaluation.train}"), ("held out", f"{evaluation.held_out}")]
    if contents.train:
        found.append(("training steps", f"{contents.train[-1]['step']} of {config.get('steps', '?')}"))
        seconds = contents.train[-1].get("seconds")
        if isinstance(seconds, int | float):
            found.append(("training time", _duration(seconds)))
    model = config.get("model")
    if isinstance(model, Mapping) and model.get("symmetry"):
        found.append(("symmetry", str(model["symmetry"])))
    if isinstance(model, Mapping) and model.get("orbit_target"):
        found.append(("trained towards", f"the mean over the poses of {model['orbit_target']}"))
    if "seed" in config:
        found.append(("seed", str(config["seed"])))
    circumstances = config.get("equigen")
    if isinstance(circumstances, Mapping) and "version" in circumstances:
        found.append(("equigen", str(circumstances["version"])))
    return found


def in_short(evaluation: Evaluation) -> list[str]:
    """The evaluation in a few sentences."""
    sentences = []
    for metric in evaluation.metrics:
        if metric.ratio is not None and metric.better == "lower":
            name = metric.name[:1].upper() + metric.name[1:]
            sentences.append(
                f"{name} ({metric.space}): {metric.value:.3g}, {_times(metric.ratio)} times the floor of "
                f"{metric.floor:.3g} at n = {metric.n}."
            )
        elif metric.name == "coverage":
            value, floor = _percent(metric.value, 0), _percent(metric.floor, 0)
            sentences.append(
                f"Coverage: {value} of the held-out items have samples beside them; real data reach {floor}."
            )
    if evaluation.two_sample is not None:
        sentences.append(told_apart(evaluation.two_sample))
    if evaluation.likelihood is not None:
        sentences.append(bits_per_dimension(evaluation.likelihood))
    return [*sentences, verdict(evaluation)]


def verdict(evaluation: Evaluation) -> str:
    """Whether samples lie too close to the training set, in a sentence or two."""
    found = evaluation.neighbours
    low, high = (_percent(end) for end in found.too_close_interval)
    posed = "" if evaluation.poses is None else f" in any pose under {evaluation.poses}"
    copies = f" {found.copies} of {found.n} samples are copies of a training item{posed}." if found.copies else ""
    sign = "more than real data explain: memorised, or too smooth" if found.suspicious else "no sign of memorisation"
    return (
        f"{_percent(found.too_close)} of the samples ({low} to {high}) lie nearer to a training item{posed} than the "
        f"nearest {_percent(found.expected, 0)} of held-out items do: {sign}.{copies}"
    )


def features(evaluation: Evaluation) -> str:
    """What the features are, in a sentence."""
    used = evaluation.features
    if used.accuracy is None:
        return f"Features: {used.name}, {used.dimension} numbers an image, fixed for all runs, not trained."
    return (
        f"Features: {used.name}, {used.dimension} numbers an image, of a classifier trained on the training split "
        f"only; {_percent(used.accuracy)} of held-out items are classified rightly."
    )


def told_apart(test: TwoSampleTest) -> str:
    """Whether a classifier tells samples from held-out items, in a sentence."""
    found = test.accuracy
    low, high = min(test.p_values), max(test.p_values)
    p_values = f"p = {low:.3g}" if low == high else f"p from {low:.3g} to {high:.3g}"
    return (
        f"A classifier tells samples from held-out items with {_percent(found.value)} accuracy ({p_values}); training "
        f"items from held-out items with {_percent(found.floor)}. Chance is {_percent(0.5, 0)}."
    )


def copied(found: Memorisation) -> str:
    """What C_T says, in a sentence."""
    sign = (
        "nearer to the training items than chance explains: copies, or samples smoother than data"
        if found.copying
        else "farther from the training items than chance explains: samples unlike the data"
        if found.far
        else "as near to the training items as real items are"
    )
    low, high = min(found.floors), max(found.floors)
    return (
        f"Memorisation C_T = {found.value:.2f} (real items: {low:.2f} to {high:.2f}): the samples lie {sign}. In "
        f"{_percent(found.farther, 0)} of all pairs the sample is farther from the training set than the held-out item."
    )


def group_row(group: ConditionGroup) -> dict[str, str]:
    """One class or range as a row of a table."""

    def share(value: float | None, interval: tuple[float, float] | None) -> str:
        if value is None or interval is None:
            return "-"
        return f"{_percent(value)} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"

    error = "" if group.loss_error is None else f" \N{PLUS-MINUS SIGN} {group.loss_error:.3f}"
    return {
        "name": group.name,
        "samples": f"{group.samples}",
        "called": share(group.called, group.called_interval),
        "floor": share(group.floor, group.floor_interval),
        "loss": "-" if group.loss is None else f"{group.loss:.3f}{error}",
    }


def bits_per_dimension(found: Likelihood) -> str:
    """The likelihood beside its baseline, with the error in its parts, in a sentence or two."""
    plus_minus = "\N{PLUS-MINUS SIGN}"
    what = (
        "Bits per dimension of held-out images, dequantised as they were stored"
        if found.quantised
        else "Bits per dimension of the density of held-out images in data units"
    )
    parts = [f"items {found.item_error:.3f}"]
    if math.isfinite(found.probe_error):
        parts.append(f"probes {found.probe_error:.3f}")
    verdict = (
        f"{abs(found.gain):.3f} {plus_minus} {found.gain_error:.3f} {'below' if found.gain > 0 else 'above'}"
        if abs(found.gain) > 2.0 * (found.gain_error + found.solver_error)
        else "not to be told from"
    )
    return (
        f"{what}: {found.bits:.3f} {plus_minus} {found.standard_error:.3f} at n = {found.n} ({', '.join(parts)}; the "
        f"solver moves it by at most {found.solver_error:.3f}), {verdict} the {found.baseline:.3f} of a normal law "
        f"with the training data's means and {_COVARIANCE[found.baseline_covariance]}."
    )


def compared(found: SolverComparison) -> str:
    """Which solver comes nearest to the reference within the smallest and the largest budget, in a sentence."""
    points = [
        (count, distance, curve.solver)
        for curve in found.curves
        for count, distance in zip(curve.evaluations, curve.distance, strict=False)
    ]
    parts = []
    for budget in dict.fromkeys((min(found.budgets), max(found.budgets))):
        within = [(distance, solver) for count, distance, solver in points if count <= budget]
        if within:
            distance, solver = min(within)
            parts.append(f"{solver} within {budget} evaluations ({distance:.2g} data units)")
    if not parts:
        return "No deterministic solver was compared."
    return f"Nearest to where the exact flow takes the same noise: {', '.join(parts)}."


def cost(contents: Contents) -> list[tuple[str, str, str]]:
    """(quantity, as it was estimated before the training, as it was) of what the run recorded."""
    about = contents.config.get("equigen")
    estimate = about.get("estimate") if isinstance(about, Mapping) else None
    if not isinstance(estimate, Mapping):
        return []
    last = contents.train[-1] if contents.train else {}
    steps, planned = last.get("step"), contents.config.get("steps")
    seconds = last.get("seconds")
    took = _duration(seconds) if isinstance(seconds, int | float) else "-"
    if took != "-" and steps != planned:
        took += f" for {steps} of {planned} steps"
    rows = []
    if isinstance(value := estimate.get("seconds"), int | float):
        rows.append(("training time", _duration(value), took))
    if isinstance(value := estimate.get("parameters"), int):
        rows.append(("parameters", f"{value:,}", f"{value:,}"))
    if isinstance(value := estimate.get("memory_bytes"), int | float):
        rows.append(("memory beside the data", f"{value / 2**20:,.0f} MiB", "not measured"))
    return rows


def row(metric: Measured) -> dict[str, str]:
    """One metric as a row of a table: three digits of each mean, and its interval with as many decimals."""

    def interval(ends: tuple[float, float], mean: float) -> str:
        return f"[{', '.join(f'{end:.{_decimals(mean)}f}' for end in ends)}]"

    return {
        "name": metric.name,
        "space": f"{metric.space} ({metric.unit})" if metric.unit else metric.space,
        "value": f"{metric.value:.{_decimals(metric.value)}f}",
        "interval": interval(metric.interval, metric.value),
        "floor": f"{metric.floor:.{_decimals(metric.floor)}f}",
        "floor_interval": interval(metric.floor_interval, metric.floor),
        "ratio": "-" if metric.ratio is None else _times(metric.ratio),
        "better": metric.better,
    }


def _decimals(value: float) -> int:
    """Decimals that show three digits of a number, twelve at most."""
    return min(12, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 3


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"
