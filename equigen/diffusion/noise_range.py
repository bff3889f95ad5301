"""How much noise is enough? Derived from the data instead of asked from the user.

The prior at t_max is the normal with the variance of the noised data, isotropic; the noised data have the covariance
C + sigma^2 I, in units where tr C = ndof. For Gaussian data the divergence of the one from the other is, to leading
order in C / sigma^2,

    KL = sum_i (c_i - 1)^2 / (4 sigma^4),        c_i the eigenvalues of C,

and higher cumulants fall faster. `largest_noise` is the sigma at which it has fallen to a tolerance.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["largest_noise"]

_ITEMS = 2048


def largest_noise(x: Tensor, tolerance: float = 1e-3, ndof: Tensor | None = None) -> float:
    """The relative noise at which the moment-matched prior is within `tolerance` nats of the law of the noised data.

    Args:
        x: data of unit variance, (N, *shape); the first 2048 are looked at.
        tolerance: divergence in nats.
        ndof: degrees of freedom of an item, (N,) or (), where they are fewer than its numbers (the rest being zero).

    Returns:
        sigma, at least 10: to leading order for Gaussian data, and a scale that data with heavier tails share.

    Raises:
        ValueError: fewer than two items.

    Example:
        >>> import torch
        >>> line = torch.linspace(-3**0.5, 3**0.5, 100)[:, None].expand(100, 64)      # all coordinates are equal
        >>> round(largest_noise(line))
        32
    """
    if len(x) < 2:
        raise ValueError(f"x has {len(x)} item, but a range of noise needs two or more: give more data.")
    flat = x[:_ITEMS].double().flatten(1)
    free = (
        float(flat.shape[1]) if ndof is None else float(torch.as_tensor(ndof).double().expand(len(x))[:_ITEMS].mean())
    )
    flat = flat - flat.mean(0)
    n, d = flat.shape
    small = flat @ flat.T if n < d else flat.T @ flat
    square = float((small / n).square().sum())  # tr C^2, the same for both products
    trace = float(flat.square().sum()) / n
    excess = max(square - 2.0 * trace + free, 0.0)
    return max(10.0, (excess / (4.0 * tolerance)) ** 0.25)
