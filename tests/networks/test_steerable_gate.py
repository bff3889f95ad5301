"""Gated fields: exact for every angle at each pixel, by hand, and a gate on another channel is caught."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.groups.plane_groups import plane_group
from equigen.networks.steerable_blocks import field_activation
from equigen.networks.steerable_gate import FieldGate, PlainFieldGate
from equigen.random import Stream, normal
from equigen.steerable.field_type import FieldType

GROUPS = [("SO2", 2), ("SO2", 3), ("O2", 2), ("C16", 2), ("D16", 1)]


def fields(symmetry: str, frequency: int) -> FieldType:
    return FieldType(plane_group(symmetry), f"3xregular({frequency})")


def some(size: int) -> torch.Tensor:
    return normal((size, 2, 3), seed=0, stream=Stream.LAW, item=torch.arange(4)).double()


def off(layer, of: FieldType) -> float:
    """How far a function of each pixel is from commuting with elements that no grid knows (for C16 and D16: all)."""
    group, x = of.group, some(of.size)
    if group.order is None:
        flips = range(1 + group.reflections)
        elements = torch.tensor([[angle, flip] for angle in (0.3, 1.1, math.pi / 2) for flip in flips]).double()
    else:
        elements = group.elements()

    def moved(g, y):
        return torch.einsum("ij,bjhw->bihw", of.matrix(g).double(), y)

    return max(float((layer(moved(g, x)) - moved(g, layer(x))).abs().max()) for g in elements)


@pytest.mark.parametrize(("symmetry", "frequency"), GROUPS)
def test_every_element_commutes_exactly(symmetry, frequency):
    of = fields(symmetry, frequency)
    layer = field_activation(of)
    assert isinstance(layer, FieldGate)
    assert off(layer, of) < 1e-13
    wrong = PlainFieldGate(layer.body.size, layer.body.place + 1)  # planted: a gate on a channel that turns
    assert off(wrong, of) > 0.05


def test_by_hand():
    of = fields("SO2", 1)
    x = some(9)
    y = FieldGate(of)(x)
    for first in (0, 3, 6):
        gate = 1 / (1 + torch.exp(-x[:, first]))
        for channel in range(first, first + 3):
            torch.testing.assert_close(y[:, channel], gate * x[:, channel], rtol=1e-14, atol=0.0)


def test_a_constant_goes_through_silu():
    of = fields("SO2", 2)
    x = torch.zeros(1, 15, 1, 1, dtype=torch.float64)
    x[:, ::5] = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64).view(1, 3, 1, 1)
    torch.testing.assert_close(FieldGate(of)(x), torch.nn.functional.silu(x))


def test_the_plain_module_is_the_same_function():
    of = fields("O2", 2)
    layer, x = FieldGate(of), some(of.size)
    assert torch.equal(layer.plain()(x), layer(x))


@pytest.mark.parametrize("terms", ["2x1", "2x0e + 3xregular(2)", "1xregular + 1x1"])
def test_what_has_no_gate_is_refused(terms):
    group = plane_group("C4") if "regular +" in terms else plane_group("SO2")
    with pytest.raises(ValueError, match="a gate is one channel of every field"):
        FieldGate(FieldType(group, terms))
