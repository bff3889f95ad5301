"""Which layers turn exactly with their map at which size, and what one pixel more does to a network of exact layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.plane_groups import Cyclic
from equigen.labs.equivariance.measuring import distances
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.random import Stream, fork, normal
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.exactness import plan
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule
from equigen.steerable.resampling.blur import BlurPool
from equigen.steerable.resampling.downsample import Downsample
from equigen.steerable.resampling.pool import AveragePool, MaxPool
from equigen.symmetry.error import equivariance_error
from equigen.symmetry.image_action import ImageAction

__all__ = ["LAYERS", "SIZES", "Cell", "OnePixel", "Step", "cells", "hidden_by_a_mean", "one_pixel"]

SIZES = tuple(range(27, 37))
"""Pixels on a side."""
_C4 = Cyclic(4)
_FIELDS = FieldType(_C4, "2xregular")
_QUARTER = _C4.elements()[1:]

LAYERS: dict[str, Callable[[], SteerableModule]] = {
    "convolution 3, stride 2, padding 1": lambda: SteerableConv2d(_FIELDS, _FIELDS, 3, stride=2, padding=1),
    "convolution 2, stride 2": lambda: SteerableConv2d(_FIELDS, _FIELDS, 2, stride=2),
    "convolution 4, stride 2, padding 1": lambda: SteerableConv2d(_FIELDS, _FIELDS, 4, stride=2, padding=1),
    "convolution 5, stride 2, padding 2": lambda: SteerableConv2d(_FIELDS, _FIELDS, 5, stride=2, padding=2),
    "convolution 5, stride 3, padding 1": lambda: SteerableConv2d(_FIELDS, _FIELDS, 5, stride=3, padding=1),
    "mean over 2 x 2": lambda: AveragePool(_FIELDS, 2),
    "maximum over 3 x 3, stride 2, padding 1": lambda: MaxPool(_FIELDS, 3, stride=2, padding=1),
    "blur 4, stride 2": lambda: BlurPool(_FIELDS, 4),
    "blur 5, stride 2": lambda: BlurPool(_FIELDS, 5),
    "Downsample": lambda: Downsample(_FIELDS),
}
"""Layers of C4 that make a map coarser."""


@dataclass(frozen=True)
class Cell:
    """One layer at one size.

    Args:
        layer: its name in `LAYERS`.
        size: pixels on a side.
        planned: whether `plan` says that quarter turns are exact.
        error: the largest equivariance error over the three quarter turns, on white noise in float64.
    """

    layer: str
    size: int
    planned: bool
    error: float


@dataclass(frozen=True)
class Step:
    """One layer of a network on the map that it is given there.

    Args:
        name: of the layer.
        kind: its class.
        size: of its map.
        planned: whether `plan` says that quarter turns are exact.
        own: its equivariance error at quarter turns on its own map, float64.
        so_far: that of the network up to and with it.
    """

    name: str
    kind: str
    size: int
    planned: bool
    own: float
    so_far: float


@dataclass(frozen=True)
class OnePixel:
    """A network on pictures of some size.

    Args:
        size: pixels on a side.
        steps: its layers.
        invariants: largest e_i at quarter turns of the numbers after the mean over all positions.
        logits: of the logits.
    """

    size: int
    steps: list[Step]
    invariants: float
    logits: float

    @property
    def broken(self) -> list[Step]:
        """The layers that the plan calls inexact."""
        return [step for step in self.steps if not step.planned]

    @property
    def maps(self) -> float:
        """The equivariance error of the last map."""
        return self.steps[-1].so_far


def cells(layers: Sequence[str] = tuple(LAYERS), sizes: Sequence[int] = SIZES, seed: int = 0) -> list[Cell]:
    """Every layer at every size: what the plan says, and what white noise measures.

    Example:
        >>> [(one.planned, one.error < 1e-12) for one in cells(["convolution 3, stride 2, padding 1"], [29, 30])]
        [(True, True), (False, False)]
    """
    found = []
    with fork(seed=seed, stream=Stream.INITIALISATION):
        built = {name: LAYERS[name]().double().eval() for name in layers}
    action = ImageAction(_C4, _FIELDS)
    for name, layer in built.items():
        for size in sizes:
            shape = (_FIELDS.size, size, size)
            x = normal(shape, seed=seed, stream=Stream.PROBE, item=torch.arange(2), dtype=torch.float64)
            with torch.no_grad():
                error = equivariance_error(layer, x, action, action, _QUARTER).largest
            found.append(Cell(name, size, plan(layer, size).exact, error))
    return found


@torch.no_grad()
def one_pixel(network: SteerableClassifier, pictures: Tensor) -> OnePixel:
    """What a network, built for one size, does to quarter turns on pictures of another.

    Args:
        network: under a group that has the quarter turns, float64, in evaluation mode.
        pictures: (B, C, n, n), float64.
    """
    size = pictures.shape[-1]
    planned = [layer.exact is True for layer in plan(network.trunk, size).layers]
    image = ImageAction(_C4, network.trunk.in_type)
    steps, x, before = [], pictures, image
    moved = torch.stack([image(g, pictures) for g in _QUARTER])
    for (name, layer), exact in zip(network.trunk.layers.named_children(), planned, strict=True):
        assert isinstance(layer, SteerableModule)
        action = ImageAction(_C4, layer.out_type)
        own = equivariance_error(layer, x, before, action, _QUARTER).largest
        side, x, before = x.shape[-1], layer(x), action
        moved = torch.stack([layer(one) for one in moved])
        so_far = max(float((one - action(g, x)).norm() / x.norm()) for g, one in zip(_QUARTER, moved, strict=True))
        steps.append(Step(name, type(layer).__name__, side, exact, own, so_far))
    numbers = [network.invariants(maps).flatten(1) for maps in (x, *moved)]
    logits = [network.head(one) for one in numbers]
    ends = [float(distances(torch.stack(one[1:]), one[0]).max()) for one in (numbers, logits)]
    return OnePixel(size, steps, *ends)


@torch.no_grad()
def hidden_by_a_mean(pictures: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The error at quarter turns of one strided convolution with a bad size, on its map and after a mean over the map.

    Args:
        pictures: (B, 1, n, n), float64, n even, on which kernel 3, stride 2, padding 1 is not exact.
        seed: of the weights.

    Returns:
        Of each picture, (B,), the largest equivariance error of the map over the three quarter turns, relative to the
        map's norm, and that of the mean over it, relative to the mean's norm.
    """
    with fork(seed=seed, stream=Stream.INITIALISATION):
        conv = SteerableConv2d(FieldType(_C4, "1x0e"), _FIELDS, 3, stride=2, padding=1).double()
    before, after = ImageAction(_C4, conv.in_type), ImageAction(_C4, _FIELDS)
    ends = (conv, lambda x: conv(x).mean((-2, -1), keepdim=True))
    found = [[equivariance_error(end, one[None], before, after, _QUARTER).largest for one in pictures] for end in ends]
    on_map, after_mean = torch.tensor(found, dtype=torch.float64)
    return on_map, after_mean
