"""The smallest and the largest eigenvalue of a large symmetric matrix by its products with vectors alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equigen.random import Stream, normal

__all__ = ["extreme_values"]

_BASIS = 80  # vectors that are held
_KEPT = 12  # Ritz vectors at each end that go on to the next round
_ROUNDS = 200
_ROUNDING = 1e-14


def extreme_values(product: Callable[[Tensor], Tensor], n: int, *, device: torch.device | None = None) -> Tensor:
    """The ends of the spectrum of a symmetric matrix, by Lanczos's method with restarts.

    A basis V of up to 80 vectors is built by products and made orthogonal twice; its Ritz values are the eigenvalues of
    V^T S V. The 12 Ritz vectors at either end are kept and the basis is built up again, until both ends stand.
    With the residual r and the gap g to the next Ritz value, an eigenvalue is off by at most min(r, r^2 / g).

    Args:
        product: S x for float64 (n,).
        n: rows of the matrix, at least 1.
        device: where the vectors lie.

    Returns:
        (2,), float64: smallest, largest.

    Raises:
        RuntimeError: the ends are so crowded that 200 rounds do not tell them.

    Error: 1e-14 of the larger one, times a few.

    Source: K. Wu, H. Simon, Thick-restart Lanczos method for large symmetric eigenvalue problems, 2000; B. Parlett, The
    Symmetric Eigenvalue Problem, 1980, section 11.7 (the bound).

    Example:
        >>> diagonal = torch.linspace(-1.0, 3.0, 2001, dtype=torch.float64)
        >>> [round(value, 9) for value in extreme_values(lambda x: diagonal * x, 2001).tolist()]
        [-1.0, 3.0]
    """
    size = min(_BASIS, n)
    start = normal((n,), seed=0, stream=Stream.PROBE, dtype=torch.float64, device=device)
    basis, small = start.new_zeros(size + 1, n), start.new_zeros(size, size)
    basis[0], kept = start / start.norm(), 0
    for _ in range(_ROUNDS):
        last, rest = _extended(product, basis, small, kept, size)
        values, vectors = torch.linalg.eigh(small[:last, :last])
        residual = rest * vectors[-1].abs()
        if last < size or last == n or _stand(values, residual):
            return values[[0, -1]]
        chosen = torch.cat((torch.arange(_KEPT), torch.arange(last - _KEPT, last))).to(values.device)
        kept = len(chosen)
        basis[:kept] = vectors[:, chosen].T @ basis[:last]
        basis[kept] = basis[last]
        small.zero_()
        small[torch.arange(kept), torch.arange(kept)] = values[chosen]
        small[kept, :kept] = small[:kept, kept] = rest * vectors[-1, chosen]
    raise RuntimeError(
        f"the ends of the spectrum of {n} nodes did not stand after {_ROUNDS} rounds: they are crowded, so take "
        "interval(shift), which holds it."
    )


def _extended(
    product: Callable[[Tensor], Tensor], basis: Tensor, small: Tensor, kept: int, size: int
) -> tuple[int, Tensor]:
    """Fill the basis and V^T S V from vector `kept` on; the vectors that there are, and the norm of what is left."""
    rest = basis.new_zeros(())
    for k in range(kept, size):
        following = product(basis[k])
        scale = following.norm()
        small[k, k] = following @ basis[k]
        for _ in range(2):  # once leaves errors that grow from round to round
            following = following - basis[: k + 1].T @ (basis[: k + 1] @ following)
        rest = following.norm()
        if float(rest) <= _ROUNDING * float(scale):  # the basis holds all that the start has to do with
            return k + 1, torch.zeros_like(rest)
        basis[k + 1] = following / rest
        if k + 1 < size:
            small[k, k + 1] = small[k + 1, k] = rest
    return size, rest


def _stand(values: Tensor, residual: Tensor) -> bool:
    """Whether both ends are exact to rounding."""
    gap = torch.stack((values[1] - values[0], values[-1] - values[-2]))
    ends = residual[[0, -1]]
    off = torch.minimum(ends, ends.square() / gap.clamp_min(1e-300))
    return bool((off <= _ROUNDING * values.abs().max()).all())
