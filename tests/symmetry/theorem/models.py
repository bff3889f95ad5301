"""Small models to certify: sound ones, and such in which something was broken."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane_groups import Cyclic, plane_group
from equigen.random import Stream, fork, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.space import Space
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType

__all__ = ["C4", "ByFunction", "Layers", "by_function", "by_layers", "images", "plain"]

C4 = Cyclic(4)


def images(side: int = 6, count: int = 4, channels: int = 1) -> Tensor:
    """White images, float64."""
    return normal((channels, side, side), seed=3, stream=Stream.LAW, item=torch.arange(count), dtype=torch.float64)


class ByFunction(Denoiser):
    """x / (1 + t^2) and a share of a function of x."""

    def __init__(self, function: Callable[[Tensor], Tensor], share: float = 0.3) -> None:
        super().__init__()
        self.schedule, self.function, self.share = EDM(), function, share

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        calm = per_item(1.0 / (1.0 + t**2), x_t) * x_t
        return calm + self.share * self.function(calm)


def by_function(
    function: Callable[[Tensor], Tensor], share: float = 0.3, *, space: Space | None = None
) -> DiffusionModel:
    """A model of images of 6 x 6 whose denoiser a function makes."""
    return DiffusionModel(space or Euclidean(1, 6, 6), ByFunction(function, share))


class Layers(nn.Sequential):
    """Layers that are called with a noise level which they do not look at."""

    def forward(self, input: Tensor, noise: Tensor | None = None) -> Tensor:
        return super().forward(input)


def by_layers(name: str, *between: nn.Module, fields: str = "2xregular") -> DiffusionModel:
    """A model whose network is two steerable convolutions around what is given."""
    group = plane_group(name)
    image, maps = FieldType(group, "1x0e"), FieldType(group, fields)
    with fork(seed=1, stream=Stream.INITIALISATION):
        layers = Layers(
            SteerableConv2d(image, maps, 3, padding=1),
            Pointwise(maps, nn.SiLU()),
            *between,
            SteerableConv2d(maps, image, 3, padding=1),
        )
    return DiffusionModel(Euclidean(1, 6, 6), NetworkDenoiser(layers, EDM(), KarrasPreconditioning(1.0)))


def plain() -> DiffusionModel:
    """A model whose network knows no group."""
    with fork(seed=2, stream=Stream.INITIALISATION):
        layers = Layers(nn.Conv2d(1, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 1, 3, padding=1))
    return DiffusionModel(Euclidean(1, 6, 6), NetworkDenoiser(layers, EDM(), KarrasPreconditioning(1.0)))
