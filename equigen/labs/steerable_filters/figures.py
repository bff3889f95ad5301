"""The figures of the lab steerable-filters that show filters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from equigen.groups.plane_groups import plane_group
from equigen.groups.representation import irreducible
from equigen.labs.steerable_filters.grid_filters import GridFilters
from equigen.labs.steerable_filters.pictures import SIGNED, disk_kernels, row_size, show_disk, show_pixels, show_row
from equigen.labs.steerable_filters.steering import oriented, resampled
from equigen.report.drawing import BLUE, GREY, ORANGE, TEXT, canvas, dress, png
from equigen.report.picture import Picture, drawn_picture
from equigen.steerable.kernels.basis import pixel_places

__all__ = ["basis_by_pair", "grid_counts", "groups_beside", "held_pixels", "sampled_waves", "steered_strip"]

_SIZE = 7  # of the filter that is shown
_FINE = 61


def basis_by_pair(caption: str) -> Picture:
    """All kernels of SO(2) between frequencies 0, 1 and 2, on one ring."""
    names = ("0e", "1", "2")
    cells = [[("SO2", source, target, 4) for source in names] for target in names]
    figure = canvas(8.4, 3.8)
    panels = _kernel_rows(figure, cells)
    for row, target in zip(panels, names, strict=True):
        for axes, source in zip(row, names, strict=True):
            axes.set_title(f"{source[0]} → {target[0]}", fontsize=TEXT, fontweight="bold", loc="left")
    return drawn_picture(png(figure), "kernels of SO(2) by pair of frequencies", caption)


def groups_beside(groups: Sequence[str], caption: str) -> Picture:
    """The kernels of several groups between the same representations."""
    pairs = (("0e", "0e", 4), ("0e", "1", 3), ("1", "1", 2))
    figure = canvas(8.4, 4.2)
    panels = _kernel_rows(figure, [[(name, *pair) for pair in pairs] for name in groups])
    for axes, (source, target, _) in zip(panels[0], pairs, strict=True):
        axes.set_title(f"{source[0]} → {target[0]}", fontsize=TEXT, fontweight="bold", loc="left")
    for row, name in zip(panels, groups, strict=True):
        row[0].text(-0.05, 0.5, name, transform=row[0].transAxes, ha="right", fontsize=TEXT, fontweight="bold")
    return drawn_picture(png(figure), "kernels of several groups", caption)


def _kernel_rows(figure: Figure, cells: Sequence[Sequence[tuple[str, str, str, int]]]) -> np.ndarray:
    """A panel for each group, source, target and cut-off, all disks of one size."""
    found = [[_kernels(*cell) for cell in row] for row in cells]
    sizes = [[row_size(kernels) for _, kernels in row] for row in found]
    widths = [max(row[j][0] for row in sizes) for j in range(len(cells[0]))]
    heights = [max(size[1] for size in row) for row in sizes]
    panels = figure.subplots(
        len(cells), len(widths), squeeze=False, width_ratios=[w + 13 for w in widths],
        height_ratios=[h + 20 for h in heights],
    )  # fmt: skip
    for row, found_row, height in zip(panels, found, heights, strict=True):
        for axes, (frequencies, kernels), width in zip(row, found_row, widths, strict=True):
            show_row(axes, kernels, [f"$\\mu = {mu}$" for mu in frequencies], (width, height))
    return panels


def _kernels(name: str, source: str, target: str, cutoff: int) -> tuple[list[int], Tensor]:
    group = plane_group(name)
    return disk_kernels(irreducible(group, source), irreducible(group, target), cutoff)


def steered_strip(highest: int, caption: str) -> Picture:
    """One filter at seven angles: on the disk, on pixels by steering, and on pixels by interpolation."""
    filter = oriented(_SIZE, highest)
    along = torch.linspace(-_SIZE / 2, _SIZE / 2, _FINE, dtype=torch.float64)
    y, x = torch.meshgrid(-along, along, indexing="ij")
    fine = torch.stack((x, y), dim=-1)
    inside = torch.where(torch.hypot(x, y) <= _SIZE / 2, 1.0, torch.nan)
    angles = torch.arange(7, dtype=torch.float64) * (math.pi / 12)
    weights, places = filter.steering(angles), pixel_places(_SIZE)
    smooth = torch.einsum("ac,chw->ahw", weights, filter.coordinates(fine)) * inside
    pixels = torch.einsum("ac,chw->ahw", weights, filter.coordinates(places))
    turned = torch.stack([resampled(pixels[0], float(angle), "bilinear") for angle in angles])
    figure = canvas(8.4, 4.9)
    panels = figure.subplots(4, len(angles))
    top = float(pixels.abs().max())
    for k, angle in enumerate(angles.rad2deg().round().int().tolist()):
        show_disk(panels[0, k], smooth[k])
        show_pixels(panels[1, k], pixels[k], top)
        show_pixels(panels[2, k], turned[k], top)
        show_pixels(panels[3, k], turned[k] - pixels[k], top)
        panels[0, k].set_title(f"{angle}°", fontsize=TEXT)
    for axes, name in zip(panels[:, 0], ("on the disk", "steered", "bilinear", "difference"), strict=True):
        axes.text(-0.12, 0.5, name, transform=axes.transAxes, rotation=90, ha="right", va="center", fontsize=TEXT)
    return drawn_picture(png(figure), "a filter at seven angles", caption)


def sampled_waves(caption: str) -> Picture:
    """cos(mu phi) on the outermost ring of small filters, on the disk and on pixels."""
    sizes, waves = (3, 5, 7), (1, 2, 3, 4, 5)
    figure = canvas(6.6, 5.4)
    panels = figure.subplots(1 + len(sizes), len(waves))
    along = torch.linspace(-1, 1, _FINE, dtype=torch.float64)
    y, x = torch.meshgrid(-along, along, indexing="ij")
    radius, phi = torch.hypot(x, y), torch.atan2(y, x)
    ring = torch.exp(-0.5 * ((radius - 0.75) / 0.18) ** 2) * torch.where(radius <= 1, 1.0, torch.nan)
    for k, mu in enumerate(waves):
        show_disk(panels[0, k], ring * torch.cos(mu * phi))
        panels[0, k].set_title(f"$\\mu = {mu}$", fontsize=TEXT)
        for axes, size in zip(panels[1:, k], sizes, strict=True):
            px, py = pixel_places(size).unbind(-1)
            r, angle, outer = torch.hypot(px, py), torch.atan2(py, px), (size - 1) / 2
            profile = torch.exp(-0.5 * ((r - outer) / 0.4) ** 2) * (r > 0)
            show_pixels(axes, profile * torch.cos(mu * angle))
    for axes, name in zip(panels[:, 0], ("on the disk", "3 x 3", "5 x 5", "7 x 7"), strict=True):
        axes.text(-0.12, 0.5, name, transform=axes.transAxes, rotation=90, ha="right", va="center", fontsize=TEXT)
    return drawn_picture(png(figure), "waves on small filters", caption)


def grid_counts(grid: GridFilters, caption: str) -> Picture:
    """Numbers of filters by size: all of them, and rings."""
    figure = canvas(6.6, 3.1)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(panels, ("C4", "D4"), strict=True):
        sizes = [one for one in grid.sizes if one.group == name]
        k = [one.kernel_size for one in sizes]
        axes.plot(k, [one.numbers for one in sizes], color=GREY, marker="^", linestyle=":", label="no symmetry")
        axes.plot(k, [one.complete for one in sizes], color=BLUE, marker="o", label="on the grid")
        axes.plot(k, [one.rings for one in sizes], color=ORANGE, marker="s", linestyle="--", label="rings")
        axes.set_yscale("log")
        dress(axes, f"side of the filter, {name} (pixels)", "filters" if name == "C4" else "")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=TEXT - 1, frameon=False)
    return drawn_picture(png(figure), "numbers of filters by size", caption)


def held_pixels(grid: GridFilters, caption: str) -> Picture:
    """What rings hold at each pixel, and a random filter beside its part in the rings."""
    figure = canvas(8.4, 2.5)
    share, *parts = figure.subplots(1, 4, width_ratios=(1.25, 1, 1, 1))
    values = grid.held.pixels
    share.imshow(values.numpy(), cmap=SIGNED, vmin=-1.6, vmax=1.6, interpolation="nearest")
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            share.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=TEXT - 1)
    share.set_axis_off()
    share.set_title("held by rings (%)", fontsize=TEXT)
    top = float(grid.held.example.abs().max())
    for axes, values, name in zip(parts, grid.held.example, ("a filter", "in the rings", "missed"), strict=True):
        show_pixels(axes, values, top)
        axes.set_title(name, fontsize=TEXT)
    return drawn_picture(png(figure), "what rings hold of filters on the grid", caption)
