"""Networks of anybody: what they keep of a group as a whole, and which layer broke it."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.symmetry.certificate import Certificate
from equigen.symmetry.channel_energy import NECESSARY
from equigen.symmetry.foreign import certify_module
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.symmetrised import SymmetrisedModule
from tests.symmetry.of import Of
from tests.symmetry.theorem.faulty import Drop, HalfPixel, Placed, RelativeAttention, Rolled, Rounded
from tests.symmetry.theorem.parts import drawn, steerable, tied

C4, D4 = Cyclic(4), Dihedral(4)


def network(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(tied(1, 4), nn.SiLU(), *between, tied(4, 1, seed=2))


def invariant(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(tied(1, 4), nn.SiLU(), *between, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def named(found: Certificate) -> list[str]:
    return [layer.name for layer in found.broken]


def test_maps_have_to_turn_and_numbers_to_stay():
    for module, what in ((network(), "equivariance"), (invariant(), "invariance")):
        found = certify_module(module, D4, (1, 8, 8))
        assert found.holds
        assert found.broken == ()
        assert [claim.statement.split()[0] for claim in found.claims if claim.promised] == [what] * 2 + [
            "an",
            what,
            what,
        ]
        assert all(layer.verdict == "exact" and layer.reason == NECESSARY for layer in found.layers)
        assert max(one.error for one in found.elements) < 1e-13
        assert len(found.elements) == 8


FAULTS = {
    "positions": (Placed(4, 8, 8), "2"),
    "a shift": (Rolled(), "2"),
    "a stride": (nn.Sequential(tied(4, 4, 5, stride=2), nn.Upsample(scale_factor=2)), "2.0"),
    "a max-pool": (nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Upsample(scale_factor=2)), "2.0"),
    "a kernel": (nn.Conv2d(4, 4, 3, padding=1), "2"),
    "a resize": (HalfPixel(), "2"),
    "relative positions": (RelativeAttention(8), "2"),
    "half precision": (Rounded(), "2"),
    "one side": (nn.Sequential(nn.ZeroPad2d((2, 0, 2, 0)), tied(4, 4, 5, padding=0)), "2.0"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_first_layer_that_loses_its_energy_is_named(name):
    layer, where = FAULTS[name]
    found = certify_module(network(layer), C4, (1, 8, 8))
    assert not found.holds
    assert named(found)[:1] == [where]
    assert found.claims[0].verdict == "broken"
    assert where in found.claims[0].where
    assert found.sentence().split(":")[0].startswith("What C4 promises on pixels is broken by")


def test_what_follows_a_broken_layer_is_not_blamed():
    found = certify_module(network(Rolled()), C4, (1, 8, 8))
    assert [(layer.name, layer.verdict) for layer in found.layers] == [
        ("0", "exact"),
        ("1", "exact"),
        ("2", "broken"),
        ("3", "not measured"),
    ]
    assert found.layers[-1].reason == "what it is given is broken already"


def test_a_break_between_the_layers_stands_before_the_next_one():
    class Added(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = tied(1, 4), tied(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x) + torch.arange(x.shape[-1]).to(x))

    found = certify_module(Added(), C4, (1, 8, 8))
    assert named(found) == ["before last"]
    assert [layer.verdict for layer in found.layers] == ["exact", "broken", "not measured"]

    class AtTheEnd(Added):
        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x)) + torch.arange(x.shape[-1]).to(x)

    found = certify_module(AtTheEnd(), C4, (1, 8, 8))
    assert named(found) == []
    assert found.claims[0].where == "what lies between the layers"


def test_the_check_of_layers_promises_nothing():
    # An average over the group keeps it with layers that do not.
    module = SymmetrisedModule(nn.Conv2d(1, 1, 3, padding=1), ImageAction(C4))
    found = certify_module(module, C4, (1, 8, 8))
    assert found.holds
    assert named(found)[0] == "module"
    # What a layer may do to its channels at each pixel goes unseen: necessary, not sufficient.
    found = certify_module(network(Of(lambda x: x * (1 - 2 * (ramp(x) % 3 == 0).to(x)))), C4, (1, 8, 8))
    assert not found.holds
    assert "2" not in named(found)
    assert "3" in named(found)


def test_times_are_given_where_they_are_asked_for():
    assert certify_module(steerable(), C4, (1, 8, 8)).holds
    assert not certify_module(At(lambda t: t > 0.5), C4, (1, 8, 8)).holds

    class Three(nn.Module):
        def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
            return x

    with pytest.raises(ValueError, match="needs 3 arguments"):
        certify_module(Three(), C4, (1, 8, 8))


def test_channels_may_be_fields():
    conv = nn.Conv2d(2, 2, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[1.0, -0.5], [0.5, 1.0]])[..., None, None])
    assert certify_module(conv, C4, (2, 8, 8), fields="1x1").holds
    with torch.no_grad():
        conv.weight[0, 0] = 0.7
    found = certify_module(conv, C4, (2, 8, 8), fields="1x1")
    assert not found.holds
    assert certify_module(conv, C4, (2, 8, 8)).holds  # as numbers they stay where they are
    biased = Of(lambda x: x + torch.tensor([0.3, 0.0]).to(x)[:, None, None])
    assert not certify_module(biased, C4, (2, 8, 8), fields="1x1").holds


def test_other_angles_stand_beside_their_floor():
    classifier = SteerableClassifier("SO2", (1, 17, 17), classes=3, width=1, frequency=1).eval()
    found = certify_module(classifier, SO2(), (1, 17, 17))
    statements = [claim.statement for claim in found.claims if claim.promised]
    assert statements[2] == "invariance of the whole under the other elements of SO2, float64"


def test_other_angles_break_what_keeps_quarter_turns_alone():
    plain = SteerableClassifier("C4", (1, 17, 17), classes=3, width=1).eval()
    lost = certify_module(plain, SO2(), (1, 17, 17))
    assert not lost.holds
    assert [claim.verdict for claim in lost.claims if claim.promised][:3] == ["exact", "exact", "broken"]
    assert certify_module(nn.Identity(), SO2(), (1, 16, 16)).holds
    assert not certify_module(Rolled(), SO2(), (1, 16, 16)).holds


@pytest.mark.parametrize("group", [SO2(), O2(), Cyclic(8), Cyclic(3)], ids=lambda group: group.name)
def test_the_identity_is_never_broken_on_few_pixels(group):
    for side in (4, 5, 10, 32):
        assert "broken" not in {claim.verdict for claim in certify_module(nn.Identity(), group, (1, side, side)).claims}
    found = certify_module(
        Of(lambda x: nn.functional.conv2d(x, drawn(1, 1, 3, 3).to(x), padding=1)), group, (1, 16, 16)
    )
    assert {claim.verdict for claim in found.claims if "other elements" in claim.statement} == {"broken"}


def test_what_is_broken_only_for_large_small_early_or_late_is_found():
    for where in (lambda x: x.abs() > 5, lambda x: x.abs().amax() < 1):
        assert not certify_module(Of(lambda x, where=where: x + ramp(x) * where(x)), C4, (1, 8, 8)).holds
    for when in (lambda t: t > 0.9, lambda t: t < 0.1):
        assert not certify_module(At(when), C4, (1, 8, 8)).holds
    assert certify_module(At(lambda t: t > 2), C4, (1, 8, 8)).holds


def test_an_item_comes_out_alone_as_in_its_batch():
    found = certify_module(Of(lambda x: x.tanh() - x.mean(0)), C4, (1, 8, 8))
    assert [claim.statement for claim in found.claims if not claim.holds] == [
        "an item comes out alone as in its batch, float64"
    ]
    assert "by what the items of a batch share" in found.sentence()
    assert certify_module(network(nn.BatchNorm2d(4)), C4, (1, 8, 8)).holds


def test_tokens_and_channels_last_are_read_as_maps():
    class Tokens(nn.Module):
        def __init__(self, places: Tensor) -> None:
            super().__init__()
            self.inward, self.norm = nn.Linear(1, 6), nn.LayerNorm(6)
            self.mix = nn.MultiheadAttention(6, 2, batch_first=True)
            self.outward, self.places = nn.Linear(6, 1), nn.Parameter(places)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.inward(x.flatten(2).mT) + self.places)
            y = y + self.mix(y, y, y, need_weights=False)[0]
            return self.outward(y).mT.reshape(x.shape)

    found = certify_module(Tokens(torch.zeros(64, 6)), D4, (1, 8, 8))
    assert found.holds
    assert found.broken == ()
    assert [layer.size for layer in found.layers] == [(8, 8)] * 4
    placed = certify_module(Tokens(drawn(64, 6)), D4, (1, 8, 8))
    assert named(placed) == ["before norm"]

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.norm = nn.Linear(1, 8), nn.LayerNorm(8)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.linear(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)

    found = certify_module(Last(), D4, (1, 8, 8))
    assert found.holds
    assert [layer.size for layer in found.layers] == [(8, 8)] * 2


def test_rectangles_turn_with_their_frame():
    assert certify_module(network(), C4, (1, 6, 8)).holds
    assert not certify_module(network(nn.MaxPool2d(3, 2, 1)), C4, (1, 6, 8)).holds


def test_a_network_that_says_the_same_of_all_images_is_not_certified():
    for value in (0.0, 1.0):
        found = certify_module(Of(lambda x, value=value: 0.0 * x + value), C4, (1, 8, 8))
        assert not found.holds
        assert {claim.verdict for claim in found.claims if claim.promised} == {"not told apart"}
        assert "says the same of all images" in found.sentence()


def test_a_network_that_draws_is_refused_by_its_layer():
    with pytest.raises(ValueError, match=r"a second time, by 2 \(Drop\)"):
        certify_module(network(Drop()), C4, (1, 8, 8))
    assert certify_module(network(nn.Dropout()).train(), C4, (1, 8, 8)).holds


def test_the_network_and_the_generator_stay_as_they_are():
    module = network().train()
    state, before = torch.get_rng_state(), {name: value.clone() for name, value in module.state_dict().items()}
    certify_module(module, C4, (1, 8, 8))
    assert module.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in module.modules())


def test_the_record_comes_back():
    found = certify_module(network(Rolled()), SO2(), (1, 8, 8))
    assert Certificate.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert "a necessary check" in str(found)


def test_what_cannot_be_certified_is_refused():
    with pytest.raises(ValueError, match="have channels, rows and columns"):
        certify_module(network(), C4, (8, 8))
    for shape in ((1, 512, 513), (1, 100_000, 100_000)):
        with pytest.raises(ValueError, match=r"are certified up to 262144, .* --shape 1,28,28 at the command line"):
            certify_module(network(), C4, shape)
    with pytest.raises(ValueError, match="their own quarter turns"):  # which is small enough
        certify_module(network(), C4, (2**18, 1, 1))
    with pytest.raises(ValueError, match="two images or more"):
        certify_module(network(), C4, (1, 8, 8), x=torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match="their own quarter turns"):
        certify_module(network(), C4, (1, 8, 8), x=torch.ones(2, 1, 8, 8))
    with pytest.raises(ValueError, match="refuses images"):
        certify_module(nn.Linear(5, 1), C4, (1, 8, 8))
    with pytest.raises(ValueError, match="not finite"):
        certify_module(nn.Sequential(nn.ReLU(), Of(lambda x: x / 0.0)), C4, (1, 8, 8))
    with pytest.raises(TypeError, match=r"gives torch\.int64"):
        certify_module(Of(lambda x: x.flatten(1).argmax(1)), C4, (1, 8, 8))
    with pytest.raises(TypeError, match="group"):
        certify_module(network(), "C4", (1, 8, 8))


def ramp(x: Tensor) -> Tensor:
    return torch.arange(x.shape[-1]).to(x)


class At(Of):
    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return x + self.function(t).to(x)[:, None, None, None] * ramp(x)
