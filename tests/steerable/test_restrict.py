"""Restriction to a subgroup: the same channels, of which only the subgroup's matrices are kept."""

from math import pi

import pytest
import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.restrict import Restriction
from equigen.steerable.sequential import SteerableSequential

PAIRS = [
    (FieldType(Dihedral(4), "1x0o + 1x1 + 1xregular"), Cyclic(4)),
    (FieldType(Dihedral(4), "1x2o + 1x1 + 1xregular"), Dihedral(1, axis=pi / 4)),
    (FieldType(O2(), "1x0o + 1x1 + 1x3"), SO2()),
    (FieldType(SO2(), "1x0e + 2x5"), Cyclic(8)),
    (FieldType(Cyclic(8), "1xregular + 1x3"), Cyclic(1)),
]


@pytest.mark.parametrize(("in_type", "subgroup"), PAIRS, ids=lambda p: p.name if hasattr(p, "name") else str(p))
def test_the_subgroup_acts_as_before(in_type, subgroup):
    layer = Restriction(in_type, subgroup)
    g = subgroup.sample(6, seed=0)
    torch.testing.assert_close(layer.out_type.matrix(g), in_type.matrix(g), rtol=0, atol=1e-13)
    x = torch.rand(2, in_type.size, 3, 4)
    assert layer.out_type.group == subgroup
    assert torch.equal(layer(x), x)
    assert torch.equal(layer.plain()(x), x)


@torch.no_grad()
def test_layers_behind_it_break_what_was_given_up_and_no_more():
    in_type = FieldType(Dihedral(4), "2x0e")
    restriction = Restriction(in_type, Cyclic(4))
    torch.manual_seed(0)
    network = SteerableSequential(
        restriction, SteerableConv2d(restriction.out_type, FieldType(Cyclic(4), "1x0e"), 5)
    ).double()
    x = torch.randn(2, 2, 9, 9, dtype=torch.float64)
    y = network(x)
    torch.testing.assert_close(network(x.rot90(1, (-2, -1))), y.rot90(1, (-2, -1)), rtol=0, atol=1e-13)
    assert float((network(x.flip(-2)) - y.flip(-2)).norm() / y.norm()) > 1e-2


def test_what_is_no_subgroup_is_refused():
    with pytest.raises(ValueError, match="C8"):
        Restriction(FieldType(Dihedral(4), "1x1"), Cyclic(8))
    with pytest.raises(TypeError, match=r"subgroup is 'C4', .*: pass plane_group\(\"C4\"\)\.$"):
        Restriction(FieldType(Dihedral(4), "1x1"), "C4")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r'in_type is \'1x1\', but Restriction .* FieldType\(group, "1x1"\)'):
        Restriction("1x1", Cyclic(4))  # type: ignore[arg-type]


def test_it_prints_both_groups():
    assert str(Restriction(FieldType(Dihedral(4), "1x1"), Cyclic(4))).endswith(", D4 -> C4)")
    fields = FieldType(Cyclic(4), "1x1")
    assert str(Restriction(fields, Cyclic(4))) == "Restriction(1x1 -> 1x1, C4)"
