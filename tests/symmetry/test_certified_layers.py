"""Each layer is held to its own group, and the one that breaks it is named with its mend."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import Dihedral
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.invariant import Invariant
from equigen.steerable.resampling.pool import AveragePool, GlobalAveragePool
from equigen.steerable.restrict import Restriction
from equigen.symmetry.certifying import certify
from tests.symmetry.certified import C4, FIELDS, Invariants, claims, images, network


def test_a_stride_that_leaves_a_row_over_is_named_with_its_reason():
    pools = certify(network(AveragePool(FIELDS, 2)), C4, images(9))
    assert [layer.name for layer in pools.broken] == ["2"]
    assert pools.broken[0].planned is False
    assert pools.broken[0].reason in str(pools)
    assert pools.broken[0].reason != ""
    assert certify(network(AveragePool(FIELDS, 2)), C4, images(10)).holds


def test_what_is_broken_between_the_layers_is_said_to_be_there():
    class Leaning(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.arange(x.shape[-1], dtype=x.dtype)

    found = certify(network(Leaning()), C4, images())
    assert not found.holds
    assert found.broken == ()
    assert {claim.where for claim in found.claims if not claim.holds} == {"before 3"}
    assert [(layer.name, layer.planned, layer.verdict) for layer in found.layers if layer.error is None] == [
        ("before 3", None, "not measured")
    ]


def test_what_the_plan_does_not_see_is_said_to_lie_between_the_layers():
    class Hiding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.arange(x.shape[-1], dtype=x.dtype) if type(x) is Tensor and not x.is_meta else x

    found = certify(network(Hiding()), C4, images())
    assert found.broken == ()
    assert {claim.where for claim in found.claims if not claim.holds} == {"what lies between the layers"}


def test_a_plain_layer_that_breaks_it_between_sound_ones_is_named_with_its_mend():
    found = certify(network(nn.MaxPool2d(2)), C4, images(9))
    assert not found.holds
    plain = next(layer for layer in found.layers if layer.name == "2")
    assert (plain.kind, plain.planned, plain.verdict, plain.error) == ("MaxPool2d", False, "not measured", None)
    assert "left over at one end; take kernel_size=3, stride=2, or" in plain.reason
    assert {claim.where for claim in found.claims if not claim.holds} == {"2"}
    sound = certify(network(nn.MaxPool2d(2)), C4, images(10))
    assert sound.holds
    assert "MaxPool2d" not in [layer.kind for layer in sound.layers]


def test_a_network_of_a_smaller_group_than_asked_is_broken_by_its_layers():
    found = certify(network(), Dihedral(4), images())
    assert not found.holds
    assert {(layer.group, layer.verdict) for layer in found.layers} == {("C4", "exact")}  # their own group they keep
    assert "its fields follow C4, of which D4 is no part" in found.layers[0].reason
    assert "0" in next(claim for claim in found.claims if not claim.holds).where


def test_a_part_of_the_group_that_is_given_up_is_not_asked_for():
    large = FieldType(Dihedral(4), "1xregular")
    restriction = Restriction(large, C4)
    inner = restriction.out_type
    layers = (SteerableConv2d(FieldType(Dihedral(4), "1x0e"), large, 3), restriction, SteerableConv2d(inner, inner, 3))
    end = Invariant(inner, "norm")
    whole = Invariants(*layers, end, GlobalAveragePool(end.out_type))
    found = certify(whole, C4, images())
    assert found.holds
    assert [layer.group for layer in found.layers] == ["D4", "C4", "C4", "C4", "C4"]
    assert "in D4, then C4, float64" in next(claim.statement for claim in found.claims if "every" in claim.statement)
    assert not certify(whole, Dihedral(4), images()).holds
    # The planted fault: before the restriction flips are promised, though the whole gives them up.
    half = torch.tensor([0.0] * 4 + [5.0] * 4, dtype=torch.float64)[:, None, None]
    whole[0].register_forward_hook(lambda module, given, out: out + half.to(out))
    tilted = certify(whole, C4, images())
    assert [layer.name for layer in tilted.broken] == ["0"]
    assert not tilted.holds
    assert claims(tilted)["invariance float64"].holds  # the rotations are kept


def test_a_layer_that_gives_zeros_is_not_measured():
    layer = network()
    with torch.no_grad():
        for weight in layer[0].parameters():
            weight.zero_()
    layer.append(nn.Flatten())
    layer[-2].register_forward_hook(lambda module, given, out: out + 1.0)
    found = certify(layer, C4, images())
    assert found.layers[0].verdict == "not measured"
    assert "zeros only" in found.layers[0].reason
