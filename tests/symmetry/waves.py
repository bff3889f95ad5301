"""Pictures given by a formula, so that their rotations are known: waves under Gaussian windows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.random import Stream, uniform

__all__ = ["Waves", "pixels", "relative"]


def pixels(height: int, width: int) -> Tensor:
    """The places of the pixels, (H, W, 2): x to the right, y up, the origin in the middle."""
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    y = (height - 1) / 2 - torch.arange(height, dtype=torch.float64)
    return torch.stack(torch.broadcast_tensors(x, y[:, None]), dim=-1)


def relative(found: Tensor, truth: Tensor) -> float:
    return float((found - truth).norm() / truth.norm())


@dataclass(frozen=True)
class Waves:
    """f(p) = sum_i exp(-|p - c_i|^2 / (2 w^2)) cos(k_i . (p - c_i) + phase_i)."""

    k: Tensor
    c: Tensor
    phase: Tensor
    w: float

    @classmethod
    def of_band(cls, band: float, w: float, seed: int = 0) -> Waves:
        """Six waves of |k| = band pi, their centres within a pixel of the middle."""
        drawn = uniform((6, 4), seed=seed, stream=Stream.LAW, dtype=torch.float64)
        turn = math.tau * drawn[:, 0]
        k = math.pi * band * torch.stack((turn.cos(), turn.sin()), dim=-1)
        return cls(k, 2 * drawn[:, 1:3] - 1, math.tau * drawn[:, 3], w)

    def moved(self, angle: float, flip: float = 0.0) -> Waves:
        """The picture after flipping (y -> -y) and turning the plane."""
        a, s = math.cos(angle), math.sin(angle)
        g = torch.tensor([[a, -s], [s, a]], dtype=torch.float64)
        if flip:
            g = g @ torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
        return Waves(self.k @ g.T, self.c @ g.T, self.phase, self.w)

    def at(self, p: Tensor) -> Tensor:
        """Values at places (..., 2)."""
        away = p[..., None, :] - self.c
        window = torch.exp(-away.square().sum(-1) / (2 * self.w**2))
        return (window * torch.cos((away * self.k).sum(-1) + self.phase)).sum(-1)

    def image(self, height: int, width: int) -> Tensor:
        """(1, 1, H, W)."""
        return self.at(pixels(height, width))[None, None]

    def gradient(self, height: int, width: int) -> Tensor:
        """(1, 2, H, W): the derivatives by x and y."""
        p = pixels(height, width).requires_grad_()
        (slope,) = torch.autograd.grad(self.at(p).sum(), p)
        return slope.permute(2, 0, 1)[None]
