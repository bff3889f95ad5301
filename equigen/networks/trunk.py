"""The convolutional trunk of a classifier: six convolutions whose windows fit the size of the image.

At 29 pixels it is the course's: 29 -> 25 (kernel 7, padding 1) -> 25 -> 13 -> 13 -> 13 -> 7 -> 7 -> 5. At every other
size the windows of the blurs between are chosen so that quarter turns and flips stay exact.

The border of a square has four rotations: convolutions carry an image out to it, and what is cut off there changes with
the pose. Cut to their largest disks, maps end in a border that every rotation leaves alone, and logits of SO(2) move
about a third as far between quarter turns (the lab "equivariance" takes this apart).

Source: the layers as the course's text lists them, after the example network of M. Weiler, G. Cesa, General
E(2)-equivariant steerable CNNs, NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import nn

from equigen.groups.function_spaces import regular
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation, irreducible
from equigen.networks.disk import Disk
from equigen.steerable.activations.fourier import FourierActivation
from equigen.steerable.activations.gated import GatedActivation, with_gates
from equigen.steerable.activations.norm import NormActivation
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.kernels.default import default_basis
from equigen.steerable.module import SteerableModule
from equigen.steerable.norms.batch_norm import BatchNorm
from equigen.steerable.resampling.blur import BlurPool
from equigen.steerable.resampling.downsample import Downsample
from equigen.steerable.restrict import Restriction
from equigen.steerable.sequential import SteerableSequential

__all__ = ["FUNCTIONS", "ROOMY", "Activation", "Fields", "trunk"]

FUNCTIONS: dict[str, type[nn.Module]] = {"elu": nn.ELU, "relu": nn.ReLU, "silu": nn.SiLU}
"""Name of a function of one number -> its module."""

ROOMY = 20
"""Sides from which on the first kernel may cut the frame, and a disk leaves enough of the image."""

Activation = Literal["pointwise", "fourier", "norm", "gated"]

_WIDTHS = (1, 2, 4, 4, 8, 8)  # fields of each convolution, in units of the width
_RESTRICTED = 4  # convolutions before the group is restricted
_COARSEST = 7  # sides down to which maps are made coarser
_LARGE = 40  # sides above which maps are made coarser straight after the first convolution


@dataclass(frozen=True)
class Fields:
    """Which fields a layer has, and what acts on them.

    Args:
        group: of the layer.
        frequency: largest one of the fields of an infinite group.
        activation: its kind.
        function: of one number, by its name in `FUNCTIONS`.
        samples: of a Fourier activation; None: found from an error of 1e-3.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> str(Fields(Cyclic(4), 3, "pointwise", "elu", None).type(8))
        '8xregular'
        >>> str(Fields(SO2(), 2, "norm", "elu", None).type(8))
        '8x0e + 8x1 + 8x2'
    """

    group: PlaneGroup
    frequency: int
    activation: Activation
    function: str
    samples: int | None

    @property
    def regular(self) -> Representation:
        """The functions on the group, up to the largest frequency on an infinite one."""
        return regular(self.group, self.frequency if self.group.order is None else None)

    def type(self, count: int) -> FieldType:
        """So many fields of functions on the group; taken apart into irreps where the activation acts on each alone."""
        if self.activation in ("pointwise", "fourier"):
            return FieldType(self.group, [(count, self.regular)])
        times: dict[str, int] = {}
        for irrep in self.regular.irreps:
            times[irrep.name] = times.get(irrep.name, 0) + count
        return FieldType(self.group, [(n, irreducible(self.group, name)) for name, n in times.items()])

    def before(self, count: int, in_type: FieldType, kernel_size: int) -> FieldType:
        """What a convolution of `in_type` has to give, so that the activation makes `count` fields of it.

        Irreps that no filter reaches are left out: from scalars there is none to the sign of a reflection.
        """
        basis, sources = default_basis(self.group), [rep for _, rep in in_type.terms]
        terms = [
            (n, rep)
            for n, rep in self.type(count).terms
            if any(basis.dimension(source, rep, kernel_size) for source in sources)
        ]
        reached = FieldType(self.group, terms)
        return with_gates(reached) if self.activation == "gated" else reached

    def act(self, in_type: FieldType) -> SteerableModule:
        """The activation.

        Raises:
            ValueError: the activation does not go with the group.
        """
        function = FUNCTIONS[self.function]()
        if self.activation == "pointwise":
            return Pointwise(in_type, function)
        if self.activation == "fourier":
            return FourierActivation(in_type, function, samples=self.samples)
        if self.activation == "norm":
            return NormActivation(in_type, function, bias=0.5)
        return GatedActivation(in_type, function)


def trunk(
    fields: Fields, channels: int, size: tuple[int, int], width: int, *, restrict: PlaneGroup | None, disk: bool
) -> SteerableSequential:
    """Convolution, normalisation, activation, six times, and blurs between them.

    Args:
        fields: of the layers.
        channels: of the image, scalars.
        size: (H, W) of the image, 4 or more.
        width: fields of the first convolution.
        restrict: subgroup that alone acts from the fifth convolution on, with as many channels; None: the group stays.
        disk: whether every map, the image first, is cut to its largest disk.

    Raises:
        ValueError: an activation that does not go with the group, or no subgroup.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> layers = trunk(Fields(Cyclic(4), 3, "pointwise", "elu", None), 1, (29, 29), 8, restrict=None, disk=True)
        >>> layers.out_type.size, layers(__import__("torch").zeros(1, 1, 29, 29)).shape[-2:]
        (256, torch.Size([5, 5]))
    """
    image = FieldType(fields.group, f"{channels}x0e")
    return SteerableSequential(*_layers(fields, image, size, width, restrict, disk), size=size)


def _layers(
    fields: Fields, image: FieldType, size: tuple[int, int], width: int, restrict: PlaneGroup | None, disk: bool
) -> Iterator[SteerableModule]:
    """The layers in their order, each of which fits the map that the one before leaves."""
    roomy, type_ = min(size) >= ROOMY, image
    if disk:
        yield Disk(image)
    for place, times in enumerate(_WIDTHS):
        if place == _RESTRICTED and restrict is not None:
            yield Restriction(type_, restrict)
            type_ = type_.restrict(restrict)
            larger, fields = fields, Fields(restrict, *list(vars(fields).values())[1:])
            width *= larger.regular.size // fields.regular.size
        kernel, padding = (7, 1) if place == 0 and roomy else (5, 1) if place == 5 and roomy else (5, 2)
        conv = SteerableConv2d(type_, fields.before(times * width, type_, kernel), kernel, padding=padding, bias=False)
        act = fields.act(conv.out_type)
        yield from (conv, BatchNorm(conv.out_type), act, *([Disk(act.out_type)] if disk else []))
        type_, size = act.out_type, (size[0] + 2 * padding - kernel + 1, size[1] + 2 * padding - kernel + 1)
        while (place == 0 and min(size) > _LARGE) or (place in (1, 3) and min(size) >= _COARSEST):
            yield _coarser(type_, size)
            size = (-(-size[0] // 2), -(-size[1] // 2))
            if place:
                break


def _coarser(type_: FieldType, size: tuple[int, int]) -> SteerableModule:
    """A map of half the size, exactly: blurred by an even window on even sides, by an odd one on odd sides."""
    if size[0] % 2 != size[1] % 2:
        return Downsample(type_)
    return BlurPool(type_, 4 if size[0] % 2 == 0 else 5)
