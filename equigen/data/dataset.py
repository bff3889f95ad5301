"""A data set: images, what is known of each, how they were stored; split and dealt out by pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from equigen.data.encoding import Encoding
from equigen.data.errors import DataError
from equigen.data.images import Images, parts, rows_of
from equigen.data.memory import require_memory
from equigen.data.order import batch_indices, split_indices
from equigen.data.statistics import digests, moments
from equigen.spaces.batch import Batch
from equigen.spaces.space import Space

__all__ = ["Condition", "DataSet"]

Condition = Literal["none", "label", "value"]
"""Which of what is known of the images batches hand on."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images (N, C, H, W) of one size, with what is known about them.

    Args:
        x: items, float32 (N, *shape): a tensor, or `Images` that are read from their file when they are asked for.
        space: the space that they lie in; a masked one where there is a structure.
        name: what the set is called.
        encoding: how the user stores such items.
        labels: class numbers, int64 (N,), or None.
        class_names: one name for each class number, or None.
        held_out: how many of the last items are the set's own test part, or None.
        notes: what was left out or changed in reading, one clause each.
        values: numbers that describe each item, float32 (N, k), NaN where one is not known; or None.
        value_names: one name for each of the k, or None.
        structure: masks, bool (N, 1, H, W), True where a pixel is valid, or None; x is 0 elsewhere.
        condition: what batches hand on as conditions: "none", "label" or "value".

    Raises:
        DataError: parts that do not fit each other.

    Example:
        >>> from equigen.data.loading import load
        >>> digits = load("digits")
        >>> train, held_out = digits.split(seed=0)
        >>> len(digits), len(train), len(held_out), digits.space.shape
        (1797, 1347, 450, (1, 8, 8))
    """

    x: Tensor | Images
    space: Space
    name: str
    encoding: Encoding = field(default_factory=Encoding)
    labels: Tensor | None = None
    class_names: tuple[str, ...] | None = None
    held_out: int | None = None
    notes: tuple[str, ...] = ()
    values: Tensor | None = None
    value_names: tuple[str, ...] | None = None
    structure: Tensor | None = None
    condition: Condition = "none"

    def __post_init__(self) -> None:
        if self.x.dtype != torch.float32 or tuple(self.x.shape[1:]) != self.space.shape:
            raise DataError(
                f"x is {tuple(self.x.shape)} {self.x.dtype}, but items of {self.space} are float32 "
                f"(N, {', '.join(map(str, self.space.shape))}): convert them or build the space for their shape."
            )
        if self.labels is not None and (self.labels.dtype != torch.int64 or self.labels.shape != self.x.shape[:1]):
            raise DataError(
                f"labels are {tuple(self.labels.shape)} {self.labels.dtype}, but {len(self.x)} items need int64 "
                f"({len(self.x)},): one class number for each item."
            )
        if self.held_out is not None and not 0 < self.held_out < len(self.x):
            raise DataError(
                f"held_out is {self.held_out} of {len(self.x)} items, but both parts need one or more: leave it out."
            )
        self._require_described()
        self._require_condition()

    def _require_described(self) -> None:
        if self.values is not None:
            shape, count = tuple(self.values.shape), len(self.value_names or self.values[0])
            if self.values.dtype != torch.float32 or shape != (len(self), count) or self.values.isinf().any():
                raise DataError(
                    f"values are {shape} {self.values.dtype} with {count} names, but {len(self)} items need "
                    f"float32 ({len(self)}, {count}): one row for each item."
                )
        if self.structure is not None:
            needed = (len(self), 1, *self.space.shape[1:])
            if self.structure.dtype != torch.bool or tuple(self.structure.shape) != needed:
                raise DataError(
                    f"structure is {tuple(self.structure.shape)} {self.structure.dtype}, but {len(self)} items of "
                    f"{self.space} need bool {needed}: True where a pixel is valid."
                )

    def _require_condition(self) -> None:
        if self.condition not in get_args(Condition):
            raise DataError(f"condition is {self.condition!r}, but known are: {', '.join(get_args(Condition))}.")
        there = {"none": True, "label": self.labels is not None, "value": self.values is not None}
        if not there[self.condition]:
            what, example = {"label": ("labels", "labels.csv"), "value": ("values", "values.csv")}[self.condition]
            raise DataError(
                f"condition is {self.condition!r}, but {self.name} has no {what}: give them by {what}={example!r} "
                f"(--{what} {example}), or leave condition (--condition) out."
            )

    def __len__(self) -> int:
        return len(self.x)

    def subset(self, indices: Tensor | Sequence[int] | slice) -> DataSet:
        """The items at some places, in the order given; they have no test part of their own.

        Example:
            >>> from equigen.data.loading import load
            >>> load("digits").subset([3, 1]).labels.tolist()
            [3, 1]
        """
        chosen = indices if isinstance(indices, slice) else torch.as_tensor(indices, dtype=torch.int64)
        x = self.x.select(chosen) if isinstance(self.x, Images) else self.x[chosen]
        labels, values, structure = (self._chosen(part, chosen) for part in (self.labels, self.values, self.structure))
        return replace(self, x=x, labels=labels, values=values, structure=structure, held_out=None)

    def split(self, seed: int, fraction: float = 0.25) -> tuple[DataSet, DataSet]:
        """Training and held-out items: the set's own test part where it has one, else a random one.

        Args:
            seed: the random part is a pure function of it and of the number of items.
            fraction: of the items that is held out, rounded up; not used where the set has its own test part.

        Raises:
            ValueError: the fraction is not between 0 and 1, or fewer than 2 items.
        """
        if self.held_out is not None:
            return self.subset(slice(0, -self.held_out)), self.subset(slice(-self.held_out, None))
        train, held_out = split_indices(len(self), seed=seed, fraction=fraction)
        return self.subset(train), self.subset(held_out)

    def batch(self, size: int, seed: int, step: int, rank: int = 0, world: int = 1) -> Batch:
        """One process's part of a step's batch; the whole is a pure function of (seed, step).

        Each epoch is a fresh permutation of all items, and a batch that reaches past the end of one epoch goes on in
        the next. The parts of all processes, one after another, are the batch that one process would take.

        Raises:
            ValueError: a number out of range, or more processes than items in a batch.
        """
        indices, position = batch_indices(len(self), size, seed=seed, step=step, rank=rank, world=world)
        return self._batch(indices, position, size)

    def whole(self, indices: Tensor | Sequence[int] | None = None) -> Batch:
        """All items, or some of them in the order given, as one batch.

        Args:
            indices: places of the items, int64 (B,); None for all.

        Raises:
            DataError: all items of a set that does not fit into memory.

        Example:
            >>> from dataclasses import replace
            >>> from equigen.data.loading import load
            >>> digits = replace(load("digits"), condition="label")
            >>> digits.whole([3, 1]).condition["label"].tolist()
            [3, 1]
        """
        if indices is None:
            require_memory(tuple(self.x.shape), self.name)
        chosen = torch.arange(len(self)) if indices is None else torch.as_tensor(indices, dtype=torch.int64)
        return self._batch(chosen, torch.arange(len(chosen)), len(chosen))

    def _batch(self, indices: Tensor, position: Tensor, size: int) -> Batch:
        indices = indices.to(self.x.device)
        given = {"none": None, "label": self.labels, "value": self.values}[self.condition]
        condition = {} if given is None else {self.condition: given[indices.to(given.device)]}
        structure = self._chosen(self.structure, indices)
        return Batch(self.x[indices], position.to(self.x.device), size, structure, condition)

    @staticmethod
    def _chosen(part: Tensor | None, rows: Tensor | slice) -> Tensor | None:
        if part is None:
            return None
        return part[rows] if isinstance(rows, slice) else rows_of(part, rows.to(part.device))

    def describe(self) -> dict[str, Any]:
        """What the set is like, in plain values for JSON.

        `range`, `mean` and `std` are those of x, the latter by channel; `stored` says what stored numbers they come
        from; `repeats` counts items equal to an earlier one; `values` is the range of each, `valid` the share of valid
        pixels; `fingerprint` changes with any item, label, value or mask and with their order. Invalid pixels do not
        count.
        """
        summary, marks = moments(self.x, self.structure), digests(self.x)
        return {
            "name": self.name,
            "items": len(self),
            "shape": list(self.space.shape),
            "stored": self.encoding.to_dict(),
            "range": [summary.low, summary.high],
            "mean": list(summary.mean),
            "std": list(summary.std),
            "classes": self._counts(),
            "values": self._ranges(),
            "valid": None if self.structure is None else self._share(),
            "condition": self.condition,
            "in_memory": isinstance(self.x, Tensor),
            "held_out": self.held_out,
            "repeats": len(marks) - len(set(marks)),
            "notes": [*self.notes, *_flat_channels(summary.std)],
            "fingerprint": self._fingerprint(marks),
        }

    def _fingerprint(self, marks: Sequence[bytes]) -> str:
        every = hashlib.blake2b(b"".join(marks), digest_size=16)
        for part in (self.labels, self.values):
            every.update(b"" if part is None else part.cpu().contiguous().numpy().tobytes())
        if self.structure is not None:
            for _, part in parts(self.structure):
                every.update(part.cpu().contiguous().numpy().tobytes())
        return every.hexdigest()

    def _ranges(self) -> dict[str, list[float]] | None:
        if self.values is None:
            return None
        absent = self.values.isnan()
        low = self.values.masked_fill(absent, torch.inf).amin(0)
        high = self.values.masked_fill(absent, -torch.inf).amax(0)
        ends = zip(low.tolist(), high.tolist(), strict=True)
        names = self.value_names or [f"value {place}" for place in range(self.values.shape[1])]
        return {name: list(pair) for name, pair in zip(names, ends, strict=True)}

    def _share(self) -> float:
        assert self.structure is not None
        return sum(int(part.sum()) for _, part in parts(self.structure)) / self.structure.numel()

    def _counts(self) -> dict[str, int] | None:
        if self.labels is None:
            return None
        counts = torch.bincount(self.labels, minlength=len(self.class_names or ())).tolist()
        return dict(zip(self.class_names or map(str, range(len(counts))), counts, strict=True))


def _flat_channels(std: tuple[float, ...]) -> list[str]:
    return [f"channel {place} is constant" for place, value in enumerate(std) if value == 0.0]
