"""Activations and invariant maps for the conformance suite: every group with its own kinds of fields."""

from __future__ import annotations

from math import pi

from torch import nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.activations.fourier import FourierActivation
from equigen.steerable.activations.gated import GatedActivation
from equigen.steerable.activations.norm import NormActivation
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.field_type import FieldType
from equigen.steerable.invariant import Invariant
from equigen.steerable.module import SteerableModule
from tests.steerable.cases.case import Case

__all__ = ["CASES"]


def _case(name: str, layer: type[SteerableModule], group: PlaneGroup, fields: str, *args, smooth=True, size=(6, 6)):
    """A case; modules among the arguments are given as classes, so that no two layers share weights."""

    def build() -> SteerableModule:
        return layer(FieldType(group, fields), *(arg() if isinstance(arg, type) else arg for arg in args))

    return Case(name, build, size=size, smooth=smooth)


_C4, _D4 = Cyclic(4), Dihedral(4)

CASES = [
    _case("pointwise", Pointwise, _C4, "2x0e + 1xregular", nn.ReLU, smooth=False),
    _case("pointwise/quotient", Pointwise, _D4, "1xquotient(C2) + 1xregular", nn.PReLU, smooth=False, size=(5, 8)),
    _case("pointwise/function", Pointwise, Dihedral(1, axis=pi / 4), "1xregular", nn.functional.silu),
    _case("fourier", FourierActivation, SO2(), "1x0e + 2xregular(3)", nn.SiLU, 12),
    _case("fourier/reflections", FourierActivation, O2(), "1xregular(2) + 1xquotient(D1, 2)", nn.Tanh, 12, size=(5, 8)),
    _case("fourier/target", FourierActivation, SO2(), "2xregular(2)", nn.SiLU),
    _case("fourier/finite", FourierActivation, Cyclic(8), "1xregular(2) + 1xregular", nn.SiLU),
    _case("fourier/dihedral", FourierActivation, Dihedral(2, axis=pi / 4), "1xregular(1) + 1x0e", nn.SiLU),
    _case("norm", NormActivation, _C4, "1x0e + 2x1 + 1xregular", nn.SiLU, 0.5),
    _case("norm/reflections", NormActivation, O2(), "1x0o + 1x1 + 2x2", nn.ELU, 0.5, smooth=False),
    _case("gated", GatedActivation, _C4, "4x0e + 2x1 + 1x2e"),
    _case("gated/reflections", GatedActivation, _D4, "3x0e + 1x0o + 2x1 + 1x0e", nn.ReLU, nn.Tanh, smooth=False),
    _case("invariant", Invariant, _C4, "1x0e + 2x1 + 1xregular", "norm"),
    _case("invariant-max", Invariant, _D4, "1x0e + 2xregular + 1xquotient(D1)", "max", smooth=False),
    _case("invariant-mean", Invariant, SO2(), "1x0e + 2xregular(2)", "mean"),
    _case("invariant-mean/values", Invariant, _D4, "1xregular(1) + 2xregular", "mean", size=(5, 8)),
]
