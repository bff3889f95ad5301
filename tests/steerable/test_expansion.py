"""Filters are the sums that they are said to be, and obey and exhaust the constraint of their group."""

from __future__ import annotations

import gc
from math import pi

import pytest
import torch
from torch import Tensor

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable import expansion
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.expansion import bias_table, blocks_between, expand_filter, filter_table, initial_scales
from equigen.steerable.field_type import FieldType
from equigen.steerable.kernels.default import default_basis
from equigen.steerable.kernels.ring_basis import RingBasis

PAIRS = [
    (Cyclic(1), "2x0e", "3x0e", 3),
    (Cyclic(2), "1xregular + 1x0e", "1xregular + 2x1e", 3),
    (Cyclic(3), "1xregular + 1x1", "2x0e + 1x1", 3),
    (Cyclic(4), "1xregular + 2x1 + 1x2e", "2x0e + 1xregular", 3),
    (Dihedral(1, axis=pi / 4), "1xregular + 1x0o", "1xregular", 3),
    (Dihedral(2), "1xregular + 1x1o", "1x0e + 1xregular", 3),
    (Dihedral(4), "1xregular + 1x1 + 1x0o", "1xquotient(C2) + 1x2o + 2x1", 5),
    (Cyclic(8), "1xregular + 1x3", "1x1 + 1xregular", 5),
    (SO2(), "2x0e + 1x1 + 1x2", "1x2 + 2x0e + 1x1", 5),
    (O2(), "1x0e + 1x1 + 1x0o", "1x1 + 1x2 + 1x0o", 5),
]
EACH = pytest.mark.parametrize(("group", "ins", "outs", "k"), PAIRS, ids=[f"{p[0].name}" for p in PAIRS])


def layer_of(group, ins, outs, k, **settings) -> SteerableConv2d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SteerableConv2d(FieldType(group, ins), FieldType(group, outs), k, **settings).double()


def moved(filters: Tensor, g: Tensor) -> Tensor:
    """The filter at g^-1 x, for a motion of the grid."""
    return torch.rot90(filters.flip(-2) if float(g[1]) else filters, round(float(g[0]) / (pi / 2)), (-2, -1))


def conjugated(filters: Tensor, in_type: FieldType, out_type: FieldType, g: Tensor) -> Tensor:
    """rho_out(g) K(g^-1 x) rho_in(g)^-1."""
    return torch.einsum("ab,bchw,dc->adhw", out_type.matrix(g), moved(filters, g), in_type.matrix(g))


def constraint_error(filters: Tensor, in_type: FieldType, out_type: FieldType) -> float:
    errors = [conjugated(filters, in_type, out_type, g) - filters for g in in_type.group.on_grid().elements()]
    return max(float(error.norm() / filters.norm()) for error in errors)


@EACH
def test_the_filter_is_the_sum_over_pairs_of_fields(group, ins, outs, k):
    layer = layer_of(group, ins, outs, k)
    expected = torch.zeros(layer.out_type.size, layer.in_type.size, k, k, dtype=torch.float64)
    weights = iter(layer.weight.detach().tolist())
    for rows, m_out, out_rep in layer.out_type.parts():
        for columns, m_in, in_rep in layer.in_type.parts():
            filters = default_basis(group).filters(in_rep, out_rep, k)
            for o in range(m_out):
                for i in range(m_in):
                    row, column = rows.start + o * out_rep.size, columns.start + i * in_rep.size
                    for one in filters:
                        expected[row : row + out_rep.size, column : column + in_rep.size] += next(weights) * one
    assert next(weights, None) is None
    assert torch.allclose(layer.filter(), expected, rtol=0, atol=1e-14)


@EACH
def test_the_filter_obeys_the_constraint(group, ins, outs, k):
    layer = layer_of(group, ins, outs, k)
    filters = layer.filter().detach()
    assert constraint_error(filters, layer.in_type, layer.out_type) <= 1e-14
    if group.on_grid().order > 1:
        filters[0, 0, 0, 0] += 1e-6  # the check sees a single entry
        assert constraint_error(filters, layer.in_type, layer.out_type) > 1e-8


def unreached(layer: SteerableConv2d) -> float:
    """What share of a random filter, averaged over the group, no weights give."""
    shape = (layer.out_type.size, layer.in_type.size, layer.kernel_size, layer.kernel_size)
    wild = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    elements = layer.in_type.group.elements()
    mean = sum(conjugated(wild, layer.in_type, layer.out_type, g) for g in elements) / len(elements)
    assert isinstance(mean, Tensor)
    span = torch.autograd.functional.jacobian(
        lambda weight: torch.func.functional_call(_Filter(layer), {"layer.weight": weight}, ()), layer.weight.detach()
    ).reshape(-1, layer.weight.numel())
    found = torch.linalg.lstsq(span, mean.reshape(-1, 1)).solution
    return float((span @ found - mean.reshape(-1, 1)).norm() / mean.norm())


class _Filter(torch.nn.Module):
    def __init__(self, layer: SteerableConv2d):
        super().__init__()
        self.layer = layer

    def forward(self) -> Tensor:
        return self.layer.filter()


@pytest.mark.parametrize("at", [0, 1, 3, 4, 5])
def test_on_the_grid_every_filter_that_commutes_is_reached(at):
    assert unreached(layer_of(*PAIRS[at])) <= 1e-12


def test_a_band_limited_basis_reaches_less():
    assert unreached(layer_of(*PAIRS[3], basis=RingBasis())) > 0.1


@pytest.mark.parametrize("name", ["0e", "0o", "1", "2o", "regular", "quotient(C2)", "quotient(D1@45)", "(0o + 0e)"])
def test_biases_are_all_that_the_group_leaves_alone(name):
    field = FieldType(Dihedral(4), f"1x{name}")
    (_, _, rep) = next(field.parts())
    table = bias_table(rep)
    mean = rep.matrix(Dihedral(4).elements()).mean(dim=0)  # the projection onto what is left alone
    assert torch.allclose(table @ mean.T, table, atol=1e-14)
    assert len(table) == int(mean.trace().round())
    assert torch.equal(table.abs().amax(dim=1), torch.ones(len(table), dtype=torch.float64))
    if rep.size > len(table):
        tilted = table.sum(dim=0) + torch.arange(1, rep.size + 1)  # the check can fail
        assert not torch.allclose(mean @ tilted, tilted)


def field_variances(layer: SteerableConv2d) -> Tensor:
    """The variance of each output field on white noise, averaged over its channels: the squares of its filters."""
    power = layer.filter().detach().square().sum(dim=(1, 2, 3))
    parts = layer.out_type.parts()
    return torch.cat([power[channels].reshape(fields, -1).mean(dim=1) for channels, fields, _ in parts])


@pytest.mark.parametrize(
    ("group", "ins", "outs", "k"),
    [
        (Cyclic(4), "16x0e", "300x0e", 3),
        (Dihedral(4), "8xregular + 8x1", "64xregular + 64x2o", 3),
        (SO2(), "16x0e + 16x1", "200x0e + 200x1 + 200x2", 5),
    ],
)
def test_fresh_weights_keep_unit_variance(group, ins, outs, k):
    layer = layer_of(group, ins, outs, k)
    start = 0
    for _, fields, rep in layer.out_type.parts():
        found = field_variances(layer)[start : start + fields]
        error = float(found.std() / fields**0.5)
        assert abs(float(found.mean()) - 1) <= 5 * error + 0.01, str(rep)
        start += fields
    with torch.no_grad():
        layer.weight.mul_(1.2)
    assert float(field_variances(layer).mean()) > 1.3  # the check can fail


def test_fresh_weights_give_white_noise_unit_variance():
    layer = layer_of(Cyclic(4), "8xregular", "32xregular", 3)
    x = torch.randn(4, 32, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert float(layer(x).detach().square().mean()) == pytest.approx(1, abs=0.1)


def gain_per_layer(group, fields: str, k: int, depth: int = 6) -> float:
    """By what the standard deviation of smooth maps grows in each of some fresh layers."""
    kind = FieldType(group, fields)
    x = torch.randn(2, kind.size, 24, 24, generator=torch.Generator().manual_seed(3))
    across, down = torch.fft.rfftfreq(24), torch.fft.fftfreq(24)[:, None]
    spectrum = torch.fft.rfft2(x) * torch.exp(-(across**2 + down**2) / (2 * 0.08**2))
    x = torch.fft.irfft2(spectrum, s=(24, 24))
    before = float(x.std())
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(depth):
            x = SteerableConv2d(kind, kind, k, padding=k // 2, padding_mode="circular")(x)
    return (float(x.std()) / before) ** (1 / depth)


@pytest.mark.parametrize(
    ("group", "fields", "k", "gain"),
    [
        (Cyclic(4), "16xregular", 3, 1.0),
        (Cyclic(4), "16xregular", 5, 1.0),
        (Dihedral(4), "8xregular", 3, 1.0),
        (Cyclic(8), "8xregular", 3, 1.2),
        (Cyclic(8), "8xregular", 5, 1.6),
        (Cyclic(8), "8xregular", 7, 1.9),
        (SO2(), "8xregular(2)", 3, 1.3),
        (SO2(), "8xregular(2)", 5, 1.8),
        (SO2(), "8xregular(2)", 7, 2.1),
    ],
)
def test_depth_keeps_smooth_maps_on_the_grid_and_enlarges_them_by_rings_as_documented(group, fields, k, gain):
    """Each is held against its own figure, which those of the other basis miss: 1.0 against 1.2 and more."""
    assert gain_per_layer(group, fields, k) == pytest.approx(gain, rel=0.08)


def test_tables_are_cast_from_float64():
    layer = layer_of(*PAIRS[7]).float().double()
    assert constraint_error(layer.filter().detach(), layer.in_type, layer.out_type) <= 1e-14
    assert layer.half().filter().dtype == torch.float16


def test_tables_are_shared_while_layers_live():
    group = Cyclic(11)
    before = len(expansion._TABLES)
    first, second = (SteerableConv2d(FieldType(group, "1x1"), FieldType(group, f"{n}x2"), 3) for n in (1, 2))
    assert first._tables[0] is second._tables[0]
    assert len(expansion._TABLES) == before + 2 or len(expansion._TABLES) == before + 1
    held = len(expansion._TABLES)
    del first, second
    gc.collect()
    assert len(expansion._TABLES) < held


@pytest.mark.parametrize("where", ["meta", "inference", "float64"])
def test_tables_do_not_depend_on_where_a_layer_is_built(where):
    types = FieldType(Cyclic(13), "1x1"), FieldType(Cyclic(13), "1x0e + 1x2")
    with {"meta": torch.device("meta"), "inference": torch.inference_mode(), "float64": torch.no_grad()}[where]:
        built = SteerableConv2d(*types, 3)
        table = filter_table(built.basis, types[0].terms[0][1], types[1].terms[0][1], 3)
    assert table.dtype == torch.float64
    assert table.device.type == "cpu"
    assert not table.is_inference()
    reference = SteerableConv2d(*types, 3)
    if where == "meta":
        assert built.weight.is_meta
        assert built.filter().is_meta
        built.load_state_dict(reference.state_dict(), assign=True)
        assert torch.equal(built.filter(), reference.filter())
        emptied = SteerableConv2d(*types, 3).to("meta").to_empty(device="cpu")
        emptied.load_state_dict(reference.state_dict())
        assert torch.equal(emptied.filter(), reference.filter())
    reference.filter().sum().backward()
    assert reference.weight.grad is not None


def test_blocks_without_filters_are_zero():
    group = O2()
    ins, outs = FieldType(group, "1x0e + 2x0o"), FieldType(group, "3x0o")
    rows = blocks_between(ins, outs, 3, default_basis(group))
    assert [block.filters for block in rows[0]] == [0, 2]
    tables = [filter_table(default_basis(group), list(ins.parts())[1][2], next(outs.parts())[2], 3)]
    filters = expand_filter(torch.ones(12, dtype=torch.float64), rows, tables, 3)
    assert filters.shape == (3, 3, 3, 3)
    assert float(filters[:, 0].abs().max()) == 0
    assert float(filters[:, 1:].abs().min()) >= 0
    assert initial_scales(rows) == [0.5]
