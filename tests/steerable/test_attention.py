"""Self-attention on fields: against its formula, without order, under every element of the group."""

import math

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.attention import SelfAttention
from equigen.steerable.field_type import FieldType

TYPES = {
    "one term": (FieldType(Cyclic(8), "4xregular"), 2),
    "several": (FieldType(Dihedral(4, axis=0.2), "2x0e + 4x1 + 2xregular"), 2),
    "rotations": (FieldType(SO2(), "3x0e + 3x1 + 3x2"), 3),
    "reflections": (FieldType(O2(), "1x0e + 2x0o + 3x1"), 1),
}
EACH = pytest.mark.parametrize(("in_type", "heads"), TYPES.values(), ids=TYPES.keys())


def layer_and_input(in_type, heads):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = SelfAttention(in_type, heads).double()
        for value in layer.parameters():
            value.data += 0.3 * torch.randn_like(value)
        return layer, torch.randn(2, in_type.size, 3, 4, dtype=torch.float64)


def acted(matrix, x):
    return torch.einsum("ij,bjhw->bihw", matrix, x)


def asymmetry(layer, in_type, x):
    matrices = in_type.matrix(in_type.group.sample(5, seed=1))
    here = layer(x)
    return max(float((layer(acted(m, x)) - acted(m, here)).norm() / here.norm()) for m in matrices)


@torch.no_grad()
@EACH
def test_it_is_its_formula(in_type, heads):
    """One image, one head and one position at a time, with the filters of the two convolutions."""
    layer, x = layer_and_input(in_type, heads)
    inward, outward = layer.inward.plain(), layer.outward.plain()
    share = in_type.size // heads
    y = inward(x).unflatten(1, (3, heads, share)).flatten(-2)  # (B, 3, heads, share, H W)
    out = torch.empty_like(x).flatten(2)
    for b in range(len(x)):
        for h in range(heads):
            q, k, v = y[b, :, h]
            for p in range(q.shape[1]):
                weights = torch.softmax(k.mT @ q[:, p] / math.sqrt(share), 0)
                out[b, h * share : (h + 1) * share, p] = v @ weights
    expected = outward(out.view_as(x))
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.plain()(x), expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
@EACH
def test_it_commutes_with_every_element_on_the_channels(in_type, heads):
    layer, x = layer_and_input(in_type, heads)
    assert asymmetry(layer, in_type, x) <= 1e-13


@torch.no_grad()
@pytest.mark.parametrize("name", ["one term", "several"])
def test_heads_that_cut_a_field_do_not(name):
    in_type, heads = TYPES[name]
    layer, x = layer_and_input(in_type, heads)
    planted = layer.plain()
    planted.heads = next(n for n in range(in_type.size // 2, 0, -1) if in_type.size % n == 0)
    assert asymmetry(planted, in_type, x) > 1e-3


@torch.no_grad()
@EACH
def test_it_has_no_order_of_positions(in_type, heads):
    layer, x = layer_and_input(in_type, heads)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))

    def shuffled(y):
        return y.flatten(2)[..., order].view_as(y)

    def coded(y):  # the control: positions are told apart
        return layer(y + torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4))

    torch.testing.assert_close(layer(shuffled(x)), shuffled(layer(x)), rtol=0, atol=1e-12)
    assert float((coded(shuffled(x)) - shuffled(coded(x))).abs().max()) > 1e-3


def test_each_head_has_whole_fields_of_every_term():
    layer = SelfAttention(FieldType(Cyclic(4), "4x0e + 2x1"), 2)
    assert str(layer.outward.in_type) == "2x0e + 1x1 + 2x0e + 1x1"
    assert layer.inward.out_type.size == 3 * layer.in_type.size
    assert not any(isinstance(module, SelfAttention) for module in nn.Sequential(layer.plain()).modules())


@pytest.mark.parametrize("heads", [0, 4, 1.0, "all"])
def test_heads_that_do_not_share_evenly_are_refused(heads):
    with pytest.raises(ValueError, match=rf"heads is {heads!r}, but .* evenly by 1, 2 heads only: .*heads=2\)"):
        SelfAttention(FieldType(Cyclic(4), "4x0e + 2x1"), heads)
