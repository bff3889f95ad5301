"""The Fourier activation, against quadrature, polynomials without aliasing, and the pointwise activation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.activations.fields import Fields
from equigen.steerable.activations.fourier import FourierActivation
from equigen.steerable.activations.plain import PlainSampled
from equigen.steerable.activations.sampling import aliasing_error, sampling_matrix
from equigen.steerable.field_type import FieldType


def noise(type_: FieldType, seed: int = 0, pixels: int = 50) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, type_.size, pixels, 1, generator=generator, dtype=torch.float64)


def asymmetry(layer: nn.Module, type_: FieldType, elements: torch.Tensor) -> float:
    x = noise(type_)
    matrices = type_.matrix(elements)
    there = [layer(torch.einsum("ij,bjhw->bihw", matrix, x)) for matrix in matrices]
    here = [torch.einsum("ij,bjhw->bihw", matrix, layer(x)) for matrix in matrices]
    return max(float((a - b).norm() / b.norm()) for a, b in zip(there, here, strict=True))


@pytest.mark.parametrize("group", [SO2(), O2()], ids=str)
def test_polynomials_commute_with_every_element(group):
    type_ = FieldType(group, "1x0e + 2xregular(2)")
    elements = group.sample(10, seed=0)
    assert asymmetry(FourierActivation(type_, torch.square, samples=8).double(), type_, elements) < 1e-13
    assert asymmetry(FourierActivation(type_, nn.ReLU(), samples=8).double(), type_, elements) > 1e-2


@pytest.mark.parametrize("group", [SO2(), O2()], ids=str)
@pytest.mark.parametrize("error", [1e-2, 1e-4])
def test_the_target_holds_at_any_angle(group, error):
    type_ = FieldType(group, "4xregular(3)")
    layer = FourierActivation(type_, nn.SiLU(), error=error).double()
    found = asymmetry(layer, type_, group.sample(12, seed=2))
    assert 1e-3 * error < found < 2 * error


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(6), Dihedral(4, axis=math.pi / 8)], ids=str)
def test_a_finite_group_is_exact_as_a_whole(group):
    type_ = FieldType(group, "1xregular(1) + 1xregular")
    layer = FourierActivation(type_, nn.ReLU()).double()
    assert asymmetry(layer, type_, group.elements()) < 1e-13
    assert layer.samples == (group.rotations, group.order)


def test_samples_that_a_quarter_turn_moves_break_it():
    """What a number of samples that 4 does not divide would do, were it not refused."""
    functions, type_ = regular(SO2(), 3), FieldType(SO2(), "1xregular(3)")
    quarter = Cyclic(4).elements()[1:2]
    for samples, low, high in ((10, 1e-3, 1.0), (12, 0.0, 1e-14)):
        values = sampling_matrix(functions, samples)
        layer = PlainSampled([Fields(0, 1, 7)], [(values, torch.linalg.pinv(values))], nn.ReLU()).double()
        assert low <= asymmetry(layer, type_, quarter) < high


def test_it_is_the_integral_over_the_group():
    """y = d mean_g act(f(g)) rho(g) v, by 2000 nodes."""
    functions, type_ = regular(O2(), 3), FieldType(O2(), "1xregular(3)")
    x = noise(type_, pixels=3)
    nodes = sampling_matrix(functions, 1000)
    values = nn.functional.silu(torch.einsum("nd,bdhw->bnhw", nodes, x))
    integral = torch.einsum("nd,bnhw->bdhw", nodes, values) * (functions.size / len(nodes))
    found = FourierActivation(type_, nn.SiLU(), samples=48).double()(x)
    assert float((found - integral).norm() / integral.norm()) < 1e-6
    rough = FourierActivation(type_, nn.SiLU(), samples=8).double()(x)
    assert float((rough - integral).norm() / integral.norm()) > 1e-3


def test_where_channels_are_values_it_is_pointwise():
    type_ = FieldType(Dihedral(4), "2x0e + 1xregular + 1xquotient(C2)")
    x = noise(type_)
    assert torch.equal(FourierActivation(type_, nn.SiLU())(x), nn.functional.silu(x))


def test_double_precision_survives_a_cast():
    type_ = FieldType(SO2(), "1xregular(3)")
    layer = FourierActivation(type_, nn.SiLU(), samples=12)
    x = noise(type_)
    expected = layer.double()(x)
    assert torch.equal(layer.float().double()(x), expected)
    rounded = layer.body.table(0).float().double()
    assert float((rounded - layer.body.table(0)).abs().max()) > 1e-9  # what a plain buffer would have lost


@pytest.mark.parametrize(
    ("group", "fields", "settings", "message"),
    [
        (SO2(), "2xregular(3)", {"samples": 10}, "samples is 10, but a quarter turn .* pass samples=12"),
        (O2(), "2xregular(3)", {"samples": 6}, "samples is 6, but a quarter turn .* pass samples=8"),
        (SO2(), "2xregular(3)", {"samples": 4}, "4 samples of SO2 cannot tell the 7 coordinates"),
        (SO2(), "2xregular(3)", {"samples": 0}, "samples is 0, but .* pass samples=4"),
        (SO2(), "2xregular(3)", {"samples": 16.0}, r"samples is 16\.0, but .* pass samples=16"),
        (SO2(), "2xregular(3)", {"samples": "auto"}, "samples is 'auto', but .* pass samples=16"),
        (SO2(), "2xregular(3)", {"samples": True}, "samples is True, but .* pass samples=4"),
        (Cyclic(4), "2xregular(1)", {"samples": 4.0}, "samples is 4.0, but"),
        (Cyclic(4), "2xregular(1)", {"samples": 16}, "samples is 16, but C4 has 4 rotations, all of which are sampled"),
        (SO2(), "2x1", {}, "1 of SO2 is no space of functions on the group"),
        (SO2(), "2xregular(3)", {"error": 0}, "error is 0, but"),
    ],
)
def test_what_it_cannot_keep_is_refused(group, fields, settings, message):
    with pytest.raises(ValueError, match=message):
        FourierActivation(FieldType(group, fields), nn.SiLU(), **settings)


def test_the_target_is_met_for_the_worst_of_its_fields():
    layer = FourierActivation(FieldType(SO2(), "1xregular(1) + 1xregular(4)"), nn.GELU(), error=1e-3)
    assert layer.samples[0] < layer.samples[1]
    assert aliasing_error(regular(SO2(), 4), nn.GELU(), layer.samples[1]) <= 1e-3


@pytest.mark.parametrize("built", [torch.inference_mode(), torch.device("meta")], ids=["inference", "meta"])
def test_tables_do_not_depend_on_where_it_was_built(built):
    type_ = FieldType(SO2(), "1xregular(2)")
    with built:
        layer = FourierActivation(type_, nn.SiLU())
    layer = layer.to_empty(device="cpu").double()
    x = noise(type_).requires_grad_()
    out = layer(x)
    assert torch.equal(out, FourierActivation(type_, nn.SiLU()).double()(x))
    assert torch.autograd.grad(out.sum(), x)[0].isfinite().all()
    assert not any(layer.body.table(index).is_inference() for index in range(2))
