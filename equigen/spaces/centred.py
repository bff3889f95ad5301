"""Point clouds whose centre is the origin: n points in d dimensions have (n - 1) d degrees of freedom.

The structure is a mask that says which rows of the array are points, so that clouds of several sizes share a batch.
Rows of the padding are zero in every result, and their numbers, even NaN, change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.spaces.space import BoundSpace, Space

__all__ = ["Centred"]


@dataclass(frozen=True)
class Centred(Space):
    """Point clouds (points, dim) with mean zero; every translation of a cloud is the same element.

    Args:
        points: the largest number of points.
        dim: dimension of a point.

    Raises:
        ValueError: `points` or `dim` is not positive.

    Source: centre-of-mass-free systems, J. Koehler, L. Klein, F. Noe, Equivariant flows, ICML 2020, section 5.

    Example:
        >>> mask = torch.tensor([[True, True, True, False]])
        >>> space = Centred(4, 3).at(mask)
        >>> space.ndof.tolist()
        [6.0]
        >>> space.project(torch.ones(1, 4, 3)).abs().max().item()
        0.0
    """

    points: int
    dim: int

    def __post_init__(self) -> None:
        if self.points < 1 or self.dim < 1:
            raise ValueError(
                f"points is {self.points} and dim is {self.dim}, but both must be positive: Centred(points=13, dim=3)."
            )

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape (points, dim) of one item's array."""
        return (self.points, self.dim)

    def at(self, structure: Tensor | None = None) -> _BoundCentred:
        """Bind a point mask.

        Args:
            structure: bool (B, points), True where the row is a point; None if every row is.

        Raises:
            ValueError: another shape or type, or a cloud without a point.
        """
        if structure is None:
            return _BoundCentred(self.shape, None)
        if structure.dtype != torch.bool or structure.ndim != 2 or structure.shape[1] != self.points:
            raise ValueError(
                f"structure is {structure.dtype} of shape {tuple(structure.shape)}, but {self} needs a bool mask "
                f"(B, {self.points}): mask = torch.arange({self.points}) < counts[:, None]."
            )
        if not bool(structure.any(1).all()):
            raise ValueError(
                "structure has a row without a point, but every cloud needs at least one: drop such items."
            )
        return _BoundCentred(self.shape, structure)


@dataclass(frozen=True)
class _BoundCentred(BoundSpace):
    shape: tuple[int, ...]
    mask: Tensor | None

    def project(self, x: Tensor) -> Tensor:
        if self.mask is None:
            return x - x.mean(-2, keepdim=True)
        mask = self.mask.to(x.device)[..., None]
        x = torch.where(mask, x, 0.0)
        centre = x.sum(-2, keepdim=True) / mask.sum(-2, keepdim=True).to(x.dtype)
        return torch.where(mask, x - centre, 0.0)

    @property
    def ndof(self) -> Tensor:
        points, dim = self.shape
        if self.mask is None:
            return torch.tensor(float((points - 1) * dim), dtype=torch.float64)
        return (self.mask.sum(1).double() - 1.0) * dim
