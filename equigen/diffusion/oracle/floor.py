"""The loss that no denoiser can go below, and how far above it one is.

In units of the noise, the denoising loss at time t is

    L(D) = (alpha^2 / sigma^2) E ||D(x_t, t) - x_0||^2  >=  L* = (alpha^2 / sigma^2) E tr Cov[x_0 | x_t]
         = ndof - sigma^2 E ||score||^2,

and L(D) - L* = (alpha^2 / sigma^2) E ||D - E[x_0 | x_t]||^2. The floor is 0 only where x_t gives x_0 away.
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.law import Law
from equigen.diffusion.laws.mixture import MixtureDenoiser
from equigen.diffusion.oracle.estimate import Estimate, expectation, mean_of
from equigen.diffusion.oracle.line import line_mixture
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["called", "denoising_loss", "loss_above_floor", "loss_floor", "noised_pairs"]

_ITEMS = 4096  # that are worked on together


def noised_pairs(
    law: Law, schedule: Schedule, t: float, *, n: int, seed: int, first: int = 0, draw: int = 0
) -> tuple[Tensor, Tensor]:
    """Items x_0 of a law and x_t = alpha x_0 + sigma z beside them, float64 (n, *shape) each.

    Args:
        law: of x_0.
        schedule: the kernel.
        t: time.
        n: number of items.
        seed: of the items and of their noise.
        first: number of the first item.
        draw: which noise; draws are independent of each other.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> x_0, x_t = noised_pairs(Gaussian(torch.zeros(2), Isotropic(1.0)), EDM(), 0.5, n=3, seed=0)
        >>> x_0.shape == x_t.shape == (3, 2)
        True
    """
    x_0 = law.sample(n, seed=seed, first=first, dtype=torch.float64)
    item, time = torch.arange(first, first + n), torch.tensor(t, dtype=torch.float64)
    z = random.normal(
        x_0.shape[1:], seed=seed, stream=random.Stream.METRIC, item=item, draw=draw, dtype=torch.float64
    ).to(x_0.device)
    return x_0, schedule.alpha(time) * x_0 + schedule.sigma(time) * z


def called(denoiser: Denoiser, x_t: Tensor, t: float) -> Tensor:
    """D(x_t, t) in float64, computed in the type and on the device of the denoiser's parameters where it has any.

    Args:
        denoiser: exact or learned.
        x_t: items (B, *shape), float64.
        t: time.

    Example:
        >>> from equigen.diffusion import EDM, Isotropic
        >>> D = Gaussian(torch.zeros(1), Isotropic(1.0)).denoiser(EDM())
        >>> called(D, torch.ones(1, 1, dtype=torch.float64), 1.0).item()
        0.5
    """
    like = next(denoiser.parameters(), x_t)
    return denoiser(x_t.to(like), torch.tensor(t, dtype=like.dtype, device=like.device)).to(x_t)


def denoising_loss(
    denoiser: Denoiser, law: Law, schedule: Schedule, t: float, *, n: int = 4096, seed: int = 0
) -> Estimate:
    """L(D) at one time, measured on items of the law.

    Args:
        denoiser: any, of items of the law under the schedule.
        law: of x_0.
        schedule: the kernel.
        t: time.
        n: number of items.
        seed: of the items and of their noise.

    Source: P. Vincent, A connection between score matching and denoising autoencoders, 2011, equation 9.

    Example:
        >>> from equigen.diffusion import EDM, Isotropic
        >>> law = Gaussian(torch.zeros(64), Isotropic(1.0))
        >>> found = denoising_loss(law.denoiser(EDM()), law, EDM(), 1.0)
        >>> abs(found.value - 32.0) < 5 * found.standard_error                     # sum of c / (c + sigma^2)
        True
    """
    return _measured((denoiser,), (1.0,), law, schedule, t, n, seed)


def loss_floor(law: Law, schedule: Schedule, t: float, *, n: int = 4096, seed: int = 0) -> Estimate:
    """L* at one time: closed form for a Gaussian, quadrature on the line, measured with the exact denoiser elsewhere.

    Args:
        law: of x_0.
        schedule: the kernel.
        t: time.
        n: number of items, where it is measured.
        seed: of the items.

    Returns:
        The floor, in [0, degrees of freedom]; divide by their number for the floor of one.

    Error: relative 1e-12 where it is not measured.

    Example:
        >>> from equigen.diffusion import EDM, Isotropic
        >>> loss_floor(Gaussian(torch.zeros(3), Isotropic(1.0)), EDM(), 1.0)
        Estimate(value=1.5, standard_error=0.0)
    """
    time = torch.tensor(t, dtype=torch.float64)
    alpha, sigma = schedule.alpha(time), schedule.sigma(time)
    if isinstance(law, Gaussian):
        kept = alpha**2 * law.covariance.eigenvalues(law.mean.shape)
        return Estimate(float((kept / (kept + sigma**2)).sum()), 0.0)
    exact = law.denoiser(schedule)
    if line_mixture(law) is not None and isinstance(exact, MixtureDenoiser):
        found = expectation(law.diffused(schedule, t), lambda x: exact.posterior_covariance(x, time)[:, 0, 0])
        return Estimate(found.value * float((alpha / sigma) ** 2), 0.0)
    return denoising_loss(exact, law, schedule, t, n=n, seed=seed)


def loss_above_floor(
    denoiser: Denoiser, law: Law, schedule: Schedule, t: float, *, n: int = 4096, seed: int = 0
) -> Estimate:
    """L(D) - L* at one time: the loss less that of the exact denoiser on the same items with the same noise.

    The pairs share what cannot be known, so the standard error is that of the difference alone.

    Args:
        denoiser: any, of items of the law under the schedule.
        law: of x_0.
        schedule: the kernel.
        t: time.
        n: number of items.
        seed: of the items and of their noise.

    Example:
        >>> from equigen.diffusion import EDM, Isotropic
        >>> law, other = (Gaussian(torch.zeros(1), Isotropic(c)) for c in (1.0, 3.0))
        >>> found = loss_above_floor(other.denoiser(EDM()), law, EDM(), 1.0)       # E (3/4 - 1/2)^2 x_t^2 = 1/8
        >>> abs(found.value - 0.125) < 5 * found.standard_error < 0.05
        True
    """
    return _measured((denoiser, law.denoiser(schedule)), (1.0, -1.0), law, schedule, t, n, seed)


def _measured(
    denoisers: tuple[Denoiser, ...],
    signs: tuple[float, ...],
    law: Law,
    schedule: Schedule,
    t: float,
    n: int,
    seed: int,
) -> Estimate:
    """The mean of the signed sum of the denoisers' losses on the same pairs."""
    if n < 2:
        raise ValueError(f"n is {n}, but a mean with a standard error needs 2 items or more: n=4096.")
    weight = float(schedule.relative_noise(torch.tensor(t, dtype=torch.float64)) ** -2)
    values = []
    with torch.no_grad():
        for first in range(0, n, _ITEMS):
            x_0, x_t = noised_pairs(law, schedule, t, n=min(_ITEMS, n - first), seed=seed, first=first)
            losses = [(called(one, x_t, t) - x_0).flatten(1).square().sum(1) for one in denoisers]
            values.append(torch.stack([sign * loss for sign, loss in zip(signs, losses, strict=True)]).sum(0))
    return mean_of(weight * torch.cat(values))
