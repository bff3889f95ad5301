"""The denoiser D(x_t, t) = E[x_0 | x_t] is the canonical object; score, noise and velocity are views of it.

    score    = (alpha D - x) / sigma^2        the gradient of the log density of x_t (Tweedie's formula, solved)
    noise    = (x - alpha D) / sigma          E[z | x_t]
    velocity = a x + b D                      the probability-flow field, (a, b) = schedule.flow(t)

Exact denoisers of known laws and learned ones share this interface, so that whatever is built on it is tested against
closed forms and then used on networks. What changes a denoiser (a condition, a projection) wraps it and is a denoiser.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equigen.diffusion.schedules.schedule import Schedule
from equigen.spaces.space import BoundSpace

__all__ = ["BoundDenoiser", "Denoiser", "per_item", "require_smooth"]


def per_item(value: Tensor, x: Tensor) -> Tensor:
    """Shape numbers of the items so that they multiply a batch: (B,) becomes (B, 1, ..., 1), () stays.

    Raises:
        ValueError: the numbers are neither one nor one an item.

    Example:
        >>> import torch
        >>> per_item(torch.ones(5), torch.ones(5, 3, 8, 8)).shape
        torch.Size([5, 1, 1, 1])
    """
    if value.ndim == 0:
        return value
    if value.shape != x.shape[:1]:
        raise ValueError(
            f"t has shape {tuple(value.shape)}, but a batch of {len(x)} needs () or ({len(x)},): t.expand({len(x)})."
        )
    return value.reshape(-1, *[1] * (x.ndim - 1))


class Denoiser(nn.Module, ABC):
    """E[x_0 | x_t] under a schedule.

    Attributes:
        schedule: the kernel x_t = alpha x_0 + sigma z that the denoiser inverts.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM
        >>> class Origin(Denoiser):                                # the data are one point, the origin
        ...     schedule = EDM()
        ...     def forward(self, x_t, t, **condition):
        ...         return torch.zeros_like(x_t)
        >>> Origin().score(torch.ones(1, 2), torch.tensor(2.0)).tolist()      # -x / sigma^2
        [[-0.25, -0.25]]
    """

    schedule: Schedule

    @abstractmethod
    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """Denoise.

        Args:
            x_t: noisy items (B, *shape).
            t: times, () or (B,), in the dtype of x_t.
            **condition: named tensors (B, ...), -1 or NaN where one is not given (see `conditions`).

        Returns:
            E[x_0 | x_t, condition], (B, *shape).
        """

    def at(self, seed: int, item: Tensor) -> Denoiser:
        """This denoiser for the items of those numbers, (B,): itself, unless it draws at random.

        One that draws gives back a denoiser bound to (seed, item), and a wrapper wraps what it wraps bound so.
        """
        return self

    def score(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """The gradient of ln p_t at x_t, (B, *shape).

        Error: the difference alpha D - x cancels as t -> 0: relative error eps / (sigma |score|).
        """
        alpha, sigma = per_item(self.schedule.alpha(t), x_t), per_item(self.schedule.sigma(t), x_t)
        return (alpha * self(x_t, t, **condition) - x_t) / sigma**2

    def noise(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """E[z | x_t], (B, *shape)."""
        alpha, sigma = per_item(self.schedule.alpha(t), x_t), per_item(self.schedule.sigma(t), x_t)
        return (x_t - alpha * self(x_t, t, **condition)) / sigma

    def velocity(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """The probability-flow field dx/dt at x_t, (B, *shape)."""
        a, b = self.schedule.flow(t)
        return per_item(a, x_t) * x_t + per_item(b, x_t) * self(x_t, t, **condition)


class BoundDenoiser(Denoiser):
    """A denoiser with its conditions given and its results projected onto the space of the batch.

    Args:
        denoiser: what is wrapped.
        space: the space, bound to the structure of the batch.
        condition: named tensors that are handed to every call, the structure among them.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Centred
        >>> inner = Gaussian(torch.zeros(3, 2), Isotropic(1.0)).denoiser(EDM())
        >>> bound = BoundDenoiser(inner, Centred(3, 2).at(), {})
        >>> bool(bound(torch.randn(1, 3, 2), torch.tensor(1.0)).mean(1).abs().max() < 1e-6)
        True
    """

    def __init__(self, denoiser: Denoiser, space: BoundSpace, condition: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.schedule = denoiser.schedule
        self.space = space
        self.condition = dict(condition)

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """P D(x_t, t) with the conditions given at construction."""
        return self.space.project(self.denoiser(x_t, t, **self.condition, **condition))

    def at(self, seed: int, item: Tensor) -> BoundDenoiser:
        """The same with what is wrapped bound to those items."""
        inner = self.denoiser.at(seed, item)
        return self if inner is self.denoiser else BoundDenoiser(inner, self.space, self.condition)


def require_smooth(denoiser: Denoiser) -> None:
    """Refuse a denoiser that draws at random where a flow is followed: an adaptive solver, or a likelihood.

    Raises:
        ValueError: a denoiser that `at` gives back bound to its items.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> require_smooth(Gaussian(torch.zeros(1), Isotropic(1.0)).denoiser(EDM()))
    """
    if denoiser.at(0, torch.arange(1)) is not denoiser:
        raise ValueError(
            "this denoiser draws at random for each time, but only a smooth flow can be followed adaptively or has a "
            "likelihood: take a solver with a fixed grid, or Symmetrised in the place of RandomElement."
        )
