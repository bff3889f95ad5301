"""Which images a split or a batch takes: pure functions of the seed and the step, whatever the number of processes.

Training walks through one endless sequence, a fresh permutation of the n images for each epoch. Step k of batch size B
takes places k B .. (k + 1) B - 1 of it, across the end of an epoch where it falls inside; process r of R takes the
places from floor(r B / R) to floor((r + 1) B / R) of the batch.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from equigen.random import Stream, permutation

__all__ = ["batch_indices", "split_indices"]


def split_indices(n: int, *, seed: int, fraction: float) -> tuple[Tensor, Tensor]:
    """Divide n images at random into training images and ceil(fraction n) held-out ones.

    Returns:
        Two int64 tensors, disjoint, ascending, together 0 .. n - 1; neither is empty.

    Raises:
        ValueError: the fraction is not between 0 and 1, or fewer than 2 images.

    Example:
        >>> train, held_out = split_indices(10, seed=0, fraction=0.25)
        >>> len(train), len(held_out)
        (7, 3)
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction is {fraction}, but a part is held out by 0 < fraction < 1, such as fraction=0.25.")
    if n < 2:
        raise ValueError(f"{n} images cannot be split, but a split needs 2 or more: add images.")
    order = permutation(n, seed=seed, stream=Stream.SPLIT)
    count = min(n - 1, math.ceil(fraction * n))
    return order[count:].sort().values, order[:count].sort().values


def batch_indices(n: int, size: int, *, seed: int, step: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor]:
    """The images that one process takes in one step, and their places in the global batch.

    Args:
        n: number of images.
        size: of the global batch.
        seed: of the order.
        step: of training, from 0.
        rank: this process, 0 <= rank < world.
        world: number of processes.

    Returns:
        Two int64 tensors (B,): indices in 0 .. n - 1, and places in 0 .. size - 1.

    Raises:
        ValueError: a number out of range, or more processes than images in a batch.

    Example:
        >>> first = batch_indices(6, 4, seed=0, step=0, rank=0, world=2)[0]
        >>> second = batch_indices(6, 4, seed=0, step=0, rank=1, world=2)[0]
        >>> torch.equal(torch.cat([first, second]), batch_indices(6, 4, seed=0, step=0)[0])
        True
    """
    if n < 1 or size < 1 or step < 0:
        raise ValueError(f"n={n}, size={size}, step={step}, but a batch needs n >= 1, size >= 1 and step >= 0.")
    if not 0 <= rank < world <= size:
        raise ValueError(
            f"rank={rank}, world={world}, size={size}, but 0 <= rank < world <= size is needed: take batches of at "
            "least one image for each process."
        )
    position = torch.arange(size * rank // world, size * (rank + 1) // world)
    places = step * size + position
    epochs = torch.unique_consecutive(places // n).tolist()
    orders = torch.cat([_epoch(n, seed, epoch) for epoch in epochs])
    return orders[places - epochs[0] * n], position


@lru_cache(maxsize=4)
def _epoch(n: int, seed: int, epoch: int) -> Tensor:
    return permutation(n, seed=seed, stream=Stream.BATCH_ORDER, step=epoch)
