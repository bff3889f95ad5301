"""The figures of the lab realizations on one filter: responses, conditioning, rounding, shifts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes

from equigen.graphs.shifts import normalised_adjacency
from equigen.labs.realizations.orders import SINGULAR, Bases, Fits, Rounding
from equigen.labs.realizations.setting import Setting
from equigen.labs.realizations.shifting import ShiftFound
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, png
from equigen.report.picture import Picture, drawn_picture

__all__ = ["conditions", "responses", "rounding", "shifts"]


def responses(shown: Setting, fits: Fits, caption: str) -> Picture:
    """The filter and two polynomials on [-1, 1], and their errors by order."""
    figure = canvas(8.4, 3.6)
    left, right = figure.subplots(1, 2)
    grid = torch.linspace(-1.0, 1.0, 401, dtype=torch.float64)
    values = torch.linalg.eigvalsh(normalised_adjacency(shown.graph).dense().double())
    left.vlines(values, 0.0, 0.06, color=GREY, linewidth=0.7)
    left.plot(grid, shown.response(grid), color="black", linewidth=1.6, label="rational")
    order = 4
    left.plot(grid, shown.chebyshev(order).response(grid), color=BLUE, linestyle="--", label=f"Chebyshev, K = {order}")
    left.plot(grid, shown.walks(order).response(grid), color=ORANGE, linestyle=":", label=f"walks, K = {order}")
    dress(left, r"eigenvalue $\lambda$", r"$h(\lambda)$")
    left.legend(fontsize=TEXT - 1, frameon=False, loc="upper left")
    right.plot(fits.orders, fits.series, color=ORANGE, linewidth=1.0)
    right.plot(fits.orders, fits.walks, color=ORANGE, marker="s", markersize=4, linestyle="none", label="walks")
    right.plot(fits.orders, fits.cut, color=BLUE, linewidth=1.0)
    right.plot(fits.orders, fits.chebyshev, color=BLUE, marker="o", markersize=4, linestyle="none", label="Chebyshev")
    right.plot(fits.orders, fits.best, color=GREY, linewidth=1.0, linestyle="--", label="best possible")
    right.set_yscale("log")
    dress(right, "order $K$", "largest error on [-1, 1]")
    legend(right)
    return drawn_picture(png(figure), "responses and errors of the fit", caption)


def conditions(bases: Sequence[Bases], caption: str) -> Picture:
    """Condition numbers by order on each graph."""
    figure = canvas(8.4, 3.6)
    panels = figure.subplots(1, len(bases), sharey=True, squeeze=False)[0]
    for axes, one in zip(panels, bases, strict=True):
        for (label, values), (colour, marker) in zip(
            (
                ("powers of A", one.adjacency),
                ("powers of normalised A", one.powers),
                ("Chebyshev", one.chebyshev),
                ("orthonormal here", one.orthonormal),
            ),
            STYLES,
            strict=False,
        ):
            held = [value if math.isfinite(value) else math.nan for value in values]
            axes.plot(one.orders, held, color=colour, marker=marker, markersize=3, linewidth=1.0, label=label)
        axes.axhline(SINGULAR, color=GREY, linestyle="--", linewidth=1.0)
        axes.set_yscale("log")
        axes.set_title(one.graph, fontsize=TEXT)
        dress(axes, "order $K$", "condition number" if axes is panels[0] else "")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "conditioning of bases by order", caption)


def rounding(told: Rounding, caption: str) -> Picture:
    """Errors of single precision by order."""
    figure = canvas(6.4, 3.4)
    axes = figure.subplots()
    for (form, values), (colour, marker) in zip(told.errors.items(), STYLES, strict=False):
        axes.plot(told.orders, values, color=colour, marker=marker, markersize=4, linewidth=1.0, label=form)
    axes.plot(told.orders, told.bound, color=GREY, linestyle="--", linewidth=1.0, label=r"$2^{-24} \sum_k\,|h_k|$")
    square = [2.0**-24 * (order + 1) ** 2 for order in told.orders]
    axes.plot(told.orders, square, color=GREY, linestyle=":", linewidth=1.2, label=r"$2^{-24} (K + 1)^2$")
    axes.set_yscale("log")
    dress(axes, "order $K$", "error in single precision")
    legend(axes)
    return drawn_picture(png(figure), "rounding by order and form", caption)


def shifts(shown: Setting, found: Sequence[ShiftFound], caption: str) -> Picture:
    """The same polynomial at the eigenvalues of each shift."""
    figure = canvas(8.4, 2.9)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    walks = shown.walks(shown.order)
    for axes, one in zip(panels, found, strict=True):
        _at_eigenvalues(axes, walks.response(one.eigenvalues), one)
        dress(axes, r"$\lambda$", r"$|h(\lambda)|$" if axes is panels[0] else "")
    return drawn_picture(png(figure), "the same taps at the eigenvalues of four shifts", caption)


def _at_eigenvalues(axes: Axes, response: torch.Tensor, one: ShiftFound) -> None:
    axes.plot(one.eigenvalues, response.abs(), color=BLUE, marker="o", markersize=3, linestyle="none")
    if response.abs().max() > 1e3 * response.abs().min():
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_title(one.name, fontsize=TEXT)
