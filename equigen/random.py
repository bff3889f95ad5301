"""Noise is addressed, not drawn: every number is a pure function of (seed, stream, item, step, draw).

The generator is Philox4x32-10: a keyed bijection of 128-bit counters. The 64-bit seed is the key; the four words
of the counter are

    (block, item, step, stream + 256 draw)

so that no two uses ever share a number. Element e of an item's array takes word e mod 4 of block e div 4: an array
that is padded at its end keeps the numbers of its beginning. The same number comes out on any device, in a batch of
any size, in any number of processes and after any resume.

Integer words are exactly equal on every device. Normals are computed from them in float64 and then rounded: on one
machine they are equal bit for bit whatever the batch; across devices the last bit of the logarithm and the cosine may
differ.

Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011, section 3.3;
G. Box, M. Muller, A note on the generation of random normal deviates, 1958, equation 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

import torch
from torch import Tensor

__all__ = ["Stream", "fork", "integers", "normal", "permutation", "philox", "uniform"]

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_CHUNK = 1 << 15  # counters that are worked on at once: their words stay in the processor's cache


class Stream(IntEnum):
    """The closed list of uses of randomness; two uses never share a number.

    Example:
        >>> Stream.PRIOR != Stream.SOLVER
        True
    """

    PRIOR = 0
    SOLVER = 1
    CHURN = 2
    TRAINING_NOISE = 3
    TRAINING_TIME = 4
    BATCH_ORDER = 5
    DROPOUT = 6
    PROBE = 7
    DEQUANTISATION = 8
    INITIALISATION = 9
    SPLIT = 10
    METRIC = 11
    POSE = 12
    LAW = 13
    VALIDATION = 14
    CONDITION = 15
    ELEMENT = 16
    AUGMENTATION = 17


def philox(counter: Sequence[Tensor], seed: int) -> list[Tensor]:
    """Encipher counters by Philox4x32-10.

    Args:
        counter: four int64 tensors of one shape, each word in [0, 2^32).
        seed: the key, in [0, 2^64); its low half is the first key word.

    Returns:
        Four int64 tensors of that shape, each a random word in [0, 2^32).

    Source: Salmon et al. 2011, section 3.3; known answers in the Random123 distribution.

    Example:
        >>> zero = torch.zeros(1, dtype=torch.int64)
        >>> [hex(int(word)) for word in philox([zero] * 4, 0)]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = (word.clone() for word in counter)
    k0, k1 = seed & _MASK, seed >> 32
    for _ in range(_ROUNDS):
        # An int64 product wraps, but the bits of both its halves survive; the words of odd place may keep
        # dirty upper halves, since they are only ever combined bit by bit and masked afterwards.
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0 = (p1 >> 32).bitwise_xor_(c1).bitwise_xor_(k0).bitwise_and_(_MASK)
        c2 = (p0 >> 32).bitwise_xor_(c3).bitwise_xor_(k1).bitwise_and_(_MASK)
        c1, c3 = p1, p0
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return [c0, c1 & _MASK, c2, c3 & _MASK]


def _axis(name: str, value: int | Tensor, device: torch.device | str | None) -> Tensor:
    """A word of the address as a tensor: () or (n,), checked to fit 32 bits."""
    word = torch.as_tensor(value, dtype=torch.int64)
    if word.ndim > 1:
        raise ValueError(f"{name} has shape {tuple(word.shape)}, but an address takes an integer or a vector of them.")
    low, high = (int(bound) for bound in torch.aminmax(word)) if word.numel() else (0, 0)
    if low < 0 or high > _MASK:
        raise ValueError(f"{name} runs from {low} to {high}, but an address word lies in 0 .. 2**32 - 1.")
    return word if device is None else word.to(device)


def _words(
    shape: Sequence[int],
    seed: int,
    stream: Stream,
    item: int | Tensor,
    step: int | Tensor,
    draw: int,
    device: torch.device | str | None,
    per_element: int = 1,
) -> tuple[torch.Size, Iterator[list[Tensor]]]:
    """The shape of the result, and the random words of successive chunks of rows, each four tensors (rows, blocks)."""
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed is {seed}, but a seed lies in 0 .. 2**64 - 1.")
    if not 0 <= draw < 1 << 24:
        raise ValueError(f"draw is {draw}, but a draw lies in 0 .. 2**24 - 1.")
    items, steps = _axis("item", item, device), _axis("step", step, device)
    row_step = steps.reshape(-1, 1).expand(-1, items.numel()).reshape(-1, 1)
    row_item = items.reshape(1, -1).expand(steps.numel(), -1).reshape(-1, 1)
    block = torch.arange(-(-math.prod(shape) * per_element // 4), device=device)[None]
    rows = max(1, _CHUNK // max(block.numel(), 1))

    def chunks() -> Iterator[list[Tensor]]:
        for first in range(0, row_step.shape[0], rows):
            last = min(first + rows, row_step.shape[0])
            like = (last - first, block.numel())
            use = torch.full(like, int(stream) + 256 * draw, dtype=torch.int64, device=device)
            counter = (block.expand(like), row_item[first:last].expand(like), row_step[first:last].expand(like), use)
            yield philox(counter, seed)

    return torch.Size((*steps.shape, *items.shape, *shape)), chunks()


def _fill(chunks: list[Tensor], shape: torch.Size, elements: int, dtype: torch.dtype) -> Tensor:
    """Lay chunks (rows, at least `elements`) one under another as a tensor of the shape."""
    return torch.cat(chunks)[:, :elements].reshape(shape) if chunks else torch.empty(shape, dtype=dtype)


def normal(
    shape: Sequence[int],
    *,
    seed: int,
    stream: Stream,
    item: int | Tensor = 0,
    step: int | Tensor = 0,
    draw: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Independent standard normals at an address, by the Box-Muller transform of pairs of 32-bit words.

    With words (a, b), u = (a + 1/2) 2^-32 and v = b 2^-32, the pair is sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v).
    The largest value is sqrt(2 ln 2^33) = 6.76 (a standard normal exceeds it with probability 1.4e-11); the angle
    is resolved to 2 pi 2^-32.

    Args:
        shape: shape of one item.
        seed: in [0, 2^64).
        stream: what the numbers are for.
        item: an integer or a vector (B,).
        step: an integer or a vector (K,); one call for K steps equals K calls.
        draw: which of several draws at one address.
        dtype: the numbers are computed in float64 and rounded to it.
        device: where the result lies.

    Returns:
        Tensor (*K, *B, *shape).

    Raises:
        ValueError: a word of the address does not fit.

    Error: relative 2^-52 before rounding to `dtype`.

    Example:
        >>> batch = normal((3,), seed=0, stream=Stream.PRIOR, item=torch.arange(5))
        >>> alone = normal((3,), seed=0, stream=Stream.PRIOR, item=4)
        >>> torch.equal(batch[4], alone)
        True
    """
    out, words = _words(shape, seed, stream, item, step, draw, device)
    chunks = []
    for a, b, c, d in words:
        # One logarithm, one cosine and one sine over all the words at once.
        radius = torch.stack((a, c), dim=-1).double().add_(0.5).mul_(2.0**-32).log_().mul_(-2.0).sqrt_()
        angle = torch.stack((b, d), dim=-1).double().mul_(2.0**-32 * math.tau)
        pair = torch.empty(*angle.shape, 2, dtype=torch.float64, device=angle.device)
        torch.mul(radius, angle.cos(), out=pair[..., 0])
        torch.mul(radius, angle.sin_(), out=pair[..., 1])
        chunks.append(pair.reshape(pair.shape[0], -1).to(dtype))
    return _fill(chunks, out, math.prod(shape), dtype).to(device)


def uniform(
    shape: Sequence[int],
    *,
    seed: int,
    stream: Stream,
    item: int | Tensor = 0,
    step: int | Tensor = 0,
    draw: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Independent uniforms in the open interval (0, 1) at an address.

    float64 takes all 32 bits of a word, (w + 1/2) 2^-32; float32 its upper 23, so that every value is exact and
    neither 0 nor 1 occurs. Arguments and shapes as for `normal`; `dtype` float32 or float64.

    Raises:
        ValueError: a word of the address does not fit, or another dtype.

    Example:
        >>> u = uniform((1000,), seed=0, stream=Stream.TRAINING_TIME)
        >>> 0 < u.min().item() < u.max().item() < 1
        True
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype is {dtype}, but uniforms come in torch.float32 or torch.float64: convert afterwards.")
    out, words = _words(shape, seed, stream, item, step, draw, device)
    chunks = []
    bits = 23 if dtype == torch.float32 else 32
    for chunk in words:
        word = torch.stack(chunk, dim=-1).flatten(1) >> (32 - bits)
        chunks.append(word.double().add_(0.5).mul_(2.0**-bits).to(dtype))
    return _fill(chunks, out, math.prod(shape), dtype).to(device)


def integers(
    high: int,
    shape: Sequence[int],
    *,
    seed: int,
    stream: Stream,
    item: int | Tensor = 0,
    step: int | Tensor = 0,
    draw: int = 0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Independent integers in [0, high) at an address: floor(high w / 2^32) of a 32-bit word w.

    A probability differs from 1/high by at most 2^-32. Arguments and shapes as for `normal`.

    Raises:
        ValueError: `high` is not in 1 .. 2^31, or a word of the address does not fit.

    Example:
        >>> int(integers(1, (), seed=0, stream=Stream.METRIC))
        0
    """
    if not 1 <= high <= 1 << 31:
        raise ValueError(f"high is {high}, but integers are drawn below a number in 1 .. 2**31.")
    out, words = _words(shape, seed, stream, item, step, draw, device)
    chunks = [(torch.stack(chunk, dim=-1).flatten(1) * high) >> 32 for chunk in words]
    return _fill(chunks, out, math.prod(shape), torch.int64).to(device)


def permutation(n: int, *, seed: int, stream: Stream, item: int = 0, step: int = 0, draw: int = 0) -> Tensor:
    """A uniformly random permutation of 0 .. n - 1 at an address: the order of n random 63-bit keys.

    Two keys agree with probability below n^2 2^-64; the order is then that of their places.

    Returns:
        int64 tensor (n,).

    Example:
        >>> sorted(permutation(5, seed=0, stream=Stream.BATCH_ORDER).tolist())
        [0, 1, 2, 3, 4]
    """
    _, words = _words((n,), seed, stream, item, step, draw, None, per_element=2)
    (row,) = words
    a, b, c, d = row
    keys = torch.stack(((a << 31) ^ b, (c << 31) ^ d), dim=-1).flatten()[:n]
    return torch.argsort(keys, stable=True)


@contextmanager
def fork(*, seed: int, stream: Stream, item: int = 0, step: int = 0) -> Iterator[None]:
    """Seed torch's global generators from an address inside the block, and put them back after it.

    For code that draws from the global generator and is not ours: module initialisation, foreign dropout.

    Example:
        >>> with fork(seed=0, stream=Stream.INITIALISATION):
        ...     first = torch.nn.Linear(2, 2).weight
        >>> with fork(seed=0, stream=Stream.INITIALISATION):
        ...     second = torch.nn.Linear(2, 2).weight
        >>> torch.equal(first, second)
        True
    """
    low, high = (int(word) for word in integers(1 << 31, (2,), seed=seed, stream=stream, item=item, step=step))
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed((high << 31) | low)
        yield
