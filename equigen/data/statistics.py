"""What a set of images is like: range, mean and deviation by channel, repeated images, a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from equigen.data.images import Images, parts, rows_of

__all__ = ["Moments", "digests", "moments"]


@dataclass(frozen=True)
class Moments:
    """Range of all numbers, and mean and standard deviation of each channel over items and pixels."""

    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def moments(x: Tensor | Images, structure: Tensor | None = None) -> Moments:
    """Moments of items (N, C, *sides), gathered part by part in float64; the deviation divides by the count.

    Args:
        x: items, in memory or in their file.
        structure: masks (N, 1, *sides) of the numbers that count, or None for all.

    Source: T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, The American Statistician 37,
    1983, equation 2.1.

    Example:
        >>> moments(torch.tensor([[[0.0, 2.0]], [[4.0, 6.0]]]))
        Moments(low=0.0, high=6.0, mean=(3.0,), std=(2.23606797749979,))
    """
    low, high, count = np.inf, -np.inf, 0
    mean, square = torch.zeros(2, x.shape[1], dtype=torch.float64)
    for columns in _columns(x, structure):
        part = columns.shape[1]
        low, high = min(low, columns.min().item()), max(high, columns.max().item())
        here = columns.mean(1)
        gap, count = here - mean, count + part
        mean = mean + gap * (part / count)
        square = square + (columns - here[:, None]).square().sum(1) + gap.square() * (part * (count - part) / count)
    return Moments(float(low), float(high), tuple(mean.tolist()), tuple((square / count).sqrt().tolist()))


def digests(x: Tensor | Images) -> list[bytes]:
    """A 16-byte digest of each item's numbers: items of one set are equal exactly where their digests are.

    Example:
        >>> one, two, three = digests(torch.tensor([[1.0], [2.0], [1.0]]))
        >>> one == three, one == two
        (True, False)
    """
    return [
        hashlib.blake2b(item.tobytes(), digest_size=16).digest()
        for _, part in parts(x)
        for item in part.cpu().contiguous().numpy()
    ]


def _columns(x: Tensor | Images, structure: Tensor | None) -> Iterator[Tensor]:
    """The numbers that count, part by part: float64 (C, n)."""
    for rows, part in parts(x):
        channels = part.cpu().double().transpose(0, 1).reshape(x.shape[1], -1)
        if structure is not None:
            valid = rows_of(structure, torch.arange(rows.start, rows.stop, device=structure.device))
            channels = channels[:, valid.flatten().cpu()]
        yield channels
