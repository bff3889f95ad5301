"""Figures of learning a score: targets, floor, training, error by noise and density, and fields side by side."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.labs.plane.direction import box
from equigen.labs.plane.frame import true_to_scale
from equigen.labs.plane.learning_concluding import NAMES
from equigen.labs.plane.learning_measuring import BANDS, LearningMeasured, mean_and_error
from equigen.labs.plane.smoothing import smoothed
from equigen.labs.plane.targets import Targets
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png

__all__ = ["fields", "floor", "objectives", "targets", "training", "where_it_errs"]

# Pale, so that arrows in grey and black are seen on all of it.
_ERROR = ListedColormap(colormaps["YlOrBr"](np.linspace(0.0, 0.5, 256)))


def targets(it: Targets) -> bytes:
    """Mean targets of bins beside the true score; and all targets of one bin, by the component they came from."""
    figure = canvas(7.2, 3.7)
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    some = _spread(it.centre, 130)
    form = {"angles": "xy", "width": 0.004, "scale_units": "xy", "scale": 6.0}
    left.quiver(*it.centre[some].T, *it.score[some].T, color=GREY, label="score", **{**form, "width": 0.009})
    left.quiver(*it.centre[some].T, *it.mean[some].T, color=BLUE, label="mean target", **form)
    left.plot(*it.place, marker="s", ms=9, mfc="none", mec=ORANGE, mew=1.6, linestyle="none", label="bin shown right")
    true_to_scale(left, it.centre.amin(0), it.centre.amax(0) + 1e-12)
    legend(left)
    dress(left, "first coordinate", "second coordinate")
    for k in range(int(it.origin.max()) + 1 if len(it.origin) else 0):
        colour, marker = STYLES[k % len(STYLES)]
        own = it.sample[it.origin == k]
        if not len(own):
            continue
        right.scatter(*own.T, s=11, color=colour, marker=marker, alpha=0.6, linewidths=0, label=f"from {k + 1}")
    right.scatter(*it.sample.mean(0), marker="P", s=110, color="w", edgecolors="k", zorder=5, label="mean")
    right.axhline(0, color=GREY, linewidth=0.7)
    right.axvline(0, color=GREY, linewidth=0.7)
    right.set_aspect("equal", adjustable="datalim")
    legend(right)
    dress(right, "target, first coordinate", "target, second coordinate")
    return png(figure)


def floor(it: LearningMeasured) -> bytes:
    """The least possible loss against the noise, the loss of the trained networks, and the gap between them."""
    figure = canvas(7.2, 3.2)
    left, right = figure.subplots(1, 2)
    noise, least = np.array(it.noise), np.array([one.value for one in it.floors])
    gap, error = _mean(it.above["denoising"])
    left.fill_between(noise, 0, least, color="#e9e9e9", linewidth=0)
    left.plot(noise, least, color=GREY, linewidth=1.6, label="floor")
    left.plot(noise, least + gap, color=BLUE, marker="o", ms=4, linestyle="none", label="trained networks")
    left.axhline(2, color=ORANGE, linewidth=1.1, linestyle="--", label="guessing no noise")
    left.set_xscale("log")
    left.set_ylim(0, 2.25)
    plain_log_ticks(left)
    legend(left)
    dress(left, "standard deviation of the noise", "denoising loss (units of the noise)")
    right.errorbar(noise, gap, error, color=BLUE, fmt="o-", ms=4, capsize=2, linewidth=1.3)
    right.set_xscale("log")
    right.set_yscale("log")
    plain_log_ticks(right)
    dress(right, "standard deviation of the noise", "loss above the floor")
    return png(figure)


def training(it: LearningMeasured) -> bytes:
    """The denoising loss, and how far it lies above its floor, against the step."""
    figure = canvas(7.2, 2.9)
    left, right = figure.subplots(1, 2)
    curve = it.curves["denoising"]
    left.axhline(it.floor.value, color=GREY, linewidth=1.3, linestyle="--", label="floor")
    left.plot(curve.steps, it.loss, color=BLUE, marker="o", ms=4, linewidth=1.4, label="loss")
    left.set_ylim(0, 1.15 * max(it.loss))
    left.set_xscale("log")
    plain_log_ticks(left)
    legend(left)
    dress(left, "step", "denoising loss")
    _curve(right, np.array(curve.steps), torch.stack(curve.values), 0, "")
    right.set_xscale("log")
    right.set_yscale("log")
    plain_log_ticks(right)
    dress(right, "step", "loss above the floor")
    return png(figure)


def objectives(it: LearningMeasured) -> bytes:
    """The loss above the floor of all objectives: against the step, against seconds, and by noise level at the end."""
    figure = canvas(7.2, 5.6)
    grid = figure.add_gridspec(2, 2)
    axes = [figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, :])]
    for k, (name, curve) in enumerate(it.curves.items()):
        steps, values = np.array(curve.steps), torch.stack(curve.values)
        _curve(axes[0], steps, values, k, NAMES[name])
        _curve(axes[1], steps * it.cost(name), values, k, name)
        _curve(axes[2], np.array(it.noise), it.above[name], k, name)
    axes[1].axvline(it.budget, color=GREY, linewidth=0.9, linestyle=":")
    words = ("step", "seconds of computing", "standard deviation of the noise (after all steps)")
    for where, label in zip(axes, words, strict=True):
        where.set_xscale("log")
        where.set_yscale("log")
        plain_log_ticks(where)
        dress(where, label, "loss above the floor")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=TEXT - 1)
    return png(figure)


def fields(it: LearningMeasured, network: Denoiser, noise: tuple[float, ...]) -> bytes:
    """Learned and exact score side by side at some levels of noise: arrows, over the size of the error.

    Args:
        it: what was measured.
        network: one member.
        noise: levels.
    """
    rows = -(-len(noise) // 2)
    figure, shade = canvas(7.2, 2.7 * rows), None
    panels = [figure.add_subplot(rows, 2, k + 1) for k in range(len(noise))]
    for axes, sigma in zip(panels, noise, strict=True):
        law = smoothed(it.task.law, sigma)
        low, high = box(law, 4.0)
        x, y = (torch.linspace(float(low[i]), float(high[i]), 60, dtype=torch.float64) for i in range(2))
        points = torch.cartesian_prod(x, y)
        error = sigma * (_score(network, points, sigma) - law.score(points)).norm(dim=1)
        shade = axes.pcolormesh(
            x.numpy(),
            y.numpy(),
            error.reshape(60, 60).T.numpy(),
            cmap=_ERROR,
            vmin=0,
            vmax=1,
            shading="nearest",
            rasterized=True,
        )
        height = law.log_prob(points).reshape(60, 60).T
        peak = float(law.log_prob(law.means).max())
        axes.contour(x, y, height, levels=[peak - 6, peak - 2], colors="k", linewidths=0.7)
        x, y = (torch.linspace(float(low[i]), float(high[i]), 13, dtype=torch.float64)[1:-1] for i in range(2))
        points = torch.cartesian_prod(x, y)
        for score, colour, width in (
            (law.score(points), "#8c8c8c", 0.008),
            (_score(network, points, sigma), "k", 0.003),
        ):
            unit = score / score.norm(dim=1, keepdim=True)
            axes.quiver(*points.T, *unit.T, color=colour, width=width, scale=17, pivot="tail", angles="xy")
        true_to_scale(axes, low, high)
        axes.set_title(f"noise {sigma:.3g}", fontsize=TEXT)
        dress(axes, "first coordinate", "second coordinate")
        axes.grid(visible=False)
    assert shade is not None
    bar = figure.colorbar(shade, ax=panels, aspect=30, pad=0.01, extend="max")
    bar.set_label("error of the noise", fontsize=TEXT)
    bar.ax.tick_params(labelsize=TEXT - 1)
    return png(figure)


def where_it_errs(it: LearningMeasured) -> bytes:
    """The error of the learned score by band of density, at evenly spread points."""
    figure = canvas(7.2, 2.6)
    axes = figure.add_subplot()
    mean, error = _mean(it.bands)
    axes.errorbar(range(len(mean)), mean, error, color=BLUE, fmt="o", ms=5, capsize=3)
    names = [f"{100 * low:g} to {100 * high:g} %" for high, low in pairwise(BANDS)]
    axes.set_xticks(range(len(mean)), [*names[:-1], f"below {100 * BANDS[-2]:g} %"])
    axes.set_xlim(-0.5, len(mean) - 0.5)
    axes.set_yscale("log")
    plain_log_ticks(axes, "y")
    dress(axes, "share of the law's points where the density is lower still", "squared error of the noise")
    return png(figure)


@torch.no_grad()
def _score(network: Denoiser, x: Tensor, sigma: float) -> Tensor:
    return network.score(x.float(), torch.tensor(sigma)).double()


def _mean(values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean over members (rows, members) and its standard error."""
    found = [mean_and_error(row) for row in values]
    return np.array([value for value, _ in found]), np.array([error for _, error in found])


def _curve(axes: Axes, x: np.ndarray, values: Tensor, place: int, label: str) -> None:
    mean, error = _mean(values)
    colour, marker = STYLES[place]
    axes.errorbar(x, mean, error, color=colour, marker=marker, ms=4, linewidth=1.3, capsize=2, label=label)


def _spread(points: Tensor, count: int) -> Tensor:
    """Numbers of about so many of the points, on every k-th row and column of their grid."""
    rows = [torch.unique(points[:, i], return_inverse=True)[1] for i in range(2)]
    every = max(1, round((len(points) / count) ** 0.5))
    return ((rows[0] % every == 0) & (rows[1] % every == 0)).nonzero()[:, 0]
