"""Certificates hold of sound networks, and of no broken one, nor where nothing was put to the test."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import SO2, Cyclic
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.symmetry.certificate import Certificate
from equigen.symmetry.certifying import certify
from tests.symmetry.certified import C4, FIELDS, After, Invariants, Shifted, claims, images, network


def smooth(size: int = 17) -> Tensor:
    """Blobs off the middle, of a low band and inside the disk, so that interpolation costs next to nothing."""
    v, u = torch.meshgrid(*[torch.linspace(-1, 1, size).double()] * 2, indexing="ij")
    blobs = [torch.exp(-14 * ((u - a) ** 2 + 1.6 * (v - b) ** 2)) for a, b in ((0.3, 0.1), (-0.2, 0.25), (0.0, -0.3))]
    return torch.stack(blobs)[:, None]


def test_a_sound_network_is_certified_layer_by_layer():
    found = certify(network(), C4, images())
    assert found.holds
    assert found.broken == ()
    assert [layer.kind for layer in found.layers] == ["SteerableConv2d", "Pointwise", "Invariant", "GlobalAveragePool"]
    assert all(layer.planned is True and layer.verdict == "exact" for layer in found.layers)
    assert all(one.on_grid and one.error < 1e-14 and one.single < 1e-5 for one in found.elements)
    assert [one.angle for one in found.elements] == [0.0, 90.0, 180.0, 270.0]
    assert 1e-9 < found.rounding < 1e-5
    assert found.sentence().startswith("All that C4 promises on pixels is kept")


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


def test_what_the_group_cannot_promise_is_not_promised():
    plain = Invariants(nn.Conv2d(1, 3, 3, padding=1), nn.ELU(), nn.AdaptiveAvgPool2d(1))
    found = certify(plain, Cyclic(1), images())
    assert found.holds
    assert found.claims == found.layers == ()
    assert "promises nothing on pixels" in found.sentence()
    assert "holds up to" not in str(found)  # no empty tables
    assert "planned" not in str(found)
    assert not certify(plain, C4, images()).holds  # the same network, asked for more


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


def test_a_network_that_ignores_its_images_is_not_certified():
    assert certify(network(), C4, images()).contrast > 1e-3
    mute = certify(After(lambda y: 0.0 * y + 1.0, network()), C4, images())
    assert not mute.holds
    assert mute.contrast == 0.0
    assert {claims(mute)[f"invariance {name}"].verdict for name in ("float64", "float32")} == {"not told apart"}
    assert mute.sentence().startswith("The network says the same of all images; nothing can be told")
    same = certify(network(), C4, images()[:1].repeat(3, 1, 1, 1))
    assert not same.holds
    between = certify(After(lambda y: 0.0 * y + 1.0, network()), Cyclic(8), images())
    assert between.claims[-1].verdict == "not told apart"


@pytest.mark.parametrize("shift", [1e6, 1e13])
def test_a_number_added_to_all_results_hides_nothing(shift):
    tilted = network(Shifted(FIELDS, 0.1))
    plain, found = certify(tilted, C4, images()), certify(After(lambda y: y + shift, tilted), C4, images())
    broken = claims(found)["invariance float64"]
    assert broken.verdict == "broken"
    assert broken.measured == pytest.approx(claims(plain)["invariance float64"].measured, rel=0.1)
    # Sound or not, float32 has no digits left for it.
    sound = certify(After(lambda y: y + shift, network()), C4, images())
    assert claims(sound)["invariance float32"].verdict == "not told apart"
    assert not sound.holds


def test_an_error_of_float32_is_no_rounding_beyond_a_thousandth():
    class Lossy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 0.3 * torch.arange(x.shape[-1]).to(x) if x.dtype == torch.float32 else x

    found = certify(Invariants(Lossy(), *network()), C4, images())
    single = claims(found)["invariance float32"]
    assert single.measured > 1e-3
    assert single.bound == 1e-3
    assert (single.verdict, found.holds) == ("not told apart", False)
    assert "cannot be told: invariance" in found.sentence()
    assert claims(found)["invariance float64"].verdict == "exact"


def test_a_network_that_draws_or_counts_is_refused_by_its_layer():
    class Drop(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.dropout(x, 0.3, training=True)

    class Counting(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x * self.calls

    drawing = network(Drop())
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=r"a second time, by 2 \(Drop\), but"):
        certify(drawing, C4, images())
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match=r"by 2 \(Counting\)"):
        certify(network(Counting()), C4, images())
    with pytest.raises(ValueError, match="by what lies between its layers"):
        certify(After(lambda y: y + torch.rand(()), network()), C4, images())
    assert certify(network(nn.Dropout()), C4, images()).holds  # which evaluation switches off


def test_images_that_are_their_own_quarter_turns_are_refused():
    for blank in (torch.zeros(2, 1, 9, 9), torch.ones(3, 1, 9, 9) + 1e-5 * images()):
        with pytest.raises(ValueError, match=r"turned by 90 degrees they change by less than 0\.001"):
            certify(network(), C4, blank)
    halves = images() + images().flip(2, 3)
    with pytest.raises(ValueError, match="turned by 180 degrees"):
        certify(network(), C4, halves)
    assert certify(network(), Cyclic(1), halves).holds  # of which nothing is asked


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
