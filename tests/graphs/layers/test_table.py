"""The table of layers: every name makes a layer from the same four arguments, and every one is equivariant."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.layers.table import LAYERS
from equigen.graphs.permuted import renumbered
from equigen.graphs.shifts import SHIFTS
from tests.graphs.layers.message_cases import random_graph

NAMES = (
    "graph-convolution chebyshev arma gcn graphsage gin gat gatv2 node-varying edge-varying".split()  # noqa: SIM905
)


def made(name, out=6, order=2, shift="normalised-adjacency"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LAYERS[name](3, out, order, shift).double()


def test_the_names_are_these():
    assert list(LAYERS) == NAMES


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("name", NAMES)
def test_every_layer_moves_with_the_nodes(name, shift):
    graph, layer = random_graph(8, 0, weighted=True), made(name, shift=shift)
    graph = type(graph).from_dense(graph.dense() + graph.dense().T)
    noise = torch.Generator().manual_seed(1)
    x, g = torch.randn(2, 8, 3, generator=noise, dtype=torch.float64), torch.randperm(8, generator=noise)
    there = g.argsort()
    y = layer(graph, x)
    assert y.shape == (2, 8, 6)
    torch.testing.assert_close(layer(renumbered(graph, g), x[:, there]), y[:, there], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", ["gat", "gatv2"])
@pytest.mark.parametrize(("out", "heads"), [(8, 4), (6, 2), (7, 1)])
def test_heads_share_the_features_evenly(name, out, heads):
    layer = made(name, out)
    assert layer.heads == heads
    assert layer(random_graph(4, 0), torch.zeros(4, 3, dtype=torch.float64)).shape == (4, out)


@pytest.mark.parametrize("name", ["graph-convolution", "chebyshev", "arma", "node-varying", "edge-varying"])
def test_order_and_shift_are_handed_on(name):
    graph, x = random_graph(8, 0, loops=False), torch.eye(8, 3, dtype=torch.float64)
    by_order = [sum(part.numel() for part in made(name, order=order).parameters()) for order in (2, 3)]
    assert by_order[0] < by_order[1]
    other = made(name, shift="adjacency")
    assert not torch.allclose(made(name)(graph, x), other(graph, x))


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_of_torch_alone_decides_how_they_begin(name):
    for one, other in zip(made(name).parameters(), made(name).parameters(), strict=True):
        assert torch.equal(one, other)
