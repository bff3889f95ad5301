"""The norm activation: its formula, every angle, and what happens at v = 0."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.activations.norm import NormActivation
from equigen.steerable.field_type import FieldType


def noise(type_: FieldType, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, type_.size, 20, 1, generator=generator, dtype=torch.float64)


def asymmetry(layer: nn.Module, type_: FieldType, elements: torch.Tensor) -> float:
    x = noise(type_)
    with torch.no_grad():
        return worst_gap(layer, type_, elements, x) / float(layer(x).norm())


def worst_gap(layer: nn.Module, type_: FieldType, elements: torch.Tensor, x: torch.Tensor) -> float:
    return max(
        float((layer(torch.einsum("ij,bjhw->bihw", m, x)) - torch.einsum("ij,bjhw->bihw", m, layer(x))).norm())
        for m in type_.matrix(elements)
    )


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        (SO2(), "1x0e + 2x1 + 3x2"),
        (O2(), "2x0o + 1x3 + 1xregular(2)"),
        (Dihedral(5), "1x1 + 1xregular"),
        (Cyclic(6), "1x3e"),
    ],
    ids=str,
)
def test_it_commutes_with_every_element(group, fields):
    type_ = FieldType(group, fields)
    elements = group.sample(8, seed=0)
    assert asymmetry(NormActivation(type_, nn.SiLU(), bias=0.3).double(), type_, elements) < 1e-15
    assert asymmetry(nn.SiLU(), type_, elements) > 1e-2  # channel by channel it does not


def test_it_is_the_formula_with_a_bias_of_each_field():
    type_ = FieldType(SO2(), "1x1 + 1x0e + 2x2")
    layer = NormActivation(type_, nn.ELU()).double()
    layer.body.bias.data = torch.tensor([0.5, -0.25, 1.5], dtype=torch.float64)
    x = noise(type_)
    expected = x.clone()
    for first, bias in ((0, 0.5), (3, -0.25), (5, 1.5)):
        field = x[:, first : first + 2]
        length = field.norm(dim=1, keepdim=True)
        expected[:, first : first + 2] = field * nn.functional.elu(length - bias) / length
    expected[:, 2] = nn.functional.elu(x[:, 2])
    assert torch.allclose(layer(x), expected, rtol=0, atol=1e-4)
    assert not torch.allclose(layer(x)[:, 3:5], expected[:, 5:7], atol=1e-2)
    large = 1e3 * x
    assert torch.allclose(layer(large).norm(dim=1), (layer.plain()(large)).norm(dim=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_a_vanishing_field_has_a_finite_gradient(dtype, bias):
    type_ = FieldType(SO2(), "2x1")
    layer = NormActivation(type_, nn.SiLU(), bias=bias).to(dtype)
    x = torch.zeros(1, 4, 1, 1, dtype=dtype, requires_grad=True)
    out = layer(x)
    assert torch.equal(out, torch.zeros_like(out))
    (slope,) = torch.autograd.grad(out.sum(), x)
    assert slope.isfinite().all()
    assert slope.abs().max() <= 1.01e3 * abs(nn.functional.silu(torch.tensor(-bias))) + 1
    naive = x / x.norm() * nn.functional.silu(x.norm() - bias)
    assert torch.autograd.grad(naive.sum(), x)[0].isnan().all()  # what the formula alone would give


def test_the_slope_at_zero_is_that_of_the_activation():
    layer = NormActivation(FieldType(SO2(), "1x1"), nn.SiLU()).double()
    x = torch.zeros(1, 2, 1, 1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x).sum(), x)
    assert torch.allclose(slope, torch.full_like(slope, 0.5), atol=1e-3)


def test_rectified_lengths_without_bias_stay_as_they_are():
    type_ = FieldType(SO2(), "2x1")
    x = noise(type_)
    assert torch.allclose(NormActivation(type_, nn.ReLU()).double()(x), x, rtol=1e-14)
    assert not torch.allclose(NormActivation(type_, nn.ReLU(), bias=0.5).double()(x), x, rtol=0.1)


def test_its_plain_module_has_weights_of_its_own():
    layer = NormActivation(FieldType(SO2(), "2x1"), nn.ReLU(), bias=0.5)
    plain = layer.plain()
    plain.bias.data.zero_()  # type: ignore[union-attr]
    assert layer.body.bias.tolist() == [0.5, 0.5]


def test_an_activation_that_mixes_channels_is_refused():
    with pytest.raises(ValueError, match=r"Softmax\(dim=1\) is no function of one number, but NormActivation"):
        NormActivation(FieldType(SO2(), "2x1"), nn.Softmax(dim=1))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0, 2e4])
def test_half_precision_takes_lengths_in_single(scale):
    """The square of 256 is infinite in float16, and that of 1e-4 is zero."""
    type_ = FieldType(SO2(), "1x0e + 2x1 + 1x2")
    layer = NormActivation(type_, nn.SiLU(), bias=0.1)
    x = (noise(type_).clamp(-1.5, 1.5) * scale).half().float()
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.float16):
        cast = layer(x.half())
    for found in (layer.half()(x.half()), cast):
        assert found.dtype == torch.float16
        assert torch.allclose(found.float(), expected, rtol=1e-2, atol=2e-3 * scale)
    with_weights = NormActivation(type_, nn.PReLU()).half()
    assert with_weights(x.half()).isfinite().all()
    assert scale < 256 or x.half().square().isinf().any()  # what the formula alone would give
