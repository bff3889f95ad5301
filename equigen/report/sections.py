"""The sections of a page that an evaluation fills: what the template needs, `None` for what was not measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from equigen.metrics.evaluation import Evaluation
from equigen.metrics.likelihood import Likelihood
from equigen.metrics.two_sample import TwoSampleTest
from equigen.report.figures import against_chance, distances, images_by_group, metrics_beside_floor
from equigen.report.grid import Level, grid
from equigen.report.picture import TOGETHER, drawn_picture, grid_picture
from equigen.report.solver_figure import distance_against_evaluations
from equigen.report.words import bits_per_dimension, compared, copied, features, group_row, row, told_apart, verdict

__all__ = ["evaluated"]

_NEIGHBOURS = {"distances", "held_out_distances", "nearest_samples", "nearest_held_out"} | {
    "nearest_samples_train",
    "nearest_held_out_train",
}
_GROUPS = {"group_samples", "group_of_samples", "group_held_out", "group_of_held_out"}
_NO_SECTIONS = {
    "metrics": None,
    "two_sample": None,
    "neighbours": None,
    "groups": None,
    "solvers": None,
    "likelihood": None,
}


def evaluated(
    evaluation: Evaluation | None, arrays: Mapping[str, np.ndarray], low: Level, high: Level
) -> dict[str, Any]:
    """What the sections of an evaluation show.

    Args:
        evaluation: None where there is none.
        arrays: its pictures; those that are missing are left out.
        low: value shown as black.
        high: value shown as white.
    """
    if evaluation is None:
        return dict(_NO_SECTIONS)
    return {
        **_metrics(evaluation),
        "two_sample": _two_sample(evaluation.two_sample) if evaluation.two_sample else None,
        "neighbours": _neighbours(evaluation, arrays, low, high),
        "groups": _groups(evaluation, arrays, low, high),
        "solvers": _solvers(evaluation),
        "likelihood": _likelihood(evaluation.likelihood),
    }


def _metrics(evaluation: Evaluation) -> dict[str, Any]:
    metrics = evaluation.metrics
    shown = [metric for metric in metrics if metric.floor > 0]
    caption = (
        "Each metric divided by the mean of its floor. The spread of the upright marks is what real data score against "
        "real data; a mean among them is indistinguishable from real data at this n, by this metric."
    )
    alt = "metrics as multiples of their floors"
    return {
        "metrics": [row(metric) for metric in metrics],
        "metrics_figure": drawn_picture(metrics_beside_floor(shown), alt, caption) if shown else None,
        "n": evaluation.n,
        "draws": len(metrics[0].floors),
        "sets": evaluation.seeds,
        "features": features(evaluation),
        "notes": evaluation.notes,
    }


def _two_sample(test: TwoSampleTest) -> dict[str, Any]:
    label = "share of items whose side the classifier guesses (chance: 0.5)"
    content = against_chance(test.accuracy.values, test.accuracy.floors, label, 0.5)
    caption = (
        f"{test.n} items on each side; each item is guessed by a classifier that did not see it. Real items: training "
        "items in the place of samples."
    )
    return {"sentence": told_apart(test), "figure": drawn_picture(content, "two-sample accuracy", caption)}


def _neighbours(evaluation: Evaluation, arrays: Mapping[str, np.ndarray], low: Level, high: Level) -> dict[str, Any]:
    strips, curves, posed = [], None, evaluation.poses
    turned = "" if posed is None else f", in that one of their poses under {posed} which is nearest"
    if set(arrays) >= _NEIGHBOURS:
        caption = (
            f"Euclidean distance over all values of an image to the nearest training item{turned}. The curve of the "
            "samples should follow that of the held-out items: to its left they are too close, to its right unlike the "
            "data."
        )
        content = distances(arrays["distances"], arrays["held_out_distances"])
        curves = drawn_picture(content, "distribution of distances to the nearest training item", caption)
        channels = evaluation.shape[0]
        most = 10 if channels in TOGETHER else max(1, 12 // channels)
        for name, what in (("samples", "samples"), ("held_out", "held-out items")):
            upper, lower = (arrays[f"nearest_{name}{part}"][:most] for part in ("", "_train"))
            shown = grid(np.concatenate((upper, lower)), len(upper), low=low, high=high)
            caption = f"Above: the {len(upper)} {what} nearest to the training set, nearest first."
            alt = f"{what} above their nearest training items"
            strips.append(grid_picture(shown, alt, f"{caption} Below: their training items{turned}."))
    copying, figure = evaluation.memorisation, None
    if copying is not None:
        label = "memorisation C_T (negative: nearer to training items than held-out items are)"
        caption = (
            "C_T orders the distances of samples and of held-out items to their nearest training items; samples that "
            f"follow the law of the data score a standard normal. {len(copying.values)} generated sets of {copying.n} "
            f"against {copying.held_out} held-out items. Real items: one random half of the held-out items against the "
            f"other, {len(copying.floors)} times. The shade holds 95 % of a standard normal."
        )
        content = against_chance(copying.values, copying.floors, label, 0.0, (-1.96, 1.96))
        figure = drawn_picture(content, "memorisation beside its floor", caption)
    return {
        "sentence": verdict(evaluation),
        "copying": None if copying is None else copied(copying),
        "copying_figure": figure,
        "distances": curves,
        "strips": strips,
    }


def _groups(evaluation: Evaluation, arrays: Mapping[str, np.ndarray], low: Level, high: Level) -> dict[str, Any] | None:
    """The table by group, and a row of samples for each."""
    found = evaluation.groups
    if found is None:
        return None
    picture = None
    if set(arrays) >= _GROUPS and len(arrays["group_samples"]):
        rows, columns = _rows(arrays, len(found.groups), high)
        shown = grid(rows, sum(columns) + 1, low=low, high=high)
        content = images_by_group(shown, [group.name for group in found.groups], *columns)
        caption = f"Left: the first samples of each group. Right: held-out items of the same group; {shown.caption}."
        picture = drawn_picture(content, f"samples by {found.by} beside held-out items", caption)
    return {
        "by": found.by,
        "rows": [group_row(group) for group in found.groups],
        "recognised": any(group.floor is not None for group in found.groups),
        "figure": picture,
    }


def _rows(arrays: Mapping[str, np.ndarray], groups: int, high: Level) -> tuple[np.ndarray, tuple[int, int]]:
    """Tiles row by row, white where a group has no more; and the columns of samples and of held-out items."""
    parts = [(arrays[f"group_{name}"], arrays[f"group_of_{name}"]) for name in ("samples", "held_out")]
    channels = parts[0][0].shape[1]
    most = [10, 4] if channels in TOGETHER else [max(1, 10 // channels), 1]
    largest = [int(np.bincount(of, minlength=1).max()) for _, of in parts]
    columns = [min(limit, max(1, count)) for limit, count in zip(most, largest, strict=True)]
    white = np.broadcast_to(np.asarray(high, dtype=np.float64).reshape(-1, 1, 1), parts[0][0].shape[1:])
    rows = np.stack([np.stack([white] * (sum(columns) + 1))] * groups)
    for (images, of), first, count in zip(parts, (0, columns[0] + 1), columns, strict=True):
        for g in range(groups):
            some = images[of == g][:count]
            rows[g, first : first + len(some)] = some
    return rows.reshape(-1, *rows.shape[2:]), (columns[0], columns[1])


def _solvers(evaluation: Evaluation) -> dict[str, Any] | None:
    found = evaluation.solvers
    if found is None or not any(curve.distance or curve.frechet for curve in found.curves):
        return None
    caption = (
        f"{found.n} samples of the same noise at each point. Above: distance of a deterministic solver to "
        f"{found.reference} with {found.reference_evaluations:.0f} evaluations, which itself moves by "
        f"{found.reference_error:.2g} when it has half as many. Below: all solvers; dashed lines are stochastic. "
        "Curves that leave the picture at its top are there more than 300 times worse than the least value shown."
    )
    content = distance_against_evaluations(found)
    return {"sentence": compared(found), "figure": drawn_picture(content, "distance against evaluations", caption)}


def _likelihood(found: Likelihood | None) -> dict[str, Any] | None:
    """The sentence, and what was measured in a table."""
    if found is None:
        return None
    probes = "-" if found.probe_error != found.probe_error else f"{found.probe_error:.4f}"
    return {
        "sentence": bits_per_dimension(found),
        "rows": [
            ("model", f"{found.bits:.3f}", f"{found.item_error:.4f}", probes, f"{found.solver_error:.4f}"),
            (f"normal law, {found.baseline_covariance} covariance", f"{found.baseline:.3f}", "-", "-", "-"),
            ("difference", f"{found.gain:.3f}", f"{found.gain_error:.4f}", "-", "-"),
        ],
        "quantised": found.quantised,
        "noise": f"{found.noise:.3g}",
        "evaluations": f"{found.evaluations:.0f}",
    }
