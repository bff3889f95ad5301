"""Figures of a model's certificate: what its numbers look like. Each returns the content of a PNG file.

Errors stand on logarithmic axes; one of exactly 0 is drawn at the foot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, log_if_positive, png
from equigen.report.drawing import plain_log_ticks as log_ticks
from equigen.symmetry.theorem.certificate import CertifiedLevel, CertifiedPath, ModelCertificate, RecoverableLevel

__all__ = ["denoiser_between", "denoiser_on_grid", "losses", "paths_by_solver"]

_GREEN = STYLES[2][0]
_NOTHING = 1e-18  # where an error of exactly 0 is drawn
_COLUMNS = 4  # solvers in a row


def denoiser_on_grid(found: ModelCertificate) -> bytes:
    """The denoiser's error against the noise level under each motion of the grid, and float32 beside its rounding."""
    levels = [level for level in found.levels if level.on_grid]
    figure = canvas(7.2, 3.5)
    axes = figure.add_subplot()
    elements = list(dict.fromkeys(level.element for level in levels))
    many = len(elements) > len(STYLES)
    for place, element in enumerate(elements):
        colour, mark = (GREY, ".") if many else STYLES[place % len(STYLES)]
        label = "float64, each motion" if many else f"float64, {element}"
        rows = [level for level in levels if level.element == element]
        _draw(axes, rows, [row.error for row in rows], "-", color=colour, marker=mark, label=label)
    single = _largest(levels, [level.single for level in levels])
    rounding = _largest(levels, [level.rounding for level in levels])
    for name, points, line, mark in (("float32, largest", single, "-", "x"), ("its rounding", rounding, "--", "")):
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, [_shown(value) for value in y], line, color=GREY, marker=mark, markersize=4, label=name)
    _errors_against_noise(axes, "relative error")
    _legend_above(figure, axes, 4)
    return png(figure)


def denoiser_between(found: ModelCertificate) -> bytes:
    """The denoiser's error under elements between the grid's, above what interpolation costs, below what is allowed."""
    levels = [level for level in found.levels if not level.on_grid]
    figure = canvas(7.2, 3.2)
    axes = figure.add_subplot()
    for place, element in enumerate(dict.fromkeys(level.element for level in levels)):
        rows = [level for level in levels if level.element == element]
        colour, mark = STYLES[place % len(STYLES)]
        _draw(axes, rows, [row.error for row in rows], "-", color=colour, marker=mark, label=f"error, {element}")
    for values, line, name in (
        ([level.floor for level in levels], "--", "interpolation alone, largest"),
        ([level.bound for level in levels], ":", "allowed"),
    ):
        points = _largest(levels, values)
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, [_shown(value) for value in y], line, color=GREY, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    dress(axes, r"relative noise $\sigma/\alpha$", "relative error")
    log_ticks(axes)
    log_ticks(axes, "y")
    _legend_above(figure, axes, 3)
    return png(figure)


def paths_by_solver(found: ModelCertificate) -> bytes:
    """For each solver, how far the moved trajectory is from the trajectory of moved noise, against time."""
    on_grid = {level.element: level.on_grid for level in found.levels}
    solvers = list(dict.fromkeys(path.solver for path in found.paths))
    columns = min(_COLUMNS, len(solvers))
    rows = -(-len(solvers) // columns)
    figure = canvas(7.2, 0.7 + 1.8 * rows)
    places = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, solver in zip(places, solvers, strict=False):
        _paths_of(axes, [path for path in found.paths if path.solver == solver], on_grid)
        axes.set_title(solver, fontsize=TEXT, pad=3)
    times = [time for path in found.paths for time in path.times]
    for axes in places[len(solvers) :]:
        axes.set_visible(False)
    for place, axes in enumerate(places[: len(solvers)]):
        axes.set_yscale("log")
        axes.set_ylim(_NOTHING / 3, 10)
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_formatter(NullFormatter())
        if min(times) > 0 and max(times) > 30 * min(times):
            axes.set_xscale("log")
        below = place + columns >= len(solvers)
        dress(axes, "time" if below else "", "relative error" if place % columns == 0 else "")
        axes.grid(visible=False, which="minor")
        axes.tick_params(labelbottom=below)
    places[0].invert_xaxis()  # shared: from noise to data
    handles = {}
    for axes in places[: len(solvers)]:
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    look = {"ncols": 3, "frameon": False, "fontsize": TEXT - 1}
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", **look)
    return png(figure)


def losses(risk: Sequence[RecoverableLevel]) -> bytes:
    """The denoising loss against the noise level, and that of the denoiser averaged over the group."""
    figure = canvas(7.2, 3.2)
    axes = figure.add_subplot()
    rows = sorted(risk, key=lambda row: row.noise)
    noise = [row.noise for row in rows]
    whole, less = [row.loss for row in rows], [row.symmetrised for row in rows]
    axes.fill_between(noise, less, whole, color="#f3d9c8", linewidth=0, label="recoverable")
    axes.plot(noise, whole, "o-", color=BLUE, mfc="w", markersize=5, linewidth=1.4, label="the model")
    axes.plot(noise, less, "s--", color=ORANGE, mfc="w", markersize=4, linewidth=1.4, label="averaged over the group")
    axes.set_xscale("log")
    log_if_positive(axes, np.array(whole + less))
    dress(axes, r"relative noise $\sigma/\alpha$", "denoising loss")
    log_ticks(axes)
    _legend_above(figure, axes, 3)
    return png(figure)


def _paths_of(axes: Axes, paths: Sequence[CertifiedPath], on_grid: dict[str, bool]) -> None:
    """The curves of one solver."""
    for path in paths:
        there = on_grid.get(path.element, True)
        label, colour = ("a motion of the grid", BLUE) if there else ("an element between", _GREEN)
        mark = "." if len(path.times) < 60 else ""
        look = {"color": colour, "linewidth": 0.9, "marker": mark, "markersize": 3}
        axes.plot(path.times, [_shown(error) for error in path.errors], label=label, **look)
        axes.axhline(_shown(path.bound), color=colour, linewidth=0.9, linestyle=":")


def _draw(axes: Axes, rows: Sequence[CertifiedLevel], values: Sequence[float], line: str, **look: str) -> None:
    """A curve over the noise levels."""
    pairs = sorted(zip((row.noise for row in rows), values, strict=True))
    x, y = zip(*pairs, strict=True)
    axes.plot(x, [_shown(value) for value in y], line, markersize=4, linewidth=1.1, mfc="w", **look)  # pyright: ignore


def _largest(levels: Sequence[CertifiedLevel], values: Sequence[float | None]) -> list[tuple[float, float]]:
    """The largest of the values at each noise level, where there are any."""
    found: dict[float, float] = {}
    for level, value in zip(levels, values, strict=True):
        if value is not None:
            found[level.noise] = max(value, found.get(level.noise, 0.0))
    return sorted(found.items())


def _errors_against_noise(axes: Axes, y: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(_NOTHING / 3, 10)
    dress(axes, r"relative noise $\sigma/\alpha$", y)
    axes.grid(visible=False, which="minor")
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_minor_formatter(NullFormatter())
    log_ticks(axes)


def _once(axes: Axes) -> tuple[list, list[str]]:
    """Handles and labels, each label once."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    return list(once.values()), list(once)


def _legend_above(figure: Figure, axes: Axes, columns: int) -> None:
    figure.legend(*_once(axes), loc="outside upper center", ncols=columns, frameon=False, fontsize=TEXT - 1)


def _shown(value: float | None) -> float:
    """A number as it stands on a logarithmic axis; none where there is none."""
    return math.nan if value is None else max(value, _NOTHING) if math.isfinite(value) else math.nan
