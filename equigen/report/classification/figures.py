"""Figures of a classifier: what the numbers of its page look like. Each returns the content of a PNG file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from equigen.metrics.classification import AccuracyByAngle, Calibration
from equigen.report.drawing import (
    BLUE,
    GREY,
    ORANGE,
    TEXT,
    canvas,
    dress,
    legend,
    log_if_positive,
    png,
)
from equigen.report.grid import grid
from equigen.symmetry.certificate import Certificate

__all__ = [
    "accuracy_against_angle",
    "confusion_matrix",
    "error_by_element",
    "labelled_images",
    "learning_curves",
    "reliability",
]

_NAMED = 20  # classes whose names fit beside a matrix
_FEW = 10  # points of a curve that are marked one by one
_PERCENT = PercentFormatter(1.0, symbol="")
_COLUMNS = 6  # images in a row that words stand above
_LETTERS = 14  # of a class's name
_NOTHING = 1e-18  # where an error of exactly 0 is drawn


def learning_curves(train: Sequence[Mapping[str, Any]], validation: Sequence[Mapping[str, Any]]) -> bytes:
    """Cross entropy of training and held-out images, and the accuracy on the latter, against the step.

    Args:
        train: records with "step" and "loss".
        validation: records with "step", "loss" and "accuracy".
    """
    curves = [
        (0, "training images", _series(train, "loss"), BLUE, "-"),
        (0, "held-out images", _series(validation, "loss"), ORANGE, "o--"),
        (1, "held-out images", _series(validation, "accuracy"), ORANGE, "o--"),
    ]
    figure = canvas(7.2, 2.9)
    both = figure.subplots(1, 2)
    shown: list[float] = []
    for place, label, (steps, values), colour, line in curves:
        if len(steps):
            marked = line if "o" in line or len(steps) > _FEW else f"s{line}"
            both[place].plot(steps, values, marked, color=colour, label=label, linewidth=1.5, markersize=4, mfc="w")
            shown += values.tolist() if place == 0 else []
    log_if_positive(both[0], np.array(shown))
    dress(both[0], "step", "cross entropy (nats)")
    dress(both[1], "step", "accuracy on held-out images (%)")
    both[1].yaxis.set_major_formatter(_PERCENT)
    for axes in both:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlim(left=0)
    if both[0].get_legend_handles_labels()[0]:
        handles, labels = both[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=TEXT - 1)
    return png(figure)


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> bytes:
    """Held-out images by class and by what they are called: shares of each class in shades, counts in words."""
    matrix = np.array(counts, dtype=float)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    many = len(classes) > _NAMED
    side = 6.4 if len(classes) > 6 else 3.6
    figure = canvas(7.2, side)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    for i, row in enumerate(matrix if not many else []):
        for j, count in enumerate(row):
            if count:
                colour = "white" if shares[i, j] > 0.5 else "black"
                axes.text(j, i, f"{count:.0f}", ha="center", va="center", color=colour, fontsize=TEXT - 1)
    if not many:
        wide = max(map(len, classes)) > 4
        axes.set_xticks(range(len(classes)), classes, rotation=45 if wide else 0, ha="right" if wide else "center")
        axes.set_yticks(range(len(classes)), classes)
    figure.colorbar(image, ax=axes, label="share of the class", shrink=0.8)
    dress(axes, "called", "class")
    axes.grid(visible=False)
    return png(figure)


def accuracy_against_angle(found: AccuracyByAngle, spoken: float) -> bytes:
    """Accuracy at each angle with its paired error, the mean over angles, and chance's own spread as a band.

    Args:
        found: what was measured.
        spoken: accuracy on the held-out images as they are, drawn as a line.
    """
    figure = canvas(7.2, 3.5)
    axes = figure.add_subplot()
    angles = np.array([*found.degrees, 360.0])
    accuracy = np.array([*found.accuracy, found.accuracy[0]])
    errors = 1.96 * np.array([*found.difference_error, found.difference_error[0]])
    half = found.spread_floor_interval[1] / 2
    label = "where chance alone would leave them"
    axes.axhspan(found.mean - half, found.mean + half, color="#e9e9e9", linewidth=0, label=label)
    axes.axhline(found.mean, color=GREY, linewidth=0.9, linestyle=":", label="mean over angles")
    axes.axhline(spoken, color=ORANGE, linewidth=1.1, linestyle="--", label="all held-out images as they are")
    bars = np.stack([errors, np.minimum(errors, 1 - accuracy)])
    axes.errorbar(angles, accuracy, bars, color=BLUE, fmt="o-", mfc="w", capsize=3, markersize=5, label="at an angle")
    axes.set_xticks(range(0, 361, 45))
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=TEXT - 1)
    dress(axes, "rotation (degrees, counterclockwise)", "accuracy (%)")
    axes.yaxis.set_major_formatter(_PERCENT)
    return png(figure)


def labelled_images(x: np.ndarray, told: Sequence[tuple[str, str, str]]) -> bytes:
    """Images with words above each: its class, what it is called, and how surely.

    Args:
        x: (N, C, H, W), N >= 1.
        told: the three words of each.
    """
    finite = x[np.isfinite(x)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    columns = _COLUMNS if x.shape[1] in (1, 3) else 2
    rows = -(-len(x) // columns)
    figure = canvas(7.2, 1.55 * rows)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for place in places:
        place.set_axis_off()
    for place, image, (label, called, confidence) in zip(places, x, told, strict=False):
        tile = np.asarray(grid(image[None], 1, low=low, high=high).picture)
        place.imshow(tile, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        words = f"{_short(label)}, called\n{_short(called)} ({confidence})"
        place.set_title(words, fontsize=TEXT - 2, pad=3)
    return png(figure)


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


def reliability(found: Calibration) -> bytes:
    """The share that is right against the confidence that is told, with the number of images in each bin below."""
    figure = canvas(7.2, 3.8)
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    above.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=":", label="right as often as it says")
    confidence, accuracy = np.array(found.confidence), np.array(found.accuracy)
    error = 1.96 * np.sqrt(np.maximum(confidence * (1 - confidence), 0) / np.array(found.count))
    above.fill_between(
        confidence,
        np.clip(confidence - error, 0, 1),
        np.clip(confidence + error, 0, 1),
        color="#e9e9e9",
        linewidth=0,
        label="where 95 % of such shares lie",
    )
    above.plot(confidence, accuracy, "o-", color=BLUE, mfc="w", label="measured")
    below.bar(confidence, found.count, width=0.03, color=BLUE)
    below.set_yscale("log")
    below.set_ylim(bottom=0.7)
    legend(above)
    dress(above, "", "share that is right (%)")
    dress(below, "confidence told (%)", "images")
    for axis in (above.yaxis, below.xaxis):
        axis.set_major_formatter(_PERCENT)
    return png(figure)


def error_by_element(found: Certificate) -> bytes:
    """The relative error of the whole under each element but the identity, beside what allows it.

    An error of exactly 0 is drawn at the foot of the picture.
    """
    figure = canvas(7.2, 3.4)
    axes = figure.add_subplot()
    ends = [claim.bound for claim in found.claims if claim.promised]
    for flipped, marks in ((False, "os"), (True, "^v")):
        rows = [one for one in found.elements if one.flipped == flipped and (flipped or one.angle)]
        inside, outside = ([one for one in rows if one.on_grid is there] for there in (True, False))
        after = ", flipped" if flipped else ""
        for label, some, values, mark, colour in (
            (f"on the grid, float64{after}", inside, [one.error for one in inside], marks[0], BLUE),
            (f"on the grid, float32{after}", inside, [one.single or 0.0 for one in inside], marks[1], ORANGE),
            (f"between{after}", outside, [one.error for one in outside], "D" if not flipped else "P", "#009E73"),
        ):
            if some:
                heights = [max(value, _NOTHING) for value in values]
                at = [one.angle for one in some]
                axes.plot(at, heights, mark, color=colour, mfc="w", linestyle="none", markersize=6, label=label)
        if outside:
            outside = sorted(outside, key=lambda one: one.angle)
            bounds = [2 * one.floor for one in outside]
            axes.plot([one.angle for one in outside], bounds, color=GREY, linewidth=0.9, linestyle="--")
    for bound in ends[:2]:
        axes.axhline(bound, color=GREY, linewidth=0.9, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylim(_NOTHING / 3, 10)
    axes.set_xticks(range(0, 361, 45))
    axes.set_xlim(-8, 368)
    dress(axes, "rotation (degrees, counterclockwise)", "relative error of the results")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=TEXT - 1)
    return png(figure)


def _series(records: Sequence[Mapping[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and finite values of one key, where a record has it."""
    pairs = [(one["step"], float(one[key])) for one in records if isinstance(one.get(key), int | float)]
    pairs = [(step, value) for step, value in pairs if math.isfinite(value)]
    return np.array([step for step, _ in pairs]), np.array([value for _, value in pairs])
