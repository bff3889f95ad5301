"""Certificates hold of sound networks, and name the layer of a network in which one was broken."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.random import Stream, normal
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.invariant import Invariant
from equigen.steerable.module import SteerableModule
from equigen.steerable.resampling.pool import AveragePool, GlobalAveragePool
from equigen.steerable.restrict import Restriction
from equigen.symmetry.certificate import Certificate, Claim
from equigen.symmetry.certifying import certify

C4 = Cyclic(4)
IMAGE, FIELDS = FieldType(C4, "1x0e"), FieldType(C4, "2xregular")


def images(size: int = 9, count: int = 3) -> Tensor:
    return normal((1, size, size), seed=5, stream=Stream.LAW, item=torch.arange(count), dtype=torch.float64)


def smooth(size: int = 17) -> Tensor:
    """Blobs off the middle, of a low band and inside the disk, so that interpolation costs next to nothing."""
    v, u = torch.meshgrid(*[torch.linspace(-1, 1, size).double()] * 2, indexing="ij")
    blobs = [torch.exp(-14 * ((u - a) ** 2 + 1.6 * (v - b) ** 2)) for a, b in ((0.3, 0.1), (-0.2, 0.25), (0.0, -0.3))]
    return torch.stack(blobs)[:, None]


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


def claims(found: Certificate) -> dict[str, Claim]:
    """By the last words of what is claimed."""
    return {claim.statement.split()[0] + " " + claim.statement.split()[-1]: claim for claim in found.claims}


def test_a_sound_network_is_certified_layer_by_layer():
    found = certify(network(), C4, images())
    assert found.holds
    assert found.broken == ()
    assert [layer.kind for layer in found.layers] == ["SteerableConv2d", "Pointwise", "Invariant", "GlobalAveragePool"]
    assert all(layer.planned is True and layer.verdict == "exact" for layer in found.layers)
    assert all(one.on_grid and one.error < 1e-14 and one.single < 1e-5 for one in found.elements)
    assert [one.angle for one in found.elements] == [0.0, 90.0, 180.0, 270.0]
    assert 1e-9 < found.rounding < 1e-5
    assert found.sentence().startswith("All that C4 promises on pixels (C4) is kept")


@pytest.mark.parametrize("by", [1e-3, 1e-8])
def test_a_planted_broken_layer_is_named_and_no_other(by):
    found = certify(network(Shifted(FIELDS, by)), C4, images())
    assert not found.holds
    assert [layer.name for layer in found.broken] == ["2"]
    assert all(claim.where == "2" for claim in found.claims if not claim.holds)
    assert "broken by 2:" in found.sentence()
    assert claims(found)["invariance float64"].verdict == "broken"
    # What float32 cannot tell from rounding, float64 does.
    assert (claims(found)["invariance float32"].verdict == "broken") == (by == 1e-3)


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
    assert {claim.where for claim in found.claims if not claim.holds} == {"what lies between the layers"}


def test_a_network_of_a_smaller_group_than_asked_is_broken_by_its_layers():
    found = certify(network(), Dihedral(4), images())
    assert not found.holds
    assert {layer.verdict for layer in found.layers} == {"not measured"}
    assert "its fields follow C4, of which D4 is no part" in found.layers[0].reason
    assert not next(claim for claim in found.claims if not claim.holds).where.startswith("what")


def test_what_the_group_cannot_promise_is_not_promised():
    plain = Invariants(nn.Conv2d(1, 3, 3, padding=1), nn.ELU(), nn.AdaptiveAvgPool2d(1))
    found = certify(plain, Cyclic(1), images())
    assert found.holds
    assert found.claims == found.layers == ()
    assert "promises nothing on pixels" in found.sentence()
    assert not certify(plain, C4, images()).holds  # the same network, asked for more


def test_a_part_of_the_group_that_is_given_up_is_not_asked_for():
    large = FieldType(Dihedral(4), "1xregular")
    restriction = Restriction(large, C4)
    inner = restriction.out_type
    layers = (SteerableConv2d(FieldType(Dihedral(4), "1x0e"), large, 3), restriction, SteerableConv2d(inner, inner, 3))
    end = Invariant(inner, "norm")
    whole = Invariants(*layers, end, GlobalAveragePool(end.out_type))
    found = certify(whole, C4, images())
    assert found.holds
    assert [layer.group for layer in found.layers] == ["D4", "D4", "C4", "C4", "C4"]
    assert not certify(whole, Dihedral(4), images()).holds


def test_between_the_quarter_turns_the_error_stands_beside_the_floor():
    classifier = SteerableClassifier("SO2", (1, 17, 17), classes=3, width=1, frequency=1).eval()
    found = certify(classifier, SO2(), smooth())
    assert found.holds
    assert [claim.promised for claim in found.claims] == [True, True, True, False]
    between = [one for one in found.elements if not one.on_grid]
    assert len(between) == 12
    assert all(1e-6 < one.error < 0.1 and one.floor > 0 and one.single is None for one in between)
    assert all(layer.between is not None and layer.floor is not None for layer in found.layers)
    plain = SteerableClassifier("C1", (1, 17, 17), classes=3, width=3).eval()
    lost = certify(plain, SO2(), smooth())
    worst = max(one.error for one in lost.elements if not one.on_grid)
    assert worst > 3 * max(one.error for one in between)  # the control: a network that knows no turns
    assert lost.claims[-1].verdict == "broken"


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


def test_a_network_that_ignores_its_images_shows_no_contrast():
    class Mute(Invariants):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones(len(x), 2, dtype=x.dtype) + 0.0 * super().forward(x)

    assert certify(network(), C4, images()).contrast > 1e-3
    mute = certify(Mute(*network()), C4, images())
    assert mute.holds  # as a constant does
    assert mute.contrast == 0.0


def test_the_network_stays_as_it_is():
    layers = network().train()
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    certify(layers, C4, images())
    assert layers.training
    assert all(value.dtype == torch.float32 for value in layers.parameters())
    assert all(torch.equal(value, before[name]) for name, value in layers.state_dict().items())
    assert not any(module._forward_pre_hooks for module in layers.modules())


def test_the_record_is_plain_and_comes_back():
    found = certify(network(Shifted(FIELDS, 1e-3)), C4, images())
    again = Certificate.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    assert str(again) == str(found)
    assert again.holds is False


@pytest.mark.parametrize("change", [{"claims": None}, {"group": ...}, {"more": 1}, {"layers": [{"name": "0"}]}])
def test_what_is_no_certificate_is_refused(change):
    values = certify(network(), C4, images()).to_dict() | change
    values = {name: value for name, value in values.items() if value is not ...}
    with pytest.raises(ValueError, match="no certificate of this version"):
        Certificate.from_dict(values)


def test_what_cannot_be_certified_is_refused():
    with pytest.raises(ValueError, match="two images or more"):
        certify(network(), C4, images()[:1])
    with pytest.raises(ValueError, match="not finite"):
        certify(network(), C4, images() * torch.inf)
