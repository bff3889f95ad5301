"""Invariant maps: the same numbers for every pose, equal to their definitions over the group."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.activations.sampling import sampling_matrix
from equigen.steerable.field_type import FieldType
from equigen.steerable.invariant import Invariant

CASES = [
    (Cyclic(4), "1x0e + 2x1 + 1xregular", "norm"),
    (O2(), "2x0o + 1x3 + 1xregular(2)", "norm"),
    (Dihedral(3), "2xregular + 1xquotient(D1)", "max"),
    (Cyclic(5), "1x0e + 2xregular", "max"),
    (Dihedral(3), "2xregular + 1xquotient(D1) + 1xregular(1)", "mean"),
    (SO2(), "1x0e + 2xregular(2)", "mean"),
    (O2(), "1xregular(2) + 1xquotient(D1, 3)", "mean"),
]


def noise(type_: FieldType, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, type_.size, 5, 1, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("group", "fields", "kind"), CASES, ids=str)
def test_no_element_changes_it(group, fields, kind):
    type_ = FieldType(group, fields)
    layer = Invariant(type_, kind).double()
    x = noise(type_)
    moved = [torch.einsum("ij,bjhw->bihw", type_.matrix(g), x) for g in group.sample(8, seed=0)]
    assert max(float((layer(y) - layer(x)).abs().max()) for y in moved) < 1e-14
    assert layer(x).shape[1] == layer.out_type.size
    assert all(rep.is_trivial for _, rep in layer.out_type.terms)
    assert max(float((y - x)[:, -1].abs().max()) for y in moved) > 1e-2  # a channel alone is no invariant


def test_the_largest_value_and_the_mean_are_over_the_group():
    type_ = FieldType(Dihedral(4), "2xregular + 1xquotient(C2)")
    x = noise(type_)
    fields = x.split([8, 8, 4], dim=1)
    for kind, of in (("max", torch.amax), ("mean", torch.mean)):
        expected = torch.stack([of(field, dim=1) for field in fields], dim=1)
        assert torch.allclose(Invariant(type_, kind).double()(x), expected, rtol=1e-14)


@pytest.mark.parametrize("fields", ["1xregular(3)", "1xquotient(D1, 2)", "1xquotient(C2, 4)"])
def test_the_mean_of_a_band_limited_function_is_that_of_its_values(fields):
    type_ = FieldType(O2(), fields)
    x = noise(type_)
    values = torch.einsum("nd,bdhw->bnhw", sampling_matrix(type_.terms[0][1], 40), x)
    assert torch.allclose(Invariant(type_, "mean").double()(x)[:, 0], values.mean(dim=1), atol=1e-14)


def test_the_length_is_that_of_each_field():
    type_ = FieldType(SO2(), "1x0e + 2x1 + 1x0e")
    x = noise(type_)
    expected = torch.stack((x[:, 0], x[:, 1:3].norm(dim=1), x[:, 3:5].norm(dim=1), x[:, 5]), dim=1)
    assert torch.allclose(Invariant(type_, "norm")(x), expected, rtol=1e-14)


def test_a_vanishing_length_has_the_gradient_zero():
    x = torch.zeros(1, 2, 1, 1, requires_grad=True)
    (slope,) = torch.autograd.grad(Invariant(FieldType(SO2(), "1x1"), "norm")(x).sum(), x)
    assert slope.tolist() == [[[[0.0]], [[0.0]]]]


def test_equal_values_share_the_gradient_of_the_largest():
    x = torch.ones(1, 4, 1, 1, requires_grad=True)
    (slope,) = torch.autograd.grad(Invariant(FieldType(Cyclic(4), "1xregular"), "max")(x).sum(), x)
    assert slope.flatten().tolist() == [0.25] * 4


def test_double_precision_survives_a_cast():
    layer = Invariant(FieldType(O2(), "1xregular(2)"), "mean")
    x = noise(layer.in_type)
    assert torch.equal(layer.double()(x), layer.float().double()(x))


@pytest.mark.parametrize(
    ("group", "fields", "kind", "message"),
    [
        (Cyclic(4), "1x1", "max", r'1 of C4 does more than permute .*: Invariant\(in_type, "norm"\)'),
        (SO2(), "1xregular(2)", "max", r'regular\(2\) of SO2 does more .*: Invariant\(in_type, "mean"\)'),
        (Dihedral(4), "1x0o", "max", "0o of D4 does more than permute"),
        (Cyclic(4), "1x1", "mean", r'1 of C4 is no space of functions with a mean, .*: Invariant\(in_type, "norm"\)'),
        (Cyclic(4), "1x0e", "median", "kind is 'median', but an invariant is"),
    ],
    ids=str,
)
def test_what_a_field_does_not_have_is_refused(group, fields, kind, message):
    with pytest.raises(ValueError, match=message):
        Invariant(FieldType(group, fields), kind)


def test_the_reflected_axis_is_the_groups_own():
    type_ = FieldType(Dihedral(2, axis=math.pi / 4), "1xregular(1) + 1xquotient(C2)")
    layer = Invariant(type_, "mean").double()
    x = noise(type_)
    for matrix in type_.matrix(type_.group.elements()):
        assert torch.allclose(layer(torch.einsum("ij,bjhw->bihw", matrix, x)), layer(x), atol=1e-15)
