"""Denoising score matching: the squared error of the denoiser on noised data, weighted and averaged over times.

    L(D) = E_t w(t) E ||D(alpha x_0 + sigma z, t) - x_0||^2 / ndof

A weight multiplies the error of the denoiser. In units of the score or the noise the same error reads

    sigma^2 ||score error||^2 = ||noise error||^2 = (alpha^2 / sigma^2) ||D error||^2.

The loss cannot be driven to zero by capacity: its floor is the posterior variance of x_0 given x_t.

Source: P. Vincent, A connection between score matching and denoising autoencoders, 2011, equation 9.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.schedules.schedule import Schedule
from equigen.spaces.space import BoundSpace

__all__ = [
    "KarrasWeight",
    "LogNormalNoise",
    "NoiseWeight",
    "Target",
    "TrainingTimes",
    "UniformTimes",
    "UnitWeight",
    "Weight",
    "denoising_error",
    "stratified",
]


class Target(ABC):
    """What D(x_t, t) is compared with in training, in the place of x_0.

    Any T(x_0, x_t, t) with E[T | x_t] = E[x_0 | x_t] leaves the optimum where it is, and the mean gradient.

    Example:
        >>> class Shrunk(Target):                    # towards the conditional mean of data N(0, 1) itself
        ...     def __call__(self, x_0, x_t, alpha, sigma, space):
        ...         return x_t * alpha / (alpha**2 + sigma**2)
        >>> one = torch.tensor(1.0)
        >>> Shrunk()(torch.ones(1, 1), torch.full((1, 1), 3.0), one, one, None).item()
        1.5
    """

    @abstractmethod
    def __call__(self, x_0: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor, space: BoundSpace) -> Tensor:
        """The target of each item, (B, *shape).

        Args:
            x_0: clean items (B, *shape), in the units of the denoiser.
            x_t: alpha x_0 + sigma z.
            alpha: of the items' times, () or (B,).
            sigma: of the items' times, () or (B,).
            space: bound to the batch.
        """


def denoising_error(
    denoiser: Denoiser, space: BoundSpace, x_0: Tensor, z: Tensor, t: Tensor, target: Target | None = None
) -> Tensor:
    """||D(alpha x_0 + sigma z, t) - x_0||^2 of each item, or the same with a target in the place of x_0.

    Args:
        denoiser: bound to its conditions.
        space: bound to the batch; gives the norm.
        x_0: clean items (B, *shape).
        z: standard normals of the space (B, *shape).
        t: times, () or (B,).
        target: what D is compared with; None: x_0.

    Returns:
        (B,).

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> D = Gaussian(torch.zeros(2), Isotropic(1.0)).denoiser(EDM())
        >>> zero = torch.zeros(1, 2)
        >>> denoising_error(D, Euclidean(2).at(), zero, zero + 1.0, torch.tensor(1.0)).item()
        0.5
    """
    alpha, sigma = denoiser.schedule.alpha(t), denoiser.schedule.sigma(t)
    x_t = per_item(alpha, x_0) * x_0 + per_item(sigma, x_0) * z
    error = denoiser(x_t, t) - (x_0 if target is None else target(x_0, x_t, alpha, sigma, space))
    return space.inner(error, error)


class Weight(ABC):
    """How much the denoiser's error counts at each time."""

    @abstractmethod
    def __call__(self, schedule: Schedule, t: Tensor) -> Tensor:
        """The factor of ||D - x_0||^2 at times t."""


@dataclass(frozen=True)
class UnitWeight(Weight):
    """1: the error of the denoiser itself.

    Example:
        >>> from equigen.diffusion import EDM
        >>> UnitWeight()(EDM(), torch.tensor(3.0)).item()
        1.0
    """

    def __call__(self, schedule: Schedule, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)


@dataclass(frozen=True)
class NoiseWeight(Weight):
    """alpha^2 / sigma^2: the error of the predicted noise, which is sigma^2 times that of the score.

    Source: Y. Song et al., ICLR 2021, equation 7 with lambda = sigma^2; J. Ho et al. 2020, equation 14.

    Example:
        >>> from equigen.diffusion import EDM
        >>> NoiseWeight()(EDM(), torch.tensor(2.0)).item()
        0.25
    """

    def __call__(self, schedule: Schedule, t: Tensor) -> Tensor:
        """(alpha / sigma)^2."""
        return schedule.relative_noise(t) ** -2


@dataclass(frozen=True)
class KarrasWeight(Weight):
    """q / (sigma s)^2 with q = sigma^2 + alpha^2 s^2: 1 for the best linear denoiser of data with variance s^2.

    Against `NoiseWeight` the factor is 1 + sigma^2 / (alpha^2 s^2).

    Args:
        data_std: standard deviation s of the data, in the units of the denoiser.

    Source: T. Karras et al. 2022, table 1 (loss weighting), there for alpha = 1.

    Example:
        >>> from equigen.diffusion import EDM
        >>> KarrasWeight(1.0)(EDM(), torch.tensor(2.0)).item()
        1.25
    """

    data_std: float = 1.0

    def __call__(self, schedule: Schedule, t: Tensor) -> Tensor:
        """1 / s^2 + alpha^2 / sigma^2."""
        return schedule.relative_noise(t) ** -2 + self.data_std**-2


class TrainingTimes(ABC):
    """The law of the times at which the loss is taken."""

    @abstractmethod
    def __call__(self, schedule: Schedule, u: Tensor) -> Tensor:
        """The quantile function: uniforms in (0, 1) become times in [t_min, t_max]."""


@dataclass(frozen=True)
class UniformTimes(TrainingTimes):
    """Uniform on [t_min, t_max].

    Example:
        >>> from equigen.diffusion import VariancePreserving
        >>> UniformTimes()(VariancePreserving(t_min=0.5), torch.tensor(0.5)).item()
        0.75
    """

    def __call__(self, schedule: Schedule, u: Tensor) -> Tensor:
        """t_min + u (t_max - t_min)."""
        return schedule.t_min + u * (schedule.t_max - schedule.t_min)


@dataclass(frozen=True)
class LogNormalNoise(TrainingTimes):
    """ln(r / s) ~ N(mean, std^2) for the relative noise r = sigma / alpha, truncated to the range of the schedule.

    The published mean of -1.2 presumes s = 0.5: relative to the data it is ln(2) - 1.2 = -0.507.

    Args:
        data_std: standard deviation s of the data, in the units of the denoiser.
        mean: of ln(r / s).
        std: of ln(r / s).

    Source: T. Karras et al. 2022, table 1 (noise distribution).

    Example:
        >>> from equigen.diffusion import EDM
        >>> round(LogNormalNoise(mean=0.0)(EDM(1e-4, 1e4), torch.tensor(0.5)).item(), 4)
        1.0
    """

    data_std: float = 1.0
    mean: float = -0.507
    std: float = 1.2

    def __call__(self, schedule: Schedule, u: Tensor) -> Tensor:
        """Phi^-1 of u stretched between the probabilities of both ends."""
        ends = torch.tensor([schedule.t_min, schedule.t_max], dtype=torch.float64, device=u.device)
        bounds = (torch.log(schedule.relative_noise(ends) / self.data_std) - self.mean) / self.std
        low, high = torch.special.ndtr(bounds)
        normal = torch.special.ndtri(low + u.double() * (high - low)).clamp(bounds[0], bounds[1])
        noise = self.data_std * torch.exp(self.mean + self.std * normal)
        return schedule.time_at_noise(noise).clamp(schedule.t_min, schedule.t_max).to(u)


def stratified(position: Tensor, size: int, u: Tensor) -> Tensor:
    """One uniform in each of `size` equal strata: (position + u) / size.

    Args:
        position: places of the items in the global batch, (B,).
        size: of the global batch.
        u: uniforms in (0, 1), (B,).

    Returns:
        (B,) in the dtype of u; over a whole batch, the average of any function of it has less variance than over
        independent uniforms.

    Example:
        >>> stratified(torch.arange(4), 4, torch.full((4,), 0.5)).tolist()
        [0.125, 0.375, 0.625, 0.875]
    """
    return (position.to(u) + u) / size
