"""The figures of the lab rotation-stability."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from equigen.labs.digits_in_poses import PosedDigits, poses
from equigen.labs.rotation_stability.concluding import estimate
from equigen.labs.rotation_stability.measuring import COARSE, FINE, Found, Network, changes_of_mind
from equigen.report.drawing import GREY, ORANGE, STYLES, TEXT, canvas, dress, png
from equigen.report.picture import Picture, drawn_picture
from equigen.symmetry.rotation import rotate

__all__ = ["accuracies", "changing", "digits", "logits_moved", "one_digit", "told_apart"]

_SHOWN = 8  # digits, and poses of each
_TURN = (0, 90, 180, 270, 360)


def digits(data: PosedDigits, caption: str) -> Picture:
    """A few test digits upright and in seven poses."""
    angles = poses(_SHOWN)
    rows = torch.cat([rotate(data.test[:3], float(angle)) for angle in angles], dim=1)
    figure = canvas(7.2, 3.1)
    panels = figure.subplots(len(rows), _SHOWN, squeeze=False)
    for number, (axes_row, row) in enumerate(zip(panels, rows, strict=True)):
        for axes, image, angle in zip(axes_row, row, angles, strict=True):
            _image(axes, image[None])
            if number == 0:
                axes.set_title(f"{math.degrees(float(angle)):.0f}°", fontsize=TEXT)
    return drawn_picture(png(figure), "digits in eight poses", caption)


def accuracies(found: Found, caption: str) -> Picture:
    """Accuracy over 100 angles for each network: the mean of the trainings, and all of them."""
    low = min(float(one.fine_right.mean(2).min()) for one in found.networks)
    figure = canvas(7.6, 4.6)
    for axes, network, colour in _panels(figure, found.networks):
        right = 100 * network.fine_right.mean(2)
        _banded(axes, right, colour)
        spread = 100 * network.right.mean((0, 2))
        axes.plot(np.degrees(poses(COARSE).numpy()), spread, "o", color="black", mfc="none", markersize=4)
        axes.set_ylim(100 * low - 2, 100.5)
        dress(axes, *_labels(axes, "digits told rightly (%)"))
    return drawn_picture(png(figure), "accuracy over angles", caption)


def logits_moved(found: Found, caption: str) -> Picture:
    """How far the logits move over 100 angles."""
    figure, top = canvas(7.6, 4.6), max(float(one.fine_moved.max()) for part in found.networks for one in part.trials)
    for axes, network, colour in _panels(figure, found.networks):
        _banded(axes, torch.stack([one.fine_moved for one in network.trials]), colour)
        axes.set_ylim(0, 1.05 * top)
        dress(axes, *_labels(axes, "relative change of logits"))
    return drawn_picture(png(figure), "logits over angles", caption)


def told_apart(found: Found, caption: str) -> Picture:
    """How often each network changes its mind: all trainings, their mean, and what interpolation alone does."""
    figure = canvas(7.2, 3.2)
    axes = figure.add_subplot()
    for place, (network, (colour, marker)) in enumerate(zip(found.networks, _styles(found.networks), strict=True)):
        by_seed = 100 * network.changes.mean(1)
        mean = estimate(network.changes)
        error = mean.error if math.isfinite(mean.error) else mean.from_images
        style = {"color": colour, "marker": marker, "markersize": 7, "capsize": 4, "linestyle": "none"}
        below = min(2 * error, mean.value)
        axes.errorbar([place], [100 * mean.value], [[100 * below], [200 * error]], **style)
        axes.plot([place + 0.18] * len(by_seed), by_seed, ".", color=colour, markersize=6)
        floor = 100 * sum(one.back for one in network.trials) / len(network.trials)
        axes.plot([place - 0.22, place + 0.22], [floor, floor], color=GREY, linewidth=2)
    axes.set_xticks(range(len(found.networks)), [_wrapped(one) for one in found.networks])
    axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])
    dress(axes, "", "pairs of poses told differently (%)")
    return drawn_picture(png(figure), "changes of mind", caption)


def one_digit(found: Found, number: int, caption: str) -> Picture:
    """What each network, in its first training, says of one digit in 16 poses."""
    image, label, angles = found.data.test[number], int(found.data.test_labels[number]), poses(COARSE)
    count = len(found.networks)
    figure = canvas(8.0, 0.9 + 0.3 * count)
    grid = figure.add_gridspec(2, COARSE, height_ratios=(1.0, 0.52 * count))
    for k, angle in enumerate(angles):
        _image(figure.add_subplot(grid[0, k]), rotate(image[None], float(angle))[0])
    table = figure.add_subplot(grid[1, :])
    for row, network in enumerate(found.networks):
        for k, told in enumerate(network.trials[0].told[:, number].tolist()):
            wrong = told != label
            weight, colour = ("bold", ORANGE) if wrong else ("normal", "black")
            box = {"boxstyle": "square,pad=0.25", "fc": "#fbe3d6", "ec": ORANGE} if wrong else None
            table.text(
                k, row, str(told), ha="center", va="center", color=colour, weight=weight, fontsize=TEXT, bbox=box
            )
    table.set_xlim(-0.5, COARSE - 0.5)
    table.set_ylim(count - 0.5, -0.5)
    table.set_yticks(range(count), [one.kind.title for one in found.networks], fontsize=TEXT - 1)
    ticks = [f"{math.degrees(float(angle)):g}°" for angle in angles]
    table.set_xticks(range(COARSE), ticks, fontsize=TEXT - 2)
    table.tick_params(length=0)
    table.spines[:].set_visible(False)
    return drawn_picture(png(figure), "one digit in 16 poses", caption)


def changing(found: Found) -> int:
    """The number of the test image over which the networks change their mind most, in their first trainings."""
    return int(torch.stack([changes_of_mind(one.trials[0].told) for one in found.networks]).sum(0).argmax())


def _panels(figure: Figure, networks: Sequence[Network]) -> Iterator[tuple[Axes, Network, str]]:
    """A panel for each network in two rows that share their axes."""
    columns = max(1, -(-len(networks) // 2))
    panels = figure.subplots(-(-len(networks) // columns), columns, sharex=True, sharey=True, squeeze=False).flatten()
    for axes in panels[len(networks) :]:
        axes.set_visible(False)
    for axes, network, (colour, _) in zip(panels, networks, _styles(networks), strict=False):
        axes.set_title(network.kind.title, fontsize=TEXT)
        axes.set_xticks(_TURN)
        yield axes, network, colour


def _banded(axes: Axes, values: Tensor, colour: str) -> None:
    """The mean of the trainings as a line over the angle, and as a band all that they reach."""
    angle = np.degrees(poses(FINE).numpy())
    axes.fill_between(angle, values.min(0).values, values.max(0).values, color=colour, alpha=0.25, linewidth=0)
    axes.plot(angle, values.mean(0), color=colour, linewidth=1.2)


def _labels(axes: Axes, y: str) -> tuple[str, str]:
    """Labels where the panel stands at the rim."""
    place = axes.get_subplotspec()
    assert place is not None
    return "angle (degrees)" if place.is_last_row() else "", y if place.is_first_col() else ""


def _image(axes: Axes, image: Tensor) -> None:
    axes.imshow(image[0].numpy(), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_axis_off()


def _styles(networks: Sequence[Network]) -> list[tuple[str, str]]:
    return [STYLES[k % len(STYLES)] for k in range(len(networks))]


def _wrapped(network: Network) -> str:
    return network.kind.title.replace(", ", ",\n")
