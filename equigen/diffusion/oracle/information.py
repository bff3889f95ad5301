"""Entropy, Fisher information, and how far the prior of a schedule is from the law that it stands for, in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.law import Law
from equigen.diffusion.oracle.estimate import Estimate, expectation
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["entropy", "fisher_information", "prior_mismatch"]


def entropy(law: Law, *, n: int = 4096, seed: int = 0) -> Estimate:
    """h = -E ln p, the differential entropy in nats.

    Args:
        law: with a density; closed form for a Gaussian, quadrature on the line, samples elsewhere.
        n: number of samples.
        seed: of the samples.

    Example:
        >>> from equigen.diffusion import Isotropic
        >>> round(entropy(Gaussian(torch.zeros(2), Isotropic(1.0))).value, 6)       # ln(2 pi e)
        2.837877
    """
    if isinstance(law, Gaussian):
        return Estimate(float(0.5 * torch.log(2.0 * math.pi * math.e * _variances(law)).sum()), 0.0)
    return expectation(law, lambda x: -law.log_prob(x), n=n, seed=seed)


def fisher_information(law: Law, *, n: int = 4096, seed: int = 0) -> Estimate:
    """J = E ||score||^2: how fast the entropy grows under noise, dh/d(sigma^2) = J / 2 (de Bruijn).

    Args:
        law: with a density; closed form for a Gaussian, quadrature on the line, samples elsewhere.
        n: number of samples.
        seed: of the samples.

    Source: A. Stam, Some inequalities satisfied by the quantities of information, 1959.

    Example:
        >>> from equigen.diffusion import Isotropic
        >>> fisher_information(Gaussian(torch.zeros(3), Isotropic(0.5))).value      # d / variance
        6.0
    """
    if isinstance(law, Gaussian):
        return Estimate(float(_variances(law).reciprocal().sum()), 0.0)
    return expectation(law, lambda x: law.score(x).flatten(1).square().sum(1), n=n, seed=seed)


def prior_mismatch(law: Law, schedule: Schedule, data_std: float = 1.0, *, n: int = 4096, seed: int = 0) -> Estimate:
    """KL(p_T || N(0, sigma^2 + alpha^2 data_std^2)) at t_max: what a sampler gives away by starting from its prior.

    By the chain rule it bounds the divergence of any sampler that follows the reverse process exactly; it is measured
    here, and never added to a likelihood.

    Args:
        law: of x_0.
        schedule: the kernel; T is its t_max.
        data_std: standard deviation that the prior presumes of the data.
        n: number of samples, where the law is neither Gaussian nor on the line.
        seed: of the samples.

    Raises:
        ValueError: a standard deviation that is negative.

    Example:
        >>> from equigen.diffusion import EDM, Isotropic
        >>> law = Gaussian(torch.ones(1), Isotropic(1.0))
        >>> round(prior_mismatch(law, EDM(t_max=7.0)).value, 10)                    # m^2 / (2 (1 + T^2))
        0.01
    """
    if not data_std >= 0.0:
        raise ValueError(f"data_std is {data_std}, but a standard deviation is not negative: data_std=1.0.")
    noised, time = law.diffused(schedule, schedule.t_max), torch.tensor(schedule.t_max, dtype=torch.float64)
    variance = float(schedule.sigma(time) ** 2 + (schedule.alpha(time) * data_std) ** 2)
    if isinstance(noised, Gaussian):
        ratio = _variances(noised) / variance
        return Estimate(float(0.5 * ((ratio - 1.0 - torch.log(ratio)) + noised.mean.square() / variance).sum()), 0.0)

    def log_ratio(x: Tensor) -> Tensor:
        flat = x.flatten(1)
        prior = -0.5 * (flat.square() / variance + math.log(2.0 * math.pi * variance)).sum(1)
        return noised.log_prob(x) - prior

    return expectation(noised, log_ratio, n=n, seed=seed)


def _variances(law: Gaussian) -> Tensor:
    return law.covariance.eigenvalues(law.mean.shape)
