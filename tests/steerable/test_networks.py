"""Whole networks: exact at every size that they are told, compiled, and broken where they are said to be."""

from __future__ import annotations

import copy

import pytest
import torch

from equigen.groups.plane_groups import plane_group
from equigen.steerable.exactness import plan
from tests.steerable.motions import commutator, motions, moved, noise
from tests.steerable.networks import deep

EVERY = range(16, 66)
SIDES = [(name, EVERY[start::5]) for name in ("C4", "D4") for start in range(5)]
SIDES += [(name, (16, 17, 31, 65)) for name in ("C2", "D2", "D1@45")]
GROUPS = {"C4": "2xregular", "D4": "1xregular", "C2": "2xregular", "D2": "1x0e + 1xregular", "D1@45": "2xregular"}


@pytest.mark.parametrize(("name", "sides"), SIDES)
def test_twenty_layers_are_exact_at_every_size(name, sides):
    """Each layer to 1e-6 in float32 and 1e-13 in float64 at its own input, all together to 1e-12."""
    elements = motions(plane_group(name))
    for side in sides:
        torch.manual_seed(side)
        network = deep(name, GROUPS[name], size=side, side=side).double()
        assert plan(network, side).exact
        x = noise(1, (side, side), seed=side)
        assert commutator(network, x, elements) <= 1e-12
        single = copy.deepcopy(network).float()
        with torch.no_grad():
            for layer, rough in zip(network.steps(), single.steps(), strict=True):
                assert commutator(layer, x, elements) <= 1e-13
                assert commutator(rough, x.float(), elements) <= 1e-6
                x = layer(x)


@pytest.mark.parametrize("side", [16, 21, 28, 33])
def test_one_pixel_of_size_breaks_it_and_the_plan_says_where(side):
    network = deep("C4", "2xregular", size=None, side=side).double()
    torch.manual_seed(0)
    found = plan(network, side + 1)
    assert not found.exact
    said = [
        all(layer.exact for layer in found.layers if f"{layer.name}.".startswith(f"layers.{i}.")) for i in range(20)
    ]
    assert all(layer.reason and layer.repairs for layer in found.broken)
    x = noise(1, (side + 1, side + 1))
    errors = []
    with torch.no_grad():
        for layer in network.steps():
            white = noise(layer.in_type.size, x.shape[-2:], seed=len(errors))
            errors.append(commutator(layer, white, motions(plane_group("C4"))))
            x = layer(x)
    assert [error < 1e-3 for error in errors] == said
    assert all(error <= 1e-13 for error, exact in zip(errors, said, strict=True) if exact)


def test_a_network_that_is_told_its_size_refuses_the_layer_that_breaks():
    with pytest.raises(
        ValueError, match=r"layer 5 \(SteerableConv2d\) on a map of 17 x 17 is not exact under C4.*take"
    ):
        deep("C4", "2xregular", size=17, side=16)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own
@pytest.mark.parametrize(("name", "text"), [("C4", "2xregular"), ("SO2", "1xregular(2)")])
def test_inductor_compiles_a_whole_network(name, text):
    torch.manual_seed(0)
    network = deep(name, text, size=16, side=16).eval()
    x = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        compiled = torch.compile(network, fullgraph=True)(x)
        expected = network(x)
        assert float((compiled - expected).norm() / expected.norm()) <= 1e-5
        g = plane_group("C4").elements()[1]
        turned = torch.compile(network, fullgraph=True)(moved(network.in_type, x, g))
        there = moved(network.out_type, expected, g)
    assert float((turned - there).norm() / there.norm()) <= 1e-5
