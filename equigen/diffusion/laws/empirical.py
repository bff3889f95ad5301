"""The law of a data set: each of its points with equal probability, and the exact denoiser of that law."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.laws.components import Components
from equigen.diffusion.laws.law import Law, kernel_at, numbers_of
from equigen.diffusion.laws.mixture import GaussianMixture, MixtureDenoiser
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["Empirical"]


class Empirical(Law):
    """x_0 is one of N given points, each with probability 1/N.

    Its denoiser is the mean of the points, weighted by how likely each is to have become x_t: what a network would
    learn that has the training data by heart. A training loss that approaches its floor means memorisation.

    Args:
        data: points (N, *shape), float32 or float64; they are kept as they are, not copied.

    Raises:
        ValueError: no points, points that are not floating, or not finite.

    Error: computed in float64. In more than 32 dimensions ln r_k errs by 1e-16 |x|^2 / sigma^2. With B items of d
    numbers, memory is that of B N numbers, at most about 200 MiB, beside the data.

    Source: T. Karras et al., Elucidating the design space of diffusion-based generative models, 2022, equation 57.

    Example:
        >>> from equigen.diffusion import EDM
        >>> law = Empirical(torch.tensor([[-1.0], [1.0]]))
        >>> round(law.denoiser(EDM())(torch.tensor([[0.5]]), torch.tensor(1.0)).item(), 4)      # tanh(x / sigma^2)
        0.4621
    """

    def __init__(self, data: Tensor) -> None:
        data = torch.as_tensor(data)
        if data.ndim < 2 or not len(data) or not data.is_floating_point():
            raise ValueError(
                f"data have shape {tuple(data.shape)} and type {data.dtype}, but floating points (N, *shape) are "
                "needed: data.float(), and data[:, None] for numbers on the line."
            )
        if not bool(data.isfinite().all()):
            raise ValueError("data hold NaN or infinity, but points are finite: leave such points out.")
        self.data = data
        log_weights = torch.full((len(data),), -math.log(len(data)), dtype=torch.float64, device=data.device)
        self.components = Components(log_weights, data.flatten(1), torch.zeros_like(log_weights)[:, None])

    def sample(self, n: int, *, seed: int, first: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Points drawn with replacement."""
        item = numbers_of(n, first)
        chosen = random.integers(len(self.data), (), seed=seed, stream=random.Stream.LAW, item=item)
        return self.data[chosen.to(self.data.device)].to(dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        """Refused: points have no density.

        Raises:
            ValueError: always.
        """
        raise ValueError(_NO_DENSITY)

    def score(self, x: Tensor) -> Tensor:
        """Refused: points have no density.

        Raises:
            ValueError: always.
        """
        raise ValueError(_NO_DENSITY)

    def denoiser(self, schedule: Schedule) -> MixtureDenoiser:
        """The weighted mean of the points under the schedule."""
        return MixtureDenoiser(self.components, schedule)

    def diffused(self, schedule: Schedule, t: float) -> GaussianMixture:
        """The mixture of N(alpha x_i, sigma^2) over the points."""
        components = self.components.diffused(*kernel_at(schedule, t))
        return GaussianMixture.of(components, self.data.shape[1:])


_NO_DENSITY = (
    "a law of points has no density, but one is asked for: take the law of the noised points, "
    "law.diffused(schedule, t), or its denoiser's score."
)
