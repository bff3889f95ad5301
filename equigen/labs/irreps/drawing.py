"""How the lab irreps draws functions on a group, and their spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from torch import Tensor

from equigen.groups.irrep import Irrep
from equigen.labs.irreps.functions import GroupFunctions
from equigen.report.drawing import GREY, TEXT

__all__ = ["COLOURS", "draw_matrix", "draw_polygon", "draw_spectrum", "ink"]

COLOURS = "RdBu_r"
"""Blue below 0, white at 0, red above: told apart by all common kinds of colour vision."""

_INNER = 0.52  # radius of the circle on which reflections stand
_MANY = 18  # values, beyond which they are not written


def draw_polygon(axes: Axes, functions: GroupFunctions, values: Tensor, reach: float, title: str) -> None:
    """A function as a coloured polygon: rotations at their angles, reflections on a smaller circle inside.

    Args:
        axes: to draw on.
        functions: the space.
        values: (n,).
        reach: value of the deepest colours.
        title: above it.
    """
    at = functions.elements.numpy()
    radius = np.where(at[:, 1] == 1, _INNER, 1.0)
    x, y = radius * np.cos(at[:, 0]), radius * np.sin(at[:, 0])
    for flip in (0, 1):
        ring = at[:, 1] == flip
        if ring.any():
            axes.plot(np.append(x[ring], x[ring][:1]), np.append(y[ring], y[ring][:1]), color=GREY, linewidth=0.8)
    written = functions.size <= _MANY
    colours = colormaps[COLOURS](Normalize(-reach, reach)(values.numpy()))
    axes.scatter(x, y, s=330 if written else 60, c=colours, edgecolors="black", linewidths=0.7, zorder=2)
    if written:
        for px, py, value in zip(x, y, values.tolist(), strict=True):
            axes.text(px, py, _short(value), ha="center", va="center", fontsize=TEXT - 2.5, color=ink(value / reach))
    axes.set_xlim(-1.32, 1.32)
    axes.set_ylim(-1.32, 1.32)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title, fontsize=TEXT)


def draw_matrix(axes: Axes, matrix: Tensor, reach: float, title: str) -> None:
    """A matrix as coloured squares, 0 white, negative ones with a minus, so that a grey print shows the sign."""
    axes.imshow(matrix.numpy(), cmap=COLOURS, vmin=-reach, vmax=reach)
    for i, j in (matrix < -1e-9).nonzero().tolist():
        style = {"ha": "center", "va": "center", "fontsize": TEXT - 1}
        axes.text(j, i, "−", color=ink(float(matrix[i, j]) / reach), **style)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=TEXT)


def draw_spectrum(
    axes: Axes, irreps: Sequence[Irrep], spectrum: Mapping[str, Tensor], reach: float, title: str
) -> None:
    """A spectrum as blocks along a diagonal, one for each irrep, with its name above and its numbers inside.

    Args:
        axes: to draw on.
        irreps: in their order.
        spectrum: matrices by name.
        reach: value of the deepest colours.
        title: above it.
    """
    total, start = sum(irrep.size for irrep in irreps), 0
    chosen = colormaps[COLOURS]
    for irrep in irreps:
        block = spectrum[irrep.name]
        for i in range(irrep.size):
            for j in range(irrep.size):
                value = float(block[i, j])
                colour = chosen(Normalize(-reach, reach)(value))
                axes.add_patch(Rectangle((start + j, start + i), 1, 1, facecolor=colour, edgecolor="none"))
                if total <= 8:
                    place = (start + j + 0.5, start + i + 0.5)
                    axes.text(
                        *place, _short(value), ha="center", va="center", fontsize=TEXT - 3, color=ink(value / reach)
                    )
        d = irrep.size
        axes.add_patch(Rectangle((start, start), d, d, fill=False, edgecolor="black", linewidth=0.8))
        axes.text(start + d + 0.12, start + 0.05, irrep.name, ha="left", va="top", fontsize=TEXT - 2, color=GREY)
        start += d
    axes.set_xlim(-0.1, total + 1.0)
    axes.set_ylim(total + 0.1, -0.1)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title, fontsize=TEXT)


def ink(share: float) -> str:
    """The colour of text on a colour: white on deep ones.

    Example:
        >>> ink(0.1), ink(-0.9)
        ('black', 'white')
    """
    return "white" if abs(share) > 0.6 else "black"


def _short(value: float) -> str:
    """Two digits, to the third place, without the 0 before the point, and no sign of a zero."""
    if abs(value) < 5e-4:
        return "0"
    text = f"{value:.2g}" if abs(value) >= 0.01 else f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
