"""Models in which nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.empirical import Empirical
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.noise_prediction import NoisePrediction
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.schedules.variance_preserving import VariancePreserving
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.symmetric import Symmetric
from equigen.networks.steerable_unet import SteerableUNet
from equigen.spaces.centred import Centred
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.pool import AveragePool
from equigen.symmetry.action import LinearAction, PermutationAction, PointsAction
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_law import OrbitLaw
from equigen.symmetry.symmetrised import Symmetrised
from tests.symmetry.theorem.parts import C4, FIELDS, Built, DeepSet, Lengths, Net, built, drawn, steerable, tied

__all__ = ["SOUND", "Sound"]

IMAGES, FLIPS = ImageAction(C4), ImageAction(Dihedral(4))


@dataclass(frozen=True)
class Sound:
    """A model that keeps its group, and the verdict that it must get."""

    name: str
    build: Callable[[], Built]
    verdict: str = "exact"


def plain(*between: nn.Module) -> Net:
    return Net(tied(1, 4), nn.SiLU(), *between, tied(4, 1, seed=2))


def pictures() -> Tensor:
    return (drawn(3, 1, 8, 8, seed=8) > 0.5).double()


def normal_law(*shape: int) -> Denoiser:
    return Gaussian(torch.zeros(shape), Isotropic(0.5)).denoiser(EDM())


def orbit(group: Dihedral | Cyclic) -> Built:
    action = ImageAction(group)
    return built(OrbitLaw(Empirical(pictures()), action).denoiser(EDM()), action)


def orbit_on_the_plane() -> Built:
    law = GaussianMixture(torch.tensor([0.7, 0.3]), torch.tensor([[2.0, 0.1], [0.4, 1.0]]), torch.tensor([0.1, 0.2]))
    action = LinearAction(irreducible(Cyclic(6), "1"))
    return built(OrbitLaw(law, action).denoiser(EDM()), action, (2,))


class Perceptron(nn.Module):
    """Two dense layers of all numbers of an item: of no group."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(size, 16), nn.Linear(16, size)
        with torch.no_grad():
            for k, one in enumerate((self.first, self.last)):
                one.weight.copy_(drawn(*one.weight.shape, seed=k) / one.in_features**0.5)
                one.bias.copy_(0.1 * drawn(*one.bias.shape, seed=5 + k))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x.flatten(1)) + noise[:, None])).reshape(x.shape)


def averaged(action: ImageAction | PointsAction, shape: tuple[int, ...]) -> Built:
    made = built(Perceptron(torch.Size(shape).numel()), action, shape)
    return Built(DiffusionModel(made.model.space, Symmetrised(made.model.denoiser, action)), action, made.x)


def unet(
    symmetry: str, shape: tuple[int, int, int] = (1, 8, 8), channels: tuple[int, ...] = (8,), fields: str | None = None
) -> Built:
    network = SteerableUNet(symmetry, shape, channels=channels, fields=fields)
    with torch.no_grad():
        for k, weight in enumerate(network.parameters()):
            if not bool(weight.any()):  # layers that start at zero would hide the others
                weight.copy_(0.2 * drawn(*weight.shape, seed=k))
    return built(network, ImageAction(network.group, network.field_type), shape)


def other_schedule() -> Built:
    denoiser = NetworkDenoiser(plain(), VariancePreserving(), NoisePrediction())
    return built(denoiser, IMAGES)


class ByLabel(nn.Module):
    """A network with a number for each label."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.classes = inner, 3
        self.table = nn.Parameter(drawn(3, seed=6))

    def forward(self, x: Tensor, noise: Tensor, label: Tensor | None = None) -> Tensor:
        out = self.inner(x, noise)
        if label is None:
            return out
        return out + torch.where(label >= 0, self.table[label.clamp_min(0)], 0.0).reshape(-1, 1, 1, 1)


def labelled() -> Built:
    made = built(ByLabel(plain()), FLIPS)
    made.condition["label"] = torch.tensor([0, 1, 2, 1])
    return made


class Attention(nn.Module):
    """Attention over pixels that knows no places."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.flatten(2)
        return x + (y @ torch.softmax(y.mT @ y / y.shape[1], -1).mT).reshape(x.shape)


class Circular(nn.Module):
    """A convolution on a circle of six places."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(1, 4, 3), nn.Conv1d(4, 1, 3)
        with torch.no_grad():
            for k, one in enumerate((self.first, self.last)):
                one.weight.copy_(0.5 * drawn(*one.weight.shape, seed=k))
                one.bias.copy_(0.1 * drawn(*one.bias.shape, seed=3 + k))

    def forward(self, x: Tensor) -> Tensor:
        y = x[:, None]
        for layer in (self.first, self.last):
            y = torch.nn.functional.silu(layer(torch.cat((y[..., -1:], y, y[..., :1]), -1)))
        return y[:, 0]


class OnGraphs(nn.Module):
    """Adjacency matrices (B, n, n) by themselves, by their products and by their sums: nodes may come in any order."""

    def forward(self, x: Tensor) -> Tensor:
        near = torch.tanh(x)
        return 0.4 * near + 0.1 * near @ near.mT + 0.1 * (near.sum(1, keepdim=True) + near.sum(2, keepdim=True))


def vectors() -> Built:
    fields = FieldType(C4, "1x0e + 1x1")
    scale = Scale(torch.tensor([0.4, 0.0, 0.0]), torch.tensor([2.0, 1.5, 1.5]))
    made = unet("C4", (3, 8, 8), fields="1x0e + 1x1")
    model = DiffusionModel(made.model.space, made.model.denoiser, scale)
    return Built(model, ImageAction(C4, fields), made.x)


def scaled() -> Built:
    network = Net(tied(2, 4), nn.SiLU(), tied(4, 2, seed=2))
    return built(network, FLIPS, (2, 8, 8), scale=Scale(torch.tensor([0.5, -1.0]), torch.tensor([0.3, 2.0])))


def points(network: nn.Module | Denoiser, group: O2 | SO2 | Cyclic) -> Built:
    return built(network, PointsAction(group), space=Centred(4, 2))


def odd_pool() -> Built:
    layers = (nn.MaxPool2d(3, 2), nn.SiLU(), nn.Upsample((9, 9), mode="bilinear", align_corners=True))
    return built(plain(*layers), FLIPS, (1, 9, 9))


SOUND = [
    Sound("the normal law on images", lambda: built(normal_law(1, 8, 8), FLIPS)),
    Sound("the normal law on points", lambda: points(normal_law(4, 2), O2())),
    Sound("pictures in quarter turns", lambda: orbit(C4)),
    Sound("pictures and their mirror images", lambda: orbit(Dihedral(1))),
    Sound("a mixture with six poses", orbit_on_the_plane),
    Sound("an averaged perceptron, C4", lambda: averaged(IMAGES, (1, 8, 8))),
    Sound("an averaged perceptron, D4", lambda: averaged(FLIPS, (1, 5, 5))),
    Sound("an averaged perceptron on points", lambda: averaged(PointsAction(Cyclic(5)), (3, 2))),
    Sound("a steerable U-Net of C4", lambda: unet("C4", channels=(4, 4))),
    Sound("a steerable U-Net of D4", lambda: unet("D4", (1, 9, 9))),
    Sound("a steerable U-Net of C2", lambda: unet("C2", (1, 8, 12), (4, 4))),
    Sound("a steerable U-Net on numbers and vectors", vectors),
    Sound("kernels that follow D4", lambda: built(plain(), FLIPS)),
    Sound("pools that fit", lambda: built(plain(nn.AvgPool2d(2), nn.SiLU(), nn.Upsample(scale_factor=2)), FLIPS)),
    Sound("a max-pool of three on an odd map", odd_pool),
    Sound("dropout that is off", lambda: built(plain(nn.Dropout()).train(), FLIPS)),
    Sound("steerable convolutions", lambda: built(steerable(), IMAGES)),
    Sound(
        "a steerable pool that fits",
        lambda: built(steerable(AveragePool(FIELDS, 2), nn.Upsample(scale_factor=2)), IMAGES),
    ),
    Sound("a flip of rectangles", lambda: built(plain(), ImageAction(Dihedral(1)), (1, 6, 8))),
    Sound("half turns and flips of rectangles", lambda: built(plain(), ImageAction(Dihedral(2)), (1, 6, 8))),
    Sound("another schedule", other_schedule),
    Sound("labels", labelled),
    Sound("a scale by channel", scaled),
    Sound("attention without places", lambda: built(plain(Attention()), FLIPS)),
    Sound("a set of nodes", lambda: built(Net(DeepSet(3)), PermutationAction(Symmetric(5)), (5, 3))),
    Sound("graphs", lambda: built(Net(OnGraphs()), PermutationAction(Symmetric(5), axes=2), (5, 5))),
    Sound("points by their distances, O2", lambda: points(Net(Lengths()), O2())),
    Sound("points by their distances, C7", lambda: points(Net(Lengths()), Cyclic(7))),
    Sound("points in any order", lambda: built(Net(Lengths()), PermutationAction(Symmetric(4)), space=Centred(4, 2))),
    Sound("a circle", lambda: built(Net(Circular()), LinearAction(regular(Cyclic(6))), (6,))),
]
