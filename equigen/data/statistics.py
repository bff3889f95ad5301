"""What a set of images is like: range, mean and deviation by channel, repeated images, a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Moments", "digests", "moments"]

_CHUNK = 1024  # items whose float64 copy exists at once


@dataclass(frozen=True)
class Moments:
    """Range of all numbers, and mean and standard deviation of each channel over items and pixels."""

    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def moments(x: Tensor) -> Moments:
    """Moments of items (N, C, *sides), summed in float64; the deviation divides by the count.

    Example:
        >>> moments(torch.tensor([[[0.0, 2.0]], [[4.0, 6.0]]]))
        Moments(low=0.0, high=6.0, mean=(3.0,), std=(2.23606797749979,))
    """
    channels, count = x.shape[1], x[:, 0].numel()
    mean = torch.zeros(channels, dtype=torch.float64, device=x.device)
    square = torch.zeros_like(mean)
    for part in x.split(_CHUNK):
        mean += part.double().transpose(0, 1).reshape(channels, -1).sum(1) / count
    for part in x.split(_CHUNK):
        square += (part.double().transpose(0, 1).reshape(channels, -1) - mean[:, None]).square().sum(1) / count
    low, high = torch.aminmax(x)
    return Moments(low.item(), high.item(), tuple(mean.tolist()), tuple(square.sqrt().tolist()))


def digests(x: Tensor) -> list[bytes]:
    """A 16-byte digest of each item's numbers: items of one set are equal exactly where their digests are.

    Example:
        >>> one, two, three = digests(torch.tensor([[1.0], [2.0], [1.0]]))
        >>> one == three, one == two
        (True, False)
    """
    return [hashlib.blake2b(item.tobytes(), digest_size=16).digest() for item in x.cpu().contiguous().numpy()]
