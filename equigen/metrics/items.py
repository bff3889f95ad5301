"""The items of a split as the metrics see them: read when asked for, invalid pixels filled by a constant.

Metrics compare whole arrays. Where items have a mask, the pixels that are not valid hold in every array, real or
generated, the same constant: the mean of the valid training pixels of the channel. So nothing that stands in invalid
pixels is ever compared; what remains of a mask is its form. Distances to the training items leave invalid pixels out
altogether (see `equigen.metrics.neighbours`).

Nothing here holds a split in memory: the arrays of a data set that is read from disk are taken by rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.data.images import parts, rows_of

__all__ = ["Items", "filled"]


def filled(x: Tensor, structure: Tensor | None, fill: Tensor) -> Tensor:
    """Items with a constant in place of what is not valid.

    Args:
        x: (n, C, H, W).
        structure: bool (n, 1, H, W), True where valid; None: everywhere.
        fill: (C,).

    Returns:
        (n, C, H, W); x itself where there is no structure.

    Example:
        >>> x = torch.tensor([[[[1.0, float("nan")]]]])
        >>> filled(x, torch.tensor([[[[True, False]]]]), torch.tensor([0.5])).tolist()
        [[[[1.0, 0.5]]]]
    """
    return x if structure is None else torch.where(structure, x, fill.to(x).reshape(1, -1, 1, 1))


class Items:
    """The rows of a split, filled where they are not valid; [indices or slice] gives float32 (n, C, H, W).

    Args:
        data: the split.
        fill: (C,), see `filled`.

    Example:
        >>> from equigen.data.loading import load
        >>> Items(load("digits"), torch.zeros(1))[:3].shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(self, data: DataSet, fill: Tensor) -> None:
        self.data, self.fill = data, fill

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        return filled(self.data.x[rows].cpu(), self._mask(rows), self.fill)

    def parts(self) -> Iterator[Tensor]:
        """All items in order, some at a time."""
        for rows, x in parts(self.data.x):
            yield filled(x.cpu(), self._mask(rows), self.fill)

    def _mask(self, rows: Tensor | slice) -> Tensor | None:
        structure = self.data.structure
        if structure is None:
            return None
        return structure[rows].cpu() if isinstance(rows, slice) else rows_of(structure, rows).cpu()
