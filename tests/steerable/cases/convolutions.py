"""Convolutions for the conformance suite: every padding, stride, dilation and both bases."""

from __future__ import annotations

from math import pi

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.conv_transpose import SteerableConvTranspose2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.restrict import Restriction
from equigen.steerable.sequential import SteerableSequential
from tests.steerable.cases.case import Case

__all__ = ["CASES"]


def _conv(group: PlaneGroup, a: str, b: str, kernel_size: int, **settings):
    return lambda: SteerableConv2d(FieldType(group, a), FieldType(group, b), kernel_size, **settings)


def _transposed(group: PlaneGroup, a: str, b: str, kernel_size: int, **settings):
    return lambda: SteerableConvTranspose2d(FieldType(group, a), FieldType(group, b), kernel_size, **settings)


def _sequence():
    """Two convolutions, and a sequence inside that gives up the reflections."""
    inside = SteerableSequential(
        Restriction(FieldType(_D4, "1xregular"), _C4),
        SteerableConv2d(FieldType(_D4, "1xregular").restrict(_C4), FieldType(_C4, "1x1 + 1x0e"), 2),
    )
    return SteerableSequential(_conv(_D4, "1x0e + 1x1", "1xregular", 3, padding=1)(), inside, size=(7, 9))


_C4, _D4 = Cyclic(4), Dihedral(4)

CASES = [
    Case("convolution", _conv(_C4, "1x0e + 1xregular", "1xregular + 1x1 + 1x2e", 3, padding=1)),
    Case("convolution/pointwise", _conv(_D4, "1xregular + 1x1", "1x1 + 2x0e + 1x2o", 1)),
    Case("convolution/stride", _conv(_D4, "1xregular", "1x1 + 1x0o", 4, stride=2, padding=1)),
    Case("convolution/odd", _conv(_C4, "1xregular", "1xregular", 3, stride=2, padding=1, bias=False), size=(13, 9)),
    Case("convolution/dilation", _conv(_D4, "1x0e", "1x0e + 1xregular", 3, padding=2, dilation=2)),
    Case("convolution/reflect", _conv(_C4, "1x1", "1xregular", 5, padding=2, padding_mode="reflect")),
    Case("convolution/replicate", _conv(_C4, "1x1", "1xregular", 3, padding=1, padding_mode="replicate")),
    Case("convolution/circular", _conv(_D4, "1x1", "1xregular", 3, padding=1, padding_mode="circular")),
    Case("convolution/rings", _conv(Cyclic(8), "1x0e + 1x3", "1xregular", 5, padding=2)),
    Case("convolution/rotations", _conv(SO2(), "1x0e + 1x1 + 1x2", "2x0e + 1x1 + 1x2 + 1x3", 5, padding=2)),
    Case("convolution/reflections", _conv(O2(), "1x0e + 1x1", "1x0o + 1x1 + 1x2", 5, padding=2)),
    Case("convolution/diagonal", _conv(Dihedral(1, axis=pi / 4), "1xregular", "1x0o + 1x0e", 3)),
    Case("convolution/none", _conv(Cyclic(1), "3x0e", "2x0e", 3, padding=1)),
    Case("transposed", _transposed(_C4, "1xregular", "1xregular + 1x1", 4, stride=2, padding=1)),
    Case(
        "transposed/odd", _transposed(_D4, "1x1 + 1x0e", "1xregular", 3, stride=3, dilation=2, bias=False), size=(5, 8)
    ),
    Case("sequence", _sequence, size=(7, 9)),
    Case("transposed/rotations", _transposed(SO2(), "1x0e + 1x1", "1x0e + 1x1", 4, stride=2, padding=1)),
]
