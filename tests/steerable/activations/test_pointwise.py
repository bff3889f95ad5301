"""Pointwise activations commute with permutations alone, and other fields are refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.activations.fourier import FourierActivation
from equigen.steerable.activations.norm import NormActivation
from equigen.steerable.activations.plain import PlainPointwise
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.field_type import FieldType


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        (Cyclic(5), "2x0e + 1xregular"),
        (Dihedral(6), "1xregular + 1xquotient(C2)"),
        (Dihedral(4), "1xquotient(D1@45)"),
        (Dihedral(1, axis=math.pi / 4), "1xregular"),
        (SO2(), "3x0e"),
        (Cyclic(1), "3x0e"),
    ],
    ids=str,
)
def test_it_commutes_with_the_whole_group(group, fields):
    type_ = FieldType(group, fields)
    kinked, smooth = Pointwise(type_, nn.ReLU()), Pointwise(type_, nn.ELU())
    x = torch.randn(1, type_.size, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for matrix in type_.matrix(group.grid(group.rotations or 5)):
        place = matrix.argmax(dim=1)  # row i takes channel place[i]
        assert torch.equal(matrix, torch.eye(type_.size, dtype=torch.float64)[place])
        assert torch.equal(kinked(x[:, place]), kinked(x)[:, place])
        assert torch.allclose(smooth(x[:, place]), smooth(x)[:, place], rtol=1e-15)


def test_it_is_the_function_of_each_number():
    x = torch.linspace(-2, 2, 16).view(1, 4, 2, 2)
    assert torch.equal(Pointwise(FieldType(Cyclic(4), "1xregular"), torch.tanh)(x), torch.tanh(x))


@pytest.mark.parametrize(
    ("group", "fields", "fix"),
    [
        (Cyclic(4), "1x0e + 2x1", "1 of C4 does more than permute .*: NormActivation"),
        (Cyclic(4), "1x2e", "2e of C4 does more than permute .*: NormActivation"),
        (Dihedral(4), "1x0o", "0o of D4 does more than permute .*: NormActivation"),
        (SO2(), "4xregular(2)", r"regular\(2\) of SO2 does more than permute .*: FourierActivation"),
        (O2(), "1xquotient(D1, 2)", "of O2 does more than permute .*: FourierActivation"),
    ],
    ids=str,
)
def test_other_fields_are_refused(group, fields, fix):
    with pytest.raises(ValueError, match=fix):
        Pointwise(FieldType(group, fields), nn.ReLU())


def test_what_is_refused_would_not_commute():
    type_ = FieldType(Cyclic(8), "1x1")
    turn = type_.matrix(Cyclic(8).elements()[1])
    x = torch.tensor([1.0, -0.2], dtype=torch.float64)
    assert float((torch.relu(turn @ x) - turn @ torch.relu(x)).norm()) > 0.1


def test_its_plain_module_is_the_activation_with_weights_of_its_own():
    layer = Pointwise(FieldType(Cyclic(4), "1xregular"), nn.PReLU())
    plain = layer.plain()
    assert type(plain) is nn.PReLU
    assert plain.weight.data_ptr() != layer.body.weight.data_ptr()  # type: ignore[union-attr]
    assert type(Pointwise(FieldType(Cyclic(4), "1xregular"), torch.tanh).plain()) is PlainPointwise


def test_it_names_its_parts():
    assert "1xregular -> 1xregular, C4, SiLU()" in repr(Pointwise(FieldType(Cyclic(4), "1xregular"), nn.SiLU()))


@pytest.mark.parametrize("build", [Pointwise, FourierActivation])
def test_fields_that_a_restriction_left_without_values_are_refused_with_ways_on(build):
    """Each way that is named works: a norm, a restriction to more rotations, a field whose channels are values."""
    functions = FieldType(SO2(), "2xregular(3)")
    ways = r"NormActivation\(in_type, activation\), a restriction to a group with at least 7 rotations, such as "
    with pytest.raises(ValueError, match=ways + r'Cyclic\(8\), or a convolution into FieldType\(group, "8xregular"\)'):
        build(functions.restrict(Cyclic(4)), nn.SiLU())
    for subgroup in (Cyclic(7), Cyclic(8)):
        assert FourierActivation(functions.restrict(subgroup), nn.SiLU()).samples == (subgroup.rotations,)
    NormActivation(functions.restrict(Cyclic(4)), nn.SiLU())
    build(FieldType(Cyclic(4), "8xregular"), nn.SiLU())
    with pytest.raises(ValueError, match=r"such as Dihedral\(8\)"):
        build(FieldType(O2(), "1xregular(3)").restrict(Dihedral(4)), nn.SiLU())
    FourierActivation(FieldType(O2(), "1xregular(3)").restrict(Dihedral(8)), nn.SiLU())
    with pytest.raises(ValueError, match=r"FieldType\(group, \"8xregular\(3\)\"\)"):
        build(FieldType(SO2(), "2x1"), nn.SiLU())
