"""A denoiser made of a network, a schedule and a preconditioning."""

from __future__ import annotations

from torch import Tensor, nn

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.preconditioning.preconditioning import Preconditioning
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["NetworkDenoiser"]


class NetworkDenoiser(Denoiser):
    """D(x, t) = c_skip x + c_out F(c_in x, c_noise, **condition).

    Args:
        network: F, called as network(x (B, *shape), c_noise (B,), **condition) and returning (B, *shape); the
            conditions are those of the batch, its structure among them, and -1 or NaN stands for "not given".
        schedule: the kernel.
        preconditioning: the coefficients.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM, KarrasPreconditioning
        >>> class Zero(nn.Module):
        ...     def forward(self, x, noise):
        ...         return torch.zeros_like(x)
        >>> D = NetworkDenoiser(Zero(), EDM(), KarrasPreconditioning(1.0))
        >>> D(torch.ones(1, 2), torch.tensor(1.0)).tolist()      # the best linear denoiser: x / (1 + t^2)
        [[0.5, 0.5]]
    """

    def __init__(self, network: nn.Module, schedule: Schedule, preconditioning: Preconditioning) -> None:
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.preconditioning = preconditioning

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """E[x_0 | x_t, condition] as the network has learned it."""
        c = self.preconditioning(self.schedule, t)
        noise = c.noise.expand(len(x_t)) if c.noise.ndim == 0 else c.noise
        out = self.network(per_item(c.inward, x_t) * x_t, noise, **condition)
        return per_item(c.skip, x_t) * x_t + per_item(c.out, x_t) * out
