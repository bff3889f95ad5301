"""The laws, actions and networks that the lab symmetry works with: points of the plane, and small images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equigen import random
from equigen.data.loading import load
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Cyclic
from equigen.spaces.euclidean import Euclidean
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import Action, LinearAction
from equigen.symmetry.image_action import ImageAction

__all__ = ["SCHEDULE", "Perceptron", "Setting", "perceptron", "pictures", "points"]

SCHEDULE = EDM(t_min=0.02, t_max=20.0)
"""From a fiftieth of the data's deviation to twenty times it."""
_WAVES = 4  # of the noise coordinate
_NARROW = 0.14  # deviation of a cloud in the plane
_WIDE = 0.45  # deviation of a component about its picture, in units of the pictures' own


@dataclass(frozen=True)
class Setting:
    """A law that a group leaves as it is.

    Args:
        law: of the data, averaged over the orbit.
        action: of the group.
        data_std: root mean square of a coordinate.
    """

    law: GaussianMixture
    action: Action
    data_std: float

    @property
    def space(self) -> Euclidean:
        """What the data are."""
        return Euclidean(*self.law.sample(1, seed=0).shape[1:])

    def exact(self) -> Denoiser:
        """E[x_0 | x_t]."""
        return self.law.denoiser(SCHEDULE)


def points(group: PlaneGroup) -> Setting:
    """A normal cloud in the plane, and all its images under a group of rotations and mirrors.

    Args:
        group: that acts on the plane.

    Example:
        >>> found = points(Cyclic(4))
        >>> x, quarter = torch.tensor([[0.3, 0.8]]).double(), Cyclic(4).elements()[1]
        >>> moved = found.law.log_prob(found.action(quarter, x))
        >>> bool((moved - found.law.log_prob(x)).abs() < 1e-12)
        True
    """
    action = LinearAction(FieldType(group, "1x1"))
    return _setting(torch.tensor([[1.1, 0.35]], dtype=torch.float64), _NARROW, action)


def pictures(count: int, seed: int) -> Setting:
    """Normal components about some of the bundled digits, 8 x 8, and about their quarter turns.

    Args:
        count: digits.
        seed: of the choice.
    """
    x = load("digits").x[:].double()
    chosen = random.permutation(len(x), seed=seed, stream=random.Stream.LAW)[:count]
    means = x[chosen] - x.mean()
    means = means / means.std(correction=0)
    return _setting(means, _WIDE, ImageAction(Cyclic(4)))


def _setting(means: Tensor, std: float, action: Action) -> Setting:
    """The average over the group of equal normal clouds, as one mixture of clouds in all poses."""
    poses = torch.cat([action(g, means) for g in action.group.elements()])
    law = GaussianMixture(torch.full((len(poses),), 1.0 / len(poses)), poses, torch.full((len(poses),), std**2))
    return Setting(law, action, math.sqrt(float(poses.square().mean()) + std**2))


class Perceptron(nn.Module):
    """A network F(x, noise) that knows of no symmetry: all numbers of an item go through two hidden layers.

    Args:
        shape: of an item.
        width: of the hidden layers.
        gain: of the hidden layers' weights; more than 1 makes a rougher function.

    Example:
        >>> Perceptron((1, 8, 8), 16, gain=1.0)(torch.zeros(3, 1, 8, 8), torch.zeros(3)).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(self, shape: tuple[int, ...], width: int, gain: float) -> None:
        super().__init__()
        size = math.prod(shape)
        self.first = nn.Linear(size + 1 + 2 * _WAVES, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, size)
        with torch.no_grad():
            for layer in (self.first, self.second, self.last):
                layer.weight.mul_(gain)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The output, in the shape of x."""
        phase = math.pi * noise[:, None] * torch.arange(1, _WAVES + 1, device=x.device, dtype=x.dtype)
        features = torch.cat([x.flatten(1), noise[:, None], phase.cos(), phase.sin()], dim=1)
        hidden = nn.functional.silu(self.second(nn.functional.silu(self.first(features))))
        return self.last(hidden).reshape(x.shape)


def perceptron(setting: Setting, width: int, seed: int, gain: float) -> NetworkDenoiser:
    """A denoiser of a perceptron with random weights.

    Args:
        setting: whose data it is for.
        width: of its hidden layers.
        seed: of the weights.
        gain: as for the perceptron.
    """
    with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
        network = Perceptron(setting.space.shape, width, gain)
    return NetworkDenoiser(network, SCHEDULE, KarrasPreconditioning(setting.data_std))
