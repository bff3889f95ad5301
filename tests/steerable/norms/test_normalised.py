"""The derivative of normalised fields, against that of torch: of every argument, and twice."""

from __future__ import annotations

import pytest
import torch

from equigen.groups.plane_groups import O2, SO2
from equigen.steerable.field_type import FieldType
from equigen.steerable.norms import normalised as module
from equigen.steerable.norms.batch_norm import BatchNorm
from equigen.steerable.norms.group_norm import GroupNorm
from equigen.steerable.norms.instance_norm import InstanceNorm
from equigen.steerable.norms.normalised import normalised, scaled
from tests.steerable.norms.fields import TYPES, noise, shaken

EACH_TYPE = pytest.mark.parametrize("in_type", TYPES.values(), ids=TYPES.keys())
BOTH = pytest.mark.parametrize("over_batch", [True, False], ids=["batch", "items"])


def parts(in_type, groups=None):
    layer = shaken(BatchNorm(in_type)).double()
    weight, bias = layer.channel_affine()
    given = [value if value is None else value.detach().requires_grad_() for value in (weight, bias)]
    return layer.moments, tuple(groups or layer.fields), 1e-3, *given


def slopes(out, given, direction):
    return torch.autograd.grad(out, [value for value in given if value is not None], direction)


@BOTH
@EACH_TYPE
@pytest.mark.parametrize("cache", [1, 10**6])
def test_it_is_what_torch_derives(in_type, over_batch, cache, monkeypatch):
    monkeypatch.setattr(module, "_CACHE", cache)
    x = noise(in_type).requires_grad_()
    for groups in (None, [1] * len(in_type.terms)):
        moments, groups, eps, weight, bias = parts(in_type, groups)
        expected, mean, variance = module._by_formula(x, weight, bias, moments, groups, eps, over_batch)
        found = normalised(x, moments, groups, eps, weight, bias, over_batch=over_batch)
        direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(3), dtype=x.dtype)
        for ours, theirs in zip(found, (expected, mean, variance), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        derived = zip(
            slopes(found[0], (x, weight, bias), direction), slopes(expected, (x, weight, bias), direction), strict=True
        )
        for ours, theirs in derived:
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@BOTH
def test_without_the_share_of_the_moments_it_is_wrong(over_batch):
    """The planted fault: moments taken for constants."""
    in_type = FieldType(O2(), "2x0e + 1xregular(2)")
    x = noise(in_type).requires_grad_()
    moments, groups, eps, weight, bias = parts(in_type)
    y, _, variance = normalised(x, moments, groups, eps, weight, bias, over_batch=over_batch)
    direction = y.detach() + 1.0
    (right,) = torch.autograd.grad(y, x, direction)
    constant = moments.scales(torch.rsqrt(variance + eps), groups) * weight.detach()
    assert float((direction * constant[..., None, None] - right).norm() / right.norm()) > 0.1


@BOTH
def test_it_can_be_derived_twice(over_batch):
    in_type = FieldType(SO2(), "1x0e + 1xregular(1)")
    x = noise(in_type)[:2, :, :2, :1].clone().requires_grad_()
    moments, groups, eps, weight, bias = parts(in_type)

    def run(x, weight, bias):
        return normalised(x, moments, groups, eps, weight, bias, over_batch=over_batch)[0]

    assert torch.autograd.gradgradcheck(run, (x, weight, bias))


@pytest.mark.parametrize("make", [BatchNorm, lambda t: GroupNorm(t, 1), InstanceNorm], ids=["batch", "group", "item"])
@pytest.mark.parametrize("training", [True, False])
def test_what_follows_may_write_over_it(make, training):
    """An activation in place, and the sum of a residual block."""
    in_type = TYPES["mixed"]
    layer = shaken(make(in_type)).train(training)
    x = noise(in_type)
    found = []
    for apart in (True, False):
        given = x.clone().requires_grad_()
        y = layer(given)
        y = torch.relu(y + given) if apart else y.add_(given).relu_()
        y.square().sum().backward()
        found.append((y.detach(), given.grad))
    for ours, theirs in zip(*found, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("make", [BatchNorm, lambda t: GroupNorm(t, 1), InstanceNorm], ids=["batch", "group", "item"])
def test_a_derivative_under_autocast_is_the_same(make):
    in_type = TYPES["mixed"]
    layer, x = make(in_type), noise(in_type).float()
    found = []
    for low in (False, True):
        given = x.clone().requires_grad_()
        y = layer(given).pow(3).sum()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            y.backward()
        found.append(given.grad)
    assert torch.equal(*found)


def test_a_large_mean_does_not_cancel_in_the_moments():
    in_type = FieldType(SO2(), "2x0e + 1xregular(1)")
    x = (noise(in_type) + 1e3).float()
    moments, groups, eps, *_ = parts(in_type)
    moments = moments.float()
    found = normalised(x, moments, groups, eps, None, None, over_batch=True)[2]
    expected = normalised(x.double(), moments.double(), groups, eps, None, None, over_batch=True)[2]
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_scaled_is_the_affine_map_for_each_item_too():
    x = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    for shape in ((3,), (2, 3)):
        scale, shift = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
        expected = x * scale[..., None, None] + shift[..., None, None]
        torch.testing.assert_close(scaled(x, scale, shift), expected)
        half = scaled(x.bfloat16(), scale, shift)
        assert half.dtype == torch.bfloat16
        torch.testing.assert_close(half.float(), expected, rtol=2e-2, atol=2e-2)
