"""Expectations under a law: by quadrature on the line, by the mean over samples elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from equigen.diffusion.laws.law import Law
from equigen.diffusion.oracle.line import quadrature

__all__ = ["Estimate", "expectation", "mean_of"]

_ITEMS = 4096  # that are worked on together


class Estimate(NamedTuple):
    """A number and its standard error, which is 0 where the number is exact up to rounding.

    Args:
        value: the number.
        standard_error: over the samples it was estimated from.

    Example:
        >>> Estimate(1.5, 0.0).value
        1.5
    """

    value: float
    standard_error: float


def mean_of(values: Tensor) -> Estimate:
    """The mean of independent values (n,), and its standard error.

    Example:
        >>> mean_of(torch.tensor([1.0, 3.0]))
        Estimate(value=2.0, standard_error=1.0)
    """
    values = values.double()
    return Estimate(float(values.mean()), float(values.std()) / math.sqrt(len(values)))


def expectation(law: Law, f: Callable[[Tensor], Tensor], *, n: int = 4096, seed: int = 0) -> Estimate:
    """E f(x) under a law.

    Args:
        law: a Gaussian or a mixture on the line is integrated by quadrature; any other law is sampled.
        f: from items (B, *shape), float64, to numbers (B,).
        n: number of samples.
        seed: of the samples.

    Returns:
        The expectation; its standard error is 0 by quadrature.

    Raises:
        ValueError: fewer than 2 samples.

    Error: 1e-13 by quadrature, for functions that vary no faster than the density.

    Example:
        >>> from equigen.diffusion import Gaussian, Isotropic
        >>> found = expectation(Gaussian(torch.ones(1), Isotropic(3.0)), lambda x: x[:, 0] ** 2)
        >>> round(found.value, 12), found.standard_error
        (4.0, 0.0)
    """
    if n < 2:
        raise ValueError(f"n is {n}, but a mean with a standard error needs 2 samples or more: n=4096.")
    rule = quadrature(law)
    with torch.no_grad():
        if rule is not None:
            x, weights = rule
            parts = [
                (w * law.log_prob(some).exp() * f(some)).sum()
                for some, w in zip(x.split(_ITEMS), weights.split(_ITEMS), strict=True)
            ]
            return Estimate(float(torch.stack(parts).sum()), 0.0)
        samples = (law.sample(min(_ITEMS, n - k), seed=seed, first=k, dtype=torch.float64) for k in range(0, n, _ITEMS))
        return mean_of(torch.cat([f(some) for some in samples]))
