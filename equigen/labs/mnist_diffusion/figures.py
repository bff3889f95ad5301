"""Figures of the lab on diffusion of digits; each returns the content of a PNG file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from equigen.labs.mnist_diffusion.ablation import ByNoise, paired_gap
from equigen.labs.mnist_diffusion.measuring import DIVIDED, KARRAS, PLAIN, SCALES, STRENGTHS, Samples
from equigen.labs.mnist_diffusion.process import Process
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png
from equigen.report.grid import Grid, grid

__all__ = ["division", "images_on_the_way", "noticed", "same_noise", "time_features", "variances"]

_NOISE = r"relative noise $\sigma\,/\,$standard deviation of the data"


def variances(found: Process, base: float) -> bytes:
    """The diffusion coefficient, and the variances by the closed form and as simulated, over t."""
    figure = canvas(7.2, 3.0)
    left, right = figure.subplots(1, 2)
    t = found.t.numpy()
    left.plot(t, found.diffusion, color=BLUE, marker="o", mfc="w", markersize=4)
    left.set_yscale("log")
    plain_log_ticks(left, "y")
    dress(left, "time $t$", rf"diffusion coefficient $g(t) = {base:g}^t$")
    right.plot(t, found.variance, color=GREY, label=r"$\sigma^2$")
    right.plot(t, found.measured, "o", color=BLUE, mfc="w", markersize=5, label="displacement")
    right.plot(t, 1 + found.variance, color=GREY, linestyle="--", label=r"$1+\sigma^2$")
    right.plot(t, found.marginal, "s", color=ORANGE, mfc="w", markersize=5, label="pixels")
    right.set_yscale("log")
    plain_log_ticks(right, "y")
    legend(right)
    dress(right, "time $t$", "variance, in units of the data's")
    return png(figure)


def images_on_the_way(found: Process) -> bytes:
    """A few images as the noise grows, each column divided by its own standard deviation."""
    times = torch.cat((torch.zeros(1), found.t))
    size = torch.sqrt(1 + torch.cat((torch.zeros(1), found.variance)))
    shown = found.shown / size.reshape(1, -1, *[1] * (found.shown.ndim - 2)).to(found.shown)
    picture = grid(shown.flatten(0, 1), columns=len(times), low=-2.0, high=2.0)
    figure = canvas(7.2, 7.2 * picture.picture.size[1] / picture.picture.size[0] + 0.5)
    axes = figure.add_subplot()
    _pictures(axes, picture)
    labels = [f"{t:.1f}\n{s:.2g}" for t, s in zip(times.tolist(), size.tolist(), strict=True)]
    axes.set_xticks(_centres(picture, len(times)), labels, fontsize=TEXT - 1)
    axes.set_xlabel("time (upper), standard deviation of a pixel in units of the data's (lower)", fontsize=TEXT)
    return png(figure)


def time_features(found: Mapping[str, ByNoise]) -> bytes:
    """How alike the features of two times are, and what each scale costs against scale 30, by noise level."""
    figure = canvas(7.2, 3.1)
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    apart = np.logspace(-4, 0, 200)
    for k, (name, scale) in enumerate(SCALES.items()):
        colour, marker = STYLES[k]
        line = ("-", "--", "-.", ":")[k]
        left.plot(apart, np.exp(-2 * (np.pi * scale * apart) ** 2), line, color=colour, label=name)
        if name == DIVIDED:
            continue
        gap = paired_gap(found[name], found[DIVIDED])
        _errorbar(right, found[name].noise, gap.value, gap.error, name, colour, marker)
    left.set_xscale("log")
    left.set_xticks([1e-4, 1e-3, 1e-2, 1e-1, 1], ["0.0001", "0.001", "0.01", "0.1", "1"])
    dress(left, "distance of two times", "likeness of their features")
    right.axhline(0, color=GREY, linewidth=0.9)
    right.set_xscale("log")
    plain_log_ticks(right)
    dress(right, _NOISE, f"loss above that of {DIVIDED}")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=TEXT - 1)
    return png(figure)


def division(found: Mapping[str, ByNoise]) -> bytes:
    """The loss with and without the division, and how far the scores of two trainings drift apart."""
    names = {PLAIN: "no division", DIVIDED: "divided by sigma", KARRAS: "Karras"}
    figure = canvas(7.2, 3.5)
    left, right = figure.subplots(1, 2)
    for k, (kind, name) in enumerate(names.items()):
        one, (colour, marker) = found[kind], STYLES[k]
        gap = paired_gap(one, torch.zeros(()))
        _errorbar(left, one.noise, gap.value, gap.error, name, colour, marker)
        drift = (one.spread().sqrt() / one.noise).numpy()
        right.plot(one.noise, drift, color=colour, marker=marker, mfc="w", markersize=5, linewidth=1.4)
    one = found[DIVIDED]
    left.plot(one.noise, one.leaving.mean(1), ":", color=GREY, label="image left as it is")
    left.plot(one.noise, one.mean_image.mean(1), "--", color=GREY, label="mean image")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
    least = min(float(found[kind].mean.min()) for kind in names)
    left.set_ylim(least / 2, 4)
    guide = (one.spread()[0].sqrt() / one.noise).numpy()[0] * float(one.noise[0]) / one.noise.numpy()
    right.plot(one.noise, guide, ":", color=GREY)
    right.annotate(r"$1/\sigma$", (one.noise[-2], guide[-2]), (4, 4), textcoords="offset points", fontsize=TEXT)
    for axes in (left, right):
        plain_log_ticks(axes)
        plain_log_ticks(axes, "y")
    dress(left, _NOISE, "loss (squared error of the noise)")
    dress(right, _NOISE, "difference of two trainings' scores")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=TEXT - 1)
    return png(figure)


def same_noise(found: Samples, range_: tuple[float, float]) -> bytes:
    """A row for each solver: what it makes of the same noise; real images in the last row."""
    columns = min(12, len(found.real), *(len(x) for x in found.same.samples.values()))
    rows = {**found.same.samples, "real images": found.real}
    images = torch.cat([x[:columns] for x in rows.values()])
    picture = grid(images, columns=columns, low=range_[0], high=range_[1])
    across = 5.6
    figure = canvas(7.2, across * picture.picture.size[1] / picture.picture.size[0] + 0.1)
    axes = figure.add_subplot()
    _pictures(axes, picture)
    heights = (np.arange(len(rows)) + 0.5) * picture.pitch[1] - 1.5
    axes.set_yticks(heights, list(rows), fontsize=TEXT - 1)
    axes.set_anchor("E")
    return png(figure)


def noticed(found: Samples) -> bytes:
    """The classifier's accuracy on samples beside its floor, and on real images with noise of known strength."""
    figure = canvas(7.2, 2.9)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, test in enumerate(found.tests.values()):
        floors, values = test.accuracy.floors, test.accuracy.values
        left.scatter([place - 0.13] * len(floors), floors, marker="_", s=70, color=GREY, label="real draws")
        spots = {"marker": "o", "s": 22, "facecolors": "none", "edgecolors": ORANGE}
        left.scatter([place + 0.13] * len(values), values, label="sets of samples", **spots)
    left.set_xticks(range(len(found.tests)), [name.replace(" ", "\n") for name in found.tests])
    left.set_xlim(-0.5, len(found.tests) - 0.5)
    legend(left)
    dress(left, "what the classifier sees", "share told rightly")
    mean = np.array([np.mean(one) for one in found.visible])
    right.plot(STRENGTHS, mean, color=BLUE, label="real images with noise")
    for strength, values in zip(STRENGTHS, found.visible, strict=True):
        right.scatter([strength] * len(values), values, marker="o", s=14, facecolors="none", edgecolors=BLUE)
    level = found.tests["stored pixels"].accuracy.value
    right.axhline(level, color=ORANGE, linestyle="--", linewidth=1, label="samples")
    legend(right)
    dress(right, "noise / standard deviation of the data", "")
    for axes in (left, right):
        axes.axhline(0.5, color=GREY, linewidth=0.9)
        axes.set_ylim(top=1.02)
    return png(figure)


def _errorbar(axes: Axes, x: Tensor, y: Tensor, error: Tensor, label: str, colour: str, marker: str) -> None:
    """A curve with two standard errors on either side."""
    style = {"color": colour, "marker": marker, "mfc": "w", "markersize": 5, "linewidth": 1.4, "capsize": 2}
    axes.errorbar(x.numpy(), y.numpy(), 2 * error.numpy(), label=label, **style)


def _pictures(axes: Axes, picture: Grid) -> None:
    axes.imshow(np.asarray(picture.picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.set_frame_on(False)


def _centres(picture: Grid, columns: int) -> Sequence[float]:
    return ((np.arange(columns) + 0.5) * picture.pitch[0] - 1.5).tolist()
