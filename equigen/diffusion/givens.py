"""What samples are drawn for where the caller gives nothing: structures and conditions as the training set has them.

A model of p(x | structure, condition) is a model of the data only together with the law of what it is given. That law
is kept as rows of the training set, which travel with the model; drawing one row gives structure, label and value
together, as they occur together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from equigen import random

__all__ = ["Givens"]

_MOST = 4096  # rows: a share of the data is then told to within 1.6 %
_BYTES = 1 << 26  # of their masks


class Givens(nn.Module):
    """The empirical joint law of structures, labels and values.

    Built empty, to be filled from a stored model; `Givens.fit` fills it from data.

    Args:
        rows: their number.
        structure_shape: of one structure, such as (1, H, W); None: items have none.
        has_labels: whether rows have a label.
        value_count: how many numbers describe a row; 0: none.

    Raises:
        ValueError: no rows, or nothing in them.

    Example:
        >>> givens = Givens.fit(None, {"label": torch.tensor([7, 7, 2])})
        >>> structure, condition = givens.draw(seed=0, item=torch.arange(3000))
        >>> share = (condition["label"] == 7).double().mean()
        >>> structure is None, abs(share.item() - 2 / 3) < 0.03
        (True, True)
    """

    structure: Tensor | None
    label: Tensor | None
    value: Tensor | None
    value_given: Tensor | None

    def __init__(
        self,
        rows: int,
        structure_shape: Sequence[int] | None = None,
        has_labels: bool = False,
        value_count: int = 0,
    ) -> None:
        super().__init__()
        if rows < 1 or not (structure_shape or has_labels or value_count):
            raise ValueError(
                f"{rows} rows with structure_shape={structure_shape}, has_labels={has_labels}, value_count="
                f"{value_count} hold nothing, but at least one row of something is needed: Givens.fit(None, condition)."
            )
        self.rows, self.has_labels, self.value_count = rows, has_labels, value_count
        self.structure_shape = None if structure_shape is None else tuple(structure_shape)
        masks = None if structure_shape is None else torch.zeros(rows, *structure_shape, dtype=torch.bool)
        self.register_buffer("structure", masks)
        self.register_buffer("label", torch.zeros(rows, dtype=torch.int64) if has_labels else None)
        # What is not given is kept beside the numbers, so that every number of a stored model is finite.
        self.register_buffer("value", torch.zeros(rows, value_count) if value_count else None)
        given = torch.zeros(rows, value_count, dtype=torch.bool) if value_count else None
        self.register_buffer("value_given", given)

    @classmethod
    def fit(cls, structure: Tensor | None, condition: Mapping[str, Tensor]) -> Givens:
        """The law of a training set, of which at most 4096 rows are kept, evenly spread, and one of each class besides.

        Args:
            structure: bool (N, ...), or None.
            condition: `label` int64 (N,) and `value` real (N, k), or any of them.

        Raises:
            ValueError: neither of them, or of several lengths.
        """
        parts = {**condition} if structure is None else {**condition, "structure": structure}
        lengths = {name: len(part) for name, part in parts.items()}
        if not parts or len(set(lengths.values())) > 1 or set(condition) - {"label", "value"}:
            raise ValueError(
                f"structure and condition have {lengths or 'nothing'}, but a structure, a label or a value are needed, "
                "of one length: Givens.fit(None, {'label': labels})."
            )
        n = next(iter(lengths.values()))
        row = _rows(n, structure, condition.get("label"))
        shape = None if structure is None else structure.shape[1:]
        value = condition.get("value")
        made = cls(len(row), shape, "label" in condition, 0 if value is None else value.shape[1])
        if structure is not None:
            made.structure = structure[row].cpu().clone()
        if "label" in condition:
            made.label = condition["label"][row].cpu().clone()
        if value is not None:
            chosen = value[row].cpu().float()
            made.value_given = ~chosen.isnan()
            made.value = torch.where(made.value_given, chosen, 0.0)
        return made

    def classes(self) -> list[int]:
        """The classes that occur, ascending; none where there are no labels.

        Example:
            >>> Givens.fit(None, {"label": torch.tensor([7, -1, 2, 7])}).classes()
            [2, 7]
        """
        return [] if self.label is None else [number for number in self.label.unique().tolist() if number >= 0]

    def draw(self, *, seed: int, item: Tensor, label: Tensor | None = None) -> tuple[Tensor | None, dict[str, Tensor]]:
        """What items are to be sampled for: rows drawn uniformly, each a pure function of (seed, item).

        Args:
            seed: of the samples.
            item: numbers of the items, int64 (B,).
            label: int64 (B,) where classes are settled already: rows are then drawn among those of the item's class;
                among all of them where that is -1 or has no row, or where rows have no labels.

        Returns:
            Structure (B, ...) or None, and the conditions by name.

        Example:
            >>> value = torch.tensor([[1.0], [2.0], [3.0]])
            >>> givens = Givens.fit(None, {"label": torch.tensor([0, 1, 1]), "value": value})
            >>> givens.draw(seed=0, item=torch.arange(2), label=torch.tensor([0, 0]))[1]["value"].tolist()
            [[1.0], [1.0]]
        """
        device = next(self.buffers()).device
        u = random.uniform(
            (), seed=seed, stream=random.Stream.CONDITION, item=item.cpu(), draw=1, dtype=torch.float64
        ).to(device)
        row = (u * self.rows).long()
        if label is not None and self.label is not None:
            row = self._rows_of_class(label.to(device), u, row)
        condition = {}
        if self.label is not None:
            condition["label"] = self.label[row]
        if self.value is not None and self.value_given is not None:
            condition["value"] = torch.where(self.value_given[row], self.value[row], float("nan"))
        return None if self.structure is None else self.structure[row], condition

    def _rows_of_class(self, label: Tensor, u: Tensor, otherwise: Tensor) -> Tensor:
        """A row of the class of each item, by the uniform u; `otherwise` where there is none."""
        assert self.label is not None
        ordered, order = self.label.sort(stable=True)
        first, last = torch.searchsorted(ordered, label), torch.searchsorted(ordered, label, right=True)
        place = first + (u * (last - first)).long()
        known = (label >= 0) & (last > first)
        return torch.where(known, order[place.clamp_max(self.rows - 1)], otherwise)


def _rows(n: int, structure: Tensor | None, label: Tensor | None) -> Tensor:
    """Which rows are kept, ascending: few enough for memory, with one at least of each class."""
    most = min(n, _MOST if structure is None else max(1, min(_MOST, _BYTES // max(structure[0].numel(), 1))))
    row = torch.arange(most) * n // max(most, 1)
    if label is None or most == n:
        return row
    first = [int((label == number).nonzero()[0]) for number in label.unique().tolist()]
    absent = [place for place in first if not bool((label[row] == label[place]).any())]
    return torch.cat((row, torch.tensor(absent, dtype=torch.int64))).sort().values
