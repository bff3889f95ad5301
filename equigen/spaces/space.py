"""A space is a Euclidean space of tensors: where data live, and where their isotropic noise lives.

A space need not fill its array: centred point clouds have (n - 1) d degrees of freedom in an array of n d numbers,
and padded items fill only part of it. What depends on the batch (a mask) is its *structure*; binding it gives a
`BoundSpace` that knows four things. With P the orthogonal projection of the array onto the space,

    noise = P z, z standard normal in the array:   the standard normal *of the space*
    <x, y> = sum of (P x)(P y),    ndof = rank P.

Isotropic noise in the space is what keeps Tweedie's formula, Hutchinson's probe and the change of variables as they
are in plain R^n.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from equigen import random

__all__ = ["BoundSpace", "Space"]


class BoundSpace(ABC):
    """A space with the structure of one batch: noise, projection, inner product, degrees of freedom.

    Example:
        >>> from equigen.spaces import Centred
        >>> bound = Centred(3, 2).at()
        >>> z = bound.noise(seed=0, stream=random.Stream.PRIOR, item=torch.arange(4))
        >>> bool(z.mean(1).abs().max() < 1e-6)
        True
    """

    shape: tuple[int, ...]

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """Project arrays (*K, B, *shape) orthogonally onto the space; what the structure excludes becomes zero."""

    @property
    @abstractmethod
    def ndof(self) -> Tensor:
        """Degrees of freedom, float64 (B,), or () where every item has the same."""

    def noise(
        self,
        *,
        seed: int,
        stream: random.Stream,
        item: Tensor,
        step: int | Tensor = 0,
        draw: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """The standard normal of the space at an address.

        Args:
            seed: the key of the addressed generator.
            stream: what the noise is for.
            item: numbers of the batch's items, int64 (B,).
            step: an integer, or a vector (K,) for a block of steps.
            draw: which of several draws at one step.
            dtype: of the result.
            device: of the result.

        Returns:
            Tensor (B, *shape), or (K, B, *shape). Its covariance on each item is the projection of the space.
        """
        z = random.normal(
            self.shape, seed=seed, stream=stream, item=item, step=step, draw=draw, dtype=dtype, device=device
        )
        return self.project(z)

    def inner(self, x: Tensor, y: Tensor) -> Tensor:
        """Inner products of the items of two batches (B, *shape), as (B,)."""
        return (self.project(x) * self.project(y)).flatten(1).sum(1)


class Space(ABC):
    """A family of spaces, one for each structure.

    Attributes:
        shape: shape of one item's array.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> x = torch.tensor([[3.0, 4.0]])
        >>> Euclidean(2).at().inner(x, x).tolist()
        [25.0]
    """

    shape: tuple[int, ...]

    @abstractmethod
    def at(self, structure: Tensor | None = None) -> BoundSpace:
        """Bind the structure of a batch.

        Raises:
            ValueError: the structure is not one of this space.
        """

    def check(self, x: Tensor, name: str = "x") -> None:
        """Refuse a batch that is not (B, *shape).

        Raises:
            ValueError: naming what was given and what was needed.
        """
        if x.ndim != len(self.shape) + 1 or tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}, but this space takes batches (B, "
                f"{', '.join(map(str, self.shape))}): give one item as {name}[None], or build the space for this shape."
            )
