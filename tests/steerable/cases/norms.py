"""Norms, dropout and restriction for the conformance suite: uniform types, mixed types, other bases."""

from __future__ import annotations

from math import pi

import torch

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.dropout import FieldDropout
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule
from equigen.steerable.norms.batch_norm import BatchNorm
from equigen.steerable.norms.group_norm import GroupNorm
from equigen.steerable.norms.instance_norm import InstanceNorm
from equigen.steerable.norms.layer_norm import LayerNorm
from equigen.steerable.restrict import Restriction
from tests.steerable.cases.case import Case

__all__ = ["CASES", "shaken"]


def shaken(layer):
    """The layer with weights, biases and running moments of no special value."""
    generator = torch.Generator().manual_seed(0)
    for name, value in layer.state_dict().items():
        noise = torch.rand(value.shape, generator=generator, dtype=torch.float64).to(value)
        value.add_(noise if "mean" not in name else noise - 0.5)
    return layer


def _case(name: str, layer: type[SteerableModule], group: PlaneGroup, fields: str, *, size=(6, 6), **settings):
    coupled = layer is BatchNorm
    return Case(name, lambda: shaken(layer(FieldType(group, fields), **settings)), size=size, coupled=coupled)


_C4, _D4 = Cyclic(4), Dihedral(4)
_MIXED = "2x0e + 4x1 + 2xregular"

CASES = [
    _case("batch-norm", BatchNorm, _C4, _MIXED),
    _case("batch-norm/regular", BatchNorm, _D4, "2xregular", size=(5, 8)),
    _case("batch-norm/vectors", BatchNorm, _D4, "2x1 + 1x0o", momentum=0.5),
    _case("batch-norm/rotations", BatchNorm, SO2(), "1xregular(2) + 1x1", affine=False),
    _case("group-norm", GroupNorm, _C4, _MIXED, groups=2),
    _case("group-norm/regular", GroupNorm, _D4, "4xregular", groups=2, size=(5, 8)),
    _case("group-norm/vectors", GroupNorm, O2(), "4x1 + 2x0o", groups=1, affine=False),
    _case("instance-norm", InstanceNorm, _C4, _MIXED),
    _case("instance-norm/quotient", InstanceNorm, _D4, "3xquotient(D1)"),
    _case("layer-norm", LayerNorm, _D4, "2x0e + 1x0o + 2x1 + 1xregular", size=(5, 8)),
    _case("layer-norm/regular", LayerNorm, Cyclic(8), "2xregular"),
    _case("layer-norm/vectors", LayerNorm, Dihedral(1, axis=pi / 4), "2x0o", affine=False),
    Case(
        "field-dropout", lambda: FieldDropout(FieldType(_D4, "2x0e + 2x1 + 1xregular"), 0.5), size=(6, 6), train=False
    ),
    Case("restriction", lambda: Restriction(FieldType(_D4, "1x0o + 1x1 + 1xregular"), _C4), size=(5, 8)),
]
