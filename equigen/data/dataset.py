"""A data set in memory: images, their classes, how they were stored; split and dealt out by pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from equigen.data.encoding import Encoding
from equigen.data.errors import DataError
from equigen.data.order import batch_indices, split_indices
from equigen.data.statistics import digests, moments
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean

__all__ = ["DataSet"]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images (N, C, H, W) of one size, with what is known about them.

    Args:
        x: items, float32 (N, *shape).
        space: the space that they lie in.
        name: what the set is called.
        encoding: how the user stores such items.
        labels: class numbers, int64 (N,), or None.
        class_names: one name for each class number, or None.
        held_out: how many of the last items are the set's own test part, or None.
        notes: what was left out or changed in reading, one clause each.

    Raises:
        DataError: parts that do not fit each other.

    Example:
        >>> from equigen.data.loading import load
        >>> digits = load("digits")
        >>> train, held_out = digits.split(seed=0)
        >>> len(digits), len(train), len(held_out), digits.space.shape
        (1797, 1347, 450, (1, 8, 8))
    """

    x: Tensor
    space: Euclidean
    name: str
    encoding: Encoding = field(default_factory=Encoding)
    labels: Tensor | None = None
    class_names: tuple[str, ...] | None = None
    held_out: int | None = None
    notes: tuple[str, ...] = ()

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
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, x=self.x[chosen], labels=labels, held_out=None)

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
        return Batch(self.x[indices.to(self.x.device)], position.to(self.x.device), size)

    def describe(self) -> dict[str, Any]:
        """What the set is like, in plain values for JSON.

        `range`, `mean` and `std` are those of x, the latter by channel; `stored` says what stored numbers they come
        from; `repeats` counts items equal to an earlier one; `fingerprint` changes with any item, label or their order.
        """
        summary, marks = moments(self.x), digests(self.x)
        every = hashlib.blake2b(b"".join(marks), digest_size=16)
        every.update(b"" if self.labels is None else self.labels.cpu().numpy().tobytes())
        return {
            "name": self.name,
            "items": len(self),
            "shape": list(self.space.shape),
            "stored": self.encoding.to_dict(),
            "range": [summary.low, summary.high],
            "mean": list(summary.mean),
            "std": list(summary.std),
            "classes": self._counts(),
            "held_out": self.held_out,
            "repeats": len(marks) - len(set(marks)),
            "notes": [*self.notes, *_flat_channels(summary.std)],
            "fingerprint": every.hexdigest(),
        }

    def _counts(self) -> dict[str, int] | None:
        if self.labels is None:
            return None
        counts = torch.bincount(self.labels, minlength=len(self.class_names or ())).tolist()
        return dict(zip(self.class_names or map(str, range(len(counts))), counts, strict=True))


def _flat_channels(std: tuple[float, ...]) -> list[str]:
    return [f"channel {place} is constant" for place, value in enumerate(std) if value == 0.0]
