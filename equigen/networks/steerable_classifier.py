"""Classifiers whose logits do not change when the image is turned: the course's trunk under any group of the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from equigen import random
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import plane_group
from equigen.groups.representation import trivial
from equigen.networks.trunk import FUNCTIONS, ROOMY, Activation, Fields, trunk
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.pool import GlobalAveragePool
from equigen.steerable.sequential import SteerableSequential

__all__ = ["SteerableClassifier"]

_LEAST = 4  # pixels of the shorter side
_INVARIANTS = 8  # numbers that are left of an image, in units of the width


class SteerableClassifier(nn.Module):
    """Logits of images (C, H, W) that the group does not change: f(g x) = f(x).

    Six steerable convolutions with batch normalisation and activations between; a linear map onto trivial fields and
    their mean over all positions, which are invariant; batch normalisation, a function, and a linear layer. Under "C1"
    nothing is tied, and it is a plain convolutional network.

    Args:
        symmetry: name of the group: "C1" (none), "C4", "C8", "C16", "D4", "SO2", "O2", or any other of the plane.
        shape: (C, H, W) of an image.
        classes: number of logits.
        width: fields of the first convolution; the six have 1, 2, 4, 4, 8, 8 times as many. A field of C_N has N
            channels, of D_N 2 N, of SO(2) 2 `frequency` + 1 and of O(2) twice that: "C1" with width |G| w has the
            channels, and the products, of G with width w.
        frequency: largest one of the fields of SO(2) and O(2).
        activation: "pointwise" or "fourier" on functions on the group, "norm" or "gated" on their irreps; None:
            pointwise for finite groups, fourier for infinite ones.
        function: of one number: "elu", "relu" or "silu".
        samples: of each function in a Fourier activation, a multiple of 4; None: as many as leave an error of 1e-3.
        restrict: name of a subgroup that alone acts from the fifth convolution on, with as many channels.
        disk: whether the image and every map after it are cut to their largest disk, whose border turns into itself;
            None: where the group has more than the quarter turns and flips of the grid, and sides 20 pixels or more.
        seed: of the initial weights; torch's global generator is left as it was.

    Attributes:
        group: the group.
        trunk: from the image to fields.
        invariants: from these fields to 8 `width` numbers, (B, 8 width, 1, 1).
        head: from these numbers to logits, plain torch.

    Raises:
        ValueError: an unknown group or function, no subgroup, an activation that does not go with the group, or images
            too small.

    Error: quarter turns and flips of the group in evaluation mode to 1e-5 (float32) and 1e-11 (float64) of the logits;
        other angles to the aliasing of kernels, activations and blurs, which the lab "equivariance" takes apart.

    Source: as in `equigen.networks.trunk`; the restriction from the same paper, section 2.7.

    Example:
        >>> import torch
        >>> network = SteerableClassifier("C4", (1, 29, 29), classes=10).eval()
        >>> x = torch.rand(2, 1, 29, 29)
        >>> torch.allclose(network(x), network(x.rot90(1, (2, 3))), atol=1e-5)
        True
    """

    def __init__(
        self,
        symmetry: str,
        shape: Sequence[int],
        classes: int,
        *,
        width: int = 8,
        frequency: int = 3,
        activation: Activation | None = None,
        function: Literal["elu", "relu", "silu"] = "elu",
        samples: int | None = None,
        restrict: str | None = None,
        disk: bool | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _require(shape, classes, width, function)
        self.symmetry, self.shape, self.classes = symmetry, tuple(shape), classes
        self.width, self.frequency, self.activation = width, frequency, activation
        self.function, self.samples, self.restrict, self.disk, self.seed = function, samples, restrict, disk, seed
        self.group = plane_group(symmetry)
        kind: Activation = activation or ("fourier" if self.group.order is None else "pointwise")
        fields = Fields(self.group, frequency, kind, function, samples)
        rim = self.group.on_grid() != self.group and min(shape[1:]) >= ROOMY if disk is None else disk
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
            self.trunk = trunk(fields, shape[0], (shape[1], shape[2]), width, restrict=_subgroup(restrict), disk=rim)
            self._build_head(self.trunk.out_type, _INVARIANTS * width)

    def _build_head(self, fields: FieldType, numbers: int) -> None:
        scalars = FieldType(fields.group, [(numbers, trivial(fields.group))])
        self.invariants = SteerableSequential(
            SteerableConv2d(fields, scalars, 1, bias=False), GlobalAveragePool(scalars)
        )
        self.head = nn.Sequential(nn.BatchNorm1d(numbers), FUNCTIONS[self.function](), nn.Linear(numbers, self.classes))

    def forward(self, x: Tensor) -> Tensor:
        """The logits (B, classes) of images (B, C, H, W).

        The size may be another one than that of `shape`: `equigen.steerable.plan(network.trunk, size)` says whether
        quarter turns are exact there.

        Raises:
            ValueError: another number of channels, or maps too small.
        """
        return self.head(self.invariants(self.trunk(x)).flatten(1))

    def extra_repr(self) -> str:
        """The group and the shape of an image."""
        subgroup = f" -> {self.restrict}" if self.restrict else ""
        return f"{self.group.name}{subgroup}, shape={self.shape}, classes={self.classes}"


def _subgroup(name: str | None) -> PlaneGroup | None:
    return None if name is None else plane_group(name)


def _require(shape: Sequence[int], classes: int, width: int, function: str) -> None:
    if len(shape) != 3 or shape[0] < 1 or min(shape[1:]) < _LEAST:
        raise ValueError(
            f"shape is {tuple(shape)}, but a classifier takes (channels, height, width) with sides of {_LEAST} pixels "
            "or more: shape=(1, 28, 28)."
        )
    if classes < 2 or width < 1:
        raise ValueError(f"classes is {classes} and width {width}, but 2 classes and width 1 are the least.")
    if function not in FUNCTIONS:
        raise ValueError(f"function is {function!r}, but it is one of {', '.join(FUNCTIONS)}: function='elu'.")
