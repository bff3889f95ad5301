"""The figures of the lab symmetry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.heun import Heun
from equigen.labs.symmetry.findings import AUGMENTED, Found
from equigen.labs.symmetry.keeping import mirrored
from equigen.labs.symmetry.learning import KINDS
from equigen.labs.symmetry.walking import Normals, moved, normals, walk
from equigen.report.drawing import BLUE, GREY, ORANGE, STYLES, TEXT, canvas, dress, legend, plain_log_ticks, png
from equigen.report.picture import Picture, drawn_picture

__all__ = ["clouds", "errors_of_networks", "fits", "mirror_line", "paths", "steps", "tests"]

_LEAST = 1e-17  # where an error of 0 is drawn
_WINDOW = 2.2  # half the side of a picture of the plane
_DOTS = 600


def clouds(found: Found, caption: str) -> Picture:
    """The samples of the three scores."""
    figure = canvas(8.4, 3.4)
    for axes, one in zip(figure.subplots(1, 3), found.tested, strict=True):
        x = one.samples[:_DOTS]
        axes.scatter(*x.T.numpy(), s=3, color=BLUE, linewidths=0)
        _plane(axes, one.name)
    return drawn_picture(png(figure), "samples of three scores", caption)


def steps(found: Found, caption: str) -> Picture:
    """How asymmetric the law of every step is, under linear scores."""
    figure = canvas(6.4, 3.3)
    axes = figure.subplots()
    for (colour, marker), one in zip(STYLES, found.stepped, strict=False):
        shown = np.maximum(one.asymmetry, _LEAST)
        axes.plot(range(len(shown)), shown, color=colour, marker=marker, markersize=4, label=one.name)
    axes.set_yscale("log")
    axes.set_xticks(range(0, len(found.stepped[0].asymmetry), 5))
    dress(axes, "steps of Euler-Maruyama", r"largest $\|R C R^T - C\| \, / \, \|C\|$")
    axes.grid(visible=False, which="minor")
    legend(axes)
    return drawn_picture(png(figure), "asymmetry of the law of every step", caption)


def fits(found: Found, caption: str) -> Picture:
    """The error and the asymmetry of scores fitted to ever more items."""
    figure = canvas(6.4, 3.3)
    axes = figure.subplots()
    at = np.array([one.items for one in found.fitted], dtype=float)
    root = [one.asymmetry for one in found.fitted]
    axes.errorbar(
        at, root, [2 * one.asymmetry_error for one in found.fitted], color=ORANGE, marker="s", linestyle="none",
        capsize=3, label="asymmetry of the last law",
    )  # fmt: skip
    axes.plot(at, root[0] * np.sqrt(at[0] / at), color=ORANGE, linewidth=1.0, label="slope −1/2")
    axes.plot(at, [one.wrong for one in found.fitted], color=BLUE, marker="o", label="error of the score")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(at, [f"{int(one):,}" for one in at])
    axes.xaxis.minorticks_off()
    plain_log_ticks(axes, "y")
    dress(axes, "items in random poses", "relative")
    legend(axes)
    return drawn_picture(png(figure), "scores fitted to more items", caption)


def tests(found: Found, caption: str) -> Picture:
    """The p-values of every iterate, and how many of many samples lie in each sector."""
    figure = canvas(8.4, 3.2)
    left, right = figure.subplots(1, 2)
    for k, ((colour, marker), one) in enumerate(zip(STYLES, found.tested, strict=False)):
        left.plot(one.steps, one.p_values, color=colour, marker=marker, markersize=5, label=one.name)
        at = [sector + 0.18 * (k - 1) for sector in range(1, 1 + len(one.shares))]
        shares, errors = ([100 * value for value in values] for values in (one.shares, one.shares_error))
        right.errorbar(at, shares, [2 * error for error in errors], color=colour, fmt=marker, ms=4, capsize=2)
    left.axhline(0.05, color=GREY, linestyle="--", linewidth=1.0)
    left.set_yscale("log")
    left.set_ylim(0.004, 1.3)
    left.set_xticks(found.tested[0].steps)
    dress(left, "steps of Euler-Maruyama", "p-value")
    dress(right, "sector", "samples above the mean (%)")
    left.grid(visible=False, which="minor")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=TEXT - 1)
    return drawn_picture(png(figure), "tests of the law", caption)


@torch.no_grad()
def paths(found: Found, seed: int, caption: str) -> Picture:
    """One path in all poses: everything moved, the prior only moved, and everything moved under the augmented score."""
    names = list(found.scores)
    given = normals(found.plane, 1, 40, seed + 7)
    panels = (
        ("prior and noise moved", names[1], True),
        ("prior moved, noise not", names[1], False),
        (f"{AUGMENTED}: both moved", AUGMENTED, True),
    )
    figure = canvas(8.4, 3.4)
    elements = found.plane.action.group.elements()
    for axes, (title, name, noise) in zip(figure.subplots(1, 3), panels, strict=True):
        goal = _shown(walk(found.scores[name], EulerMaruyama(), given, found.plane.data_std))
        for k, g in enumerate(elements):
            some = moved(given, found.plane.action, g, noise=noise)
            path = _shown(walk(found.scores[name], EulerMaruyama(), some, found.plane.data_std))
            wanted = found.plane.action(g, goal)
            axes.plot(*wanted.T.numpy(), color="#c8c8c8", linewidth=3.2, solid_capstyle="round")
            axes.plot(*path.T.numpy(), color=BLUE if k else ORANGE, linewidth=1.0, zorder=2 if k else 3)
        _plane(axes, title)
    return drawn_picture(png(figure), "a path in all poses", caption)


@torch.no_grad()
def mirror_line(found: Found, seed: int, caption: str) -> Picture:
    """Where paths end that begin on a mirror line."""
    free = normals(found.plane, 200, 20, seed)
    start, none = mirrored(free.start), torch.zeros_like(free.steps)
    names = list(found.scores)
    panels = (
        ("averaged network, no noise", names[1], Heun(), none),
        ("averaged network, noise", names[1], EulerMaruyama(), free.steps),
        (f"{AUGMENTED}, no noise", AUGMENTED, Heun(), none),
    )
    figure = canvas(8.4, 3.4)
    for axes, (title, name, solver, each) in zip(figure.subplots(1, 3), panels, strict=True):
        x = walk(found.scores[name], solver, Normals(start, each), found.plane.data_std)[-1]
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.scatter(*x.T.numpy(), s=5, color=BLUE, linewidths=0)
        _plane(axes, title)
    return drawn_picture(png(figure), "starts on a mirror line", caption)


def errors_of_networks(found: Found, caption: str) -> Picture:
    """The loss above the least, and the asymmetry, against the number of images."""
    figure = canvas(8.0, 3.3)
    left, right = figure.subplots(1, 2)
    for (colour, marker), kind in zip(STYLES, KINDS, strict=False):
        rows = [one for one in found.learned if one.kind == kind]
        at = [one.items for one in rows]
        mean = [one.mean[0] for one in rows]
        error = np.nan_to_num([2 * one.mean[1] for one in rows])  # none is drawn where none is known
        left.errorbar(at, mean, error, color=colour, marker=marker, capsize=3, label=kind)
        right.plot(at, [max(max(one.asymmetry), _LEAST) for one in rows], color=colour, marker=marker, label=kind)
    counts = sorted({one.items for one in found.learned})
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(counts, [f"{one:,}" for one in counts])
        axes.xaxis.minorticks_off()
    plain_log_ticks(left, "y")
    dress(left, "training images", "loss above the least possible")
    dress(right, "training images", "relative asymmetry")
    right.grid(visible=False, which="minor")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=TEXT - 1)
    return drawn_picture(png(figure), "networks against the exact score", caption)


def _shown(path: Tensor) -> Tensor:
    """The end of a path, from where it comes into the picture, (k, 2)."""
    inside: Sequence[int] = (path[:, 0].abs().amax(1) < 2 * _WINDOW).nonzero().flatten().tolist()
    return path[inside[0] if inside else -1 :, 0]


def _plane(axes: Axes, title: str) -> None:
    axes.set_xlim(-_WINDOW, _WINDOW)
    axes.set_ylim(-_WINDOW, _WINDOW)
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=TEXT)
    dress(axes, "first coordinate", "second coordinate")
    axes.label_outer()
