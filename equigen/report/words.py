"""What a page says in words and numbers: the facts of a run, and its evaluation in a few sentences and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from equigen.metrics.evaluation import Evaluation
from equigen.metrics.floor import Measured
from equigen.report.contents import Contents

__all__ = ["facts", "features", "in_short", "row", "verdict"]


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
    return [*sentences, verdict(evaluation)]


def verdict(evaluation: Evaluation) -> str:
    """Whether samples lie too close to the training set, in a sentence or two."""
    found = evaluation.neighbours
    low, high = (_percent(end) for end in found.too_close_interval)
    copies = f" {found.copies} of {found.n} samples are copies of a training item." if found.copies else ""
    sign = "more than real data explain: memorised, or too smooth" if found.suspicious else "no sign of memorisation"
    return (
        f"{_percent(found.too_close)} of the samples ({low} to {high}) lie nearer to a training item than the nearest "
        f"{_percent(found.expected, 0)} of held-out items do: {sign}.{copies}"
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
