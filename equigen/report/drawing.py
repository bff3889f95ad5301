"""What all figures share: their canvas, colours, axes and legends.

Colours are those of Okabe and Ito, told apart by all common kinds of colour vision; where two curves share a picture
they also differ in line or marker, so that a grey print loses nothing. Figures are built on their own canvas: nothing
here touches pyplot or its state.

Source: M. Okabe, K. Ito, Color universal design, 2008.
"""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, MaxNLocator, NullFormatter, NullLocator

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "STYLES",
    "TEXT",
    "canvas",
    "dress",
    "legend",
    "log_if_positive",
    "plain_log_ticks",
    "png",
]

BLUE = "#0072B2"
ORANGE = "#D55E00"
GREY = "#6b6b6b"
STYLES = (
    (BLUE, "o"),
    (ORANGE, "s"),
    ("#009E73", "D"),
    ("#CC79A7", "^"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
)
"""Colour and marker of curves that share a picture, in their order."""
TEXT = 9
"""Points of text."""

_DPI = 160


def canvas(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, laid out so that nothing is cut off."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, x: str, y: str) -> None:
    """Labels, a faint grid behind the curves, and no frame above and to the right."""
    axes.set_xlabel(x, fontsize=TEXT)
    axes.set_ylabel(y, fontsize=TEXT)
    axes.tick_params(labelsize=TEXT - 1, which="both")
    axes.grid(visible=True, which="both", color="#e3e3e3", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def legend(axes: Axes) -> None:
    """Above the axes, where no curve runs; each label once."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": len(once), "fontsize": TEXT - 1}
    axes.legend(list(once.values()), list(once), frameon=False, **place)


def log_if_positive(axes: Axes, values: np.ndarray) -> None:
    """A logarithmic axis where values are positive and span more than a factor of two."""
    if len(values) and values.min() > 0 and values.max() > 2 * values.min():
        axes.set_yscale("log")
        plain_log_ticks(axes, "y")


def plain_log_ticks(axes: Axes, which: str = "x") -> None:
    """Plain numbers: the more of them the shorter the axis."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    decades = math.log10(high / low)
    if decades < 0.6:  # so short that even steps read better
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return
    if decades > 5:
        axis.set_major_formatter(LogFormatterSciNotation())
        axis.set_minor_formatter(NullFormatter())
        return
    leads = (1, 2, 3, 4, 6, 8) if decades < 1 else (1, 2, 5) if decades < 2 else (1,)

    def text(value: float, _: object) -> str:
        lead = round(value / 10 ** math.floor(math.log10(value) + 1e-9), 6)
        return f"{value:g}" if lead in leads else ""

    axis.set_major_formatter(FuncFormatter(text))
    axis.set_minor_formatter(FuncFormatter(text) if decades < 2 else NullFormatter())


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's content, the same bytes for the same figure."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
