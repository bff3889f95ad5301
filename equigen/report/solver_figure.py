"""Distance against evaluations of the network, one curve for each solver, its name beside its end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from equigen.metrics.by_evaluations import SolverComparison, SolverCurve
from equigen.report.drawing import GREY, STYLES, TEXT, canvas, dress, plain_log_ticks, png

__all__ = ["distance_against_evaluations", "leader", "spread"]

_MOST = 300  # times the least value: what is worse leaves the picture
_HEIGHT = 2.9  # of a panel, in inches
_LINE = 0.075  # of a panel's height: the least distance of two names
_NAMES = 1.04  # of a panel's width: where they begin


def distance_against_evaluations(comparison: SolverComparison) -> bytes:
    """Distance to the reference (deterministic solvers) and Frechet distance (all) against evaluations, log-log.

    A panel without a curve takes no room. Stochastic solvers have dashed lines.

    Args:
        comparison: with one curve or more.
    """
    style = {curve.solver: STYLES[k % len(STYLES)] for k, curve in enumerate(comparison.curves)}
    panels = [
        (
            "distance",
            "distance to the reference\n(RMS, data units)",
            comparison.reference_error,
            "the reference itself",
        ),
        ("frechet", "Frechet distance\nto held-out items", comparison.frechet_floor, "real against real"),
    ]
    panels = [panel for panel in panels if any(_seen(curve, panel[0]) for curve in comparison.curves)]
    figure = canvas(7.2, _HEIGHT * max(1, len(panels)))
    for row, (name, label, floor, words) in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, row + 1)
        curves = [curve for curve in comparison.curves if _seen(curve, name)]
        ends = [_draw(axes, curve, getattr(curve, name), style[curve.solver]) for curve in curves]
        axes.set_xscale("log")
        axes.set_yscale("log")
        names = [(curve.solver, style[curve.solver][0]) for curve in curves]
        if floor:
            axes.axhline(floor, color=GREY, linewidth=1, linestyle=":")
            ends.append((axes.get_xlim()[1], floor))
            names.append((words, GREY))
        least = min(value for curve in curves for value in _seen(curve, name))
        axes.set_ylim(top=min(axes.get_ylim()[1], _MOST * least))
        plain_log_ticks(axes)
        plain_log_ticks(axes, "y")
        dress(axes, "evaluations of the network for each sample" if row == len(panels) - 1 else "", label)
        _names(axes, names, ends)
    return png(figure)


def _draw(axes: Axes, curve: SolverCurve, values: Sequence[float], style: tuple[str, str]) -> tuple[float, float]:
    """Draw a curve and return its end; what is 0 has no place on a logarithmic axis."""
    order = np.argsort(curve.evaluations)
    x, y = np.array(curve.evaluations)[order], np.array(values)[order]
    x, y = x[y > 0], y[y > 0]
    line = "-" if curve.distance else "--"
    axes.plot(x, y, line, color=style[0], marker=style[1], markersize=5, markerfacecolor="w", linewidth=1.5)
    return float(x[-1]), float(y[-1])


def _seen(curve: SolverCurve, name: str) -> list[float]:
    """The values that a logarithmic axis can show."""
    return [value for value in getattr(curve, name) if value > 0]


def _names(axes: Axes, names: Sequence[tuple[str, str]], ends: Sequence[tuple[float, float]]) -> None:
    """Names in the right margin in the order of the ends, moved apart, each tied to its end by a thin line."""
    axes.set_xlim(*axes.get_xlim())
    axes.set_ylim(*axes.get_ylim())
    place = axes.transData + axes.transAxes.inverted()
    seen = [(float(x), min(1.0, max(0.0, float(y)))) for x, y in map(place.transform, ends)]
    heights = spread([y for _, y in seen], _LINE)
    for (name, colour), end, height in zip(names, seen, heights, strict=True):
        x, y = leader(end, height)
        axes.plot(x, y, color=colour, linewidth=0.5, alpha=0.7, transform=axes.transAxes, clip_on=False, zorder=1)
        axes.text(x[-1] + 0.005, height, name, fontsize=TEXT - 1, color=colour, va="center", transform=axes.transAxes)


def leader(end: tuple[float, float], height: float) -> tuple[list[float], list[float]]:
    """The line from the end of a curve to its name: level to the edge of the panel, then to the name's height.

    Lines of names that stand in the order of their ends cross nowhere, wherever in the panel the ends are.

    Args:
        end: in shares of the panel.
        height: of the name, in shares of the panel's height.

    Returns:
        Its corners: to the right, and upwards.

    Example:
        >>> leader((0.5, 0.2), 0.3)
        ([0.5, 1.0, 1.04], [0.2, 0.2, 0.3])
    """
    return [end[0], 1.0, _NAMES], [end[1], end[1], height]


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved apart to a least gap inside 0 .. 1, in their order, around where they were.

    Args:
        heights: wanted.
        gap: least distance of two.

    Example:
        >>> [round(height, 6) for height in spread([0.5, 0.5, -1.0], 0.1)]
        [0.45, 0.55, 0.0]
    """
    groups: list[list[int]] = []  # from below
    order = sorted(range(len(heights)), key=lambda k: heights[k])

    def bottom(group: list[int]) -> float:
        extent = gap * (len(group) - 1)
        centre = sum(heights[k] for k in group) / len(group)
        return max(0.0, min(centre - extent / 2, 1 - extent))

    for k in order:
        groups.append([k])
        while len(groups) > 1 and bottom(groups[-2]) + gap * len(groups[-2]) > bottom(groups[-1]):
            upper = groups.pop()
            groups[-1] += upper
    return [bottom(group) + gap * group.index(k) for k in range(len(heights)) for group in groups if k in group]
