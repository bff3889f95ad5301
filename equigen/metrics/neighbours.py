"""Memorisation shows as distances to the training set that are too small: held-out items are the floor.

The distance of a sample to its nearest training item means nothing alone: real images also lie near one another. The
same distances of held-out items, which the model has never seen, say how near is usual. If samples follow the law of
the data, a share of 5 % of them lies nearer to the training set than the 5 % point of the held-out items.

A larger share has two readings: copies, or samples that are smoother than data (a blurred image is near to
everything). The pairs of nearest neighbours tell which, so look at them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["LEVELS", "NeighbourDistances", "Neighbours", "Reference", "compare_neighbours", "nearest"]


class Reference(Protocol):
    """Items that can be counted and taken by their places or by slices."""

    @property
    def shape(self) -> Sequence[int]:
        """(N, *shape)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor | slice, /) -> Tensor: ...


LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_ELEMENTS = 1 << 24  # entries of the table of distances that are held at once
_EXPECTED = 0.05
_COPY = 1e-3  # of the median held-out distance


@dataclass(frozen=True)
class Neighbours:
    """For each item the place of its nearest reference item and the distance to it.

    Args:
        index: int64 (n,), place in the reference.
        distance: float64 (n,), Euclidean, in data units.
        pose: (n, ...), the elements of a group that take the reference items to where they are nearest; None: no
            group acts.

    Example:
        >>> found = nearest(torch.tensor([[0.9]]), torch.tensor([[0.0], [1.0]]))
        >>> found.index.tolist()
        [1]
    """

    index: Tensor
    distance: Tensor
    pose: Tensor | None = None


def nearest(
    x: Tensor, reference: Reference, *, valid: Tensor | None = None, reference_valid: Tensor | None = None
) -> Neighbours:
    """The nearest reference item of each item, by Euclidean distance over all values, exact.

    Where there are masks, only the pixels are compared that are valid in both items: with D numbers in an item, k of
    them valid in both, the squared distance is D/k times the sum of the squared differences there.

    Candidates come from |x - r|^2 = |x|^2 - 2 x.r + |r|^2 in float64; the distance to the winner is then taken from
    the difference itself, so that a copy is at distance 0 and not at the rounding of the expansion.

    Args:
        x: (n, *shape).
        reference: (N, *shape), N >= 1: a tensor, or what reads items by slices and places.
        valid: bool (n, 1, H, W), the valid pixels of images x; None: all.
        reference_valid: bool (N, 1, H, W), those of the reference.

    Returns:
        Neighbours, index into `reference`.

    Raises:
        ValueError: no reference, items of another shape, or an item that shares no valid pixel with any reference item.

    Error: the distance is within 1e-7 |x| of the least one in the worst case of a near tie.

    Example:
        >>> x = torch.eye(3)
        >>> nearest(x, x.flip(0)).index.tolist()
        [2, 1, 0]
    """
    if not len(reference) or tuple(x.shape[1:]) != tuple(reference.shape[1:]):
        raise ValueError(
            f"items {tuple(x.shape)} and reference {tuple(reference.shape)} were given, but a reference of at least "
            f"one item of the same shape is needed: reshape one of them."
        )
    masked = valid is not None or reference_valid is not None
    seen = _flat_mask(valid, x.shape)
    flat = _flat(x, seen)
    best = torch.full((len(flat),), math.inf, dtype=torch.float64, device=x.device)
    index = torch.full((len(flat),), -1, dtype=torch.int64, device=x.device)
    rows = max(1, _ELEMENTS // max(len(flat), flat.shape[1]))
    for first in range(0, len(reference), rows):
        some = slice(first, first + rows)
        block = reference[some].to(x.device)
        block_seen = _flat_mask(None if reference_valid is None else reference_valid[some], block.shape)
        block = _flat(block, block_seen)
        square = _masked_square(flat, seen, block, block_seen) if masked else _square(flat, block)
        value, place = square.min(dim=1)
        better = value < best
        best, index = torch.where(better, value, best), torch.where(better, place + first, index)
    if (index < 0).any():
        bad = int((index < 0).nonzero()[0])
        raise ValueError(f"item {bad} has no valid pixel in common with any reference item: give masks that overlap.")
    winner_seen = _flat_mask(None if reference_valid is None else reference_valid[index], x.shape)
    winner = _flat(reference[index].to(x.device), winner_seen)
    both = (seen * winner_seen).expand_as(flat)
    gap = (flat - winner) * both
    return Neighbours(index, gap.norm(dim=1) * (flat.shape[1] / both.sum(1).clamp_min(1)).sqrt())


def _flat(x: Tensor, seen: Tensor) -> Tensor:
    """Items as float64 vectors (n, D), zero where they are not valid."""
    return torch.where(seen > 0, x.flatten(1).double(), 0.0)


def _flat_mask(valid: Tensor | None, shape: torch.Size) -> Tensor:
    """What is valid, as float64 (n, D) of ones and zeros, or one 1 for all."""
    if valid is None:
        return torch.ones(1, 1, dtype=torch.float64)
    return valid.expand(shape).flatten(1).double()


def _square(x: Tensor, block: Tensor) -> Tensor:
    """|x - r|^2 - |x|^2, which orders the candidates of each item as their distances do."""
    return block.square().sum(1) - 2 * x @ block.T


def _masked_square(x: Tensor, seen: Tensor, block: Tensor, block_seen: Tensor) -> Tensor:
    """D/k times the sum of squared differences where both are valid; infinite where nothing is valid in both."""
    seen, block_seen = seen.expand_as(x), block_seen.expand_as(block)
    square = x.square() @ block_seen.T + seen @ block.square().T - 2 * x @ block.T
    common = seen @ block_seen.T
    return torch.where(common > 0, square * x.shape[1] / common.clamp_min(1), math.inf)


@dataclass(frozen=True)
class NeighbourDistances:
    """Distances of samples to the training set beside those of held-out items.

    Args:
        n: number of samples.
        n_held_out: number of held-out items.
        levels: the levels of the quantiles.
        generated: quantiles of the samples' distances, in data units.
        floor: quantiles of the held-out items' distances.
        too_close: share of samples nearer to the training set than the 5 % point of the held-out items.
        too_close_interval: its 95 % interval, the uncertainty of the 5 % point included.
        expected: what the share is when samples follow the law of the data.
        copies: number of samples within 1/1000 of the median held-out distance of a training item.
        held_out_copies: the same number for the held-out items: doubles that the data themselves hold.

    Example:
        >>> d = torch.arange(1.0, 101.0)
        >>> compare_neighbours(d, d).too_close
        0.05
    """

    n: int
    n_held_out: int
    levels: tuple[float, ...]
    generated: tuple[float, ...]
    floor: tuple[float, ...]
    too_close: float
    too_close_interval: tuple[float, float]
    expected: float
    copies: int
    held_out_copies: int

    @property
    def suspicious(self) -> bool:
        """Whether more samples lie too close than the law of the data explains, at 95 %."""
        unexplained = self.copies > 0 and self.held_out_copies == 0
        return unexplained or self.too_close_interval[0] > self.expected


def compare_neighbours(generated: Tensor, held_out: Tensor) -> NeighbourDistances:
    """Set the samples' distances to the training set beside the held-out items' distances.

    Args:
        generated: (n,) distances of samples to their nearest training items.
        held_out: (m,) distances of held-out items to theirs.

    Returns:
        Quantiles, the share that is too close, and the number of copies.

    Example:
        >>> copies = compare_neighbours(torch.zeros(50), torch.linspace(1, 2, 50))
        >>> copies.too_close, copies.copies, copies.suspicious
        (1.0, 50, True)
    """
    generated, held_out = generated.double(), held_out.double()
    n, m = len(generated), len(held_out)
    at = torch.tensor(LEVELS, dtype=torch.float64)
    floor = held_out.quantile(at)
    share = float((generated < held_out.quantile(_EXPECTED)).double().mean())
    copy = _COPY * held_out.median()
    error = 1.96 * math.sqrt(share * (1 - share) / n + _EXPECTED * (1 - _EXPECTED) / m)
    return NeighbourDistances(
        n=n,
        n_held_out=m,
        levels=LEVELS,
        generated=tuple(generated.quantile(at).tolist()),
        floor=tuple(floor.tolist()),
        too_close=share,
        too_close_interval=(max(0.0, share - error), min(1.0, share + error)),
        expected=_EXPECTED,
        copies=int((generated <= copy).sum()),
        held_out_copies=int((held_out <= copy).sum()),
    )
