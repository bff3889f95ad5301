"""Parts of small models, sound ones: kernels, layers, networks, and the models made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane_groups import Cyclic
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.space import Space
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import Action

__all__ = [
    "C4",
    "FIELDS",
    "IMAGE",
    "Built",
    "DeepSet",
    "Lengths",
    "Net",
    "built",
    "drawn",
    "steerable",
    "tied",
]

C4 = Cyclic(4)
IMAGE, FIELDS = FieldType(C4, "1x0e"), FieldType(C4, "2xregular")


@dataclass
class Built:
    """A model, what is to act on its items, items in data units, and their conditions."""

    model: DiffusionModel
    action: Action
    x: Tensor
    condition: dict[str, Tensor] = field(default_factory=dict)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same each time."""
    return normal(shape, seed=seed, stream=Stream.INITIALISATION)


def built(
    network: nn.Module | Denoiser,
    action: Action,
    shape: Sequence[int] = (1, 8, 8),
    *,
    space: Space | None = None,
    scale: Scale | None = None,
    items: int = 4,
) -> Built:
    """A model of a network, or of a denoiser, with items of its shape."""
    space = Euclidean(*shape) if space is None else space
    whole = network if isinstance(network, Denoiser) else NetworkDenoiser(network, EDM(), KarrasPreconditioning())
    x = normal(space.shape, seed=7, stream=Stream.LAW, item=torch.arange(items))
    return Built(DiffusionModel(space, whole, scale), action, space.at().project(x))


def tied(inward: int, outward: int, seed: int = 0, **how: int) -> nn.Conv2d:
    """A convolution whose 3 x 3 kernels have one number in the middle, one at edges, one at corners: it follows D4."""
    conv = nn.Conv2d(inward, outward, 3, **{"padding": 1, **how})
    ring = torch.tensor([[2, 1, 2], [1, 0, 1], [2, 1, 2]])
    with torch.no_grad():
        conv.weight.copy_((0.6 * drawn(outward, inward, 3, seed=seed))[:, :, ring])
        conv.bias.copy_(0.3 * drawn(outward, seed=seed + 1))
    return conv


class Net(nn.Module):
    """Layers whose result grows with the noise; images, vectors and points alike."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return 0.1 * self.layers(x) * (1.0 + 0.3 * torch.tanh(noise)).reshape(-1, *[1] * (x.ndim - 1))


def steerable(*between: nn.Module) -> Net:
    """Two steerable convolutions of C4 around what is given, on its regular fields."""
    first, last = SteerableConv2d(IMAGE, FIELDS, 3, padding=1), SteerableConv2d(FIELDS, IMAGE, 3, padding=1)
    return Net(first, Pointwise(FIELDS, nn.SiLU()), *between, last)


class DeepSet(nn.Module):
    """Rows (B, n, F), each by itself and with the mean of all: they may come in any order."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.own, self.mean = nn.Linear(features, 8), nn.Linear(features, 8)
        self.out = nn.Linear(8, features)
        with torch.no_grad():
            for k, one in enumerate((self.own, self.mean, self.out)):
                one.weight.copy_(drawn(*one.weight.shape, seed=k) * 0.4)
                one.bias.copy_(drawn(*one.bias.shape, seed=9 + k) * 0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.nn.functional.silu(self.own(x) + self.mean(x.mean(-2, keepdim=True))))


class Lengths(nn.Module):
    """Points (B, n, 2) that pull and push each other by their distances: they may turn, and come in any order."""

    def forward(self, x: Tensor) -> Tensor:
        apart = x[:, :, None] - x[:, None]
        far = apart.square().sum(-1, keepdim=True)
        return 0.3 * x + (apart * (torch.exp(-far) - 0.1 / (1.0 + far))).sum(2)
