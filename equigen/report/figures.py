"""Figures of a run: what the numbers of a report look like. Each returns the content of a PNG file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from equigen.metrics.floor import Measured
from equigen.metrics.loss import LossByNoise
from equigen.report.drawing import (
    BLUE,
    GREY,
    ORANGE,
    TEXT,
    canvas,
    dress,
    legend,
    log_if_positive,
    plain_log_ticks,
    png,
)
from equigen.report.grid import Grid

__all__ = [
    "against_chance",
    "distances",
    "images_by_group",
    "loss_by_noise",
    "metrics_beside_floor",
    "noise_to_image",
    "training_curves",
]

_NOTE: dict[str, Any] = {"fontsize": TEXT - 1, "color": BLUE, "va": "center"}


def training_curves(train: Sequence[Mapping[str, Any]], validation: Sequence[Mapping[str, Any]]) -> bytes:
    """Training loss, held-out loss, gradient norm and learning rate against the step.

    The thick line of a noisy curve is its running mean over a twentieth of the run.

    Args:
        train: records with "step" and any of "loss", "gradient_norm", "learning_rate".
        validation: records with "step" and "loss".
    """
    panels = [
        ("training loss", _series(train, "loss"), True),
        ("held-out loss", _series(validation, "loss"), False),
        ("gradient norm", _series(train, "gradient_norm"), True),
        ("learning rate", _series(train, "learning_rate"), False),
    ]
    panels = [panel for panel in panels if len(panel[1][0])]
    rows = -(-len(panels) // 2)
    figure = canvas(7.2, 2.3 * rows)
    for k, (label, (steps, values), noisy) in enumerate(panels):
        axes = figure.add_subplot(rows, min(2, len(panels)), k + 1)
        colour = BLUE if "held-out" not in label else ORANGE
        marker = "o" if len(steps) < (2 if noisy else 30) else None
        if noisy:
            axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.8)
        axes.plot(
            steps, _running_mean(values) if noisy else values, color=colour, linewidth=1.7, marker=marker, markersize=4
        )
        if label != "learning rate":
            log_if_positive(axes, values)
        axes.set_xlim(0, max(1, 1.03 * steps[-1]))
        dress(axes, "step", label)
    return png(figure)


def loss_by_noise(loss: LossByNoise) -> bytes:
    """Denoising loss against the relative noise level, held-out beside training items, with standard errors."""
    figure = canvas(7.2, 3.4)
    axes = figure.add_subplot()
    axes.axhline(1, color=GREY, linewidth=0.9, linestyle=":", label="knowing only mean and variance")
    for label, values, errors, colour, line in (
        ("training items", loss.train, loss.train_error, BLUE, "s--"),
        ("held-out items", loss.held_out, loss.held_out_error, ORANGE, "o-"),
    ):
        if not values:
            continue
        bar = [1.96 * error for error in errors]
        axes.errorbar(
            loss.noise,
            values,
            bar,
            label=label,
            color=colour,
            fmt=line,
            mfc="w",
            capsize=3,
            linewidth=1.4,
            markersize=5,
        )
    axes.set_xscale("log")
    plain_log_ticks(axes)
    log_if_positive(axes, np.array([*loss.held_out, *loss.train]))
    legend(axes)
    dress(axes, "relative noise sigma / alpha (data scaled to unit variance)", "normalised loss")
    return png(figure)


def metrics_beside_floor(metrics: Sequence[Measured]) -> bytes:
    """Each metric as a multiple of its floor: a mark for each set and each real draw, and the mean of the sets."""
    shown = [metric for metric in metrics if metric.floor > 0]
    figure = canvas(7.2, 0.9 + 0.62 * len(shown))
    axes = figure.add_subplot()
    axes.axvline(1, color=GREY, linewidth=0.9)
    for row, metric in enumerate(shown):
        draws, sets = np.array(metric.floors) / metric.floor, np.array(metric.values) / metric.floor
        low, high = (end / metric.floor for end in metric.interval)
        mean = metric.value / metric.floor
        above, below = np.full(len(draws), row - 0.16), np.full(len(sets), row + 0.16)
        axes.scatter(draws, above, marker="|", s=70, color=GREY, linewidths=1.1, label="real draws")
        axes.scatter(sets, below, marker="o", s=22, facecolors="none", edgecolors=ORANGE, label="generated sets")
        if mean == 0:
            axes.annotate("0, left of the scale", (0.01, row + 0.16), xycoords=("axes fraction", "data"), **_NOTE)
            continue
        bar = [[mean - max(low, mean / 10)], [high - mean]]
        axes.errorbar([mean], [row + 0.16], xerr=bar, fmt="D", color=BLUE, ms=5, capsize=3, label="their mean, 95 %")
    axes.set_xscale("log")
    plain_log_ticks(axes)
    axes.set_yticks(range(len(shown)), [f"{m.name}\n({m.better} is better)" for m in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    legend(axes)
    dress(axes, "multiple of the real-vs-real floor", "")
    axes.grid(axis="y", which="both", visible=False)
    return png(figure)


def distances(generated: np.ndarray, held_out: np.ndarray) -> bytes:
    """Share of items whose nearest training item lies within a distance: samples beside held-out items."""
    figure = canvas(7.2, 3.2)
    axes = figure.add_subplot()
    for values, label, colour, line in (
        (held_out, "held-out items (the floor)", ORANGE, "--"),
        (generated, "generated items", BLUE, "-"),
    ):
        axes.ecdf(values, label=label, color=colour, linestyle=line, linewidth=1.6)
    axes.axvline(
        float(np.quantile(held_out, 0.05)),
        color=GREY,
        linewidth=0.9,
        linestyle=":",
        label="5 % of held-out items are nearer",
    )
    axes.set_xlim(0, max(generated.max(), held_out.max()) * 1.03 or 1)
    legend(axes)
    dress(axes, "distance to the nearest training item (data units)", "share of items")
    return png(figure)


def noise_to_image(picture: Grid, steps: Sequence[int], spread: Sequence[float]) -> bytes:
    """A grid whose columns are moments of sampling, with the step and the spread of values under each column.

    Args:
        picture: one row per sample, one column per moment.
        steps: solver steps done at each column.
        spread: root mean square of the values at each column, in data units.
    """
    width, height = picture.picture.size
    across = 7.2
    figure = canvas(across, across * height / width + 0.55)
    axes = figure.add_subplot()
    axes.imshow(np.asarray(picture.picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    centre = (np.arange(len(steps)) + 0.5) * picture.pitch[0] - 1.5
    sizes = [f"{value:.2g}" if value < 100 else f"{value:.0f}" for value in spread]
    labels = [f"{step}\n{size}" for step, size in zip(steps, sizes, strict=True)]
    axes.set_xticks(centre, labels, fontsize=TEXT - 1)
    axes.set_yticks([])
    axes.set_xlabel("solver steps done (upper), root mean square of the values (lower)", fontsize=TEXT)
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    return png(figure)


def against_chance(
    values: Sequence[float], floors: Sequence[float], label: str, chance: float, band: tuple[float, float] | None = None
) -> bytes:
    """Numbers of generated sets beside those of real draws, around what chance gives.

    Args:
        values: of each generated set.
        floors: of each real draw.
        label: of the axis.
        chance: what two samples of one law score on average.
        band: where 95 % of such scores lie, shown as a shade.
    """
    figure = canvas(7.2, 1.2)
    axes = figure.add_subplot()
    if band is not None:
        axes.axvspan(*band, color="#ececec", linewidth=0)
    axes.axvline(chance, color=GREY, linewidth=0.9)
    axes.scatter(floors, np.zeros(len(floors)), marker="|", s=90, color=GREY, linewidths=1.2)
    axes.scatter(values, np.ones(len(values)), marker="o", s=26, facecolors="none", edgecolors=ORANGE)
    axes.set_yticks([0, 1], ["real items", "generated sets"])
    axes.set_ylim(1.7, -0.7)
    axes.margins(x=0.08)
    dress(axes, label, "")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return png(figure)


def images_by_group(picture: Grid, names: Sequence[str], samples: int, real: int) -> bytes:
    """A grid whose rows are groups: samples on the left, held-out items on the right of an empty column.

    Args:
        picture: one row per group, samples + 1 + real columns.
        names: of the groups, one a row.
        samples: columns of samples.
        real: columns of held-out items.
    """
    width, height = picture.picture.size
    across = 6.2
    figure = canvas(7.2, across * height / width + 0.45)
    axes = figure.add_subplot()
    axes.imshow(np.asarray(picture.picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    middle = [samples / 2, samples + 1 + real / 2]
    axes.set_xticks([at * picture.pitch[0] for at in middle], ["samples", "held-out items"], fontsize=TEXT)
    axes.set_yticks((np.arange(len(names)) + 0.5) * picture.pitch[1] - 1.5, names, fontsize=TEXT - 1)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    return png(figure)


def _series(records: Sequence[Mapping[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and finite values of one key, where a record has it."""
    pairs = [(one["step"], one[key]) for one in records if isinstance(one.get(key), int | float)]
    pairs = [(step, value) for step, value in pairs if math.isfinite(value)]
    return np.array([step for step, _ in pairs]), np.array([value for _, value in pairs], dtype=float)


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Mean over a twentieth of the series around each place, shorter at its ends."""
    half = max(1, len(values) // 40)
    total = np.concatenate(([0.0], np.cumsum(values)))
    first = np.maximum(np.arange(len(values)) - half, 0)
    last = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (total[last] - total[first]) / (last - first)
