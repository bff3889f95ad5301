"""The Frechet distance compares two samples of features through their means and covariances alone.

    d^2 = |m_x - m_y|^2 + tr C_x + tr C_y - 2 tr (C_x^1/2 C_y C_x^1/2)^1/2

is the squared Wasserstein-2 distance between the Gaussians N(m_x, C_x) and N(m_y, C_y). The symmetric product is
(C_x^1/2 C_y^1/2)(C_x^1/2 C_y^1/2)^T, so the roots of its eigenvalues are the singular values of C_x^1/2 C_y^1/2:
they are taken directly, which spares the squaring and keeps small ones accurate. All in float64.

It is blind to everything beyond second moments, cannot tell a copy of the training set from fresh data, and is biased
upwards by about 1/n: never alone, and never without its real-vs-real floor at the same n.

Source: D. Dowson, B. Landau, The Frechet distance between multivariate normal distributions, 1982;
M. Heusel et al., GANs trained by a two time-scale update rule, 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["frechet_distance", "frechet_from_moments"]


def frechet_from_moments(mean_x: Tensor, covariance_x: Tensor, mean_y: Tensor, covariance_y: Tensor) -> float:
    """The squared Frechet distance between two Gaussians given by their moments.

    Args:
        mean_x: (d,).
        covariance_x: (d, d), symmetric and positive semidefinite, of any rank.
        mean_y: (d,).
        covariance_y: (d, d).

    Returns:
        The squared distance, in squared units of the features; rounding may leave -1e-14 tr C of an exact 0.

    Error: float64; absolute about 1e-7 tr C where a covariance is singular, 1e-13 tr C elsewhere.

    Example:
        >>> one = torch.ones(1, 1)
        >>> round(frechet_from_moments(torch.zeros(1), one, torch.tensor([3.0]), 4 * one), 12)
        10.0
    """
    shift = (mean_x.double() - mean_y.double()).square().sum()
    root_x, root_y = _root(covariance_x.double()), _root(covariance_y.double())
    spread = covariance_x.double().trace() + covariance_y.double().trace()
    return float(shift + spread - 2 * torch.linalg.svdvals(root_x @ root_y).sum())


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """The squared Frechet distance between two samples of features, with unbiased covariances.

    Args:
        x: (n, d) features, n >= 2.
        y: (m, d) features, m >= 2.

    Returns:
        The squared distance, in squared units of the features. Invariant under one orthogonal map and one shift of
        both samples.

    Raises:
        ValueError: not two matrices of one width with at least two rows.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> round(frechet_distance(x, x + 2), 9)
        8.0
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(
            f"features have shapes {tuple(x.shape)} and {tuple(y.shape)}, but two matrices (n, d) and (m, d) with "
            f"n, m >= 2 are needed: flatten each item to d numbers and give at least two items."
        )
    x, y = x.double(), y.double()
    return frechet_from_moments(x.mean(0), _covariance(x), y.mean(0), _covariance(y))


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric root of a positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    # An exact zero comes out of eigh as +-1e-16 of the largest eigenvalue: the sign is rounding.
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
