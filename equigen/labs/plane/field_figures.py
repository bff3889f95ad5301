"""Figures of the score of a mixture: its field, its angles, its length, its parts, and what noise does to it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.plane.critical_points import CriticalPoints
from equigen.labs.plane.direction import Directions, box
from equigen.labs.plane.frame import stretched, true_to_scale
from equigen.labs.plane.magnitude import Far, Path
from equigen.labs.plane.smoothing import Smoothing
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png

__all__ = ["angles", "field", "landscapes", "lengths", "modes_by_noise", "pulls"]

_LEVELS = 9  # shades of the density, each a factor e at most


def field(law: GaussianMixture, found: CriticalPoints) -> bytes:
    """Contours of the density, arrows of the score (their directions), and the critical points."""
    figure = canvas(7.2, 5.4)
    axes = figure.add_subplot()
    _landscape(axes, law, found, arrows=23)
    legend(axes)
    dress(axes, "first coordinate", "second coordinate")
    return png(figure)


def angles(law: GaussianMixture, modes: Tensor, x: Tensor, even: Directions, drawn: Directions, limit: float) -> bytes:
    """A map of the angle to the nearest mode, and the shares of points whose angles lie below a value.

    Args:
        law: over (2,).
        modes: of the law.
        x: points spread evenly, at which `even` was measured.
        even: directions there.
        drawn: directions at points drawn from the law.
        limit: degrees, marked.
    """
    figure = canvas(7.2, 3.7)
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    dots = left.scatter(*x.T.numpy(), c=even.to_mode.numpy(), s=4, cmap="cividis", vmin=0, vmax=180, linewidths=0)
    left.scatter(*modes.T.numpy(), marker="o", s=40, facecolors="w", edgecolors="k", zorder=3)
    bar = figure.colorbar(dots, ax=left, ticks=(0, 30, 60, 90, 120, 150, 180), location="bottom", aspect=30, pad=0.02)
    bar.set_label("angle to the nearest mode (degrees)", fontsize=TEXT)
    bar.ax.tick_params(labelsize=TEXT - 1)
    true_to_scale(left, *box(law))
    dress(left, "first coordinate", "second coordinate")
    for values, label, colour, line, width in (
        (drawn.to_mode, "nearest mode, drawn points", "#7fb8d8", "-", 5.0),
        (even.to_mode, "nearest mode, even points", BLUE, "--", 1.6),
        (drawn.to_mean, "weighted mean, drawn points", ORANGE, "-", 1.4),
        (even.to_mean, "weighted mean, even points", ORANGE, ":", 1.8),
    ):
        right.ecdf(values.numpy(), color=colour, linestyle=line, linewidth=width, label=label)
    right.axvline(limit, color=GREY, linewidth=0.9)
    right.set_xlim(0, 180)
    right.set_ylim(0, 1)
    right.set_xticks(range(0, 181, 30))
    right.legend(fontsize=TEXT - 1, frameon=False, loc="lower right", title="angle between score and", title_fontsize=8)
    dress(right, "angle (degrees)", "share of points with a smaller angle")
    return png(figure)


def lengths(along: Path, rays: Far) -> bytes:
    """Density and length of the score on a path over two modes; length on rays; slopes far away by bearing."""
    figure = canvas(7.2, 5.6)
    grid = figure.add_gridspec(2, 2)
    axes = figure.add_subplot(grid[0, :])
    place = along.place.numpy()
    axes.plot(place, along.magnitude.numpy(), color=BLUE, linewidth=1.7, label="length of the score (left)")
    axes.set_ylim(0, 1.05 * float(along.magnitude.max()))
    other = axes.twinx()
    other.plot(place, along.density.numpy(), color=ORANGE, linestyle="--", linewidth=1.5)
    axes.plot([], [], color=ORANGE, linestyle="--", linewidth=1.5, label="density (right)")
    other.set_ylim(0, 1.15 * float(along.density.max()))
    other.set_ylabel("density", fontsize=TEXT)
    other.tick_params(labelsize=TEXT - 1)
    other.spines[["top"]].set_visible(False)
    for name, at in along.marks:
        axes.axvline(at, color=GREY, linewidth=0.9, linestyle=":")
        axes.annotate(
            name, (at, 0.93), xycoords=("data", "axes fraction"), xytext=(3, 0), textcoords="offset points", fontsize=8
        )
    legend(axes)
    dress(axes, "place on a path: beyond a mode, over a saddle, beyond the next mode", "|score|")
    _rays(figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1]), rays)
    return png(figure)


def _rays(left: Axes, right: Axes, rays: Far) -> None:
    near = rays.distance <= rays.distance[200]
    for k, (colour, _) in zip(range(0, len(rays.bearing) // 2, len(rays.bearing) // 6), STYLES, strict=False):
        label = f"{float(rays.bearing[k]):.0f}°"
        left.plot(rays.distance[near], rays.magnitude[near, k], color=colour, linewidth=1.4, label=label)
    legend(left)
    dress(left, "distance from the mean, on rays", "|score|")
    order = rays.bearing.argsort()
    right.plot(rays.bearing[order], rays.expected[order], color=GREY, linewidth=1.2, label="widest component")
    right.plot(
        rays.bearing[order],
        rays.slope[order],
        color=BLUE,
        linestyle="none",
        marker="o",
        ms=3,
        label="measured far away",
    )
    right.set_xticks(range(0, 361, 90))
    right.set_ylim(bottom=0)
    legend(right)
    dress(right, "bearing of the ray (degrees)", "slope of |score|")


def pulls(law: GaussianMixture, found: CriticalPoints, x: Tensor) -> bytes:
    """At some points, the pulls r_k s_k of the components laid end to end, and the score that they sum to.

    At each point the longest pull is drawn as long as at the others.
    """
    figure = canvas(7.2, 5.4)
    axes = figure.add_subplot()
    _landscape(axes, law, found, arrows=0)
    parts = (law.responsibilities(x)[..., None] * law.component_scores(x)).numpy()
    low, high = box(law)
    size = (high - low).numpy()
    unit = size / np.linalg.norm(size) if stretched(low, high) else np.ones(2)  # so that arrows stay in the picture
    long = 0.1 * float(np.linalg.norm(size))
    for point, pull in zip(x.numpy(), parts, strict=True):
        axes.plot(*point, marker="o", ms=4, color="k", zorder=6)
        at = point.copy()
        scale = long / np.linalg.norm(pull / unit, axis=1).max()
        for k, step in enumerate(scale * pull):
            if np.linalg.norm(step / unit) > 0.03 * long:  # else shorter than its own head
                _arrow(axes, at, at + step, STYLES[k % len(STYLES)][0], 2.2)
            at = at + step
        if np.linalg.norm((at - point) / unit) > 0.03 * long:
            _arrow(axes, point, at, "k", 1.2, "--")
    for k in range(len(law.weights)):
        axes.plot([], [], color=STYLES[k % len(STYLES)][0], linewidth=2.2, label=f"pull {k + 1}")
    axes.plot([], [], color="k", linewidth=1.2, linestyle="--", label="score")
    legend(axes)
    dress(axes, "first coordinate", "second coordinate")
    return png(figure)


def modes_by_noise(found: Smoothing) -> bytes:
    """The number of modes against the noise level, its changes marked."""
    figure = canvas(7.2, 2.3)
    axes = figure.add_subplot()
    edges = [found.noise[0], *[one.noise for one in found.changes], found.noise[-1]]
    steps = [found.modes[0], *[one.after for one in found.changes]]
    axes.stairs(steps, edges, baseline=None, color=BLUE, linewidth=1.5)
    axes.plot(found.noise, found.modes, color=BLUE, marker="o", ms=4, linestyle="none")
    for one in found.changes:
        axes.annotate(
            f"{one.noise:.3g}",
            (one.noise, (one.before + one.after) / 2),
            xytext=(4, -3),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xscale("log")
    plain_log_ticks(axes)
    axes.set_ylim(0, max(found.modes) + 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    dress(axes, "standard deviation of the noise", "modes")
    return png(figure)


def landscapes(laws: Sequence[tuple[str, GaussianMixture, CriticalPoints]]) -> bytes:
    """Densities, scores and critical points of some laws, side by side, two in a row.

    Args:
        laws: a title, the law, and its critical points.
    """
    rows = math.ceil(len(laws) / 2)
    figure = canvas(7.2, 3.1 * rows)
    low, high = box(laws[len(laws) // 2][1], 2.0)
    for k, (title, law, found) in enumerate(laws):
        axes = figure.add_subplot(rows, 2, k + 1)
        _landscape(axes, law, found, arrows=15, corners=(low, high))
        axes.set_title(title, fontsize=TEXT)
        dress(axes, "first coordinate" if k // 2 == rows - 1 else "", "second coordinate" if k % 2 == 0 else "")
        if k == 0:
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=TEXT - 1)
    return png(figure)


def _landscape(
    axes: Axes,
    law: GaussianMixture,
    found: CriticalPoints,
    arrows: int,
    corners: tuple[Tensor, Tensor] | None = None,
) -> None:
    low, high = corners or box(law)
    x, y = (torch.linspace(float(low[i]), float(high[i]), 160, dtype=torch.float64) for i in range(2))
    points = torch.cartesian_prod(x, y)
    height = law.log_prob(points).reshape(160, 160).T
    top = max(float(found.log_density[0]), float(height.max())) + 1e-6
    levels = np.linspace(max(float(height.min()), top - _LEVELS), top, _LEVELS + 1)
    axes.contourf(x, y, height, levels=levels, cmap="Greys", alpha=0.55, extend="min")
    if arrows:
        x, y = (torch.linspace(float(low[i]), float(high[i]), arrows + 2, dtype=torch.float64)[1:-1] for i in range(2))
        points = torch.cartesian_prod(x, y)
        score = law.score(points)
        unit = score / score.norm(dim=1, keepdim=True)
        axes.quiver(*points.T, *unit.T, color=BLUE, width=0.0022, scale=1.25 * arrows, pivot="mid", angles="xy")
    for points, marker, label, colour in (
        (found.modes, "o", "mode", "w"),
        (found.saddles, "X", "saddle", ORANGE),
        (found.minima, "v", "minimum", "#E69F00"),
    ):
        if len(points):
            form = {"s": 48, "color": colour, "edgecolors": "k", "linewidths": 0.9, "zorder": 4, "clip_on": False}
            axes.scatter(*points.T, marker=marker, label=label, **form)
    axes.set_xlim(float(low[0]), float(high[0]))
    axes.set_ylim(float(low[1]), float(high[1]))
    true_to_scale(axes, low, high)


def _arrow(axes: Axes, start: np.ndarray, end: np.ndarray, colour: str, width: float, line: str = "-") -> None:
    form = {
        "arrowstyle": "-|>",
        "color": colour,
        "lw": width,
        "ls": line,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 8,
    }
    axes.annotate("", (end[0], end[1]), (start[0], start[1]), arrowprops=form, zorder=5)
