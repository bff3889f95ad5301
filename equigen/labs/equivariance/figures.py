"""The figures of the lab equivariance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from torch import Tensor

from equigen.labs.equivariance.continuous_digits import ContinuousDigits
from equigen.labs.equivariance.measuring import Turning, bilinear
from equigen.labs.equivariance.roster import PLAIN, REFERENCE
from equigen.labs.equivariance.sizes import LAYERS, SIZES, Cell, OnePixel
from equigen.labs.equivariance.splitting import Border, Split
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, plain_log_ticks, png
from equigen.report.picture import Picture, drawn_picture
from equigen.symmetry.rotation import rotate

__all__ = ["LABELS", "curves", "layers_at_sizes", "margins", "one_pixel_figure", "parts", "samples", "turned_digits"]

LABELS = {
    "border": "the border of the frame",
    "pixels": "filters read at pixels",
    "samples": "16 samples",
    "blurs": "blurs that are nearly round",
}
"""Name of a source -> its words."""
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
_LOWEST = 3e-4  # of the error axis, or half the least cross; rounding lies far below
_BROAD = "#c4c4c4"
_PALE = {True: "#deebf7", False: "#fdd0a2"}


def turned_digits(digits: ContinuousDigits, caption: str) -> Picture:
    """Exact pictures of a digit at four angles, and what two interpolations of the pixels get wrong."""
    figure = canvas(8.4, 1.9)
    panels = figure.subplots(1, 6)
    still = digits.at(0.0)
    for axes, degrees in zip(panels, (0, 30, 45, 90), strict=False):
        _shown(axes, digits.at(math.radians(degrees))[0, 0], f"{degrees} degrees", "gray_r", 0.0, 1.0)
    exact = digits.at(math.pi / 4)
    for axes, (name, turn) in zip(panels[4:], (("bilinear", bilinear), ("three shears", rotate)), strict=True):
        apart = (turn(still, math.pi / 4) - exact)[0, 0]
        _shown(axes, apart, f"{name},\nerror at 45 degrees", "PuOr", -0.1, 0.1)
    return drawn_picture(png(figure), "a digit at several angles", caption)


def _shown(axes: Axes, picture: Tensor, title: str, colours: str, low: float, high: float) -> None:
    axes.imshow(picture.numpy(), cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=TEXT - 1)
    axes.set_xticks([])
    axes.set_yticks([])


def curves(turnings: Sequence[Turning], caption: str) -> Picture:
    """The error over the angle, for groups on the left and for activations of SO(2) on the right."""
    figure = canvas(8.4, 6.4)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    lowest = min(_LOWEST, *(0.5 * float(one.floor.mean(1).min()) for one in turnings if one.name == REFERENCE))
    known = [one.name for one in turnings if one.trained]
    groups = [name for name in known if name in (PLAIN, "C4", "C8", "C16")]
    rest = [name for name in known if name not in (*groups, REFERENCE)]
    for row, trained in enumerate((False, True)):
        for axes, names in zip(panels[row], (groups, rest), strict=True):
            for k, name in enumerate([REFERENCE, *names]):
                one = next(one for one in turnings if one.name == name and one.trained == trained)
                _curve(axes, one, k - 1, lowest)
            word = "trained" if trained else "untrained"
            dress(axes, "angle (degrees)" if row else "", f"error, {word}" if axes is panels[row][0] else "")
            axes.set_yscale("log")
            axes.set_ylim(lowest, 4.0)
            axes.xaxis.set_major_locator(FixedLocator(range(0, 361, 45)))
            axes.set_xlim(0, 360)
    for axes in panels[0]:
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=TEXT - 2, frameon=False
        )
    return drawn_picture(png(figure), "error over the angle", caption)


def _curve(axes: Axes, one: Turning, place: int, lowest: float) -> None:
    """A thin line in the style of its place, or for the reference a broad one, on which others can lie."""
    angle = np.degrees(one.angles.numpy())
    error = one.error.mean(1).clamp(min=lowest / 10).numpy()
    if one.name != REFERENCE:
        colour, dashes = STYLES[place % len(STYLES)][0], _DASHES[place % len(_DASHES)]
        axes.plot(angle, error, color=colour, linestyle=dashes, linewidth=1.2, label=one.name)
    else:
        axes.plot(angle, error, color=_BROAD, linewidth=4.0, label=one.name)
        floor = np.degrees(one.floor_angles.numpy())
        axes.plot(
            floor, one.floor.mean(1), color=GREY, marker="x", markersize=5, linestyle="none", label="three shears"
        )


def parts(splits: Sequence[Split], caption: str) -> Picture:
    """What each source makes alone, as bars, untrained and trained."""
    figure = canvas(8.4, 3.2)
    panels = figure.subplots(1, len(splits), sharey=True, sharex=True, squeeze=False)[0]
    for axes, one in zip(panels, splits, strict=True):
        rows = [("all of it", one.whole), *((LABELS[name], one.alone[name]) for name in LABELS)]
        rows += [
            ("all four removed", one.nothing),
            ("bilinear interpolation", one.linear),
            ("three shears", one.shears),
        ]
        for k, (_, values) in enumerate(rows):
            mean = float(values.mean())
            colour = BLUE if 0 < k <= len(LABELS) else ORANGE if k > len(LABELS) + 1 else GREY
            axes.barh(k, mean, color=colour, height=0.62)
            axes.text(mean * 1.15, k, f"{mean:.2g}", va="center", fontsize=TEXT - 1)
        axes.set_xscale("log")
        dress(axes, "error", "")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=TEXT - 1)
        axes.set_title("trained" if one.trained else "untrained", fontsize=TEXT)
    panels[0].invert_yaxis()
    panels[0].set_xlim(right=panels[0].get_xlim()[1] * 4.0)
    return drawn_picture(png(figure), "the error taken apart", caption)


def margins(found: Border, caption: str) -> Picture:
    """The error against the empty pixels around the frame, and for digits that do not fit."""
    figure = canvas(8.4, 3.0)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
    left.plot(found.margins, found.error.mean(1), color=BLUE, marker="o", markersize=4, linewidth=1.2)
    left.set_yscale("log")
    dress(left, "empty pixels on every side", "error")
    plain_log_ticks(left, "y")
    names = {(False, False): "as they are", (True, False): "cut to the disk"}
    names |= {(False, True): "in a wide frame", (True, True): "cut to the disk,\nin a wide frame"}
    for k, key in enumerate(names):
        mean = float(found.overfull[key].mean())
        right.barh(k, mean, color=BLUE if all(key) else GREY, height=0.62)
        right.text(mean * 1.08, k, f"{mean:.2g}", va="center", fontsize=TEXT - 1)
    right.set_xscale("log")
    dress(right, "error, digits larger than the frame", "")
    right.grid(visible=False, axis="y")
    right.set_yticks(range(len(names)), list(names.values()), fontsize=TEXT - 1)
    right.invert_yaxis()
    right.set_xlim(right=right.get_xlim()[1] * 2.0)
    plain_log_ticks(right)
    return drawn_picture(png(figure), "the border and the disk", caption)


def samples(aliasing: dict[str, dict[int, Tensor]], caption: str) -> Picture:
    """What the samples of an activation change, against their number."""
    figure = canvas(5.6, 3.2)
    axes = figure.subplots()
    names = {"relu": "ReLU", "elu": "ELU", "silu": "SiLU"}
    for (key, name), (colour, marker) in zip(names.items(), STYLES, strict=False):
        values = aliasing[key]
        means = [float(one.mean()) for one in values.values()]
        axes.plot(list(values), means, color=colour, marker=marker, markersize=5, linewidth=1.2, label=name)
    axes.set_yscale("log")
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(aliasing["elu"]), [str(n) for n in aliasing["elu"]])
    dress(axes, "samples of each function", "change of the error")
    axes.legend(fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "aliasing of the activations", caption)


def layers_at_sizes(cells: Sequence[Cell], caption: str) -> Picture:
    """Exact or broken, layer by size, with the measured error of those that are broken."""
    names, sizes = list(LAYERS), list(SIZES)
    figure = canvas(8.4, 0.34 * len(names) + 0.7)
    axes = figure.subplots()
    for one in cells:
        x, y = sizes.index(one.size), names.index(one.layer)
        good = one.error <= 1e-11
        axes.fill([x, x + 1, x + 1, x], [y, y, y + 1, y + 1], facecolor=_PALE[good], edgecolor="white", linewidth=1.5)
        text = ("exact" if good else f"{one.error:.2f}") + ("" if good == one.planned else " !")
        axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=TEXT - 1)
    axes.set_xlim(0, len(sizes))
    axes.set_ylim(len(names), 0)
    axes.set_xticks([k + 0.5 for k in range(len(sizes))], [str(size) for size in sizes], fontsize=TEXT - 1)
    axes.set_yticks([k + 0.5 for k in range(len(names))], names, fontsize=TEXT - 1)
    axes.set_xlabel("pixels on a side of the map", fontsize=TEXT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return drawn_picture(png(figure), "layers at sizes", caption)


def one_pixel_figure(sizes: Sequence[OnePixel], caption: str) -> Picture:
    """Layer by layer: its own error at quarter turns, and that of the network so far."""
    figure = canvas(8.4, 3.3)
    panels = figure.subplots(1, len(sizes), sharey=True)
    for axes, one in zip(panels, sizes, strict=True):
        _steps(axes, one)
        axes.set_title(f"{one.size} pixels", fontsize=TEXT)
    panels[0].set_ylabel("error at quarter turns", fontsize=TEXT)
    _legend_above(figure, panels[0])
    return drawn_picture(png(figure), "one pixel more", caption)


def _steps(axes: Axes, one: OnePixel) -> None:
    own = [max(step.own, 1e-17) for step in one.steps]
    so_far = [max(step.so_far, 1e-17) for step in one.steps]
    place = range(1, len(own) + 1)
    axes.plot(place, own, color=ORANGE, marker="s", markersize=3.5, linestyle="none", label="each layer on its own map")
    axes.plot(place, so_far, color=BLUE, marker="o", markersize=3, linewidth=1.0, label="the network so far")
    end = {"color": "black", "marker": "X", "markersize": 7, "linestyle": "none", "label": "logits"}
    axes.plot([len(own) + 1.5], [max(one.logits, 1e-17)], **end)
    axes.set_yscale("log")
    axes.set_ylim(1e-18, 10.0)
    axes.yaxis.set_minor_locator(NullLocator())
    dress(axes, "layer", "")


def _legend_above(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=TEXT - 1, frameon=False)
