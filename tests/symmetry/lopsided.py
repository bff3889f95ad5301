"""Denoisers and modules that commute with nothing, to be averaged, and pairs of items in all poses."""

from __future__ import annotations

import torch
from torch import nn

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.schedules.edm import EDM
from equigen.random import Stream, normal

__all__ = ["Lopsided", "Numbers", "noise"]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return normal(shape, seed=seed, stream=Stream.LAW, dtype=torch.float64)


class Lopsided(Denoiser):
    """x / (1 + t) + a tanh(W x + b) with fixed random W and b: smooth, and fast to evaluate."""

    def __init__(self, size: int, schedule=None, strength: float = 0.5) -> None:
        super().__init__()
        self.schedule = schedule or EDM()
        self.strength = strength
        self.weight = nn.Parameter(noise(size, size, seed=5) / size**0.5)
        self.bias = nn.Parameter(noise(size, seed=6))

    def forward(self, x_t, t, **condition):
        push = torch.tanh(x_t.flatten(1) @ self.weight.to(x_t) + self.bias.to(x_t)).reshape(x_t.shape)
        if "label" in condition:
            push = push * per_item(1.0 + condition["label"].to(x_t), x_t)
        return x_t / (1.0 + per_item(t, x_t)) + self.strength * push


class Numbers(nn.Module):
    """Three numbers of an item, by a layer without any symmetry; `twice` doubles them."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(noise(size, out, seed=7))

    def forward(self, x, factor=1.0):
        return factor * torch.tanh(x.flatten(1) @ self.weight)
