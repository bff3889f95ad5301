"""Identities that tie a law to a schedule: each is zero if the curves, the rates, the score and the denoiser agree.

entropy        h(p_t) - h(p_s) = integral from s to t of (g^2 J / 2 + f ndof)
Fokker-Planck  dp/dt = -div(f x p) + g^2 lap(p) / 2
martingale     E[D(x_r, r) | x_t] = D(x_t, t) for r < t
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.law import Law
from equigen.diffusion.oracle.estimate import Estimate, mean_of
from equigen.diffusion.oracle.floor import called, noised_pairs
from equigen.diffusion.oracle.information import entropy, fisher_information
from equigen.diffusion.oracle.line import line_mixture
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["entropy_gap", "fokker_planck_residual", "martingale_gap"]

_PIECE = 0.7  # of the path, in ln(sigma / alpha)
_NODES = 6  # Gauss-Legendre points on each piece
_STEP = 1e-3  # of the difference in time, relative to t


def entropy_gap(law: Law, schedule: Schedule, t: float, s: float, *, n: int = 1024, seed: int = 0) -> Estimate:
    """h(p_t) - h(p_s) less the integral of g^2 J / 2 + f ndof from s to t, in nats: 0 if all of them are right.

    Args:
        law: of x_0; Gaussian or on the line without sampling, else by samples.
        schedule: the kernel; its drift and diffusion are what is tested.
        t: one time.
        s: another time.
        n: number of samples.
        seed: of the samples.

    Error: 1e-9 of the entropies where nothing is sampled.

    Source: A. Stam 1959, equation 2.11 (de Bruijn's identity), with a drift.

    Example:
        >>> from equigen.diffusion import Gaussian, Isotropic, VariancePreserving
        >>> law = Gaussian(torch.zeros(2), Isotropic(0.1))
        >>> abs(entropy_gap(law, VariancePreserving(), 0.9, 0.1).value) < 1e-9
        True
    """
    times, weights = _path(schedule, s, t)
    drift, half = schedule.drift(times), 0.5 * schedule.diffusion(times) ** 2
    ends, along = [law.diffused(schedule, at) for at in (t, s)], [law.diffused(schedule, float(at)) for at in times]
    shape = law.sample(1, seed=seed).shape[1:]
    stretched = float(weights @ drift) * shape.numel()
    if isinstance(law, Gaussian) or line_mixture(law) is not None:
        information = torch.tensor([fisher_information(noised).value for noised in along], dtype=torch.float64)
        grown = entropy(ends[0]).value - entropy(ends[1]).value
        return Estimate(grown - float(weights @ (half * information)) - stretched, 0.0)
    with torch.no_grad():
        x_t, x_s = (noised_pairs(law, schedule, at, n=n, seed=seed)[1] for at in (t, s))
        values = ends[1].log_prob(x_s) - ends[0].log_prob(x_t) - stretched
        for k, (noised, at, weight) in enumerate(zip(along, times, weights * half, strict=True)):
            x = noised_pairs(law, schedule, float(at), n=n, seed=seed, draw=k + 1)[1]
            values = values - weight * noised.score(x).flatten(1).square().sum(1)
    return mean_of(values)


def fokker_planck_residual(law: Law, schedule: Schedule, x: Tensor, t: float) -> Tensor:
    """How far d ln p_t / dt is from -f (ndof + x.s) + g^2 (div s + |s|^2) / 2, relative to the size of the terms.

    The left side knows alpha and sigma only, by a difference of order 4 in time of the densities of the diffused laws;
    the right side the drift, the diffusion and the score, whose divergence is taken by automatic differentiation.

    Args:
        law: of x_0.
        schedule: the kernel.
        x: points (B, *shape); they are taken in float64.
        t: time, with t (1 +- 0.002) among those of the schedule.

    Returns:
        Residuals (B,), float64, in [-1, 1].

    Error: 1e-9.

    Source: A. Fokker 1914, M. Planck 1917; in logarithms as in Y. Song et al. 2021, appendix D.

    Example:
        >>> from equigen.diffusion import Gaussian, Isotropic, VariancePreserving
        >>> x = torch.tensor([[0.3, -2.0]], dtype=torch.float64)
        >>> found = fokker_planck_residual(Gaussian(torch.ones(2), Isotropic(0.1)), VariancePreserving(), x, 0.4)
        >>> found.abs().item() < 1e-9
        True
    """
    x, time = x.double(), torch.tensor(t, dtype=torch.float64)
    h = _STEP * t
    stencil = ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0))
    rate = torch.stack([c * law.diffused(schedule, t + k * h).log_prob(x) for k, c in stencil]).sum(0) / (12.0 * h)
    noised = law.diffused(schedule, t)
    with torch.enable_grad():
        y = x.detach().requires_grad_()
        score = noised.score(y).flatten(1)
        rows = [torch.autograd.grad(score[:, i].sum(), y, retain_graph=True)[0] for i in range(score.shape[1])]
    divergence = torch.stack([row.flatten(1)[:, i] for i, row in enumerate(rows)]).sum(0)
    score, flat = score.detach(), x.flatten(1)
    drift, half = schedule.drift(time), 0.5 * schedule.diffusion(time) ** 2
    terms = (-drift * flat.shape[1], -drift * (flat * score).sum(1), half * divergence, half * score.square().sum(1))
    size = torch.stack([term.abs().expand(len(x)) for term in (rate, *terms)]).sum(0)
    return (rate - sum(terms)) / size


def martingale_gap(
    denoiser: Denoiser, law: Law, schedule: Schedule, r: float, t: float, *, n: int = 4096, seed: int = 0
) -> Estimate:
    """The slope of D(x_r, r) against D(x_t, t), less 1: E[D(x_r, r) . D(x_t, t)] / E |D(x_t, t)|^2 - 1, for r < t.

    Both are the mean of x_0 given the path of the process from then on, so the earlier one is the mean of the later:
    E[D(x_r, r) | x_t] = D(x_t, t), whatever the law, and no density is needed. It sees a fault that changes with the
    time, along D; a denoiser that errs alike at both times keeps the identity.

    Args:
        denoiser: any, of items of the law under the schedule.
        law: only its samples are used, so Empirical(held-out items) serves for data.
        schedule: the kernel; x_t follows from x_r by the forward process.
        r: the time with less noise.
        t: the time with more.
        n: number of items.
        seed: of the items and of their noise.

    Raises:
        ValueError: times out of order.

    Source: J. Doob, Stochastic processes, 1953, section VII.1 (the tower property).

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
        >>> found = martingale_gap(law.denoiser(EDM()), law, EDM(), 0.5, 1.0)
        >>> abs(found.value) < 5 * found.standard_error < 0.2
        True
    """
    times = torch.tensor([r, t], dtype=torch.float64)
    noise = schedule.relative_noise(times)
    if not bool(noise[0] < noise[1]):
        raise ValueError(f"r is {r:g} and t is {t:g}, but r needs less noise than t: martingale_gap(..., r, t), r < t.")
    alpha, sigma = schedule.alpha(times), schedule.sigma(times)
    kept = alpha[1] / alpha[0]
    added = torch.sqrt(sigma[1] ** 2 - (kept * sigma[0]) ** 2)
    products, squares = [], []
    with torch.no_grad():
        for first in range(0, n, 4096):
            x_r = noised_pairs(law, schedule, r, n=min(4096, n - first), seed=seed, first=first)[1]
            item = torch.arange(first, first + len(x_r))
            where = {"seed": seed, "stream": random.Stream.METRIC, "item": item, "draw": 1, "dtype": x_r.dtype}
            x_t = kept * x_r + added * random.normal(x_r.shape[1:], **where).to(x_r.device)
            early, late = (called(denoiser, x, at).flatten(1) for x, at in ((x_r, r), (x_t, t)))
            products.append((early * late).sum(1))
            squares.append(late.square().sum(1))
    product, square = torch.cat(products), torch.cat(squares)
    slope = float(product.mean() / square.mean())
    return Estimate(slope - 1.0, mean_of((product - slope * square) / square.mean()).standard_error)


def _path(schedule: Schedule, s: float, t: float) -> tuple[Tensor, Tensor]:
    """Times between s and t and the weights of an integral over time, by pieces that are even in ln(sigma / alpha)."""
    ends = torch.log(schedule.relative_noise(torch.tensor([s, t], dtype=torch.float64)))
    pieces = max(1, int(torch.ceil(ends.diff().abs() / _PIECE)))
    nodes, weights = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(_NODES))
    half = (ends[1] - ends[0]) / (2 * pieces)
    level = (ends[0] + half * (2 * torch.arange(pieces)[:, None] + 1 + nodes)).flatten()
    times = schedule.time_at_noise(torch.exp(level))
    rate = schedule.sigma_rate(times) / schedule.sigma(times) - schedule.drift(times)
    return times, (half * weights).repeat(pieces) / rate
