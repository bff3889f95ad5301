"""A conditional model judged condition by condition: by class, or by quarters of a continuous value.

For each class: the held-out loss; and the share of the samples asked for as that class which the feature classifier
calls so, beside the same share of real held-out items, which is what perfect samples would score. Where the condition
is a number, the loss for each quarter of its held-out values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.metrics.addresses import Use
from equigen.metrics.features import Features
from equigen.metrics.floor import drawn
from equigen.metrics.items import Items
from equigen.metrics.loss import mean_loss

__all__ = ["ConditionGroup", "Groups", "group_pictures", "measure_groups", "share_interval", "with_loss"]

_QUARTERS = 4
_SHOWN = (10, 4)  # samples and held-out items of each group that are shown


@dataclass(frozen=True)
class ConditionGroup:
    """One class, or one range of a value.

    Args:
        name: of the class, or the range.
        samples: how many samples were asked for, over all sets.
        held_out: held-out items of the group in the split.
        called: share of the samples that the classifier calls so; None without classes or samples.
        called_interval: its 95 % interval.
        floor: the same share of the held-out items.
        floor_interval: its 95 % interval.
        loss: mean over noise levels on held-out items; None where it was not measured.
        loss_error: its standard error.
    """

    name: str
    samples: int
    held_out: int
    called: float | None = None
    called_interval: tuple[float, float] | None = None
    floor: float | None = None
    floor_interval: tuple[float, float] | None = None
    loss: float | None = None
    loss_error: float | None = None


@dataclass(frozen=True)
class Groups:
    """The groups of a condition.

    Args:
        by: "class", or the name of the value whose quarters the groups are.
        groups: in the order of their numbers.
    """

    by: str
    groups: tuple[ConditionGroup, ...]


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `hits` of `n` were seen.

    Source: E. Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    Example:
        >>> low, high = share_interval(5, 10)
        >>> round(low, 3), round(high, 3)
        (0.237, 0.763)
    """
    z = 1.959964
    middle, half = (hits + z * z / 2) / (n + z * z), z * math.sqrt(hits * (n - hits) / n + z * z / 4) / (n + z * z)
    return max(0.0, middle - half), min(1.0, middle + half)


def measure_groups(
    generated: Sequence[Tensor], rows: Sequence[Tensor], held_out: DataSet, features: Features, fill: Tensor
) -> Groups | None:
    """How many samples of each class are recognised, beside how many held-out items are.

    Args:
        generated: sets (n, C, H, W), filled.
        rows: for each set the places (n,) of the held-out items whose conditions it was drawn for.
        held_out: the split.
        features: of the classifier.
        fill: for invalid pixels, see `equigen.metrics.items`.

    Returns:
        The groups; None where the data have no condition.
    """
    found = _members(held_out)
    if found is None:
        return None
    by, names, member = found
    asked = member[torch.cat(list(rows))]
    groups = [ConditionGroup(name, int((asked == g).sum()), int((member == g).sum())) for g, name in enumerate(names)]
    if by != "class" or features.classes is None or held_out.labels is None:
        return Groups(by, tuple(groups))
    numbers = _numbers(held_out.labels)
    said = torch.cat([features.classify(one) for one in generated])
    real = torch.cat([features.classify(part) for part in Items(held_out, fill).parts()])
    for g, group in enumerate(groups):
        hits, n = int((said == numbers[g])[asked == g].sum()), group.samples
        true, total = int((real == numbers[g])[member == g].sum()), group.held_out
        groups[g] = replace(
            group,
            called=hits / n if n else None,
            called_interval=share_interval(hits, n) if n else None,
            floor=true / total,
            floor_interval=share_interval(true, total),
        )
    return Groups(by, tuple(groups))


def with_loss(groups: Groups, model: object, held_out: DataSet, n: int, *, seed: int) -> Groups:
    """The groups with the loss of a model on their held-out items, those of draw 0.

    Args:
        groups: of `measure_groups`.
        model: with `.loss_by_noise_level(batch, seed=)`; others leave the groups as they are.
        held_out: the split.
        n: items of the draw, over all groups.
        seed: of the draw and of the noise.
    """
    found = _members(held_out)
    if found is None:
        return groups
    rows = drawn(len(held_out), n, use=Use.HELD_OUT_DRAW, seed=seed, index=0)
    measured = []
    for g, group in enumerate(groups.groups):
        loss = mean_loss(model, held_out, rows[found[2][rows] == g], seed=seed)
        measured.append(group if loss is None else replace(group, loss=loss[0], loss_error=loss[1]))
    return Groups(groups.by, tuple(measured))


def group_pictures(
    generated: Sequence[Tensor], rows: Sequence[Tensor], held_out: DataSet, fill: Tensor
) -> dict[str, np.ndarray]:
    """The first samples and held-out items of each group, and the place of the group of each.

    Args:
        generated: sets (n, C, H, W).
        rows: see `measure_groups`.
        held_out: the split.
        fill: for invalid pixels.

    Returns:
        `group_samples` (R, C, H, W), `group_of_samples` (R,), `group_held_out`, `group_of_held_out`; empty where the
        data have no condition.
    """
    found = _members(held_out)
    if found is None:
        return {}
    _, names, member = found
    asked = member[torch.cat(list(rows))]
    chosen = [
        torch.cat([(of == g).nonzero()[:most, 0] for g in range(len(names))])
        for of, most in ((asked, _SHOWN[0]), (member, _SHOWN[1]))
    ]
    return {
        "group_samples": torch.cat(list(generated))[chosen[0]].numpy(),
        "group_of_samples": asked[chosen[0]].numpy(),
        "group_held_out": Items(held_out, fill)[chosen[1]].numpy(),
        "group_of_held_out": member[chosen[1]].numpy(),
    }


def _members(data: DataSet) -> tuple[str, list[str], Tensor] | None:
    """What the groups are of, their names, and the group (N,) of each item, -1 where nothing is given."""
    if data.condition == "label" and data.labels is not None:
        numbers = _numbers(data.labels)
        member = torch.searchsorted(numbers, data.labels)
        known = data.class_names or ()
        names = [str(known[c]) if c < len(known) else str(c) for c in numbers.tolist()]
        return "class", names, torch.where(data.labels >= 0, member, -1)
    if data.condition == "value" and data.values is not None:
        names, member = _by_value(data.values[:, 0].double())
        return (data.value_names or ("value",))[0], names, member
    return None


def _by_value(value: Tensor) -> tuple[list[str], Tensor]:
    """Names of the groups and the group of each value, -1 where it is not given: by value where these are few."""
    there = value[~value.isnan()]
    distinct = there.unique()
    if len(distinct) <= _QUARTERS:
        member = torch.searchsorted(distinct, value)
        return [f"{number:.3g}" for number in distinct.tolist()], torch.where(value.isnan(), -1, member)
    cuts = there.quantile(torch.linspace(0, 1, _QUARTERS + 1, dtype=torch.float64)).unique()
    names = [f"{low:.3g} to {high:.3g}" for low, high in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]
    # Groups are half open, (low, high], so that a value that many share lies in one of them; the lowest is closed.
    return names, torch.where(value.isnan(), -1, torch.searchsorted(cuts[1:-1].contiguous(), value))


def _numbers(labels: Tensor) -> Tensor:
    return labels[labels >= 0].unique()
