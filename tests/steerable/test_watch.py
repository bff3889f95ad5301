"""Functions between layers: those that break a network are never passed as exact, those that commute always are."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn
from torch.nn import functional

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.attention import SelfAttention
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.exactness import plan
from equigen.steerable.field_type import FieldType
from equigen.steerable.held import cut, meets
from equigen.steerable.invariant import Invariant
from equigen.steerable.resampling.blur import BlurPool
from equigen.steerable.resampling.downsample import Downsample
from equigen.steerable.resampling.pool import AveragePool, GlobalAveragePool
from equigen.steerable.resampling.upsample import Upsample
from equigen.steerable.restrict import Restriction
from equigen.steerable.sequential import SteerableSequential
from tests.steerable.motions import asymmetry

C4 = Cyclic(4)
IMAGE, TURNED, MIXED = FieldType(C4, "1x0e"), FieldType(C4, "2xregular"), FieldType(C4, "4x1")
EXACT, BROKEN = 1e-12, 1e-3


class Between(nn.Module):
    """A function between two layers; `arguments` of the network are given to it too."""

    def __init__(self, function, fields=TURNED, last=None, then=True):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first = SteerableConv2d(IMAGE, fields, 3, padding=1)
            self.last = SteerableConv2d(last or fields, last or fields, 3, padding=1) if then else nn.Identity()
            self.place = nn.Parameter(torch.randn(1, fields.size, 9, 9))
            self.scale = nn.Parameter(torch.tensor(0.7))
            self.each = nn.Parameter(torch.randn(fields.size, 1, 1))
        self.function, self.in_type = function, IMAGE
        self.out_type = (last or fields) if then else None
        self.double()

    def forward(self, x, *arguments):
        return self.last(self.function(self, self.first(x), *arguments))


def written(h):
    h = h.clone()
    h[:, :, 1:] += 1.0
    return h


def viewed(h):
    h = h.clone()
    h[..., 1:].mul_(2)
    return h


def filled(h):
    new = torch.zeros_like(h)
    new[..., ::2] = h[..., ::2]
    return new


BREAKS = {
    "linspace": lambda net, h: h + torch.linspace(0, 1, 9).to(h),
    "roll": lambda net, h: h.roll(1, -1),
    "pad and crop": lambda net, h: functional.pad(h, (0, 1, 0, 1))[..., 1:, 1:],
    "flip of channels": lambda net, h: h.flip(1),
    "half of the channels": lambda net, h: torch.cat([h[:, 2:], h[:, :2]], 1),
    "position": lambda net, h: h + net.place,
    "product with a position": lambda net, h: h * net.place,
    "scale of each channel": lambda net, h: h * net.each,
    "constant of each channel": lambda net, h: h + net.each,
    "down and up": lambda net, h: functional.interpolate(h[..., ::2, ::2], size=h.shape[-2:]),
    "floored pool": lambda net, h: functional.max_pool2d(h, 2),
    "write": lambda net, h: written(h),
    "write to a view": lambda net, h: viewed(h),
    "write of a part": lambda net, h: filled(h),
    "transposed": lambda net, h: h.mT,
    "mean of rows": lambda net, h: h + h.mean(2, keepdim=True),
    "softmax of columns": lambda net, h: h.softmax(-1),
    "cumulative": lambda net, h: h.cumsum(-1),
    "filter": lambda net, h: functional.conv2d(h, net.place[:1, :, :3, :3], padding=1) + h,
    "row": lambda net, h: h + h.flatten(2).roll(1, -1).unflatten(-1, h.shape[-2:]),
    "noise": lambda net, h: h + torch.linspace(0, 1, h.numel()).view(h.shape).to(h),
    "reshaped": lambda net, h: h.transpose(1, 2).reshape(h.shape),
    "buffer": lambda net, h: torch.add(h.detach(), net.place.detach(), out=torch.empty_like(h)),
}
COMMUTES = {
    "sum": lambda net, h: h + 2 * h - h / 3,
    "skip": lambda net, h: h + net.last(h),
    "scale": lambda net, h: h * net.scale,
    "functions": lambda net, h: functional.silu(h) * torch.sigmoid(h) + 1,
    "square": lambda net, h: h * h,
    "in place": lambda net, h: functional.relu(h.clone(), inplace=True),
    "kept": lambda net, h: functional.dropout(h, 0.5, net.training).contiguous().to(h.dtype),
    "order": lambda net, h: torch.cat([h[:, :4], h[:, 4:]], 1),
    "swapped alike": lambda net, h: torch.cat(h.chunk(2, 1)[::-1], 1),
    "there and back": lambda net, h: h.permute(0, 2, 3, 1).permute(0, 3, 1, 2),
    "row and back": lambda net, h: h.flatten(2).relu().unflatten(-1, h.shape[-2:]),
    "squeezed": lambda net, h: h * h.mean((2, 3), keepdim=True).sigmoid(),
    "means": lambda net, h: h + h.flatten(2).mean(-1)[:, :, None, None],
    "length": lambda net, h: h / (1 + torch.linalg.vector_norm(h, dim=1, keepdim=True)),
    "channels": lambda net, h: h - h.mean(1, keepdim=True),
    "batch": lambda net, h: torch.cat([h, h]).chunk(2)[1],
    "standardised": lambda net, h: (h - h.mean((2, 3), keepdim=True)) / h.std((2, 3), keepdim=True),
}
ON_MIXED = {
    "sum": lambda net, h: h + 2 * h,
    "length": lambda net, h: h / (1 + torch.linalg.vector_norm(h, dim=1, keepdim=True)),
    "unit": lambda net, h: functional.normalize(h, dim=1),
    "means": lambda net, h: h + h.mean((2, 3), keepdim=True),
    "order": lambda net, h: torch.cat(h.split(2, 1), 1),
    "gated": lambda net, h: h * torch.linalg.vector_norm(h, dim=(1, 2, 3), keepdim=True),
}
MIXED_BREAKS = {
    "relu": lambda net, h: functional.relu(h),
    "square": lambda net, h: h * h,
    "ratio": lambda net, h: h / (3 + h.exp()),
    "constant": lambda net, h: h + 1,
    "max": lambda net, h: h + h.amax((2, 3), keepdim=True),
    "cut": lambda net, h: torch.cat([h[:, 1:], h[:, :1]], 1),
    "spread": lambda net, h: h * h.mean(1, keepdim=True).expand_as(h),
    "in place": lambda net, h: functional.relu(h.clone(), inplace=True),
}


def faults(functions, fields, exact):
    found = []
    for name, function in functions.items():
        for then in (True, False):
            network = Between(function, fields, then=then)
            network.out_type = fields
            said = plan(network, 9)
            error = asymmetry(network.eval(), (9, 9)) if name not in ("floored pool",) else 1.0
            if said.exact != exact or (error <= EXACT) != exact or (not exact and error < BROKEN):
                found.append((name, then, error, said.unknown, said.broken))
            if not exact and not any(layer.kind == "function" and layer.reason for layer in said.unknown):
                found.append((name, "is not named"))
    return found


@pytest.mark.parametrize(("functions", "fields"), [(BREAKS, TURNED), (MIXED_BREAKS, MIXED)], ids=["regular", "mixed"])
def test_no_function_that_breaks_a_network_is_passed_as_exact(functions, fields):
    assert faults(functions, fields, exact=False) == []


@pytest.mark.parametrize(("functions", "fields"), [(COMMUTES, TURNED), (ON_MIXED, MIXED)], ids=["regular", "mixed"])
def test_functions_that_commute_are_exact(functions, fields):
    assert faults(functions, fields, exact=True) == []


def test_a_plan_that_looks_away_is_found(monkeypatch):
    monkeypatch.setattr("equigen.steerable.record.Record._doubt", lambda *given: None)
    assert len(faults(BREAKS, TURNED, exact=False)) > len(BREAKS)


def test_the_function_is_named_where_it_matters():
    found = plan(Between(BREAKS["roll"]), 9)
    assert [(layer.name, layer.exact) for layer in found.layers] == [
        ("first", True),
        ("before last", None),
        ("last", True),
    ]
    assert found.unknown[0].reason == "roll between layers is not known to commute with the group"
    assert plan(Between(BREAKS["roll"], then=False), 9).unknown[0].name == "before last"

    class Ends(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = AveragePool(TURNED, 1)

        def forward(self, x):
            return functional.max_pool2d(self.layer(x), 2)

    found = plan(Ends(), 15)
    assert [layer.name for layer in found.unknown] == ["after the last layer"]
    assert "max_pool2d" in found.unknown[0].reason


def test_maps_join_in_order_and_with_their_types():
    two, one = FieldType(C4, "2x0e"), FieldType(C4, "1x1")

    class Joins(nn.Module):
        def __init__(self, turned):
            super().__init__()
            self.a, self.b = SteerableConv2d(IMAGE, one, 3, padding=1), SteerableConv2d(IMAGE, two, 3, padding=1)
            self.c, self.turned = SteerableConv2d(FieldType(C4, "2x0e + 1x1"), TURNED, 3, padding=1), turned
            self.in_type, self.out_type = IMAGE, TURNED

        def forward(self, x):
            parts = [self.a(x), self.b(x)]
            return self.c(torch.cat(parts[::-1] if self.turned else parts, 1))

    right, wrong = Joins(True).double(), Joins(False).double()
    assert plan(right, 8).exact
    assert asymmetry(right, (8, 8)) <= EXACT
    found = plan(wrong, 8)
    assert [layer.reason for layer in found.broken] == [
        "it is given 1x1 + 2x0e, but takes 2x0e + 1x1".replace("2x0e, but", "2x0e of C4, but")
    ]
    assert asymmetry(wrong, (8, 8)) > BROKEN


class UNet(nn.Module):
    """Down, up, joined and added maps, and a noise level beside the image."""

    def __init__(self, group, text, level=False):
        super().__init__()
        fields = FieldType(group, text)
        image = FieldType(group, "2x0e" if level else "1x0e")
        self.level = level
        self.stem = SteerableConv2d(image, fields, 3, padding=1)
        self.down, self.up = Downsample(fields), Upsample(fields)
        self.middle = SteerableConv2d(fields, fields, 3, padding=1)
        self.join = SteerableConv2d(fields + fields, fields, 3, padding=1)
        self.embed = nn.Sequential(nn.Linear(1, 4), nn.SiLU(), nn.Linear(4, 1))

    def forward(self, x, sigma):
        gain = self.embed(sigma[:, None])[:, :, None, None]
        h = self.stem(torch.cat([x, gain.expand_as(x)], 1) if self.level else x)
        low = self.middle(self.down(h)) * (1 + gain)
        low = low + self.middle(low)
        return self.join(torch.cat([h, self.up(low)], 1))


@pytest.mark.parametrize(
    ("group", "text"), [(C4, "1xregular + 1x1"), (Dihedral(4), "1x1 + 1xregular"), (SO2(), "1x0e + 2x1"), (O2(), "2x1")]
)
@pytest.mark.parametrize("level", [False, True])
def test_a_net_with_skips_is_exact(group, text, level):
    assert plan(UNet(group, text, level), 8, channels=1, arguments=(torch.ones(2),)).exact


def test_what_is_given_is_what_is_taken():
    layers = SteerableConv2d(IMAGE, MIXED, 3, padding=1), Pointwise(TURNED, nn.SiLU())
    network = nn.Sequential(*layers, SteerableConv2d(TURNED, TURNED, 3, padding=1))
    found = plan(network, 9)
    assert [(layer.name, layer.reason) for layer in found.broken] == [
        ("1", "it is given 4x1 of C4, but takes 2xregular")
    ]
    assert not found.exact
    image, fields = FieldType(Dihedral(4), "1x0e"), FieldType(Dihedral(4), "1xregular")
    conv = SteerableConv2d(image, fields, 3)
    for given in (conv, nn.Sequential(conv, Restriction(fields, C4))):
        assert plan(nn.Sequential(given, Pointwise(TURNED, nn.SiLU())), 9).exact  # C4 sees the same two fields
    fewer = FieldType(C4, "1xregular + 4x0e")
    assert plan(nn.Sequential(conv, Pointwise(fewer, nn.SiLU())), 9).broken[0].reason == (
        "it is given 1xregular of D4, but takes 1xregular + 4x0e of C4"
    )
    more = nn.Sequential(SteerableConv2d(IMAGE, TURNED, 3), Pointwise(fields, nn.SiLU()))
    assert plan(more, 9).broken[0].reason == "it is given 2xregular of C4, but takes 1xregular of D4"
    three = FieldType(Cyclic(3), "1x1"), FieldType(Cyclic(3), "2x0e")
    assert not plan(nn.Sequential(AveragePool(three[0], 1), AveragePool(three[1], 1)), 9).exact


def test_fields_are_told_by_what_the_group_does_to_them():
    assert meets(FieldType(C4, "1x0e + 1x0e"), FieldType(C4, "2x0e"))
    assert meets(FieldType(SO2(), "1x0e + 1x1 + 1x1"), FieldType(SO2(), "1x0e + 2x1"))
    assert not meets(FieldType(O2(), "1x0e"), FieldType(O2(), "1x0o"))
    assert not meets(FieldType(SO2(), "1x1"), FieldType(SO2(), "1x2"))
    assert not meets(FieldType(C4, "1x0e"), FieldType(Dihedral(4), "1x0e"))
    assert meets(FieldType(Dihedral(4), "1x0e"), FieldType(C4, "1x0e"))
    assert str(cut(FieldType(C4, "2xregular + 2x0e"), 4, 9)) == "1xregular + 1x0e"
    assert cut(FieldType(C4, "2xregular"), 2, 6) is None


def test_layers_are_seen_however_they_are_called():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = AveragePool(TURNED, 2), AveragePool(TURNED, 2)

        def forward(self, x):
            return self.b(x=self.a(x=x))

    assert [layer.name for layer in plan(Named(), 15).broken] == ["a", "b"]

    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = AveragePool(TURNED, 2)

        def forward(self, x):
            return self.a.forward(x)

    assert plan(Around(), 15).exact is False


def test_a_map_keeps_its_group_beside_its_restriction():
    fields = FieldType(Dihedral(4), "1xregular")

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.restricted, self.large = Restriction(fields, C4), AveragePool(fields, 1)
            self.small = AveragePool(self.restricted.out_type, 1)

        def forward(self, x):
            h = self.large(x)
            part = self.restricted(h)
            return self.large(h + self.large(h)), self.small(part + self.small(part))

    assert plan(Both(), 8).exact


def test_hooks_of_others_are_watched():
    for hook in ("register_forward_hook", "register_forward_pre_hook"):
        network = nn.Sequential(AveragePool(TURNED, 1), AveragePool(TURNED, 1))
        rolls = {
            "register_forward_hook": lambda module, given, out: out.roll(1, -1),
            "register_forward_pre_hook": lambda module, given: (given[0].roll(1, -1),),
        }
        getattr(network[1], hook)(rolls[hook])
        assert [layer.reason[:4] for layer in plan(network, 8).unknown] == ["roll"]
        assert len(network[1]._forward_hooks) + len(network[1]._forward_pre_hooks) == 1


def test_wrapped_networks_are_planned():
    network = nn.Sequential(AveragePool(TURNED, 2), nn.ReLU())
    assert plan(torch.compile(network, backend="eager"), 8).exact

    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, x):
            return torch.vmap(lambda y: self.inner(y[None])[0])(x)

    assert plan(Mapped(), 8).exact is False


def test_containers_of_torch_with_functions_of_their_own_are_not_known():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.m = AveragePool(TURNED, 1), nn.MultiheadAttention(8, 1, batch_first=True)
            self.b = AveragePool(TURNED, 1)

        def forward(self, x):
            h = self.a(x)
            t = h.flatten(2).mT
            return self.b(self.m(t, t, t)[0].mT.unflatten(-1, h.shape[-2:]))

    assert plan(Attends(), 8).exact is False
    assert plan(Attends(), 8).broken == ()

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = AveragePool(TURNED, 1), nn.Linear(8 * 64, 3)

        def forward(self, x):
            return self.b(self.a(x).flatten(1))

    assert plan(Linear(), 8).exact is False


def tail(fields, *layers, kind="max"):
    return nn.Sequential(
        SteerableConv2d(IMAGE, fields, 3, padding=1), Pointwise(fields, nn.ReLU()), Invariant(fields, kind), *layers
    )


def test_the_usual_end_of_a_network_is_exact():
    network = tail(
        TURNED,
        nn.Conv2d(2, 6, 1),
        nn.BatchNorm2d(6),
        nn.ELU(),
        nn.GroupNorm(2, 6),
        nn.Dropout2d(0.5),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(6, 4),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        nn.Linear(4, 3),
    ).double()
    found = plan(network, 9)
    assert found.exact, str(found)
    assert network.training
    assert {layer.kind for layer in found.layers} >= {"Linear", "BatchNorm2d", "Flatten", "Dropout"}
    assert _same(network.eval())
    early = nn.Sequential(GlobalAveragePool(TURNED), Invariant(TURNED, "norm"), nn.Flatten(), nn.Linear(2, 3))
    assert plan(early, 9).exact


def _same(network):
    x = torch.randn(2, 1, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return bool(torch.allclose(network(x), network(x.rot90(1, (-2, -1))), atol=1e-12))


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(2, 2, 3, padding=1), nn.Flatten(), nn.Sequential(nn.Flatten(), nn.Linear(162, 2)), nn.AvgPool2d(2)],
)
def test_what_follows_invariants_can_still_break(layer):
    assert not plan(tail(TURNED, layer), 9).exact


def test_layers_for_numbers_break_other_fields():
    for layer, exact in [
        (nn.BatchNorm2d(8), False),
        (nn.GroupNorm(2, 8), False),
        (nn.GroupNorm(2, 8, affine=False), None),
        (nn.Conv2d(8, 8, 1), None),
    ]:
        assert plan(nn.Sequential(AveragePool(TURNED, 1), layer), 9).layers[-1].exact is exact


def test_a_map_that_stands_still_is_no_map():
    class Decodes(nn.Module):
        def __init__(self):
            super().__init__()
            self.end = tail(TURNED, nn.AdaptiveAvgPool2d(1), nn.ConvTranspose2d(2, 1, 4))

        def forward(self, x):
            return self.end(x)

    assert [layer.name for layer in plan(Decodes(), 9).unknown] == ["after the last layer"]


def test_attention_and_sequences_are_looked_into():
    network = SteerableSequential(SteerableConv2d(IMAGE, TURNED, 3, padding=1), SelfAttention(TURNED))
    assert plan(network, 9).exact


def test_a_group_without_motions_of_the_grid_has_nothing_to_check():
    fields = FieldType(Cyclic(3), "1xregular")
    text = str(plan(AveragePool(fields, 2), 9)).splitlines()
    assert text[0].startswith("nothing to check on 9 x 9 pixels: no motion of the grid but the identity is in C3")


def test_a_single_layer_is_named_by_its_kind():
    text = str(plan(AveragePool(TURNED, 2), 9)).splitlines()
    assert text[1].startswith("  AveragePool: broken, ")
    assert text[-1].startswith("AveragePool  AveragePool")


def test_a_layer_that_refuses_its_map_says_so_in_one_sentence(caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(ValueError, match=r"2 x 2") as refused:
        plan(nn.Sequential(BlurPool(TURNED, 5)), 2)
    assert "\n" not in str(refused.value)
    with caplog.at_level(logging.DEBUG), pytest.raises(ValueError, match=r"0 \(ReflectionPad2d\).*2 x 2") as refused:
        plan(nn.Sequential(nn.ReflectionPad2d(2)), 2, channels=1)
    assert "\n" not in str(refused.value)
    assert caplog.text == ""
    assert not logging.getLogger("torch._subclasses.fake_tensor").disabled


@pytest.mark.parametrize("size", [28.0, "28", (1, 28, 28), torch.tensor(28), -3])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match=r"^size is .*whole numbers"):
        plan(AveragePool(TURNED, 2), size)
