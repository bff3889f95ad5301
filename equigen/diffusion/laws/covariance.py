"""Covariances that can be asked to apply a function of themselves: f(C) x by the spectrum of C.

A Gaussian needs no more: its denoiser is alpha C / (alpha^2 C + sigma^2), its samples sqrt(C) z, its density C^-1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Covariance", "Dense", "Diagonal", "Isotropic"]


class Covariance(ABC):
    """A symmetric positive semi-definite operator C on arrays of one shape.

    Example:
        >>> Diagonal(torch.tensor([1.0, 4.0])).map(torch.sqrt).eigenvalues(torch.Size([2])).tolist()
        [1.0, 2.0]
    """

    @abstractmethod
    def eigenvalues(self, shape: torch.Size) -> Tensor:
        """All eigenvalues, float64, in the shape of an item."""

    @abstractmethod
    def apply(self, f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """f(C) x for a batch (B, *shape).

        Args:
            f: an elementwise function; it is given the eigenvalues in the dtype of x, in a shape that broadcasts
                against (B, *shape), and may carry numbers of the items as (B, 1, ..., 1).
            x: items (B, *shape).
        """

    @abstractmethod
    def map(self, f: Callable[[Tensor], Tensor]) -> Covariance:
        """The covariance f(C), for an elementwise f that stays non-negative on the spectrum."""


class Isotropic(Covariance):
    """C = variance times the identity.

    Args:
        variance: not negative.

    Raises:
        ValueError: a negative variance.

    Example:
        >>> Isotropic(4.0).apply(torch.sqrt, torch.ones(1, 2)).tolist()
        [[2.0, 2.0]]
    """

    def __init__(self, variance: float) -> None:
        _require_not_negative("variance", torch.as_tensor(variance))
        self.variance = float(variance)

    def eigenvalues(self, shape: torch.Size) -> Tensor:
        """The variance, in the shape of an item."""
        return torch.full(shape, self.variance, dtype=torch.float64)

    def apply(self, f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """f(variance) x."""
        return f(torch.tensor(self.variance, dtype=x.dtype, device=x.device)) * x

    def map(self, f: Callable[[Tensor], Tensor]) -> Isotropic:
        """The variance f(variance)."""
        return Isotropic(float(f(torch.tensor(self.variance, dtype=torch.float64))))


class Diagonal(Covariance):
    """Independent coordinates with their own variances.

    Args:
        variances: (*shape), not negative.

    Raises:
        ValueError: a negative variance.

    Example:
        >>> Diagonal(torch.tensor([1.0, 9.0])).apply(torch.sqrt, torch.ones(1, 2)).tolist()
        [[1.0, 3.0]]
    """

    def __init__(self, variances: Tensor) -> None:
        _require_not_negative("variances", variances)
        self.variances = variances.double()

    def eigenvalues(self, shape: torch.Size) -> Tensor:
        """The variances."""
        return self.variances.expand(shape)

    def apply(self, f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """f of each variance times its coordinate."""
        return f(self.variances.to(x)) * x

    def map(self, f: Callable[[Tensor], Tensor]) -> Diagonal:
        """The variances f(variances)."""
        return Diagonal(f(self.variances))


class Dense(Covariance):
    """A full covariance matrix over the flattened coordinates, by its eigendecomposition in float64.

    Args:
        matrix: (d, d), symmetric positive semi-definite; eigenvalues within rounding of zero count as zero.

    Raises:
        ValueError: not square, not symmetric, or with a negative eigenvalue.

    Error: relative 1e-14 of the largest eigenvalue in float64.

    Example:
        >>> root = Dense(torch.tensor([[2.0, 1.0], [1.0, 2.0]])).apply(torch.sqrt, torch.tensor([[1.0, 1.0]]))
        >>> [round(value, 6) for value in root[0].tolist()]     # (1, 1) is an eigenvector, its eigenvalue 3
        [1.732051, 1.732051]
    """

    def __init__(self, matrix: Tensor) -> None:
        matrix = matrix.double()
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix has shape {tuple(matrix.shape)}, but a covariance is (d, d): flatten the items.")
        scale = float(matrix.abs().max())
        if not torch.allclose(matrix, matrix.T, rtol=0.0, atol=1e-10 * scale):
            raise ValueError("matrix is not symmetric, but a covariance is: pass (matrix + matrix.T) / 2.")
        values, self.vectors = torch.linalg.eigh(matrix)
        rounding = 1e-13 * scale * len(values)
        values = torch.where(values.abs() < rounding, 0.0, values)
        _require_not_negative("an eigenvalue of matrix", values)
        self.values = values

    def eigenvalues(self, shape: torch.Size) -> Tensor:
        """The eigenvalues, ascending."""
        return self.values.reshape(shape)

    def apply(self, f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """V f(values) V^T x."""
        vectors = self.vectors.to(x)
        coefficients = (x.flatten(1) @ vectors).reshape(x.shape)
        scaled = f(self.values.to(x).reshape(x.shape[1:])) * coefficients
        return (scaled.flatten(1) @ vectors.T).reshape(x.shape)

    def map(self, f: Callable[[Tensor], Tensor]) -> Dense:
        """The same eigenvectors with eigenvalues f(values)."""
        return Dense(self.vectors * f(self.values) @ self.vectors.T)


def _require_not_negative(name: str, values: Tensor) -> None:
    if not bool((values >= 0).all()):
        raise ValueError(f"{name} is {float(values.min())}, but a covariance has no negative (or NaN) variance.")
