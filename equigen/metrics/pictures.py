"""What a report shows of an evaluation: images, closest pairs and distances, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.data.statistics import Moments
from equigen.metrics.addresses import Use
from equigen.metrics.floor import draw, drawn
from equigen.metrics.items import Items
from equigen.metrics.neighbours import Neighbours
from equigen.symmetry.image_action import ImageAction

__all__ = ["PAIRS", "pictures", "value_range"]

PAIRS = 10
"""Nearest neighbours that are shown."""

_SHOWN = 64  # images of a grid


def pictures(
    generated: Sequence[Tensor],
    train: Items,
    held_out: Items,
    found: Neighbours,
    floor: Neighbours,
    seed: int,
    poses: ImageAction | None = None,
) -> dict[str, np.ndarray]:
    """Arrays of data, samples, the closest pairs of samples and of held-out items, and all distances.

    Training items are shown in the poses in which they are nearest.

    Args:
        generated: sets of n items each.
        train: training split.
        held_out: held-out split.
        found: neighbours of all sets, one set after another.
        floor: neighbours of draw 0 of n held-out items.
        seed: of the draws.
        poses: under which the neighbours were found; None: none.
    """
    real = drawn(len(held_out), len(floor.index), use=Use.HELD_OUT_DRAW, seed=seed, index=0)
    near, near_real = found.distance.argsort()[:PAIRS], floor.distance.argsort()[:PAIRS]
    arrays = {
        "data": draw(train, min(_SHOWN, len(train)), use=Use.SHOWN, seed=seed, index=0),
        "samples": generated[0][:_SHOWN],
        "nearest_samples": torch.cat(list(generated))[near],
        "nearest_samples_train": _posed(train, found, near, poses),
        "nearest_held_out": held_out[real[near_real]],
        "nearest_held_out_train": _posed(train, floor, near_real, poses),
        "distances": found.distance,
        "held_out_distances": floor.distance,
    }
    return {name: array.numpy() for name, array in arrays.items()}


def _posed(train: Items, found: Neighbours, rows: Tensor, poses: ImageAction | None) -> Tensor:
    """The training items that belong to some rows, as they are nearest to them."""
    items = train[found.index[rows]]
    return items if poses is None or found.pose is None else poses(found.pose[rows], items)


def value_range(train: DataSet, whole: Moments) -> tuple[float, float]:
    """Black and white of the pictures: 0 and 1 for stored types that have a white, else the range of the data."""
    return (0.0, 1.0) if train.encoding.has_white else (whole.low, whole.high)
