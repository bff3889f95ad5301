"""What samples are drawn for: the conditions and structures of held-out items, drawn at random by address.

A model of p(x | condition) has no samples of its own before somebody says for which conditions. To be compared with
held-out items, its samples are drawn for the conditions (and masks) of held-out items: item i of the set with a seed
gets those of one item, the same for all, picked uniformly from the split, a pure function of (seed, i).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.metrics.addresses import Use
from equigen.random import Stream, integers

__all__ = ["Given", "given_for", "is_given"]


@dataclass(frozen=True)
class Given:
    """Which held-out items the samples of a set are drawn for, and what is taken from them.

    Args:
        rows: int64 (n,), places in the held-out split.
        structure: bool (n, 1, H, W) or None.
        condition: named tensors (n, ...).
    """

    rows: Tensor
    structure: Tensor | None = None
    condition: Mapping[str, Tensor] = field(default_factory=dict)

    def arguments(self, device: torch.device | None) -> dict[str, Any]:
        """Arguments for `model.sample`: those that there are, on the device of the model."""
        found: dict[str, Any] = {}
        if self.structure is not None:
            found["structure"] = self.structure.to(device)
        if self.condition:
            found["condition"] = {name: value.to(device) for name, value in self.condition.items()}
        return found


def is_given(data: DataSet) -> bool:
    """Whether items of this set come with a structure or a condition.

    Example:
        >>> from equigen.data.loading import load
        >>> is_given(load("digits"))
        False
    """
    return data.condition != "none" or data.structure is not None


def given_for(held_out: DataSet, n: int, *, seed: int) -> Given | None:
    """What n samples of a seed are drawn for; None where items have neither structure nor condition.

    Args:
        held_out: the split whose conditions and structures are drawn.
        n: number of samples.
        seed: of the samples.

    Returns:
        A pure function of (seed, place of the sample) and the split.
    """
    if not is_given(held_out):
        return None
    address = {"seed": seed, "stream": Stream.METRIC, "step": int(Use.GIVEN)}
    rows = integers(len(held_out), (), item=torch.arange(n), **address)
    found = held_out.whole(rows)
    return Given(rows, found.structure, found.condition)
