"""The sliced Wasserstein distance averages exact one-dimensional transport over seeded directions.

For one direction theta the projections of two samples are sorted; the optimal transport between two laws on the line
matches their quantile functions F^-1 and G^-1, so

    W_2^2(theta) = integral over q in (0, 1) of (F^-1(q) - G^-1(q))^2,      SW_2^2 = mean of W_2^2(theta),

theta uniform on the unit sphere. For empirical laws both quantile functions are step functions and the integral is a
finite sum, also where the samples differ in size.

Source: N. Bonneel, J. Rabin, G. Peyre, H. Pfister, Sliced and Radon Wasserstein barycenters of measures, 2015.
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.metrics.addresses import Use
from equigen.random import Stream, normal

__all__ = ["directions", "sliced_wasserstein", "wasserstein_1d"]

_ROWS = 1 << 22  # elements of a sample that are turned into float64 at once


def directions(dimension: int, count: int, *, seed: int) -> Tensor:
    """Directions uniform on the unit sphere, a pure function of the seed: direction k is the same whatever `count`.

    Args:
        dimension: d, of the space.
        count: P, number of directions.
        seed: of the address (METRIC, PROJECTIONS).

    Returns:
        float64 tensor (P, d) of unit vectors.

    Example:
        >>> bool(torch.allclose(directions(3, 5, seed=0).norm(dim=1), torch.ones(5, dtype=torch.float64)))
        True
    """
    item = torch.arange(count)
    address = {"seed": seed, "stream": Stream.METRIC, "step": int(Use.PROJECTIONS)}
    gaussian = normal((dimension,), item=item, dtype=torch.float64, **address)
    return gaussian / gaussian.norm(dim=1, keepdim=True)


def wasserstein_1d(x: Tensor, y: Tensor) -> Tensor:
    """The squared Wasserstein-2 distance between empirical laws on the line, exact, for each column.

    Args:
        x: (n, P), each column a sample.
        y: (m, P); m may differ from n.

    Returns:
        (P,) squared distances, in squared units of x.

    Error: rounding only.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> wasserstein_1d(x, x + 3).tolist()
        [9.0]
        >>> wasserstein_1d(x, torch.tensor([[0.0], [0.0], [1.0], [1.0]])).tolist()
        [0.0]
    """
    n, m = x.shape[0], y.shape[0]
    x, y = x.sort(dim=0).values, y.sort(dim=0).values
    if n == m:
        return (x - y).square().mean(dim=0)
    # On each piece between successive cuts i/n and j/m both quantile functions are constant. In units of 1/(n m) the
    # cuts are integers, so that no rounding decides which sample a piece belongs to.
    cuts = torch.cat((torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n)).unique().to(x.device)
    start = torch.cat((cuts.new_zeros(1), cuts[:-1]))
    length = (cuts - start).to(x.dtype) / (n * m)
    return (length[:, None] * (x[start // m] - y[start // n]).square()).sum(dim=0)


def sliced_wasserstein(x: Tensor, y: Tensor, *, seed: int = 0, projections: int = 512) -> float:
    """The sliced Wasserstein-2 distance between two samples, in the units of the data.

    For isotropic Gaussians N(a, s^2 I) and N(b, r^2 I) in d dimensions it is sqrt(|a - b|^2 / d + (s - r)^2).

    Args:
        x: (n, *shape).
        y: (m, *shape).
        seed: of the directions; both samples of every comparison under one seed see the same ones.
        projections: number of directions.

    Returns:
        The distance, a float >= 0.

    Raises:
        ValueError: the samples are empty or their items differ in shape.

    Error: of the mean over directions, relative order projections^-1/2.

    Example:
        >>> x = torch.zeros(4, 1, 2, 2)
        >>> round(sliced_wasserstein(x, x), 6)
        0.0
    """
    if x.shape[1:] != y.shape[1:] or not len(x) or not len(y):
        raise ValueError(
            f"samples have shapes {tuple(x.shape)} and {tuple(y.shape)}, but both need at least one item of one "
            f"common shape: reshape or resize one of them."
        )
    theta = directions(x[0].numel(), projections, seed=seed).T.to(x.device)
    return float(wasserstein_1d(_project(x, theta), _project(y, theta)).mean().sqrt())


def _project(x: Tensor, theta: Tensor) -> Tensor:
    """Inner products (n, P) in float64, a block of rows at a time."""
    rows = max(1, _ROWS // theta.shape[0])
    return torch.cat([block.double() @ theta for block in x.flatten(1).split(rows)])
