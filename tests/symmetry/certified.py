"""Networks to certify, sound ones and such in which something was broken."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import Cyclic
from equigen.random import Stream, normal
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.invariant import Invariant
from equigen.steerable.module import SteerableModule
from equigen.steerable.resampling.pool import GlobalAveragePool
from equigen.symmetry.certificate import Certificate, Claim

C4 = Cyclic(4)
IMAGE, FIELDS = FieldType(C4, "1x0e"), FieldType(C4, "2xregular")


def images(size: int = 9, count: int = 3) -> Tensor:
    return normal((1, size, size), seed=5, stream=Stream.LAW, item=torch.arange(count), dtype=torch.float64)


class Invariants(nn.Sequential):
    """Layers, and the numbers that are left of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(1)


def network(*between: nn.Module) -> Invariants:
    """Two convolutions around what is given, and a mean over positions."""
    end = Invariant(FIELDS, "max")
    layers = (SteerableConv2d(IMAGE, FIELDS, 3, padding=1), Pointwise(FIELDS, nn.ELU()), *between, end)
    return Invariants(*layers, GlobalAveragePool(end.out_type))


class Shifted(SteerableModule):
    """What is wrong by so much: each map and a shift of it, which no turn leaves alone."""

    def __init__(self, fields: FieldType, by: float) -> None:
        super().__init__(fields, fields)
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by * x.roll(1, -1) * torch.arange(x.shape[-1], dtype=x.dtype)

    def plain(self) -> nn.Module:
        return nn.Identity()


class After(Invariants):
    """Layers, and what is done to the numbers that they give."""

    def __init__(self, function: Callable[[Tensor], Tensor], layers: nn.Sequential) -> None:
        super().__init__(*layers)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(super().forward(x))


def claims(found: Certificate) -> dict[str, Claim]:
    """By the last words of what is claimed."""
    return {claim.statement.split()[0] + " " + claim.statement.split()[-1]: claim for claim in found.claims}
