"""The figures of the lab reversal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.on_the_line import standard_error
from equigen.labs.reversal.measuring import Overshoot, Parts, Sampled
from equigen.labs.reversal.sweeps import Sweeps
from equigen.metrics.floor import Measured
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png
from equigen.report.picture import Picture, drawn_picture

__all__ = ["Results", "distances", "histograms", "knobs", "overshooting", "split"]

Results = Mapping[str, Mapping[int, Sampled]]
"""Solver -> steps -> samples."""


def histograms(data: GaussianMixture, shown: Sequence[tuple[str, Tensor]], caption: str) -> Picture:
    """Samples of some methods beside the density of the data."""
    spread = data.components.values[:, 0].sqrt()
    low = float((data.means[:, 0] - 5 * spread).min())
    high = float((data.means[:, 0] + 5 * spread).max())
    x = torch.linspace(low, high, 400, dtype=torch.float64)
    density = data.log_prob(x[:, None]).exp()
    figure = canvas(8.4, 2.5)
    for k, (title, values) in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), k + 1)
        axes.hist(values.clamp(low, high).numpy(), bins=70, range=(low, high), density=True, color="#9ecae1")
        axes.plot(x, density, color=ORANGE, linewidth=1.2)
        dress(axes, "$x$", "density" if k == 0 else "")
        axes.set_ylim(0.0, 1.45 * float(density.max()))
        axes.set_title(title, fontsize=TEXT)
    return drawn_picture(png(figure), "samples beside the data law", caption)


def distances(
    results: Results, computed: Mapping[str, Mapping[int, Parts]], adaptive: Sampled, caption: str
) -> Picture:
    """Distances to the data law against evaluations, beside the floor."""
    figure = canvas(8.4, 4.2)
    panels = figure.subplots(1, 2, squeeze=False)[0]
    for which, (axes, label) in enumerate(
        zip(panels, ("Wasserstein-1 distance (units of $x$)", "Kolmogorov-Smirnov distance"), strict=True)
    ):
        floor = _measure(adaptive, which)
        band = 2.0 * np.std(floor.floors, ddof=1) if len(floor.floors) > 1 else 0.0
        axes.axhspan(max(floor.floor - band, 1e-9), floor.floor + band, color="#e8e8e8", label="floor: real draws")
        axes.axhline(floor.floor, color=GREY, linewidth=1.2, linestyle=":")
        for (name, found), (colour, marker) in zip(results.items(), STYLES, strict=False):
            _curve(axes, name, found, which, colour, marker)
            lines = {steps: one.total[which] for steps, one in computed.get(name, {}).items()}
            if lines:
                cost = [found[steps].evaluations for steps in lines]
                axes.plot(cost, list(lines.values()), color=colour, linewidth=1.0)
        axes.plot(
            [adaptive.evaluations], [floor.value], linestyle="none", marker="*", markersize=10, color="#000000",
            label="RK45",
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        dress(axes, "evaluations of the denoiser", label)
        plain_log_ticks(axes, "x")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "distance to the data law against evaluations", caption)


def split(computed: Mapping[str, Mapping[int, Parts]], floor: float, caption: str) -> Picture:
    """The parts of the error against steps, for one method of the process and one of the flow."""
    figure = canvas(8.4, 3.5)
    panels = figure.subplots(1, len(computed), sharey=True, squeeze=False)[0]
    for k, (axes, (name, found)) in enumerate(zip(panels, computed.items(), strict=True)):
        steps = list(found)
        for label, (colour, marker), style, values in (
            ("discretisation", STYLES[0], "-", [found[n].discretisation[0] for n in steps]),
            ("stopping at $t_{min}$", STYLES[1], "--", [found[n].stopping[0] for n in steps]),
            ("prior mismatch", STYLES[2], "-.", [found[n].prior[0] for n in steps]),
            ("sampling noise", (GREY, ""), ":", [floor for _ in steps]),
        ):
            axes.plot(steps, values, style, color=colour, marker=marker, markersize=4, label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        dress(axes, "steps", "Wasserstein-1 distance (units of $x$)" if k == 0 else "")
        plain_log_ticks(axes, "x")
        axes.set_title(name, fontsize=TEXT)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "the parts of the error against steps", caption)


def knobs(found: Sweeps, caption: str) -> Picture:
    """What each of the other three parts depends on."""
    figure = canvas(8.4, 3.1)
    prior, stop, noise = figure.subplots(1, 3)
    ends = [one.t_max for one in found.prior]
    for label, colour, marker, values in (
        ("flow", ORANGE, "s", [one.flow for one in found.prior]),
        ("process", BLUE, "o", [one.process for one in found.prior]),
    ):
        prior.plot(ends, values, color=colour, marker=marker, markersize=4, label=label)
    dress(prior, "end of the process $T$", "$W_1$ of prior mismatch")
    times = [one.t_min for one in found.stopping]
    stop.plot(times, [one.noisy for one in found.stopping], color=BLUE, marker="o", markersize=4, label="left noisy")
    stop.plot(times, [one.denoised for one in found.stopping], color=ORANGE, marker="s", markersize=4, label="denoised")
    stop.set_xscale("log")
    dress(stop, "last time $t_{min}$", "$W_1$ of stopping")
    sizes = [one.n for one in found.noise]
    noise.plot(sizes, [one.expected for one in found.noise], color=GREY, label="expected")
    noise.errorbar(
        sizes, [one.measured for one in found.noise], [2 * one.error for one in found.noise],
        linestyle="none", marker="o", markersize=4, color=BLUE, capsize=2, label="real draws",
    )  # fmt: skip
    noise.set_xscale("log")
    dress(noise, "samples $n$", "$W_1$ of sampling noise")
    for axes in (prior, stop, noise):
        axes.set_yscale("log")
        legend(axes)
    return drawn_picture(png(figure), "prior mismatch, stopping and sampling noise", caption)


def overshooting(found: Sequence[Overshoot], recursion: Mapping[int, float], variance: float, caption: str) -> Picture:
    """The variance of samples of normal data against the tutorial's number of grid points, by how they end."""
    figure = canvas(6.4, 3.4)
    axes = figure.subplots()
    points = [one.points for one in found]
    axes.axhline(variance, color=GREY, linewidth=1.4, linestyle=":", label="data")
    axes.plot(list(recursion), list(recursion.values()), color=ORANGE, linewidth=1.0)
    for label, (colour, marker), style, values in (
        ("overshooting", STYLES[1], "none", [one.overshot for one in found]),
        ("noisy at $t_{min}$", STYLES[0], "-", [one.noisy for one in found]),
        ("denoised", STYLES[2], "--", [one.denoised for one in found]),
    ):
        axes.plot(points, values, color=colour, marker=marker, linestyle=style, markersize=5, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    dress(axes, "points $N$ of the grid", "variance of the samples")
    plain_log_ticks(axes, "x")
    legend(axes)
    return drawn_picture(png(figure), "variance against grid points by the last step", caption)


def _curve(axes: Axes, name: str, found: Mapping[int, Sampled], which: int, colour: str, marker: str) -> None:
    measured = [_measure(one, which) for one in found.values()]
    errors = [2.0 * standard_error(one.values) if len(one.values) > 1 else 0.0 for one in measured]
    axes.errorbar(
        [one.evaluations for one in found.values()], [one.value for one in measured], errors,
        linestyle="none", marker=marker, markersize=4.5, color=colour, capsize=2, label=name,
    )  # fmt: skip


def _measure(one: Sampled, which: int) -> Measured:
    return (one.transport, one.gap)[which]
