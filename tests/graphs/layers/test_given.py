"""What layers are made with and given: dtypes, autocast, graphs and features that they cannot take."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
import torch

from equigen.graphs.layers.arma import ARMAConvolution
from equigen.graphs.layers.chebyshev import ChebyshevConvolution
from equigen.graphs.layers.edge_varying import EdgeVarying
from equigen.graphs.layers.graph_convolution import GraphConvolution
from equigen.graphs.layers.graph_norm import GraphNorm
from equigen.graphs.layers.invariants import node_invariants
from equigen.graphs.layers.message_passing import MessagePassing
from equigen.graphs.layers.node_varying import NodeVarying
from equigen.graphs.layers.readouts import readout
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.graphs.reading import as_graph
from tests.graphs.all_graphs import ALL_GRAPHS, noise

EACH_LAYER = pytest.mark.parametrize("name", LAYERS)
GRAPH = as_graph(networkx.karate_club_graph())
OTHERS = {
    "norm": GraphNorm(4),
    "message-passing": MessagePassing(lambda x_i, x_j, w: w * x_j, lambda x, m: m),
    "readout": lambda graph, x: readout(graph, x, "mean"),
}
SHIFTED = [GraphConvolution, ChebyshevConvolution, NodeVarying, EdgeVarying]


def made(name, wide_in=4, wide_out=4, shift="normalised-adjacency"):
    return LAYERS[name](wide_in, wide_out, 2, shift)


def taken(name):
    return OTHERS[name] if name in OTHERS else made(name)


# --- autocast


@EACH_LAYER
@pytest.mark.parametrize("widths", [(8, 4), (4, 8)])
@pytest.mark.parametrize("derivatives", [True, False])
def test_autocast_gives_the_same_to_its_rounding(name, widths, derivatives):
    layer, x = made(name, *widths, shift="laplacian"), noise(34, widths[0], dtype=torch.float32)
    scale = 1.0 / 17.0  # of degrees up to 48, so that three steps stay small
    graph = GRAPH.with_weights(scale * GRAPH.weights_or_ones())
    exact = layer(graph, x).detach()
    for given, features in ((graph, x), (PaddedGraphs.of(graph, 34), x[None])):
        with torch.set_grad_enabled(derivatives), torch.autocast("cpu", torch.bfloat16):
            y = layer(given, features)
        assert float((y.detach().float() - exact).abs().max()) <= 0.04 * float(exact.abs().max())
        if derivatives:
            y.float().sum().backward()


@EACH_LAYER
def test_modules_of_a_short_dtype_take_features_of_theirs(name):
    x = noise(34, 4, dtype=torch.bfloat16)
    assert made(name).bfloat16()(GRAPH, x).dtype == torch.bfloat16


@EACH_LAYER
def test_short_features_are_taken_under_autocast(name):
    """Also compiled: the check is no break in the graph."""
    layer, x = made(name), noise(34, 4, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        expected = layer(GRAPH, x)
        if name in ("gcn", "gat", "graph-convolution"):
            found = torch.compile(layer, backend="aot_eager", fullgraph=True)(GRAPH, x)
            torch.testing.assert_close(found, expected)


# --- what cannot be taken


BAD = {
    "whole": (lambda x: (GRAPH, x.long()), TypeError, r"x is torch.int64, but .*x.float\(\)"),
    "bool": (lambda x: (GRAPH, x.bool()), TypeError, r"x is torch.bool, but .*x.float\(\)"),
    "numpy": (lambda x: (GRAPH, x.numpy()), TypeError, r"x is a ndarray, but .*torch.as_tensor\(x\)"),
    "list": (lambda x: (GRAPH, x.tolist()), TypeError, r"x is a list, but"),
    "without-features": (lambda x: (GRAPH, x[:, 0]), ValueError, r"x has shape \(34,\), but"),
    "a-number": (lambda x: (GRAPH, x[0, 0]), ValueError, r"x has shape \(\), but"),
    "networkx": (lambda x: (networkx.karate_club_graph(), x), TypeError, r"graph is a Graph, but .*as_graph\(graph\)"),
    "matrix": (lambda x: (GRAPH.dense(), x), TypeError, r"graph is a Tensor, but"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", [*LAYERS, *OTHERS])
def test_bad_input_gets_one_sentence(name, bad):
    given, kind, words = BAD[bad]
    with pytest.raises(kind, match=words) as caught:
        taken(name)(*given(noise(34, 4, dtype=torch.float32)))
    assert "\n" not in str(caught.value)


@EACH_LAYER
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_features_of_another_dtype_get_one_sentence(name, dtype):
    x = noise(34, 4, dtype=dtype)
    with pytest.raises(TypeError, match=rf"x is {dtype}, but .*float32: x.to\(torch.float32\), or layer.to\({dtype}\)"):
        made(name)(GRAPH, x)
    if dtype == torch.float64:
        with torch.autocast("cpu", torch.bfloat16), pytest.raises(TypeError, match="float64"):
            made(name)(GRAPH, x)


@pytest.mark.parametrize("layer", SHIFTED)
def test_what_layers_are_made_with_is_checked_where_they_are_made(layer):
    with pytest.raises(ValueError, match="did you mean 'laplacian'"):
        layer(1, 1, 1, "laplacien")
    with pytest.raises(ValueError, match=r"order is 1.5, but must be a whole number"):
        layer(1, 1, 1.5)
    assert layer(1, 1, np.int64(1)).order == 1


def test_arma_is_checked_where_it_is_made():
    with pytest.raises(ValueError, match="did you mean 'adjacency'"):
        ARMAConvolution(1, 1, shift="adjacancy")
    with pytest.raises(ValueError, match=r"iterations is 1.5, but"):
        ARMAConvolution(1, 1, iterations=1.5)


# --- messages with features of the edges


def by_loop(graph, x, edges):
    y = torch.zeros_like(x)
    weights = graph.weights_or_ones()
    for e, (i, j) in enumerate(zip(graph.rows.tolist(), graph.columns.tolist(), strict=True)):
        y[i] += weights[e] * edges[e, 0] * x[j] + edges[e, 1]
    return y


def linear(x_i, x_j, weights, edges):
    return weights * edges[..., :1] * x_j + edges[..., 1:]


def test_messages_read_features_of_the_edges_in_every_layout():
    layer = MessagePassing(linear, lambda x, m: m)
    for name in ("no-edges", "directed", "weighted-directed", "several", "zero-weights"):
        graph = ALL_GRAPHS[name]
        x, edges = noise(graph.nodes, 3), noise(graph.entries, 2, seed=1)
        expected = by_loop(graph, x, edges)
        torch.testing.assert_close(layer(graph, x, edges), expected)
        two = torch.stack((x, 2.0 * x))
        found = torch.stack((expected, by_loop(graph, 2.0 * x, edges)))
        torch.testing.assert_close(layer(graph, two, edges), found)
        if len(graph.sizes) == 1:
            spread = noise(1, graph.nodes, graph.nodes, 2, seed=9)
            spread[0, graph.rows.long(), graph.columns.long()] = edges
            padded = PaddedGraphs.of(graph, dtype=torch.float64)
            torch.testing.assert_close(layer(padded, x[None], spread)[0], expected)


def test_features_of_edges_move_with_the_edges_and_others_are_refused():
    graph, layer = ALL_GRAPHS["directed"], MessagePassing(linear, lambda x, m: m)
    x, edges, g = noise(5, 3), noise(graph.entries, 2, seed=1), torch.tensor([2, 0, 4, 1, 3])
    moved = renumbered(graph, g)
    order = (g[graph.rows] * 5 + g[graph.columns]).argsort()
    y = layer(graph, x, edges)
    torch.testing.assert_close(layer(moved, x[g.argsort()], edges[order])[g], y)
    assert not torch.allclose(layer(moved, x[g.argsort()], edges)[g], y)
    with pytest.raises(ValueError, match=r"edges has shape \(2, 2\), but"):
        layer(graph, x, edges[:2])
    with pytest.raises(ValueError, match="one axis of features"):
        layer(graph, x, edges[:, 0])


# --- the invariants of nodes


@pytest.mark.parametrize("name", ["isolated-nodes", "loops", "negative-directed", "several", "zero-weights"])
def test_invariants_are_their_formula(name):
    graph = ALL_GRAPHS[name]
    w = graph.dense().double()
    degrees = w.sum(1)
    expected = [torch.ones_like(degrees), torch.log(degrees + (degrees**2 + 1).sqrt())]
    for _ in range(2):
        expected.append(torch.diag(1.0 / (1.0 + degrees**2).sqrt()) @ w @ expected[-1])
    torch.testing.assert_close(node_invariants(graph), torch.stack(expected, -1), rtol=1e-12, atol=1e-12)
