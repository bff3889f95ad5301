"""Models in which one thing is wrong, and what has to be named: the premise, and the layer where a layer did it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.empirical import Empirical
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.solver import Solver
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import LinearAction, PermutationAction, PointsAction
from equigen.symmetry.image_action import ImageAction
from tests.symmetry.theorem import faulty
from tests.symmetry.theorem.parts import C4, Built, DeepSet, Lengths, Net, built, drawn, steerable, tied

__all__ = ["FAULTS", "Fault"]

IMAGES, FLIPS = ImageAction(C4), ImageAction(Dihedral(4))
VECTORS = ImageAction(C4, FieldType(C4, "1x1"))


@dataclass(frozen=True)
class Fault:
    """A model with one fault.

    premise: that must be named; layer: that must be named beside it, "" where no layer did it; solver: that it is in.
    """

    name: str
    build: Callable[[], Built]
    premise: str
    layer: str = ""
    solver: Solver | None = None


def sound() -> Net:
    return Net(tied(1, 4), nn.SiLU(), tied(4, 1, seed=2))


def between(*layers: nn.Module) -> Callable[[], Built]:
    """A model whose network has these layers between two convolutions that follow D4."""
    return lambda: built(Net(tied(1, 4), nn.SiLU(), *layers, tied(4, 1, seed=2)), IMAGES)


def double() -> nn.Module:
    return nn.Upsample(scale_factor=2)


def labelled(only: int | None = None) -> Built:
    made = built(faulty.Labelled(sound(), (1, 8, 8), only), IMAGES)
    made.condition["label"] = torch.tensor([0, 1, 2, 1])
    return made


def by_pixel(shift: float, factor: float) -> Built:
    ramp = torch.linspace(0.0, 1.0, 8).expand(1, 8, 8)
    return built(sound(), IMAGES, scale=faulty.ByPixel(shift * ramp, 1.0 + factor * ramp))


def vectors(shift: tuple[float, float], factor: tuple[float, float]) -> Built:
    scale = Scale(torch.tensor(shift), torch.tensor(factor))
    return built(normal_law(2, 8, 8), VECTORS, (2, 8, 8), scale=scale)


def normal_law(*shape: int) -> nn.Module:
    return Gaussian(torch.zeros(shape), Isotropic(1.0)).denoiser(EDM())


def unequal_channels() -> Built:
    conv = nn.Conv2d(2, 2, 1)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[1.0, 0.2], [0.1, 0.7]])[..., None, None])
        conv.bias.zero_()
    return built(Net(conv), VECTORS, (2, 8, 8))


def preconditioned() -> Built:
    made = built(sound(), IMAGES)
    made.model.denoiser = faulty.PreconditionedByPixel(sound(), EDM(), KarrasPreconditioning())
    return made


def chiral() -> Built:
    made = steerable()
    return built(made, FLIPS)


def dense(size: int, seed: int = 0) -> nn.Linear:
    linear = nn.Linear(size, size)
    with torch.no_grad():
        linear.weight.copy_(drawn(size, size, seed=seed) / size**0.5)
        linear.bias.copy_(0.1 * drawn(size, seed=seed + 1))
    return linear


class Flat(nn.Module):
    """A layer of all numbers at once."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(1)).reshape(x.shape)


def on_points(network: nn.Module, points: int = 4) -> Built:
    return built(network, PointsAction(Cyclic(8)), space=Centred(points, 2))


def upright() -> Built:
    pictures = (drawn(3, 1, 8, 8, seed=8) > 0.5).double()
    return built(Empirical(pictures).denoiser(EDM()), IMAGES)


def in_space(space: Euclidean) -> Built:
    return built(sound(), IMAGES, space=space)


def nodes(network: nn.Module) -> Built:
    return built(network, PermutationAction(Symmetric(5)), (5, 3))


def circle(network: nn.Module) -> Built:
    return built(network, LinearAction(regular(Cyclic(6))), (6,))


FAULTS = [
    Fault("an odd stride on an even map", between(tied(4, 4, 5, stride=2), double()), "denoiser", "layers.2"),
    Fault("a max-pool of three by steps of two", between(nn.MaxPool2d(3, 2, 1), double()), "denoiser", "layers.2"),
    Fault("padding on one side", between(nn.ZeroPad2d((2, 0, 2, 0)), tied(4, 4, 5, padding=0)), "denoiser", "layers.2"),
    Fault("a kernel that is not symmetric", between(nn.Conv2d(4, 4, 3, padding=1)), "denoiser", "layers.2"),
    Fault("a positional embedding", between(faulty.Placed(4, 8, 8)), "denoiser", "layers.2"),
    Fault("a shift by a pixel", between(faulty.Rolled()), "denoiser", "layers.2"),
    Fault("a resize that is off by half a pixel", between(faulty.HalfPixel()), "denoiser", "layers.2"),
    Fault(
        "a resize by no whole number",
        between(nn.AvgPool2d(2), nn.Upsample((10, 10)), nn.AvgPool2d(3, 1)),
        "denoiser",
        "layers.3",
    ),
    Fault("attention with relative positions", between(faulty.RelativeAttention(8)), "denoiser", "layers.2"),
    Fault("dropout left on", between(faulty.Drop()), "denoiser", "layers.2"),
    Fault("half precision inside", between(faulty.Rounded()), "denoiser", "layers.2"),
    Fault("digits lost in float32 alone", between(faulty.SingleOnly()), "denoiser"),
    Fault("a dense layer of pixels", lambda: built(Net(Flat(dense(64))), IMAGES), "denoiser", "layers.0.layer"),
    Fault(
        "an untied bias of regular fields", lambda: built(steerable(faulty.Untied(8)), IMAGES), "denoiser", "layers.2"
    ),
    Fault(
        "a stride on regular fields",
        lambda: built(steerable(nn.MaxPool2d(3, 2, 1), double()), IMAGES),
        "denoiser",
        "layers.2",
    ),
    Fault("a chiral kernel under flips", chiral, "denoiser", "layers.0"),
    Fault("channels of a vector mixed at will", unequal_channels, "denoiser", "layers.0"),
    Fault(
        "positions at low noise only",
        lambda: built(faulty.PlacedOnce(sound(), 0.1), IMAGES),
        "denoiser",
        "what lies outside its layers",
    ),
    Fault(
        "positions at the least noise only",
        lambda: built(faulty.PlacedOnce(sound(), 0.01), IMAGES),
        "denoiser",
        "what lies outside its layers",
    ),
    Fault("preconditioning by pixel", preconditioned, "denoiser", "what lies outside its layers"),
    Fault("a label embedding by pixel", labelled, "denoiser", "what lies outside its layers"),
    Fault("a label embedding by pixel for one class", lambda: labelled(2), "denoiser", "what lies outside its layers"),
    Fault("the law of upright pictures", upright, "denoiser"),
    Fault("a scale with a shift by pixel", lambda: by_pixel(0.3, 0.0), "scale"),
    Fault("a scale with a factor by pixel", lambda: by_pixel(0.0, 0.3), "scale"),
    Fault("a shift of vector channels", lambda: vectors((0.3, 0.0), (1.0, 1.0)), "scale"),
    Fault("two factors for one vector", lambda: vectors((0.0, 0.0), (1.0, 1.2)), "scale"),
    Fault("a prior with a pattern", lambda: in_space(faulty.Patterned(1, 8, 8, prior=True)), "prior"),
    Fault("noise that is not isotropic", lambda: in_space(faulty.Patterned(1, 8, 8, prior=False)), "noise"),
    Fault("a space without its first column", lambda: in_space(faulty.Windowed(1, 8, 8)), "action"),
    Fault(
        "an action that keeps no lengths", lambda: built(normal_law(3, 2), faulty.Sheared(Cyclic(4)), (3, 2)), "action"
    ),
    Fault("an action that is no group", lambda: built(sound(), faulty.Backwards(C4)), "action"),
    Fault("a solver on a grid of places", lambda: on_points(Net(Lengths())), "solver", "Coarse", faulty.Coarse()),
    Fault("a solver with a drift", lambda: built(sound(), IMAGES), "solver", "Drifting", faulty.Drifting()),
    Fault("a solver with uneven noise", lambda: built(sound(), IMAGES), "solver", "NoisyRows", faulty.NoisyRows()),
    Fault(
        "a step shared by the batch",
        lambda: built(sound(), IMAGES),
        "batch",
        "PredictorCorrector",
        PredictorCorrector(norm="batch-mean"),
    ),
    Fault("a norm shared by the batch", lambda: built(faulty.SharedNorm(sound()), IMAGES), "batch"),
    Fault("clamped points", lambda: on_points(faulty.Clamped()), "denoiser"),
    Fault("coordinates by themselves", lambda: on_points(Net(DeepSet(2))), "denoiser"),
    Fault("numbered nodes", lambda: nodes(Net(DeepSet(3), faulty.Placed(5, 1))), "denoiser"),
    Fault("a dense layer of nodes", lambda: nodes(Net(Flat(dense(15)))), "denoiser"),
    Fault("a dense layer on a circle", lambda: circle(Net(dense(6), nn.SiLU(), dense(6, 4))), "denoiser"),
]
