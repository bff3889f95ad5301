"""The figures of the lab noise-scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from equigen.diffusion.oracle.information import prior_mismatch
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.labs.noise_scale.measuring import MARKS, Scale, bumps
from equigen.labs.on_the_line import mean_square
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, png
from equigen.report.picture import Picture, drawn_picture

__all__ = ["histograms", "memory", "saturation", "shown_paths", "variances"]

_MARKS = (0.1, 0.3, 1.0)  # of the end, where histograms are drawn
_PALE = "#9ecae1"


def shown_paths(scales: Sequence[Scale], caption: str) -> Picture:
    """Some paths of each lambda, from a point and from two bumps."""
    figure = canvas(8.4, 4.4)
    panels = figure.subplots(2, len(scales), sharex=True, squeeze=False)
    for k, scale in enumerate(scales):
        time = np.linspace(0.0, float(scale.times[-1]), scale.paths.shape[1])
        start = scale.start[: len(scale.paths)]
        band = 2.0 * torch.cat((torch.zeros(1), scale.formula.sqrt()))
        marks = np.concatenate(([0.0], scale.times.numpy()))
        for row, begin in enumerate((torch.zeros_like(start), start)):
            axes = panels[row, k]
            for one, from_ in zip(scale.paths, begin, strict=True):
                colour = GREY if row == 0 else BLUE if from_ < 0 else ORANGE
                axes.plot(time, one + from_, color=colour, linewidth=0.5, alpha=0.7)
            if row == 0:
                axes.plot(marks, band, color="black", linewidth=1.2, linestyle="--")
                axes.plot(marks, -band, color="black", linewidth=1.2, linestyle="--")
                axes.set_title(f"$\\lambda = {scale.label}$", fontsize=TEXT)
            dress(axes, "$t$" if row else "", ("$x$ from a point", "$x$ from two bumps")[row] if k == 0 else "")
    return drawn_picture(png(figure), "paths for each lambda", caption)


def histograms(scales: Sequence[Scale], caption: str) -> Picture:
    """Where the paths are at three times, from a point and from two bumps, beside the exact densities."""
    figure = canvas(8.4, 5.6)
    halves = figure.subfigures(2, 1, squeeze=False)[:, 0]
    for half, title, two in zip(halves, ("from a point", "from two bumps"), (False, True), strict=True):
        half.suptitle(title, fontsize=TEXT)
        _histogram_rows(half, scales, two)
    return drawn_picture(png(figure), "histograms at three times", caption)


def _histogram_rows(figure: Figure, scales: Sequence[Scale], two: bool) -> None:
    panels = figure.subplots(1, len(scales), squeeze=False)[0]
    for axes, scale in zip(panels, scales, strict=True):
        values = scale.from_bumps if two else scale.from_point
        reach = 3.5 * float(values[:, -1].std())
        top = 0.0
        for row, share in enumerate(reversed(_MARKS)):
            k = round(share * MARKS) - 1
            noise = float(scale.formula[k])
            base = top * 1.08
            own = min(reach, 4.0 * float(values[:, k].std()))  # narrow laws need narrow bars
            x = torch.linspace(-own, own, 300, dtype=torch.float64)
            density = _density(x, noise, two)
            height, edges = np.histogram(values[:, k].clamp(-own, own).numpy(), 60, (-own, own), density=True)
            height, curve = height / float(density.max()), density / density.max()
            axes.stairs(base + height, edges, baseline=base, fill=True, color=_PALE)
            axes.plot(x, base + curve, color=STYLES[row][0], linewidth=1.2, label=f"t = {float(scale.times[k]):.3g}")
            top = base + 1.1
        dress(axes, "$x$", "")
        axes.set_yticks([])
        axes.set_title(f"$\\lambda = {scale.label}$", fontsize=TEXT)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center", fontsize=TEXT - 1, frameon=False)


def _density(x: torch.Tensor, noise: float, two: bool) -> torch.Tensor:
    if two:
        schedule = GeometricNoise(1.0, t_min=0.5 * noise, t_max=noise)  # at base 1 the variance is the time
        return bumps().diffused(schedule, noise).log_prob(x[:, None]).exp()
    return torch.exp(-0.5 * x**2 / noise) / (2.0 * torch.pi * noise) ** 0.5


def variances(scales: Sequence[Scale], caption: str) -> Picture:
    """Measured variances against time beside the formula, and their ratio."""
    figure = canvas(8.4, 3.6)
    left, right = figure.subplots(1, 2)
    for shift, (scale, (colour, marker)) in enumerate(zip(scales, _styles(len(scales)), strict=True)):
        name = f"$\\lambda = {scale.label}$"
        left.plot(scale.times, scale.formula, color=colour, linewidth=1.0)
        left.plot(scale.times, scale.variance, color=colour, marker=marker, markersize=4, linestyle="none", label=name)
        ratio, error = scale.variance / scale.formula, 2.0 * scale.error / scale.formula
        place = scale.times + 0.022 * (shift - (len(scales) - 1) / 2) * float(scale.times[-1])
        right.errorbar(
            place[3::4], ratio[3::4], error[3::4], color=colour, marker=marker, markersize=4, linestyle="none",
            capsize=2,
        )  # fmt: skip
    left.set_yscale("log")
    dress(left, "$t$", "variance from a point")
    right.axhline(1.0, color=GREY, linewidth=1.0)
    dress(right, "$t$", "measured / formula")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(scales), fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "variance against time", caption)


def saturation(found: Sequence[Scale], caption: str) -> Picture:
    """The variance of lambdas below 1 over a time that is long for them."""
    figure = canvas(6.4, 3.2)
    axes = figure.subplots()
    for scale, (colour, marker) in zip(found, _styles(len(found)), strict=True):
        axes.axhline(_limit(scale.base), color=colour, linewidth=1.0, linestyle=":")
        axes.plot(scale.times, scale.formula, color=colour, linewidth=1.0)
        axes.errorbar(
            scale.times, scale.variance, 2.0 * scale.error, color=colour, marker=marker, markersize=4, capsize=2,
            linestyle="none", label=f"$\\lambda = {scale.label}$",
        )  # fmt: skip
    dress(axes, "$t$", "variance from a point")
    axes.set_ylim(bottom=0.0)
    legend(axes)
    return drawn_picture(png(figure), "saturation of the variance", caption)


def memory(scales: Sequence[Scale], caption: str) -> Picture:
    """Signal-to-noise ratio and mismatch of the prior against time."""
    figure = canvas(8.4, 3.5)
    left, right = figure.subplots(1, 2)
    spread = mean_square(bumps())
    for scale, (colour, marker) in zip(scales, _styles(len(scales)), strict=True):
        times, start = scale.times, scale.start
        time = torch.linspace(float(times[0]), float(times[-1]), 60, dtype=torch.float64)
        left.plot(time, spread / scale.schedule.sigma(time) ** 2, color=colour, linewidth=1.0)
        ends = scale.from_bumps[:, 3::4]
        share = (start[:, None] * ends).mean(0) ** 2 / (start.square().mean() * ends.square().mean(0))
        name = f"$\\lambda = {scale.label}$"
        left.plot(
            times[3::4], share / (1 - share), color=colour, marker=marker, markersize=4, linestyle="none", label=name
        )
        lost = [_mismatch(scale.base, float(end), spread) for end in times]
        right.plot(times, lost, color=colour, marker=marker, markersize=3, linewidth=1.0)
    for axes, label in ((left, "signal-to-noise ratio"), (right, "mismatch of the prior (nats)")):
        axes.set_yscale("log")
        dress(axes, "$t$", label)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(scales), fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "signal to noise and mismatch of the prior", caption)


def _mismatch(base: float, end: float, spread: float) -> float:
    return max(prior_mismatch(bumps(), GeometricNoise(base, t_min=1e-6 * end, t_max=end), spread**0.5).value, 1e-16)


def _limit(base: float) -> float:
    return -0.5 / float(np.log(base))


def _styles(count: int) -> list[tuple[str, str]]:
    return [STYLES[k % len(STYLES)] for k in range(count)]
