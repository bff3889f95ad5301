"""Weights: edges of weight 0, sums of many, derivatives by them, and complex features."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
import torch

from equigen.graphs.edges import edge_reduce
from equigen.graphs.graph import Graph
from equigen.graphs.layers.gat import GAT
from equigen.graphs.layers.gatv2 import GATv2
from equigen.graphs.layers.graphsage import GraphSAGE
from equigen.graphs.layers.message_passing import MessagePassing
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.padded import PaddedGraphs, edge_mask
from equigen.graphs.permuted import renumbered
from equigen.graphs.reading import as_graph
from equigen.graphs.shifts import random_walk
from equigen.random import Stream, fork
from tests.graphs.all_graphs import ALL_GRAPHS, noise

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])


def hub(leaves):
    """Node 0 hears all others."""
    return Graph.from_edges(torch.stack((torch.arange(1, leaves + 1), torch.zeros(leaves).long())), leaves + 1)


# --- edges of weight 0


def test_an_edge_of_weight_0_is_an_edge_in_every_layout():
    graph = Graph.from_edges([[0, 1, 2, 2], [1, 0, 0, 0]], 3, [2.0, 0.0, 1.0, -1.0])  # one given, one that cancels
    assert graph.entries == 3
    padded = PaddedGraphs.of(graph, 4)
    assert edge_mask(padded)[0].nonzero().tolist() == [[0, 1], [0, 2], [1, 0]]
    again = padded.packed()
    assert again.entries == 3
    torch.testing.assert_close(again.weights, graph.weights)
    for layout, shape in ((graph, (3, 1)), (padded, (1, 4, 4, 1)), (again, (3, 1))):
        counted = edge_reduce(layout, torch.ones(shape), "sum").flatten()[:3]
        assert counted.tolist() == [2.0, 1.0, 0.0]
    moved = renumbered(padded, torch.tensor([2, 0, 1, 3]))
    assert edge_mask(moved)[0].nonzero().tolist() == [[0, 2], [2, 0], [2, 1]]
    assert edge_mask(PaddedGraphs(padded.matrix, padded.real))[0].nonzero().tolist() == [[1, 0]]  # W alone says less


def test_weights_that_become_0_stay_edges_and_those_of_a_matrix_are_none():
    pair = Graph.from_edges([[0], [1]], 2, undirected=True)
    none = pair.with_weights(torch.zeros(2))
    x = torch.tensor([[1.0], [3.0]])
    layer = GAT(1, 1)
    torch.testing.assert_close(layer(none, x), layer(pair, x))
    torch.testing.assert_close(layer(PaddedGraphs.of(none), x[None])[0], layer(pair, x))
    apart = Graph.from_dense(none.dense())
    assert apart.entries == 0
    assert not torch.allclose(layer(apart, x), layer(pair, x))
    source = networkx.Graph()
    source.add_edge(0, 1, weight=0)
    assert as_graph(source).entries == 2


def test_places_of_edges_are_checked_and_padding_has_none():
    matrix = torch.zeros(1, 2, 2)
    edges = torch.ones(1, 2, 2, dtype=torch.bool)
    assert edge_mask(PaddedGraphs(matrix, torch.tensor([[True, False]]), edges)).flatten().tolist() == [
        *(True, False),
        *(False, False),
    ]
    with pytest.raises(ValueError, match=r"edges is torch.float32 .* must be bool"):
        PaddedGraphs(matrix, None, matrix)


def test_a_graph_knows_whether_its_weights_are_symmetric():
    assert not Graph.from_dense(torch.tensor([[0.0, 2.0], [1.0, 0.0]])).symmetric
    assert Graph.from_dense(torch.tensor([[0.0, 2.0], [2.0, 0.0]])).symmetric
    pair = Graph.from_edges([[0], [1]], 2, undirected=True)
    assert not pair.with_weights(torch.tensor([1.0, 2.0])).symmetric


# --- sums of many weights


@DTYPES
def test_degrees_are_summed_in_float64(dtype):
    weights = torch.full((10_000,), 0.3).to(dtype)
    exact = 10_000 * weights[0].double()
    graph = hub(10_000).with_weights(weights)
    torch.testing.assert_close(graph.degrees[0], exact, rtol=1e-12, atol=0)
    learned = hub(10_000).with_weights(weights.requires_grad_())
    torch.testing.assert_close(learned.degrees[0], exact, rtol=1e-12, atol=0)
    row = torch.full((1, 300, 300), 0.3).to(dtype)
    torch.testing.assert_close(PaddedGraphs(row).degrees[0, 0], 300 * row[0, 0, 0].double(), rtol=1e-12, atol=0)


def test_means_of_many_are_means_in_short_dtypes():
    """The planted fault is a degree summed in bfloat16, which stands still at 128."""
    weights = torch.full((10_000,), 0.5, dtype=torch.bfloat16)
    assert float(weights.new_zeros(1).index_add(0, torch.zeros(10_000).long(), weights)) == 128.0
    x = torch.ones(10_001, 1, dtype=torch.bfloat16)
    assert abs(float(random_walk(hub(10_000).with_weights(weights)).product(x)[0]) - 1.0) < 0.01


# --- derivatives by the weights of edges


def made(make, seed=0):
    with fork(seed=seed, stream=Stream.INITIALISATION):
        layer = make().double()
    with torch.no_grad():
        for k, each in enumerate(layer.parameters()):
            each += 0.3 * noise(*each.shape, seed=300 + k)
    return layer


READ = {
    **{
        f"{name}-{shift}": (lambda make=make, shift=shift: make(2, 3, 2, shift))
        for name, make in LAYERS.items()
        for shift in ("normalised-adjacency", "laplacian")
        if name not in ("gat", "gatv2") and (shift != "laplacian" or name not in ("gcn", "graphsage", "gin"))
    },
    "graphsage-sum": lambda: GraphSAGE(2, 3, "sum"),
    "graphsage-max": lambda: GraphSAGE(2, 3, "max"),
    "message-passing": lambda: MessagePassing(lambda x_i, x_j, w: (w * x_j - x_i).tanh(), lambda x, m: x + m, "mean"),
}


def slopes(layer, graph, weights, x):
    """The derivative by the weights of the sparse and of the padded graph along a way, and the difference."""
    found = []
    for padded in (False, True):

        def total(w, padded=padded):
            held = graph.with_weights(w)
            y = layer(PaddedGraphs.of(held), x[None])[0] if padded else layer(held, x)
            return (y * noise(*y.shape, seed=71)).sum()

        w, way = weights.clone().requires_grad_(), noise(*weights.shape, seed=70)
        slope = float((torch.autograd.grad(total(w), w)[0] * way).sum())
        step = 1e-6
        with torch.no_grad():
            found.append((slope, float(total(weights + step * way) - total(weights - step * way)) / (2 * step)))
    return found


@pytest.mark.parametrize("name", READ)
def test_derivatives_by_weights_are_those_of_differences(name):
    graph = ALL_GRAPHS["weighted-directed"]
    for slope, difference in slopes(made(READ[name]), graph, graph.weights, noise(graph.nodes, 2, seed=72)):
        assert abs(slope) > 1e-3
        assert abs(slope - difference) <= 1e-6 * max(1.0, abs(slope)), name


def test_a_planted_derivative_by_weights_is_caught():
    graph = ALL_GRAPHS["weighted-directed"]

    def detached(held, x):
        degrees = held.degrees.detach()[..., :, None]
        return degrees * held.product(x)

    (slope, difference), _ = slopes(detached, graph, graph.weights, noise(graph.nodes, 2, seed=72))
    assert abs(slope - difference) > 1e-2 * abs(slope)


@pytest.mark.parametrize("layer", [GAT, GATv2])
def test_attention_reads_no_weights(layer):
    graph, x = ALL_GRAPHS["weighted-directed"], noise(6, 2)
    made_ = layer(2, 4, 2).double()
    torch.testing.assert_close(made_(graph, x), made_(graph.with_weights(2.0 * graph.weights), x))


# --- complex features


def test_derivatives_of_complex_features_are_conjugates():
    graph = ALL_GRAPHS["weighted-directed"]
    x = torch.complex(noise(6, 2, seed=80), noise(6, 2, seed=81)).requires_grad_()
    y = torch.complex(noise(6, 2, seed=82), noise(6, 2, seed=83)).requires_grad_()
    weights = graph.weights.clone().requires_grad_()

    def product(w, x):
        return graph.with_weights(w).product(x)

    assert torch.autograd.gradcheck(product, (weights, x))
    assert torch.autograd.gradgradcheck(product, (weights, x))
    assert torch.autograd.gradcheck(lambda w, x: graph.with_weights(w).product(x, transposed=True), (weights, x))
    assert torch.autograd.gradcheck(graph.products_of_ends, (y, x))


# --- bad input that once was torch's or python's own fault


@pytest.mark.parametrize("n", [np.int64(3), torch.tensor(3), np.uint8(3)])
def test_whole_numbers_of_every_kind_count_nodes(n):
    assert Graph.from_edges([[0], [1]], n).nodes == 3


@pytest.mark.parametrize("edges", [[], [[], []], torch.empty(2, 0), torch.tensor([]), np.zeros((2, 0))])
def test_no_edges_are_read_in_every_dtype(edges):
    graph = Graph.from_edges(edges, 3)
    assert (graph.nodes, graph.entries) == (3, 0)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: Graph.from_edges([[0, 1], [1]], 3), ValueError, "edges is a list that is no table"),
        (lambda: Graph.from_edges([["a"], ["b"]], 3), Exception, "edges "),
        (lambda: Graph.from_edges([[0], [1]], "3"), ValueError, "n is '3', but"),
        (lambda: Graph.from_edges([[0], [1]], True), ValueError, "n is True, but"),
        (lambda: Graph.from_edges([[0], [1]], 2, np.array(["x"])), TypeError, "weights holds <U1, but"),
    ],
)
def test_bad_input_gets_one_sentence(call, kind, words):
    with pytest.raises(kind, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, TypeError | ValueError)
