"""The gated activation: which gate opens which field, and types that do not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.activations.gated import GatedActivation, with_gates
from equigen.steerable.field_type import FieldType


def noise(type_: FieldType, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, type_.size, 20, 1, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("group", "fields"),
    [(SO2(), "1x0e + 2x1 + 3x2"), (O2(), "2x0o + 1x3 + 2x0e"), (Dihedral(5), "1x1 + 1xregular"), (Cyclic(6), "1x3e")],
    ids=str,
)
def test_it_commutes_with_every_element(group, fields):
    out_type = FieldType(group, fields)
    layer = GatedActivation(with_gates(out_type))
    assert layer.out_type.terms == out_type.terms
    x = noise(layer.in_type)
    there, here = [], []
    for g in group.sample(8, seed=0):
        there.append(layer(torch.einsum("ij,bjhw->bihw", layer.in_type.matrix(g), x)))
        here.append(torch.einsum("ij,bjhw->bihw", layer.out_type.matrix(g), layer(x)))
    assert max(float((a - b).norm() / b.norm()) for a, b in zip(there, here, strict=True)) < 1e-14
    fake = [
        torch.einsum("ij,bjhw->bihw", layer.out_type.matrix(g), nn.functional.silu(layer(x)))
        for g in group.sample(8, seed=0)
    ]
    plain = [nn.functional.silu(a) for a in there]
    assert max(float((a - b).norm()) for a, b in zip(plain, fake, strict=True)) > 1e-2  # channel by channel it does not


def test_each_field_has_its_own_gate():
    type_ = FieldType(SO2(), "4x0e + 2x1 + 1x0e + 1x2")
    layer = GatedActivation(type_, activation=torch.tanh, gate=torch.square)
    assert str(layer.out_type) == "1x0e + 2x1 + 1x0e + 1x2"
    x = noise(type_)
    gates, scalar, first, second, last, third = x.square().split([3, 1, 2, 2, 1, 2], dim=1)
    _, scalar, first, second, last, third = x.split([3, 1, 2, 2, 1, 2], dim=1)
    a, b, c = gates.unbind(1)
    parts = [scalar.tanh(), first * a[:, None], second * b[:, None], last.tanh(), third * c[:, None]]
    assert torch.allclose(layer(x), torch.cat(parts, dim=1), rtol=1e-15)
    swapped = [scalar.tanh(), first * b[:, None], second * a[:, None], last.tanh(), third * c[:, None]]
    assert not torch.allclose(layer(x), torch.cat(swapped, dim=1), rtol=1e-2)


def test_gates_may_be_spread_over_terms():
    layer = GatedActivation(FieldType(SO2(), "1x0e + 2x0e + 2x1"))
    assert str(layer.out_type) == "1x0e + 2x1"


def test_a_gate_that_works_in_place_leaves_the_input_alone():
    layer = GatedActivation(FieldType(SO2(), "1x0e + 1x1"), gate=nn.ReLU(inplace=True))
    x = torch.full((1, 3, 1, 1), -1.0)
    layer(x)
    assert torch.equal(x, torch.full((1, 3, 1, 1), -1.0))


def test_trivial_channels_need_no_gates():
    type_ = FieldType(SO2(), "4x0e")
    assert with_gates(type_) == type_
    with pytest.raises(
        ValueError, match=r"4x0e holds trivial channels alone, but .*: Pointwise\(in_type, nn\.SiLU\(\)\)"
    ):
        GatedActivation(type_)


@pytest.mark.parametrize(
    ("group", "fields", "message"),
    [
        (SO2(), "2x1", "2x1 has 0 trivial irreps in front, but its 2 fields need a gate each"),
        (SO2(), "1x0e + 2x1", "has 1 trivial irreps in front, but its 2 fields"),
        (O2(), "1x0e + 1x0o", None),
        (O2(), "1x0o + 1x0e", "has 0 trivial irreps in front, but its 1 fields"),
        (SO2(), "2x1 + 2x0e", r"has 0 trivial irreps .*: GatedActivation\(with_gates\(out_type\)\)"),
    ],
    ids=str,
)
def test_too_few_gates_are_refused(group, fields, message):
    type_ = FieldType(group, fields)
    if message is None:
        assert GatedActivation(type_).out_type.size == 1
        return
    with pytest.raises(ValueError, match=message):
        GatedActivation(type_)


@pytest.mark.parametrize("settings", [{"activation": nn.Softmax(dim=1)}, {"gate": nn.Softmax(dim=1)}], ids=str)
def test_functions_that_mix_channels_are_refused(settings):
    with pytest.raises(ValueError, match="no function of one number, but GatedActivation"):
        GatedActivation(FieldType(SO2(), "1x0e + 1x1"), **settings)


def test_a_text_is_no_type():
    for build, name in ((GatedActivation, "in_type"), (with_gates, "out_type")):
        with pytest.raises(TypeError, match=rf'{name} is \'2x0e\', but .* field type: pass FieldType\(group, "2x0e"\)'):
            build("2x0e")
