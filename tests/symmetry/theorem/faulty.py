"""Parts that break a symmetry, each in its own way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.scale import Scale
from equigen.diffusion.solvers.euler import Euler
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.solver import Noise, State
from equigen.random import Stream
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.space import BoundSpace
from equigen.symmetry.action import PointsAction
from equigen.symmetry.image_action import ImageAction
from tests.symmetry.theorem.parts import drawn

__all__ = [
    "Backwards",
    "ByPixel",
    "Clamped",
    "Coarse",
    "Drifting",
    "Drop",
    "HalfPixel",
    "Labelled",
    "NoisyRows",
    "Patterned",
    "Placed",
    "PlacedOnce",
    "PreconditionedByPixel",
    "RelativeAttention",
    "Rolled",
    "Rounded",
    "SharedNorm",
    "Sheared",
    "SingleOnly",
    "Untied",
    "Windowed",
]


class Placed(nn.Module):
    """A positional embedding."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.places = nn.Parameter(0.1 * drawn(*shape, seed=3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.places


class PlacedOnce(nn.Module):
    """A positional embedding that counts below one noise level only."""

    def __init__(self, inner: nn.Module, below: float) -> None:
        super().__init__()
        self.inner, self.below, self.places = inner, math.log(below) / 4, nn.Parameter(drawn(1, 8, 8, seed=3))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.inner(x, noise) + (noise < self.below).reshape(-1, 1, 1, 1) * self.places


class Drop(nn.Module):
    """Dropout that evaluation does not switch off."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.1, training=True)


class Rounded(nn.Module):
    """A mean over nine pixels that is summed in half precision, one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        padded, sides = nn.functional.pad(x, (1, 1, 1, 1)).bfloat16(), x.shape[-2:]
        total = torch.zeros_like(x, dtype=torch.bfloat16)
        for row in range(3):
            for column in range(3):
                total = total + padded[..., row : row + sides[0], column : column + sides[1]]
        return (total / 9.0).to(x)


class SingleOnly(nn.Module):
    """A layer that loses digits in float32 alone, more of them from left to right."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.01 * torch.arange(x.shape[-1]).to(x) if x.dtype == torch.float32 else x


class Untied(nn.Module):
    """A bias of its own for each channel of a field."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(0.2 * drawn(channels, seed=4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias[:, None, None]


class Rolled(nn.Module):
    """Everything one pixel to the right."""

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(1, -1)


class HalfPixel(nn.Module):
    """Half the pixels by the nearest one, and back: the first of each pair stands for both."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(nn.functional.interpolate(x, scale_factor=0.5), scale_factor=2.0)


class RelativeAttention(nn.Module):
    """Attention over pixels whose weights know how far right, and how far down, a pixel lies from another."""

    def __init__(self, side: int) -> None:
        super().__init__()
        place = torch.arange(side * side)
        down, right = place // side, place % side
        steps = (down[:, None] - down + side - 1) * (2 * side - 1) + right[:, None] - right + side - 1
        self.table = nn.Parameter(drawn((2 * side - 1) ** 2, seed=5))
        self.register_buffer("steps", steps)

    def forward(self, x: Tensor) -> Tensor:
        y = x.flatten(2)
        weights = torch.softmax(y.mT @ y / y.shape[1] + self.table[self.steps], -1)
        return x + (y @ weights.mT).reshape(x.shape)


class Labelled(nn.Module):
    """A network with an embedding of the label at each pixel."""

    def __init__(self, inner: nn.Module, shape: tuple[int, ...], only: int | None = None) -> None:
        super().__init__()
        self.inner, self.classes = inner, 3
        table = 0.3 * drawn(self.classes, *shape, seed=6)
        if only is not None:
            table[torch.arange(self.classes) != only] = 0.0
        self.table = nn.Parameter(table)

    def forward(self, x: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
        out = self.inner(x, noise)
        if label is None:
            return out
        given = (label >= 0).reshape(-1, *[1] * (x.ndim - 1))
        return out + torch.where(given, self.table[label.clamp_min(0)], 0.0)


class Clamped(nn.Module):
    """Coordinates that are cut one by one."""

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return x.clamp(-0.4, 0.4)


class SharedNorm(nn.Module):
    """A network that divides by the size of all items together."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        y = self.inner(x, noise)
        return y / y.square().mean().sqrt()


class PreconditionedByPixel(NetworkDenoiser):
    """A denoiser whose last factor differs from pixel to pixel."""

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        rows = torch.linspace(0.9, 1.1, x_t.shape[-1]).to(x_t)
        return rows * super().forward(x_t, t, **condition)


class ByPixel(Scale):
    """A scale with a shift and a factor for each pixel."""

    def __init__(self, shift: Tensor, factor: Tensor) -> None:
        super().__init__(torch.tensor(0.0), torch.tensor(1.0))
        self.shift, self.factor = shift.double(), factor.double()

    def _spread(self, value: Tensor, x: Tensor) -> Tensor:
        return value.to(x)


class Patterned(Euclidean):
    """A space whose noise is stronger on one side, as that of the prior, or as all but that of the prior."""

    def __init__(self, *shape: int, prior: bool) -> None:
        super().__init__(*shape)
        object.__setattr__(self, "prior", prior)

    def at(self, structure: Tensor | None = None) -> BoundSpace:
        return _Patterned(super().at(structure), self.prior)


class _Patterned(BoundSpace):
    def __init__(self, space: BoundSpace, prior: bool) -> None:
        self.space, self.prior, self.shape = space, prior, space.shape

    def project(self, x: Tensor) -> Tensor:
        return self.space.project(x)

    @property
    def ndof(self) -> Tensor:
        return self.space.ndof

    def noise(self, *, stream: Stream, **address: Any) -> Tensor:
        z = self.space.noise(stream=stream, **address)
        return z * torch.linspace(0.5, 1.5, z.shape[-1]).to(z) if (stream == Stream.PRIOR) == self.prior else z


class Windowed(Euclidean):
    """A space of images whose first column is empty."""

    def at(self, structure: Tensor | None = None) -> BoundSpace:
        return _Windowed(self.shape)


@dataclass(frozen=True)
class _Windowed(BoundSpace):
    shape: tuple[int, ...]

    def project(self, x: Tensor) -> Tensor:
        return x * (torch.arange(x.shape[-1]) > 0).to(x)

    @property
    def ndof(self) -> Tensor:
        return torch.tensor(float(self.shape[0] * self.shape[1] * (self.shape[2] - 1)), dtype=torch.float64)


@dataclass(frozen=True)
class Sheared(PointsAction):
    """Rotations in skewed coordinates, which keep no lengths."""

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        skew = torch.tensor([[1.0, 0.5], [0.0, 1.0]]).to(x)
        return super().__call__(g, x @ skew.mT) @ torch.linalg.inv(skew).mT


@dataclass(frozen=True)
class Backwards(ImageAction):
    """Half turns go by a quarter only: no product of two quarters."""

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        half = torch.isclose(g[..., :1], torch.tensor(torch.pi, dtype=g.dtype))
        return super().__call__(torch.where(half, g / 2, g), x)


class Coarse(Euler):
    """A step that ends on a grid of places."""

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        return State((super().step(denoiser, state, t, s, noise).x * 64).round() / 64)


class Drifting(Euler):
    """A step that adds the same small picture each time."""

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        x = super().step(denoiser, state, t, s, noise).x
        return State(x + 1e-4 * torch.arange(x[0].numel()).to(x).reshape(x.shape[1:]))


class NoisyRows(EulerMaruyama):
    """A step whose noise is stronger on one side."""

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        def uneven(k: int) -> Tensor:
            z = noise(k)
            return z * torch.linspace(0.9, 1.1, z.shape[-1]).to(z)

        return super().step(denoiser, state, t, s, uneven)
