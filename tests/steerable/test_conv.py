"""Steerable convolution: exact where it says so and broken elsewhere, its filter never stale, its refusals clear."""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Callable, Iterable
from math import pi

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable import steerable_filter
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.conv_transpose import SteerableConvTranspose2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.kernels.grid_basis import GridBasis
from equigen.steerable.kernels.ring_basis import RingBasis
from equigen.symmetry.rotation import rotate

C4, C8, D4 = Cyclic(4), Cyclic(8), Dihedral(4)


def small(**settings) -> SteerableConv2d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = SteerableConv2d(FieldType(C4, "1xregular"), FieldType(C4, "1xregular + 1x1"), 3, padding=1, **settings)
        assert layer.bias is not None
        nn.init.normal_(layer.bias)
        return layer


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- what it computes


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_it_is_torchs_convolution_with_its_filter(mode):
    layer = small(padding_mode=mode).double()
    x = noise(2, 4, 7, 9)
    padded = functional.pad(x, [1] * 4, mode="constant" if mode == "zeros" else mode)
    expected = functional.conv2d(padded, layer.filter(), layer.bias_channels())
    assert torch.allclose(layer(x), expected, atol=1e-13)
    plain = layer.plain()
    assert type(plain) is nn.Conv2d
    assert plain.padding_mode == mode
    assert torch.allclose(plain(x), expected, atol=1e-13)


def test_its_bias_is_one_number_a_regular_field_and_none_of_a_vector():
    layer = small()
    assert layer.bias is not None
    assert layer.bias.shape == (1,)
    channels = layer.bias_channels()
    assert channels is not None
    assert torch.equal(channels, torch.cat((layer.bias.expand(4), torch.zeros(2))))
    vectors = FieldType(C4, "2x1")
    assert SteerableConv2d(vectors, vectors, 3).bias is None
    assert SteerableConv2d(vectors, vectors, 3).bias_channels() is None


def quarter_error(layer: nn.Module, in_type: FieldType, out_type: FieldType, x: Tensor) -> float:
    g = Cyclic(4).elements()[1]
    with torch.no_grad():
        here = torch.rot90(torch.einsum("ij,bjhw->bihw", out_type.matrix(g), layer(x)), 1, (-2, -1))
        there = layer(torch.rot90(torch.einsum("ij,bjhw->bihw", in_type.matrix(g), x), 1, (-2, -1)))
        return float((here - there).norm() / here.norm()) if here.shape == there.shape else float("inf")


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_quarter_turns_are_exact_where_it_says_so_and_broken_elsewhere(kernel_size, stride, padding, dilation):
    fields = FieldType(C4, "1xregular")
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "bias": False}
    layer = SteerableConv2d(fields, fields, kernel_size, **settings).double()
    for size in (12, 13):
        said = layer.grid_step(size, size)
        assert layer(noise(1, 4, size, size)).shape[-2:] == (said.height, said.width)
        error = quarter_error(layer, fields, fields, noise(2, 4, size, size))
        assert error <= 1e-13 if said.quarter_turns else error >= 1e-3
        for repair in said.repairs:
            changed = {"kernel_size": kernel_size, "size": size} | settings | eval(f"dict({repair})")
            SteerableConv2d(fields, fields, **changed)  # what is offered is accepted
        if not said.quarter_turns:
            assert said.repairs
            with pytest.raises(ValueError, match="is not exact under C4"):
                SteerableConv2d(fields, fields, kernel_size, size=size, **settings)


def test_other_angles_are_limited_by_sampling_alone():
    """On a smooth image SO(2) layers follow a turn by 30 degrees to a percent, which scalars in their place do not."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        scalars, fields = FieldType(SO2(), "1x0e"), FieldType(SO2(), "4x1 + 4x2")
        layer = SteerableConv2d(scalars, fields, 7, padding=3).double()
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, 33, dtype=torch.float64)] * 2, indexing="ij")
    image = (torch.exp(-8 * ((x - 0.25) ** 2 + 2 * (y + 0.1) ** 2)) - torch.exp(-10 * (x**2 + (y - 0.3) ** 2)))[
        None, None
    ]
    angle = torch.tensor(pi / 6, dtype=torch.float64)
    matrix = fields.matrix(torch.stack((angle, torch.zeros_like(angle))))
    inside = (x**2 + y**2 < 0.7)[None, None]
    with torch.no_grad():
        there = layer(rotate(image, angle)) * inside
        here = rotate(torch.einsum("ij,bjhw->bihw", matrix, layer(image)), angle) * inside
        unturned = rotate(layer(image), angle) * inside
    assert float((there - here).norm() / here.norm()) <= 0.02
    assert float((there - unturned).norm() / here.norm()) >= 0.3


# --- what is kept


@pytest.fixture
def expansions(monkeypatch) -> list[int]:
    calls: list[int] = []

    def counted(*args):
        calls.append(1)
        return expand(*args)

    expand = steerable_filter.expand_filter
    monkeypatch.setattr(steerable_filter, "expand_filter", counted)
    return calls


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_filter_is_kept_while_the_weights_stand_still(expansions, mode):
    layer, x = small(), noise(1, 4, 6, 6).float()
    with mode():
        outs = [layer(x) for _ in range(3)]
    assert len(expansions) == 1
    assert torch.equal(outs[0], outs[2])
    layer(x)
    layer(x)
    assert len(expansions) == 3  # gradients of the weights are wanted: each its own graph
    layer.requires_grad_(False)
    x = x.clone().requires_grad_()
    layer(x).sum().backward()  # guidance through a network at rest
    assert len(expansions) == 3
    assert x.grad is not None


def changed_data(layer):
    layer.weight.data.mul_(2)


def changed_in_place(layer):
    with torch.no_grad():
        layer.weight.mul_(2)


def changed_by_numpy(layer):
    layer.weight.detach().numpy()[:] *= 2


def changed_bias(layer):
    layer.bias.data.add_(1)


def changed_by_lerp(layer):
    ones = [torch.ones_like(p) for p in layer.parameters()]
    torch._foreach_lerp_([p.data for p in layer.parameters()], ones, 0.1)  # pyright: ignore[reportPrivateImportUsage]


def changed_parameter(layer):
    layer.weight = nn.Parameter(layer.weight.detach() * 2)


def changed_state(layer):
    layer.load_state_dict({name: 2 * value for name, value in layer.state_dict().items()})


def changed_dtype(layer):
    with torch.no_grad():
        layer.double()
        layer.weight.mul_(1 + 1e-12)


def changed_to_none(layer):
    layer.bias = None


CHANGES = [
    changed_to_none,
    changed_data,
    changed_in_place,
    changed_by_numpy,
    changed_bias,
    changed_by_lerp,
    changed_parameter,
    changed_state,
    changed_dtype,
]


def is_stale(layer: SteerableConv2d, change) -> bool:
    x = noise(1, 4, 6, 6)
    layer.eval()
    with torch.no_grad():
        layer(x.to(layer.weight.dtype))
    change(layer)
    x = x.to(layer.weight.dtype)
    with torch.no_grad():
        expected = functional.conv2d(x, layer.filter(), layer.bias_channels(), padding=1)
        return not torch.equal(layer(x), expected)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_weights_is_seen(change):
    assert not is_stale(small(), change)


@pytest.mark.parametrize("change", [changed_data, changed_by_numpy, changed_bias])
def test_a_filter_kept_by_version_would_be_stale(change, monkeypatch):
    """The planted fault: torch's version counter does not count changes through `.data`, numpy or the bias alone."""
    versions = {}

    def by_version(kept, weight, bias):
        return versions.setdefault(id(kept), weight._version) == weight._version

    monkeypatch.setattr(steerable_filter._Expanded, "stands_for", by_version)
    assert is_stale(small(), change)


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script.*:DeprecationWarning"
)  # torch's own, in forward-mode derivatives
def test_derivatives_of_the_weights_go_past_what_is_kept():
    layer, x = small().double(), noise(1, 4, 6, 6)
    with torch.no_grad():
        layer(x)
    weights = {name: value.detach() for name, value in layer.named_parameters()}
    tangents = {"weight": torch.ones_like(layer.weight), "bias": torch.zeros(1, dtype=torch.float64)}

    def run(values):
        return torch.func.functional_call(layer, values, (x,))

    with torch.no_grad():
        slope = torch.func.jvp(run, (weights,), (tangents,))[1]
        ones = copy.deepcopy(layer)
        ones.weight.fill_(1)
        ones.bias.zero_()  # type: ignore[union-attr]
        assert torch.allclose(slope, ones(x), atol=1e-12)
        stacked = {name: torch.stack((value, 2 * value)) for name, value in weights.items()}
        both = torch.func.vmap(run)(stacked)
        assert torch.allclose(both[1], 2 * both[0], atol=1e-12)
        assert torch.allclose(both[0], layer(x), atol=1e-12)
        with torch.autograd.forward_ad.dual_level():
            dual = {name: torch.autograd.forward_ad.make_dual(weights[name], tangents[name]) for name in tangents}
            tangent = torch.autograd.forward_ad.unpack_dual(run(dual)).tangent
            assert tangent is not None
            assert torch.allclose(tangent, ones(x), atol=1e-12)


def test_no_basis_and_no_filter_travels():
    fields = FieldType(C8, "1xregular")
    layer = SteerableConv2d(fields, fields, 5, padding=2)
    x = noise(1, 8, 6, 6).float()
    with torch.no_grad():
        expected = layer(x)
    table = layer._tables[0]
    stored = pickle.dumps(layer)
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert list(layer.buffers()) == []
    assert layer._expanded is not None
    assert len(stored) < table.numel() * 4 / 3
    for other in (copy.deepcopy(layer), pickle.loads(stored)):
        assert other._expanded is None
        with torch.no_grad():
            assert torch.equal(other(x), expected)
    assert copy.deepcopy(layer)._tables[0] is table  # made again, and found among the shared ones
    assert layer.train()._expanded is None


def averaged(layer: SteerableConv2d, step: Callable[[Iterable[Tensor], Iterable[Tensor]], None]) -> SteerableConv2d:
    """An exponential average of the layer after some steps, as loops over parameters and buffers make it."""
    average = copy.deepcopy(layer)
    for _ in range(10):
        with torch.no_grad():
            step(average.parameters(), layer.parameters())
            step(average.buffers(), layer.buffers())
    return average


def drawn(averages: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    for be, b in zip(averages, values, strict=True):
        be.mul_(0.99).add_(b, alpha=0.01)


def test_an_average_of_parameters_and_buffers_leaves_the_live_layer_alone():
    layer = small()
    before = layer.filter().detach().clone()
    average = averaged(layer, drawn)
    assert torch.equal(layer.filter(), before)
    assert torch.allclose(average.filter(), before, atol=1e-6)


def test_tables_in_shared_buffers_would_shrink_it():
    """The planted fault: a table that layers share and that loops over buffers reach."""
    layer = small()
    before = layer.filter().detach().clone()
    layer._tables = tuple(table.clone() for table in layer._tables)
    for _ in range(10):
        drawn(layer._tables, layer._tables)
    assert float(layer.filter().detach().norm() / before.norm()) < 0.9995


def test_tables_follow_weights_of_another_dtype():
    """float64 weights in the place of float32 ones get tables from float64, not rounded ones."""
    layer = small()
    values = {name: value.detach().double() for name, value in layer.named_parameters()}
    x = noise(2, 4, 6, 6)
    found = torch.func.functional_call(layer, values, (x,))
    exact = small().double()
    assert found.dtype == torch.float64
    assert torch.equal(found, exact(x))
    assert layer._tables[0].dtype == torch.float32
    rounded = small().double()
    rounded._tables = tuple(table.float().double() for table in rounded._tables)
    assert not torch.equal(rounded(x), exact(x))  # the check can fail
    with torch.no_grad():
        assert torch.func.functional_call(layer, values, (x,)).dtype == torch.float64
        assert layer(x.float()).dtype == torch.float32


def test_a_saved_module_is_loaded_again():
    layer, stored = small(), io.BytesIO()
    torch.save(layer, stored)
    stored.seek(0)
    other = torch.load(stored, weights_only=False)
    assert torch.equal(other.filter(), layer.filter())


def test_the_filter_keeps_its_precision_under_autocast():
    layer = small()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer.filter(), small().filter())
        assert layer(noise(1, 4, 6, 6).float()).dtype == torch.bfloat16


# --- what it refuses

SCALAR, SIGN = FieldType(O2(), "1x0e"), FieldType(O2(), "1x0o")
IMAGE = FieldType(C4, "1x0e")
REFUSED = [
    (lambda: SteerableConv2d(IMAGE, FieldType(D4, "1x0e"), 3), "in_type is under C4 and out_type under D4"),
    (
        lambda: SteerableConv2d(SCALAR, SIGN, 5),
        "no filter of 5 x 5 pixels from 1x0e to 1x0o .* an out_type without 1x0o",
    ),
    (lambda: SteerableConv2d(IMAGE, FieldType(C4, "1x0e + 3x1"), 1), "to 3x1 under C4, .*: pass kernel_size=2, or an"),
    (lambda: SteerableConv2d(IMAGE, IMAGE, 0), "kernel_size is 0, but .*: pass kernel_size=3"),
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, padding=-1), "padding is -1, but .*: pass padding=0"),
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, padding_mode="same"), "padding_mode is 'same', .*padding_mode=\"zeros\""),  # type: ignore[arg-type]
    (
        lambda: SteerableConv2d(IMAGE, IMAGE, 3, stride=2, padding=1, size=28),
        "stride 2 does not divide .*kernel_size=4",
    ),
    (
        lambda: SteerableConv2d(IMAGE, IMAGE, 9, size=5),
        "a window of 9 does not fit into 5 .*, but SteerableConv2d .*: pass kernel_size=5, or padding=2",
    ),
    (lambda: SteerableConv2d(IMAGE, IMAGE, 9)(torch.zeros(1, 1, 5, 12)), "pass kernel_size=5, or padding=2"),
    (
        lambda: SteerableConv2d(IMAGE, IMAGE, 4, padding=1, dilation=3)(torch.zeros(1, 1, 5, 6)),
        "window of 10 .* padding=1.*kernel_size=3, or padding=3",
    ),
    (
        lambda: SteerableConv2d(IMAGE, IMAGE, 3, padding=4, padding_mode="circular")(torch.zeros(1, 1, 3, 3)),
        "pass padding=3",
    ),
    (lambda: SteerableConvTranspose2d(IMAGE, IMAGE, 3, padding=4)(torch.zeros(1, 1, 5, 5)), "pass padding=3"),
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, size=(1, 28, 28)), r"size is \(1, 28, 28\), .* size=\(28, 28\)"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, size=28.0), "size is 28.0, but .*: pass size=28"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, size="28"), "size is '28', but .*: pass size=28"),  # type: ignore[arg-type]
    (lambda: SteerableConvTranspose2d(IMAGE, IMAGE, 3, size=0), "size is 0, but .*: pass size=28"),
    (lambda: SteerableConv2d(IMAGE, IMAGE, 9, padding=5, padding_mode="reflect", size=5), "pass padding=4"),
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3)(torch.zeros(1, 3, 8, 8)), r"x has shape \(1, 3, 8, 8\), but"),
    (lambda: SteerableConvTranspose2d(IMAGE, IMAGE, 3, output_padding=1), "output_padding is 1, .*output_padding=0"),
]


@pytest.mark.parametrize(("attempt", "message"), REFUSED)
def test_what_does_not_fit_is_refused_with_the_fix(attempt, message):
    with pytest.raises(ValueError, match=message) as refused:
        attempt()
    assert len(re.findall(r"\.(\s|$)", str(refused.value))) == 1  # one sentence


KINDS = [
    (lambda: SteerableConv2d(IMAGE, IMAGE, (3, 3)), r"kernel_size is \(3, 3\), but SteerableConv2d .*kernel_size=3"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, padding=(1, 1)), r"padding is \(1, 1\), .*: pass padding=1"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 5, dilation=2, padding="same"), "padding is 'same', .*: pass padding=4"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, stride=2.0), "stride is 2.0, .*: pass stride=2"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d("1x0e", IMAGE, 3), r'in_type is \'1x0e\', .*: pass FieldType\(group, "1x0e"\)'),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(1, 8, 3), r'in_type is 1, .*: pass FieldType\(group, "1x0e"\)'),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, 8, 3), r'out_type is 8, .*: pass FieldType\(group, "8x0e"\)'),  # type: ignore[arg-type]
    (lambda: SteerableConvTranspose2d(IMAGE, None, 3), "out_type is None, but SteerableConvTranspose2d takes"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, basis="ring"), r"basis is 'ring', .*: pass basis=RingBasis\(\)"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3, basis=GridBasis), r"basis is <.*, .*: pass basis=GridBasis\(\)"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3)(torch.zeros(1, 1, 8, 8).numpy()), r"array, .*: pass torch.from_numpy"),  # type: ignore[arg-type]
    (lambda: SteerableConv2d(IMAGE, IMAGE, 3)(torch.ones(1, 1, 8, 8).byte()), r"x is uint8, .*: pass x.float\(\)"),
]


@pytest.mark.parametrize(("attempt", "message"), KINDS)
def test_settings_of_another_kind_are_refused(attempt, message):
    with pytest.raises(TypeError, match=message) as refused:
        attempt()
    assert len(re.findall(r"\.(\s|$)", str(refused.value))) == 1  # one sentence


def test_the_smallest_map_that_fits_is_taken_and_no_smaller_one():
    for mode in ("zeros", "reflect", "replicate", "circular"):
        for settings in ({"kernel_size": 5}, {"kernel_size": 4, "padding": 2}, {"kernel_size": 3, "dilation": 2}):
            layer = SteerableConv2d(IMAGE, IMAGE, padding_mode=mode, **settings)  # type: ignore[arg-type]
            sizes = [n for n in range(1, 8) if takes(layer, n)]
            plain = layer.plain()
            assert sizes == [n for n in range(1, 8) if takes(plain, n)]
            assert sizes[0] == layer._least


def takes(layer: nn.Module, size: int) -> bool:
    try:
        layer(torch.zeros(1, 1, size, size))
    except (ValueError, RuntimeError):
        return False
    return True


def test_it_names_the_parts_of_fields_that_stay_zero():
    scalars, fields = FieldType(SO2(), "1x0e"), FieldType(SO2(), "2xregular(3)")
    rows = [slice(7 * i + 5, 7 * i + 7) for i in range(2)]  # frequency 3
    for settings, missing in (
        ({"kernel_size": 3}, ("3 of regular(3)",)),
        ({"kernel_size": 5}, ("3 of regular(3)",)),
        ({"kernel_size": 7}, ()),
        ({"kernel_size": 5, "basis": RingBasis(cutoff=3)}, ()),
    ):
        layer = SteerableConv2d(scalars, fields, **settings)  # type: ignore[arg-type]
        assert layer.unreached() == missing
        power = sum(float(layer.filter()[row].detach().square().sum()) for row in rows)
        assert (power < 1e-12) == bool(missing)
        assert ("never reached: 3 of regular(3)" in str(layer)) == bool(missing)
    turned = SteerableConv2d(FieldType(Cyclic(16), "1x0e"), FieldType(Cyclic(16), "1xregular"), 3)
    assert turned.unreached() == tuple(f"{name} of regular" for name in ("3", "4", "5", "6", "7", "8e"))
    assert str(small()).endswith("C4, kernel_size=3, padding=1)")
