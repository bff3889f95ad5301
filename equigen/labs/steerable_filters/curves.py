"""The figures of the lab steerable-filters that show numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes

from equigen.labs.steerable_filters.aliasing import Errors
from equigen.labs.steerable_filters.layers import Copied, Cutoff, Frequency
from equigen.labs.steerable_filters.measuring import SIZES
from equigen.labs.steerable_filters.steering import Steered
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png
from equigen.report.picture import Picture, drawn_picture

__all__ = ["copies", "cutoff_errors", "frequency_errors", "responses_and_rank", "turning_errors"]

_LINES = {"steered": ("black", "-"), "bilinear": (ORANGE, "--"), "bicubic": (BLUE, "-."), "nearest": ("#009E73", ":")}


def turning_errors(steered: Steered, caption: str) -> Picture:
    """The error and the norm of a turned filter against the angle, by ways of turning it."""
    figure = canvas(8.4, 4.6)
    panels = figure.subplots(2, len(steered.turned), sharex=True, sharey="row")
    for k, turned in enumerate(steered.turned):
        degrees = turned.angles.rad2deg()
        for way, (colour, line) in _LINES.items():
            style = {"color": colour, "linestyle": line, "linewidth": 1.4}
            panels[0, k].plot(degrees, turned.error[way].clamp(min=1e-17), label=way, **style)
            panels[1, k].plot(degrees, turned.norm[way], **style)
        panels[0, k].set_yscale("log")
        panels[0, k].set_ylim(1e-17, 3.0)
        panels[0, k].set_title(f"{turned.kernel_size} x {turned.kernel_size}", fontsize=TEXT)
        dress(panels[0, k], "", "relative error" if k == 0 else "")
        dress(panels[1, k], "angle (degrees)", "norm, relative to 0°" if k == 0 else "")
        panels[1, k].set_xticks([0, 30, 60, 90])
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "error of a turned filter against the angle", caption)


def responses_and_rank(steered: Steered, caption: str) -> Picture:
    """Singular values of turned copies, and the responses at one pixel against the angle."""
    figure = canvas(8.4, 3.2)
    left, right = figure.subplots(1, 2)
    number = torch.arange(1, 21)
    left.semilogy(number, steered.values[:20].clamp(min=1e-17), color=BLUE, marker="o", label="band-limited")
    left.semilogy(number, steered.raw[:20].clamp(min=1e-17), color=ORANGE, marker="s", label="not")
    left.axvline(2 * steered.highest + 1.5, color=GREY, linestyle=":")
    left.set_xticks([1, 5, 10, 15, 20])
    dress(left, "number", "singular value, relative")
    legend(left)
    told = steered.responses
    right.plot(told.angles.rad2deg(), told.combined, color=BLUE, label=f"of {2 * steered.highest + 1} responses")
    right.plot(
        told.angles.rad2deg()[::4], told.convolved[::4], color=ORANGE, marker="s", markersize=4, linestyle="none",
        label="by a convolution each",
    )  # fmt: skip
    right.set_xticks([0, 90, 180, 270, 360])
    dress(right, "angle of the filter (degrees)", "response at one pixel")
    legend(right)
    return drawn_picture(png(figure), "responses at all angles and rank of turned copies", caption)


def frequency_errors(rows: Sequence[Frequency], caption: str) -> Picture:
    """Errors of layers of one angular frequency, by size."""
    figure = canvas(6.6, 3.6)
    axes = figure.subplots()
    for shift, size in enumerate(SIZES):
        chosen = [row for row in rows if row.kernel_size == size]
        _curve(axes, [row.mu for row in chosen], [row.errors for row in chosen], shift, f"{size} x {size}")
    axes.axhline(math.sqrt(2.0), color=GREY, linestyle=":")
    _floor(axes, [row.errors for row in rows])
    dress(axes, "angular frequency $\\mu$ of the filters", "equivariance error")
    legend(axes)
    return drawn_picture(png(figure), "error by angular frequency", caption)


def cutoff_errors(rows: Sequence[Cutoff], caption: str) -> Picture:
    """Errors of whole layers against the cut-off, by size."""
    figure = canvas(6.6, 3.6)
    axes = figure.subplots()
    for shift, size in enumerate(SIZES):
        chosen = [row for row in rows if row.kernel_size == size]
        x = [-1 if row.cutoff is None else row.cutoff for row in chosen]
        _curve(axes, x[1:], [row.errors for row in chosen[1:]], shift, f"{size} x {size}")
        _curve(axes, x[:1], [chosen[0].errors], shift, None)
    _floor(axes, [row.errors for row in rows])
    axes.set_xticks(range(-1, 7), ["default", *map(str, range(7))])
    dress(axes, "cut-off of the angular frequencies", "equivariance error")
    legend(axes)
    return drawn_picture(png(figure), "error against the cut-off", caption)


def copies(rows: Sequence[Copied], caption: str) -> Picture:
    """Errors of layers of turned copies, by base and way."""
    figure = canvas(6.6, 3.2)
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        smooth = row.base == "smooth"
        style = {"color": BLUE if smooth else ORANGE, "marker": "o" if smooth else "s", "markersize": 5}
        axes.errorbar(row.errors.mean, place, xerr=2.0 * row.errors.doubt, capsize=3, linestyle="none", **style)
        axes.plot(float(row.errors.predicted.mean()), place, color="black", marker="|", markersize=12)
    axes.set_yticks(range(len(rows)), [f"{row.base}, {row.way}" for row in reversed(rows)])
    axes.set_xscale("log")
    plain_log_ticks(axes)
    dress(axes, "equivariance error at odd multiples of 45°", "")
    return drawn_picture(png(figure), "errors of turned copies", caption)


def _curve(axes: Axes, x: Sequence[int], errors: Sequence[Errors], shift: int, name: str | None) -> None:
    """Every layer and their mean, over the mean of the predictions as a line."""
    colour, marker = STYLES[shift]
    place = torch.tensor(x, dtype=torch.float64) + 0.07 * (shift - 1)
    axes.plot(place, [float(one.predicted.mean()) for one in errors], color=colour, linewidth=1.0)
    for at, one in zip(place.tolist(), errors, strict=True):
        axes.plot([at] * len(one.measured), one.measured, color=colour, marker="_", markersize=5, linestyle="none")
    means = [one.mean for one in errors]
    axes.plot(place, means, color=colour, marker=marker, markersize=5, linestyle="none", label=name)


def _floor(axes: Axes, errors: Sequence[Errors]) -> None:
    """A band of the floors of interpolation, and the scale that shows it."""
    low, high = min(float(one.floor.min()) for one in errors), max(float(one.floor.max()) for one in errors)
    axes.axhspan(low, high, color="#d9d9d9", label="floor")
    axes.set_yscale("log")
    axes.set_ylim(0.5 * low, 3.0)
