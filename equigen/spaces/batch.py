"""A batch: points of a space with their places in the global batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """The items of one training step that one process holds.

    Noise and times are addressed by an item's place in the global batch, so that they do not depend on how the batch
    is divided.

    Args:
        x: items (B, *shape), in data units.
        position: places of the items in the global batch, int64 (B,).
        size: number of items of the global batch, over all processes.
        structure: what the space must be bound to, a tensor (B, ...); or what each item lies on, padded graphs, or
            anything that has `.items(rows)` and `.to(device)`; or what all items lie on, a graph, or anything that has
            `.to(device)` alone; or None.
        condition: named tensors (B, ...) that the denoiser is conditioned on.

    Raises:
        ValueError: the positions do not fit the items.

    Example:
        >>> batch = Batch.whole(torch.zeros(3, 1, 8, 8))
        >>> batch.position.tolist(), batch.size
        ([0, 1, 2], 3)
    """

    x: Tensor
    position: Tensor
    size: int
    structure: Any = None
    condition: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.position.shape != self.x.shape[:1]:
            raise ValueError(
                f"position has shape {tuple(self.position.shape)}, but {len(self.x)} items need ({len(self.x)},): "
                "position=torch.arange(len(x)) for a whole batch."
            )

    @classmethod
    def whole(cls, x: Tensor, **rest: Any) -> Batch:
        """A batch that one process holds whole.

        Args:
            x: items (B, *shape).
            **rest: `structure`, and conditions by name.
        """
        structure = rest.pop("structure", None)
        condition = {name: value for name, value in rest.items() if value is not None}
        return cls(x, torch.arange(len(x)), len(x), structure, condition)

    def __len__(self) -> int:
        return len(self.x)

    def items(self, rows: slice | list[int] | Tensor) -> Batch:
        """Some of the items at the places they have, with their conditions and their structure.

        Example:
            >>> Batch.whole(torch.zeros(3, 2), label=torch.tensor([7, 8, 9])).items([2, 0]).condition["label"].tolist()
            [9, 7]
        """
        structure = self.structure
        if isinstance(structure, Tensor):
            structure = structure[rows]
        elif hasattr(structure, "items"):
            structure = structure.items(rows)
        condition = {name: value[rows] for name, value in self.condition.items()}
        return replace(self, x=self.x[rows], position=self.position[rows], structure=structure, condition=condition)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device; positions stay where noise is addressed from."""
        move = {name: value.to(device) for name, value in self.condition.items()}
        structure = None if self.structure is None else self.structure.to(device)
        return Batch(self.x.to(device), self.position.to(device), self.size, structure, move)
