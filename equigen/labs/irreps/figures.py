"""The figures of the lab irreps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from equigen.groups.fourier_transform import fourier
from equigen.labs.irreps.drawing import draw_matrix, draw_polygon, draw_spectrum
from equigen.labs.irreps.findings import IrrepFindings
from equigen.labs.irreps.functions import GroupFunctions, given, moved
from equigen.labs.irreps.theorems import convolved
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png
from equigen.report.picture import Picture, drawn_picture

__all__ = [
    "blocks",
    "both_columns",
    "bump",
    "condition",
    "convolution",
    "moves",
    "reconstructions",
    "shift",
    "singular_values",
    "weights",
]

_MOST = 6  # panels in a row
_PALE = "#bdd7e7"


def bump(functions: GroupFunctions) -> Tensor:
    """A function without symmetry, for pictures: 1 at the identity, 1/2 at the next rotation, -3/5 at a reflection."""
    values = torch.zeros(functions.size, dtype=torch.float64)
    rotations = int((functions.elements[:, 1] == 0).sum())
    values[0], values[1 % rotations] = 1.0, 0.5
    if functions.size > rotations:
        values[rotations] = -0.6
    return values


def moves(shown: Sequence[GroupFunctions], caption: str) -> Picture:
    """A function, moved by a rotation, and by a reflection where there is one."""
    figure = canvas(8.4, 2.9 * len(shown))
    panels = figure.subplots(len(shown), 3, squeeze=False)
    for row, functions in zip(panels, shown, strict=True):
        values, (turn, other) = bump(functions), _two(functions)
        name = functions.label
        draw_polygon(row[0], functions, values, 1.0, f"a function on {name}")
        for axes, u, word in ((row[1], turn, "the first rotation"), (row[2], other, _word(functions))):
            draw_polygon(axes, functions, moved(functions, u[None])[0] @ values, 1.0, f"moved by {word}")
    return drawn_picture(png(figure), "a function moved by the group", caption)


def _two(functions: GroupFunctions) -> tuple[Tensor, Tensor]:
    """The first rotation, and a reflection, or else the rotation by two steps."""
    at = functions.elements
    rotations = int((at[:, 1] == 0).sum())
    return at[1 % rotations], at[rotations] if len(at) > rotations else at[2 % rotations]


def _word(functions: GroupFunctions) -> str:
    return "a reflection" if functions.group.reflections else "twice that rotation"


def blocks(shown: Sequence[GroupFunctions], caption: str) -> Picture:
    """The matrix on values, the change of basis, and what it makes of the matrix."""
    figure = canvas(8.4, 2.9 * len(shown))
    panels = figure.subplots(len(shown), 3, squeeze=False)
    for row, functions in zip(panels, shown, strict=True):
        basis = functions.table(functions.complete)
        values = moved(functions, functions.elements[1:2])[0]
        draw_matrix(row[0], values, 1.0, f"{functions.label}: $S(u)$ on values")
        draw_matrix(row[1], basis, float(basis.abs().max()), "$Q$, columns of irreps")
        draw_matrix(row[2], basis.mT @ values @ basis, 1.0, "$Q^T S(u)\\,Q$")
        start = 0
        for irrep, _ in functions.complete:
            edge = (start - 0.5, start + irrep.size - 0.5)
            row[2].plot(
                [edge[0], edge[1], edge[1], edge[0], edge[0]], [edge[0], edge[0], edge[1], edge[1], edge[0]],
                color="black", linewidth=0.9, clip_on=False,
            )  # fmt: skip
            start += irrep.size
    return drawn_picture(png(figure), "permutations become blocks", caption)


def reconstructions(shown: Sequence[IrrepFindings], caption: str) -> Picture:
    """The window, and the nearest function without each irrep."""
    figure = canvas(8.4, 2.4 * len(shown))
    halves = figure.subfigures(len(shown), 1, squeeze=False)[:, 0]
    for half, found in zip(halves, shown, strict=True):
        functions, lost = found.functions, found.left_out[:_MOST]
        window, place = given(functions, 0)["window"], np.arange(functions.size)
        panels = half.subplots(1, len(lost), squeeze=False, sharey=True)[0]
        for axes, gone in zip(panels, lost, strict=True):
            rest = functions.table([one for one in functions.complete if one[0].name != gone.irrep])
            reached = rest @ (rest.mT @ window)
            axes.bar(place, window.numpy(), width=0.8, color=_PALE)
            axes.plot(place, reached.numpy(), color=ORANGE, marker="o", markersize=3.5, linestyle="none")
            dress(axes, "element", f"value on {functions.label}" if axes is panels[0] else "")
            axes.set_title(f"without {gone.irrep}: {_percent(gone.error['window'])}", fontsize=TEXT)
            axes.set_xticks([0, functions.size - 1])
    return drawn_picture(png(figure), "a window without one irrep", caption)


def _percent(share: float) -> str:
    return "0 %" if share < 1e-12 else f"{100 * share:.2g} %"


def singular_values(shown: Sequence[IrrepFindings], caption: str) -> Picture:
    """Singular values of the table of each list."""
    figure = canvas(8.4, 2.3 * len(shown))
    halves = figure.subfigures(len(shown), 1, squeeze=False)[:, 0]
    for half, found in zip(halves, shown, strict=True):
        panels = half.subplots(1, len(found.lists), squeeze=False, sharey=True)[0]
        for axes, item in zip(panels, found.lists, strict=True):
            count = len(item.singular_values)
            axes.vlines(range(1, count + 1), 0.0, item.singular_values, color=BLUE, linewidth=1.2)
            axes.plot(range(1, count + 1), item.singular_values, color=BLUE, marker="o", markersize=3.5, linewidth=0)
            axes.set_title(f"{item.name}\nrank {item.rank} of {item.size}", fontsize=TEXT - 1)
            dress(axes, "", f"{found.functions.label}\nsingular value" if axes is panels[0] else "")
            axes.set_ylim(-0.06, 1.56)
            axes.set_xlim(0.3, count + 0.7)
            axes.set_xticks([1, count])
    return drawn_picture(png(figure), "singular values of lists", caption)


def condition(found: Sequence[IrrepFindings], caption: str) -> Picture:
    """Condition numbers of tables in which one function nears another, and their formula."""
    figure = canvas(5.6, 3.4)
    axes = figure.subplots()
    angles = np.geomspace(1e-6, 1.0, 60)
    axes.plot(angles, 1.0 / np.tan(0.5 * angles), color=GREY, linewidth=1.0, label=r"$\cot(a/2)$")
    for one, (colour, marker) in zip(found, STYLES, strict=False):
        near = [copy for copy in one.copies if copy.angle > 0]
        axes.plot(
            [copy.angle for copy in near], [copy.condition for copy in near], color=colour, marker=marker,
            markersize=7 - found.index(one) * 0.7, linestyle="none", fillstyle="none", label=one.functions.label,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    dress(axes, "angle $a$ between two functions of the list, radians", "condition number")
    plain_log_ticks(axes, "x")
    plain_log_ticks(axes, "y")
    axes.grid(visible=False, which="minor")
    axes.legend(frameon=False, fontsize=TEXT - 1)
    return drawn_picture(png(figure), "condition number of a near copy", caption)


def both_columns(shown: Sequence[GroupFunctions], caption: str) -> Picture:
    """The four functions of a two-dimensional irrep."""
    figure = canvas(8.4, 2.45 * len(shown))
    panels = figure.subplots(len(shown), 4, squeeze=False)
    for row, functions in zip(panels, shown, strict=True):
        irrep = next(one for one in functions.irreps if one.size == 2)
        matrices = functions.group.irrep_matrix(irrep, functions.elements)
        for k, axes in enumerate(row):
            i, j = k % 2, k // 2
            title = f"{functions.label}: $\\psi_{{{i + 1}{j + 1}}}$"
            draw_polygon(axes, functions, matrices[:, i, j], 1.0, title)
    return drawn_picture(png(figure), "both columns of an irrep", caption)


def weights(found: Sequence[IrrepFindings], caption: str) -> Picture:
    """The sum over the spectrum with both weights, against the mean square."""
    figure = canvas(6.8, 3.2)
    axes = figure.subplots()
    place = np.arange(len(found))
    chosen = [next(item for item in one.weighings if item.function == "random") for one in found]
    kinds = (
        (r"weight $d\,/\,\mathrm{dim\,End}$", BLUE, "", [one.by_commutant / one.mean_square for one in chosen]),
        ("weight $d$", ORANGE, "///", [one.by_dimension / one.mean_square for one in chosen]),
    )
    for k, (label, colour, hatch, heights) in enumerate(kinds):
        axes.bar(
            place + 0.36 * (k - 0.5), heights, width=0.34, color=colour if k == 0 else "white", edgecolor=colour,
            hatch=hatch, label=label,
        )  # fmt: skip
    axes.axhline(1.0, color=GREY, linewidth=1.0)
    dress(axes, "", "sum over the spectrum / mean square")
    axes.set_xticks(place, [one.functions.label for one in found])
    legend(axes)
    return drawn_picture(png(figure), "two weights in Parseval's identity", caption)


def shift(functions: GroupFunctions, caption: str) -> Picture:
    """A function and its shift, and how the first columns of their matrices stand to one another."""
    figure = canvas(8.4, 4.9)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.25, 1.0))[:, 0]
    values, u = bump(functions), functions.elements[1]
    after = moved(functions, u[None])[0] @ values
    left, right = above.subplots(1, 2)
    draw_polygon(left, functions, values, 1.0, f"$f$ on {functions.label}")
    draw_polygon(right, functions, after, 1.0, f"$f(u^{{-1}} g)$, $u$ = {np.degrees(float(u[0])):.4g}°")
    spectra = [fourier(functions.group, one, functions.frequency) for one in (values, after)]
    planes = [irrep for irrep in functions.irreps if irrep.size == 2][:_MOST]
    _arrows(below, [(irrep.name, [spectrum[irrep.name][:, 0] for spectrum in spectra]) for irrep in planes])
    return drawn_picture(png(figure), "a shift turns the spectrum", caption)


def _arrows(figure: Figure, drawn: Sequence[tuple[str, Sequence[Tensor]]]) -> None:
    reach = 1.2 * max(float(column.norm()) for _, pair in drawn for column in pair)
    panels = figure.subplots(1, max(len(drawn), 1), squeeze=False)[0]
    for axes, (name, pair) in zip(panels, drawn, strict=False):
        for column, colour, dash, label in zip(pair, (BLUE, ORANGE), ("-", "--"), ("$f$", "shifted"), strict=True):
            axes.annotate(
                "", xy=(float(column[0]), float(column[1])), xytext=(0, 0),
                arrowprops={"arrowstyle": "-|>", "color": colour, "linestyle": dash, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
            axes.plot([], [], color=colour, linestyle=dash, label=label)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_aspect("equal")
        axes.set_title(f"first column of $F(\\psi)$, irrep {name}", fontsize=TEXT - 1)
        dress(axes, "", "")
        axes.legend(fontsize=TEXT - 2, frameon=False, loc="lower left")


def convolution(functions: GroupFunctions, caption: str) -> Picture:
    """Two functions, their convolution, and the matrices of all three; both orders where they differ."""
    f, h = given(functions, 0)["window"], bump(functions)
    made = [("$f$", f), ("$h$", h), ("$f * h$", convolved(functions, f, h))]
    words = ["$F(\\psi)$", "$H(\\psi)$", "$F(\\psi)\\,H(\\psi)$"]
    of_f, of_h = (fourier(functions.group, values, functions.frequency) for values in (f, h))
    spectra = [of_f, of_h, {name: of_f[name] @ of_h[name] for name in of_f}]
    if any(irrep.size > irrep.endomorphisms for irrep in functions.irreps):
        made.append(("$h * f$", convolved(functions, h, f)))
        words.append("$H(\\psi)\\,F(\\psi)$")
        spectra.append({name: of_h[name] @ of_f[name] for name in of_f})
    figure = canvas(8.4, 4.9)
    panels = figure.subplots(2, len(made))
    for k, ((name, values), word, spectrum) in enumerate(zip(made, words, spectra, strict=True)):
        reach = max(1e-12, float(values.abs().max()))
        draw_polygon(panels[0, k], functions, values, reach, f"{name} on {functions.label}")
        reach = max(1e-12, *(float(block.abs().max()) for block in spectrum.values()))
        draw_spectrum(panels[1, k], functions.irreps, spectrum, reach, word)
    return drawn_picture(png(figure), f"a convolution on {functions.group.name}", caption)
