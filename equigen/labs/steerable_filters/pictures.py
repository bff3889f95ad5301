"""Pictures of filters: orange is positive, blue negative; lines or signs say it again where colour is lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from equigen.groups.representation import Representation
from equigen.report.drawing import BLUE, ORANGE, TEXT
from equigen.steerable.kernels.angular import angular_basis

__all__ = ["SIGNED", "disk_kernels", "row_size", "show_disk", "show_pixels", "show_row"]

SIGNED = LinearSegmentedColormap.from_list("signed", ["#003a5d", BLUE, "#ffffff", ORANGE, "#7a3300"])
"""Colours from negative through zero to positive."""

_SIDE = 45
_GAP, _STEP = 3, 13  # pixels of a picture between the entries of a kernel, and between kernels
_HEAD = 18  # above a row, for names
_RING = (0.62, 0.2)  # radius and deviation of the profile that is drawn, in radii of the disk


def disk_kernels(in_rep: Representation, out_rep: Representation, cutoff: int) -> tuple[list[int], Tensor]:
    """Kernels of the closed form on one ring, on the unit disk, and their angular frequencies.

    Returns:
        Frequencies mu, and (n, d_out, d_in, 45, 45), not a number outside the disk.
    """
    along = torch.linspace(-1, 1, _SIDE, dtype=torch.float64)
    y, x = torch.meshgrid(-along, along, indexing="ij")
    radius = torch.hypot(x, y)
    profile = torch.exp(-0.5 * ((radius - _RING[0]) / _RING[1]) ** 2)
    basis = angular_basis(in_rep, out_rep, cutoff)
    kernels = basis.at(torch.atan2(y, x)) * torch.where(radius <= 1.0, profile, torch.nan)
    order = sorted(range(len(kernels)), key=lambda i: (abs(int(basis.frequencies[i])), -int(basis.frequencies[i])))
    return [int(basis.frequencies[i]) for i in order], kernels[order]


def row_size(kernels: Tensor) -> tuple[int, int]:
    """Width and height of `show_row`, in its own units."""
    n, rows, columns, side, _ = kernels.shape
    return n * (columns * (side + _GAP) - _GAP + _STEP) - _STEP, rows * (side + _GAP) - _GAP


def show_row(axes: Axes, kernels: Tensor, names: Sequence[str], frame: tuple[int, int]) -> None:
    """Kernels side by side, the entries of each as a matrix of disks, a name above each.

    Args:
        axes: to draw into.
        kernels: (n, d_out, d_in, s, s).
        names: of the kernels.
        frame: width and height in the units of `row_size`; rows in frames of one scale have disks of one size.
    """
    _, rows, columns, side, _ = kernels.shape
    width, high = row_size(kernels)
    wide = columns * (side + _GAP) - _GAP
    sheet = np.full((high, width), np.nan)
    for k, kernel in enumerate(kernels.numpy()):
        left = k * (wide + _STEP)
        for i in range(rows):
            for j in range(columns):
                top, start = i * (side + _GAP), left + j * (side + _GAP)
                sheet[top : top + side, start : start + side] = kernel[i, j]
        axes.text(left + wide / 2, -4, names[k], ha="center", va="bottom", fontsize=TEXT - 1)
        if rows * columns > 1:
            for edge, inwards in ((left - _STEP / 3, 1), (left + wide + _STEP / 3, -1)):
                bracket = [edge + 3 * inwards, edge, edge, edge + 3 * inwards]
                axes.plot(bracket, [-2, -2, high + 1, high + 1], color="black", linewidth=0.7, clip_on=False)
    _signed(axes, sheet)
    _contours(axes, sheet)
    axes.set_xlim(-_STEP / 2, frame[0] + _STEP / 2)
    axes.set_ylim(frame[1] + 2, -_HEAD)


def show_disk(axes: Axes, values: Tensor) -> None:
    """A filter (s, s) drawn finely, with lines at plus (solid) and minus (dashed) half of its largest value."""
    _signed(axes, values.numpy())
    _contours(axes, values.numpy())


def show_pixels(axes: Axes, values: Tensor, largest: float | None = None) -> None:
    """A filter (k, k) pixel by pixel, with a sign in the pixels above a fifth of the largest."""
    top = largest or float(values.abs().max())
    _signed(axes, values.numpy(), top)
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            if abs(value) > 0.2 * top:
                dark = "white" if abs(value) > 0.45 * top else "black"
                axes.text(j, i, "+" if value > 0 else "−", ha="center", va="center", fontsize=5, color=dark)


def _signed(axes: Axes, values: np.ndarray, top: float | None = None) -> None:
    top = top or float(np.nanmax(np.abs(values))) or 1.0
    axes.imshow(values, cmap=SIGNED, vmin=-top, vmax=top, interpolation="nearest")
    axes.set_axis_off()


def _contours(axes: Axes, values: np.ndarray) -> None:
    top = float(np.nanmax(np.abs(values)))
    for level, style in ((-0.5 * top, "--"), (0.5 * top, "-")):
        if np.nanmin(values) < level < np.nanmax(values):
            axes.contour(values, levels=[level], colors="black", linewidths=0.4, linestyles=style)
