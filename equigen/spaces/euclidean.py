"""Vectors, images, any array whose every number is free: the projection is the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.spaces.space import BoundSpace, Space

__all__ = ["Euclidean"]


@dataclass(frozen=True, init=False)
class Euclidean(Space):
    """The space of all arrays of one shape.

    Args:
        *shape: shape of one item: (d,) for vectors, (C, H, W) for images.

    Raises:
        ValueError: a side is not a positive integer.

    Example:
        >>> Euclidean(1, 8, 8).at().ndof.item()
        64.0
    """

    shape: tuple[int, ...]

    def __init__(self, *shape: int) -> None:
        if not all(isinstance(side, int) and side > 0 for side in shape):
            raise ValueError(f"shape is {shape}, but a Euclidean space needs positive sides: Euclidean(1, 28, 28).")
        object.__setattr__(self, "shape", shape)

    def at(self, structure: Tensor | None = None) -> _BoundEuclidean:
        """This space for any batch; it has no structure.

        Raises:
            ValueError: a structure is given.
        """
        if structure is not None:
            raise ValueError("structure is given, but a Euclidean space has none: pass structure=None.")
        return _BoundEuclidean(self.shape)


@dataclass(frozen=True)
class _BoundEuclidean(BoundSpace):
    shape: tuple[int, ...]

    def project(self, x: Tensor) -> Tensor:
        return x

    @property
    def ndof(self) -> Tensor:
        return torch.tensor(float(math.prod(self.shape)), dtype=torch.float64)
