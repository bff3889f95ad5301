"""The figures of the lab permutation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from torch import Tensor

from equigen import random
from equigen.graphs.permuted import renumbered
from equigen.labs.irreps.drawing import COLOURS, ink
from equigen.labs.permutation.breaking import broken, filtered
from equigen.labs.permutation.commuting import Commuting
from equigen.labs.permutation.crowding import Company
from equigen.labs.permutation.findings import Found
from equigen.labs.permutation.obeying import Realized
from equigen.labs.permutation.setting import Drawn, drawn, features
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png
from equigen.report.picture import Picture, drawn_picture
from equigen.symmetry.error import rounding

__all__ = ["forms", "margins", "sets_of_neighbours", "square", "together"]

_SHOWN = 9  # nodes of the graph that is drawn
_LEAST = 1e-17  # where an error of 0 is drawn


def square(seed: int, caption: str) -> Picture:
    """A signal, and what shared taps and taps of each node make of it, in two numberings."""
    small, x = drawn(_SHOWN, seed), features(_SHOWN, seed)[:, :1]
    g = random.permutation(_SHOWN, seed=seed, stream=random.Stream.ELEMENT, item=2)
    back = g.argsort()
    graphs = (small.graph, x, torch.arange(_SHOWN)), (renumbered(small.graph, g), x[back], g)
    own = broken(small.graph, x, seed)[0].function
    columns = (("the signal $x$", lambda _, x: x), ("shared taps", filtered), ("taps of each node", own))
    figure = canvas(8.4, 6.4)
    panels = figure.subplots(2, 3)
    for row, (graph, signal, number) in zip(panels, graphs, strict=True):
        for axes, (name, function) in zip(row, columns, strict=True):
            y = function(graph, signal)[number, 0]  # by node, whatever its number
            reach = float(function(small.graph, x).abs().max())
            _graph(axes, small, y, number, reach)
            first = number is graphs[0][2]
            axes.set_title(name if first else f"{name}, renumbered", fontsize=TEXT)
    return drawn_picture(png(figure), "one graph in two numberings", caption)


def _graph(axes: Axes, small: Drawn, values: Tensor, number: Tensor, reach: float) -> None:
    """Nodes at their places, coloured by a value, with their number inside and the value beside."""
    at, graph = small.places.numpy(), small.graph
    ends = np.stack((at[graph.rows.numpy()], at[graph.columns.numpy()]), axis=1)
    axes.add_collection(LineCollection(list(ends), colors="#c8c8c8", linewidths=0.9, zorder=1))
    colours = colormaps[COLOURS](Normalize(-reach, reach)(values.numpy()))
    axes.scatter(at[:, 0], at[:, 1], s=230, c=colours, edgecolors="black", linewidths=0.7, zorder=2, clip_on=False)
    for (x, y), value, k in zip(at.tolist(), values.tolist(), number.tolist(), strict=True):
        axes.text(x, y, str(k), fontsize=TEXT - 1, color=ink(abs(value) / reach), zorder=3, ha="center", va="center")
        axes.annotate(
            f"{value:.2f}".replace("-", "−"), (x, y), xytext=(0, -14), textcoords="offset points", fontsize=TEXT - 2.5,
            zorder=3, ha="center", va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.75},
        )  # fmt: skip
    axes.margins(0.12, 0.16)
    axes.axis("off")


def forms(found: Sequence[Realized], caption: str) -> Picture:
    """The largest error of every form on every shift, in both precisions."""
    names = list(dict.fromkeys((one.form, one.filter) for one in found))[::-1]
    figure = canvas(8.0, 1.1 + 0.27 * len(names))
    axes = figure.subplots()
    for place, (form, kind) in enumerate(names):
        here = [one.commuting for one in found if (one.form, one.filter) == (form, kind)]
        for k, (label, values, colour, marker) in enumerate(
            (
                ("float64", [one.double for one in here], BLUE, "o"),
                ("float32", [one.single for one in here], ORANGE, "s"),
                ("float32 against float64", [one.floor for one in here], GREY, "|"),
            )
        ):
            at = [place + 0.16 * (k == 2)] * len(here)
            shown = np.maximum(values, _LEAST)
            axes.plot(
                shown, at, color=colour, marker=marker, markersize=4.5, linestyle="none",
                fillstyle="none" if k < 2 else "full", label=label if place == 0 else None,
            )  # fmt: skip
    for dtype, colour in ((torch.float64, BLUE), (torch.float32, ORANGE)):
        axes.axvline(rounding(dtype), color=colour, linestyle="--", linewidth=1.0)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [f"{form}, {kind}" for form, kind in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    dress(axes, "largest relative error under renumbering", "")
    axes.grid(visible=False, which="minor")
    legend(axes)
    return drawn_picture(png(figure), "error of every form under renumbering", caption)


def margins(found: Sequence[Commuting], shown: str, caption: str) -> Picture:
    """The root mean square error of functions under renumbering, and its closed form where there is one.

    Args:
        found: the functions.
        shown: what they are.
        caption: under the picture.
    """
    figure = canvas(8.0, 1.1 + 0.27 * len(found))
    axes = figure.subplots()
    order = list(found)[::-1]
    for place, one in enumerate(order):
        if one.expected is not None:
            axes.plot(
                one.expected, place, color=ORANGE, marker="D", markersize=9, fillstyle="none", linestyle="none",
                label="closed form",
            )  # fmt: skip
        axes.plot(
            max(one.root_mean_square, _LEAST), place, color=BLUE, marker="o", markersize=4.5, linestyle="none",
            label="measured",
        )  # fmt: skip
    axes.axvline(rounding(torch.float64), color=GREY, linestyle="--", linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xlim(_LEAST / 3, 10.0)
    axes.set_yticks(range(len(order)), [one.name for one in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    dress(axes, "root mean square of the relative error, float64", "")
    axes.grid(visible=False, which="minor")
    legend(axes)
    return drawn_picture(png(figure), f"error of {shown}", caption)


def sets_of_neighbours(found: Found, caption: str) -> Picture:
    """The error of means over random sets of neighbours, against the number of sets."""
    figure = canvas(5.8, 3.3)
    axes = figure.subplots()
    at = np.array([one.draws for one in found.averaged], dtype=float)
    value = np.sqrt([one.mean_square for one in found.averaged])
    error = [one.mean_square_error / max(root, _LEAST) for one, root in zip(found.averaged, value, strict=True)]
    axes.plot(at, np.sqrt([one.expected for one in found.averaged]), color=BLUE, linewidth=1.0, label="closed form")
    axes.errorbar(at, value, error, color=BLUE, marker="o", linestyle="none", capsize=3, label="two at random")
    axes.axhline(found.first_two, color=ORANGE, linestyle="--", label="the first two")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(at, [f"{int(one)}" for one in at])
    plain_log_ticks(axes, "y")
    axes.xaxis.minorticks_off()
    dress(axes, "sets $R$ that are averaged", "relative error, root mean square")
    legend(axes)
    return drawn_picture(png(figure), "random neighbours under renumbering", caption)


def together(found: Found, caption: str) -> Picture:
    """The mean over nodes and over places against padding, and features standardised in three ways."""
    figure = canvas(8.6, 3.5)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.25))
    added = np.array([one.added for one in found.padding])
    n, fine = len(found.x), np.linspace(0, added.max(), 100)
    left.plot(fine, fine / (n + fine), color=ORANGE, linewidth=1.0, label="$m / (n + m)$")
    left.plot(added, [one.plain for one in found.padding], color=ORANGE, marker="s", linestyle="none", label="places")
    left.plot(added, [one.masked for one in found.padding], color=BLUE, marker="o", linestyle="none", label="nodes")
    dress(left, f"places $m$ added to {n} nodes", "relative change of the mean")
    legend(left)
    _companies(right, found.company)
    return drawn_picture(png(figure), "padding and company", caption)


def _companies(axes: Axes, found: Sequence[Company]) -> None:
    asked = (("renumbered", "renumbered"), ("beside", "beside others"), ("padded", "padded"))
    for k, ((field, label), (colour, marker)) in enumerate(zip(asked, STYLES, strict=False)):
        values = [max(getattr(one, field), _LEAST) for one in found]
        at = [place + 0.16 * (k - 1) for place in range(len(found))]
        axes.plot(values, at, color=colour, marker=marker, linestyle="none", label=label)
    axes.set_xscale("log")
    axes.set_xlim(_LEAST / 3, 10.0)
    axes.set_yticks(range(len(found)), [one.over.replace(" of ", "\nof ").replace(", ", ",\n") for one in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    dress(axes, "relative change of the result", "")
    axes.grid(visible=False, which="minor")
    legend(axes)
