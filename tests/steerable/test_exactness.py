"""The plan says exact where measured equivariance on white noise is exact, and broken where it is broken."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.conv_transpose import SteerableConvTranspose2d
from equigen.steerable.exactness import plan
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule
from equigen.steerable.resampling.block import block_type
from equigen.steerable.resampling.blur import BlurPool
from equigen.steerable.resampling.downsample import Downsample
from equigen.steerable.resampling.pool import AveragePool, GlobalAveragePool, MaxPool
from equigen.steerable.resampling.shuffle import PixelShuffle, PixelUnshuffle
from equigen.steerable.resampling.upsample import Upsample
from tests.steerable.cases.all_cases import ALL_CASES
from tests.steerable.motions import asymmetry, moved

C4, D4 = Cyclic(4), Dihedral(4)
TURNED, MIRRORED = FieldType(C4, "1xregular"), FieldType(D4, "1x0e + 1x1 + 1x2o")
EXACT, BROKEN = 1e-13, 1e-3
SETTINGS = [
    (size, k, s, p, d)
    for size, k, s, p, d in product(
        ((5, 5), (6, 6), (7, 10), (9, 5), (12, 12)), (1, 2, 3, 4, 5), (1, 2, 3), (0, 1, 2), (1, 2)
    )
    if min(size) + 2 * p > d * (k - 1) and p < k
]


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build().double()


def convolution(fields, k, s, p, d, mode="zeros"):
    return seeded(lambda: SteerableConv2d(fields, fields, k, stride=s, padding=p, dilation=d, padding_mode=mode))


def by_plan(layer, size):
    return plan(layer, size, channels=1).exact


def mismatches(cases, says=by_plan, **measured):
    """The cases in which what is said is not what is measured, or in which the measurement decides nothing."""
    found = []
    for name, layer, size in cases:
        error = asymmetry(layer, size, **measured)
        exact = error <= EXACT
        if (not exact and error < BROKEN) or says(layer, size) != exact:
            found.append((name, size, error))
    return found


def by_step(layer, size):
    """What the plan says of one layer, without the run that finds its size."""
    return layer.grid_step(*size).exact_under(layer.in_type.group)


# --- convolutions


@pytest.mark.parametrize(("fields", "settings"), [(TURNED, SETTINGS), (MIRRORED, SETTINGS[::4])], ids=["C4", "D4"])
def test_no_convolution_is_misjudged(fields, settings):
    cases = [((k, s, p, d), convolution(fields, k, s, p, d), size) for size, k, s, p, d in settings]
    assert mismatches(cases, says=by_step) == []
    exact = sum(by_step(layer, size) for _, layer, size in cases)
    assert len(cases) / 4 < exact < 3 * len(cases) / 4  # both answers are common


def test_the_cases_are_many():
    assert len(SETTINGS) >= 250


def test_a_false_rule_is_found():
    cases = [((k, s, p, d), convolution(TURNED, k, s, p, d), size) for size, k, s, p, d in SETTINGS[::7]]
    assert len(mismatches(cases, says=lambda layer, size: size[0] % layer.stride == 0 == size[1] % layer.stride)) > 10
    assert mismatches(cases, says=lambda layer, size: True)
    assert mismatches(cases, says=lambda layer, size: False)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_the_rule_does_not_depend_on_what_the_padding_holds(mode):
    settings = [setting for setting in SETTINGS if setting[3]][::9]
    cases = [((k, s, p, d), convolution(TURNED, k, s, p, d, mode), size) for size, k, s, p, d in settings]
    assert mismatches(cases, says=by_step) == []


def test_the_one_accident_among_numbers():
    """Windows of which a single pixel meets the map can be exact by accident; the plan does not promise it."""
    fields = FieldType(D4, "1x0e")
    cases = [
        ((size[0], k, s, p, d), convolution(fields, k, s, p, d), size)
        for size, k, s, p, d in product(((5, 5), (6, 6), (7, 7)), (2, 3), (2, 3, 4), (0, 1), (1, 2, 3))
        if size[0] + 2 * p > d * (k - 1)
    ]
    found = mismatches(cases, says=by_step)
    assert [name for name, _, _ in found] == [(5, 2, 4, 1, 3)]
    assert found[0][2] <= EXACT


def test_no_transposed_convolution_is_misjudged():
    cases = []
    for size, k, s, p, extra in product(((4, 4), (5, 7), (6, 6)), (1, 2, 3, 4, 5), (1, 2, 3), (0, 1), (0, 1, 2)):
        if extra < s and (min(size) - 1) * s + k + extra > 2 * p:
            settings = {"stride": s, "padding": p, "output_padding": extra}
            build = seeded(lambda k=k, settings=settings: SteerableConvTranspose2d(TURNED, TURNED, k, **settings))
            cases.append(((k, s, p, extra), build, size))
    assert len(cases) > 100
    assert mismatches(cases, says=by_step) == []


def test_a_flip_of_one_axis_asks_for_that_axis_alone():
    """Under D1 the rows have to match, under D1@90 the columns; a transposition asks for neither."""
    for axis, size, exact in [
        (0.0, (9, 8), True),
        (0.0, (8, 9), False),
        (torch.pi / 2, (9, 8), False),
        (torch.pi / 2, (8, 9), True),
        (torch.pi / 4, (8, 8), False),
        (3 * torch.pi / 4, (8, 8), True),
    ]:
        fields = FieldType(Dihedral(1, axis=axis), "1xregular")
        layer = convolution(fields, 3, 2, 1, 1)
        assert by_step(layer, size) is exact
        assert (asymmetry(layer, size) <= EXACT) is exact


# --- resampling


def resampling(fields):
    for k, s, p in product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2)):
        if p <= k // 2:
            yield AveragePool(fields, k, stride=s, padding=p)
            if fields is TURNED:
                yield MaxPool(fields, k, stride=s, padding=p)
    for k, s in product((2, 3, 4, 5), (1, 2, 3)):
        yield BlurPool(fields, k, stride=s)
    for factor in (2, 3):
        yield Downsample(fields, factor)
        yield Upsample(fields, factor, mode="nearest")
        yield Upsample(fields, factor)
        yield PixelUnshuffle(fields, factor)
    yield PixelShuffle(block_type(fields), fields)
    yield GlobalAveragePool(fields)


@pytest.mark.parametrize("fields", [TURNED, MIRRORED], ids=["C4", "D4"])
def test_no_resampling_layer_is_misjudged(fields):
    cases = []
    for layer in resampling(fields):
        sizes = ((6, 6), (7, 7), (8, 11), (9, 12), (13, 13))
        if isinstance(layer, PixelUnshuffle):
            sizes = ((6, 6), (6, 12))
        cases += [(repr(layer), layer.double(), size) for size in sizes]
    assert len(cases) > 150
    assert mismatches(cases, says=by_step) == []


def test_no_layer_of_torch_is_misjudged():
    layers = [
        nn.AvgPool2d(2),
        nn.AvgPool2d(3, 2, 1),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d((2, 3)),
        nn.AvgPool2d(4, 3, 1),
        nn.AdaptiveAvgPool2d(3),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.AdaptiveAvgPool2d((None, 7)),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=1.5),
        nn.Upsample(scale_factor=1.5, mode="bilinear"),
        nn.Upsample(size=(7, 7), mode="bilinear"),
        nn.Upsample(size=(7, 7)),
        nn.Upsample(scale_factor=2, mode="bicubic", align_corners=True),
        nn.Upsample(size=(3, 3), mode="nearest-exact"),
        nn.ZeroPad2d(1),
        nn.ZeroPad2d((1, 0, 1, 0)),
        nn.ReflectionPad2d((1, 1, 2, 2)),
        nn.Identity(),
    ]
    cases = [(repr(layer), layer, size) for layer, size in product(layers, ((6, 6), (7, 7), (9, 9), (7, 8)))]
    assert mismatches([case for case in cases if _comparable(case)], group=D4) == []
    for pool, sizes in [(nn.MaxPool2d(3, 2, 1), (8, 9)), (nn.MaxPool2d(4, 3, 1), (7, 8)), (nn.MaxPool2d(3), (8, 9))]:
        fields = nn.Sequential(AveragePool(TURNED, 1), pool)
        assert [plan(fields, size).exact for size in sizes] == [False, True]
        assert asymmetry(pool, sizes[:1] * 2, group=D4) > BROKEN
        assert asymmetry(pool, sizes[1:] * 2, group=D4) == 0.0


def test_a_target_that_is_not_square_turns_nothing():
    """A quarter turn of the map would have to turn the target too."""
    scalars = AveragePool(FieldType(C4, "1x0e"), 1)
    for layer, exact in [
        (nn.AdaptiveAvgPool2d((2, 3)), False),
        (nn.AdaptiveMaxPool2d((3, 5)), False),
        (nn.Upsample(size=(30, 45), mode="bilinear"), False),
        (nn.Upsample(size=(30, 45)), False),
        (nn.Upsample(size=(30, 30)), True),
        (nn.AdaptiveAvgPool2d((None, 15)), True),
        (nn.AdaptiveAvgPool2d((None, 5)), False),
        (nn.AdaptiveAvgPool2d((None, None)), True),
        (nn.AdaptiveMaxPool2d(4), True),
    ]:
        assert plan(nn.Sequential(scalars, layer), 15).exact is exact, layer
    rows = AveragePool(FieldType(Cyclic(2), "1x0e"), 1)
    assert plan(nn.Sequential(rows, nn.AdaptiveAvgPool2d((2, 3))), 15).exact
    assert not plan(nn.Sequential(scalars, nn.AdaptiveAvgPool2d((8, None))), (7, 8)).exact


def _comparable(case):
    """Whether turning the map turns the size of the output with it, so that the two can be compared at all."""
    _, layer, (height, width) = case
    with torch.no_grad():
        upright = layer(torch.zeros(1, 1, height, width)).shape[-2:]
        lying = layer(torch.zeros(1, 1, width, height)).shape[-2:]
    return upright == lying[::-1]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_convolutions_of_torch_are_broken_by_their_windows_and_otherwise_not_known():
    assert [plan(nn.Conv2d(1, 1, 3, 2, 1), size).layers[0].exact for size in (8, 9)] == [False, None]
    even, odd = nn.Conv2d(1, 1, 4, padding="same"), nn.Conv2d(1, 1, 3, padding="same")
    assert [plan(layer, 8).layers[0].exact for layer in (even, odd)] == [False, None]
    transposed = nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1)
    assert plan(transposed, 8).broken[0].repairs == ("output_padding=0",)


# --- networks


def trunk(group):
    image, fields = FieldType(group, "1x0e"), FieldType(group, "1xregular + 1x1")
    return seeded(
        lambda: nn.Sequential(
            SteerableConv2d(image, fields, 3, padding=1),
            SteerableConv2d(fields, fields, 3, stride=2, padding=1),
            BlurPool(fields),
            SteerableConv2d(fields, fields, 2, stride=2),
            Upsample(fields),
        )
    )


@pytest.mark.parametrize("group", [C4, D4], ids=["C4", "D4"])
def test_each_layer_of_a_network_is_judged_at_its_own_map(group):
    network = trunk(group)
    for size in (*range(16, 66, 7), 64, (33, 41)):
        planned = plan(network, size)
        for place, layer in enumerate(planned.layers):
            assert layer.name == str(place)
            error = asymmetry(network[place], layer.size)
            assert error <= EXACT if layer.exact else error >= BROKEN, (size, layer)
        whole = (size, size) if isinstance(size, int) else size
        error = asymmetry(network, whole, in_type=network[0].in_type, out_type=network[-1].out_type)
        assert error <= 1e-12 if planned.exact else error >= BROKEN


def test_a_late_mean_hides_a_break_but_not_from_the_plan():
    network = trunk(C4)
    network.append(GlobalAveragePool(network[-1].in_type))
    assert [layer.name for layer in plan(network, 33).broken] == ["2", "3"] or not plan(network, 33).exact
    assert plan(network, 33).layers[-1].exact


def test_repairs_repair():
    """What a broken layer is offered is exact on its map, and the map that is offered is exact for the layer."""
    tried = 0
    for size, k, s, p, d in SETTINGS[::5]:
        layer = convolution(TURNED, k, s, p, d)
        for repair in layer.grid_step(*size).repairs:
            changes = eval(f"dict({repair})")
            at = changes.pop("size", size)
            settings = {"kernel_size": k, "stride": s, "padding": p, "dilation": d} | changes
            mended = seeded(lambda settings=settings: SteerableConv2d(TURNED, TURNED, **settings))
            assert asymmetry(mended, at) <= EXACT, (size, k, s, p, d, repair)
            tried += 1
    assert tried > 50


def repaired(build, size):
    """Every repair that a layer is offered on a map: built as code, what does it measure there?"""
    planned = plan(nn.Sequential(AveragePool(TURNED, 1), build()), size).layers[-1]
    for repair in planned.repairs:
        changes = eval(f"dict({repair})")
        at = changes.pop("size", size)
        assert changes.get("kernel_size", 2) > 1
        yield repair, asymmetry(build(**changes).double(), at, group=C4, channels=4)


def test_repairs_of_pools_repair_as_code():
    """Also where the stride was left to follow the kernel."""
    tried, sizes = 0, ((5, 5), (6, 6), (8, 11), (10, 10), (13, 13))
    for kind, k, s, p in product((AveragePool, MaxPool, nn.AvgPool2d, nn.MaxPool2d), (2, 3, 4), (None, 2, 3), (0, 1)):

        def build(kind=kind, k=k, s=s, p=p, **changes):
            settings = {"kernel_size": k, "padding": p} | ({} if s is None else {"stride": s}) | changes
            return kind(TURNED, **settings) if kind in (AveragePool, MaxPool) else kind(**settings)

        for size in sizes:
            for repair, error in repaired(build, size):
                assert error <= EXACT, (kind, k, s, p, size, repair)
                tried += 1
    assert tried > 300
    dilated = nn.Sequential(AveragePool(TURNED, 1), nn.MaxPool2d(2, 3, dilation=2))
    for repair in plan(dilated, 9).layers[-1].repairs:
        changes = eval(f"dict({repair})")
        at = changes.pop("size", (9, 9))
        mended = nn.MaxPool2d(**({"kernel_size": 2, "stride": 3, "dilation": 2} | changes))
        assert asymmetry(mended, at, group=C4) == 0.0


def test_repairs_of_blurs_repair():
    for k, size in product((2, 3, 4, 5), (8, 9)):
        layer = BlurPool(TURNED, k)
        for repair in layer.grid_step(size, size).repairs:
            changes = eval(f"dict({repair})")
            at = changes.pop("size", (size, size))
            assert asymmetry(BlurPool(TURNED, **({"kernel_size": k} | changes)).double(), at) <= EXACT


# --- what the plan reads


def test_the_plan_leaves_the_network_as_it_was():
    network = nn.Sequential(trunk(C4), nn.BatchNorm2d(6), nn.Dropout(0.5)).double()
    state, drawn = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    with torch.no_grad():
        before = network[0](torch.ones(1, 1, 28, 28, dtype=torch.float64))
        plan(network, 28)
        after = network[0](torch.ones(1, 1, 28, 28, dtype=torch.float64))
    assert torch.equal(before, after)
    assert type(after) is torch.Tensor
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())


class Residual(nn.Module):
    """A block of another kind of module, with a second argument and a size that changes between layers."""

    def __init__(self, shrink):
        super().__init__()
        self.conv, self.shrink = SteerableConv2d(TURNED, TURNED, 3, padding=1), shrink

    def forward(self, x, sigma):
        x = x + self.conv(x) * sigma.view(-1, 1, 1, 1)
        return self.conv(x[..., ::2, ::2] if self.shrink else x)


def test_any_network_is_planned_and_what_cannot_be_seen_is_said():
    sigma = torch.ones(2)
    assert plan(Residual(False), 8, arguments=(sigma,)).exact
    found = plan(Residual(True), 8, arguments=(sigma,))
    assert [(layer.name, layer.exact) for layer in found.layers] == [
        ("conv", True),
        ("before conv", None),
        ("conv", True),
    ]
    assert not found.exact
    flat = plan(nn.Sequential(AveragePool(TURNED), nn.Flatten(), nn.Linear(64, 1)), 8)
    assert [layer.kind for layer in flat.unknown] == ["Flatten"]


def test_fields_are_followed_through_layers_of_torch():
    mixed = plan(nn.Sequential(AveragePool(MIRRORED), nn.Identity(), nn.ReLU()), 8)
    assert [layer.exact for layer in mixed.layers] == [True, True, False]
    assert "mixes those of 1" in mixed.broken[0].reason
    permuted = plan(nn.Sequential(AveragePool(TURNED), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.ReLU()), 8)
    assert [layer.exact for layer in permuted.layers] == [True, True, None, None]


def test_every_kind_of_layer_is_planned_as_exact_on_its_own_size():
    kinds = {case.kind: case for case in ALL_CASES}
    for case in kinds.values():
        found = plan(case.build(), case.size)
        assert found.layers, case.name
        assert found.exact, str(found)


class Lying(SteerableModule):
    """A layer that says it leaves the map alone, and does not."""

    def forward(self, x):
        return x[..., 1:, :]

    def plain(self):
        raise NotImplementedError


def test_a_layer_that_says_another_size_than_it_gives_is_not_believed():
    found = plan(Lying(TURNED, TURNED), 8)
    assert found.layers[0].exact is None
    assert "gives 7 x 8" in found.layers[0].reason


def test_the_table_says_what_is_broken_and_how_to_repair_it():
    text = str(plan(trunk(C4), 28)).splitlines()
    assert text[0] == "not exact on 28 x 28 pixels: 2 of 5 layers broken"
    assert text[1].startswith("  1: broken, stride 2 does not divide 28")
    assert "take kernel_size=4, or kernel_size=2, padding=0, or size=(29, 29)" in text[1]
    assert [line.split()[:1] for line in text[5:]] == [["0"], ["1"], ["2"], ["3"], ["4"]]
    assert "quarter" not in str(plan(trunk(C4), 29)).splitlines()[0]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"size is 0, but a map has whole numbers"):
        plan(trunk(C4), 0)
    with pytest.raises(ValueError, match=r"pass channels: plan\(network, 28, channels=1\)|channels=1"):
        plan(nn.AvgPool2d(2), 8)
    with pytest.raises(ValueError, match="does not fit into 4 pixels"):
        plan(convolution(TURNED, 7, 1, 0, 1), 4)
    assert moved(None, torch.eye(2).view(1, 1, 2, 2), torch.zeros(2)).shape == (1, 1, 2, 2)
