"""What is said along edges: softmax, sums, means and maxima, against dense matrices and PyTorch Geometric."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.edges import (
    AGGREGATIONS,
    by_node,
    edge_reduce,
    edge_softmax,
    edge_weights,
    from_nodes,
    heard,
    hearing,
)
from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs, edge_mask
from tests.graphs.layers.message_cases import GRAPHS, random_graph

EACH_GRAPH = pytest.mark.parametrize("name", GRAPHS)
EACH_WAY = pytest.mark.parametrize("how", AGGREGATIONS)


def said(graph, seed=0, *axes):
    noise = torch.Generator().manual_seed(seed)
    return torch.randn(graph.entries, *axes, generator=noise, dtype=torch.float64)


def padded_values(graph, padded, values, elsewhere):
    """Values of the edges of a sparse graph where the padded ones have them."""
    mask = edge_mask(padded)
    out = torch.full((*mask.shape, *values.shape[1:]), elsewhere, dtype=values.dtype)
    out[mask] = values  # both go through graphs, rows and columns in order
    return out


def by_loop(graph, messages, how):
    """The same, node by node."""
    rows = []
    for i in range(graph.nodes):
        heard = messages[graph.rows == i]
        if not len(heard):
            rows.append(torch.zeros(messages.shape[1:], dtype=messages.dtype))
        else:
            rows.append({"sum": heard.sum(0), "mean": heard.mean(0), "max": heard.amax(0)}[how])
    return torch.stack(rows) if rows else messages.new_zeros(0, *messages.shape[1:])


@EACH_WAY
@EACH_GRAPH
@pytest.mark.parametrize("axes", [(3,), (2, 3)])
def test_what_is_heard_is_summed_up_row_by_row(name, how, axes):
    graph = GRAPHS[name]()
    messages = said(graph, 0, *axes)
    torch.testing.assert_close(edge_reduce(graph, messages, how), by_loop(graph, messages, how))


@EACH_WAY
@EACH_GRAPH
def test_padded_graphs_sum_up_the_same_whatever_stands_beside_the_edges(name, how):
    graph = GRAPHS[name]()
    padded = PaddedGraphs.of(graph, 6 if name != "directed" else 8)
    messages = said(graph, 1, 2)
    expected = edge_reduce(graph, messages, how)
    found = edge_reduce(padded, padded_values(graph, padded, messages, torch.nan), how)
    torch.testing.assert_close(found[padded.real], expected)
    assert not found[~padded.real].any()


@EACH_GRAPH
def test_a_softmax_is_that_of_each_row(name):
    graph = GRAPHS[name]()
    scores = said(graph, 2, 2)
    found = edge_softmax(graph, scores)
    for i in range(graph.nodes):
        row = graph.rows == i
        torch.testing.assert_close(found[row], scores[row].softmax(0))
    padded = PaddedGraphs.of(graph, 8)
    held = edge_softmax(padded, padded_values(graph, padded, scores, torch.nan))
    torch.testing.assert_close(held[edge_mask(padded)], found)
    assert not held[~edge_mask(padded)].any()


@pytest.mark.parametrize("layout", ["sparse", "padded"])
def test_a_softmax_takes_scores_of_any_size_and_edges_left_out(layout):
    graph = Graph.from_edges([[0, 1, 2, 0], [2, 2, 2, 1]], 3)  # node 2 hears all three, node 1 only the first
    scores = torch.tensor([-torch.inf, 1e4, 1e4 + 1.0, -torch.inf], dtype=torch.float64)[[3, 0, 1, 2]]
    graph = graph if layout == "sparse" else PaddedGraphs.of(graph, dtype=torch.float64)
    given = scores if layout == "sparse" else padded_values(graph.packed(), graph, scores, 0.0)
    found = edge_softmax(graph, given[..., None])[..., 0]
    found = found if layout == "sparse" else found[edge_mask(graph)]
    high = 1.0 / (1.0 + torch.exp(torch.tensor(-1.0, dtype=torch.float64)))
    torch.testing.assert_close(found, torch.stack((0 * high, 0 * high, 1.0 - high, high)), rtol=1e-10, atol=1e-12)


def test_a_softmax_over_all_edges_is_seen():
    """The planted fault: one sum for the whole graph."""
    graph = random_graph(7, 0)
    scores = said(graph, 2, 1)
    row = graph.rows == 0
    assert not torch.allclose(scores.softmax(0)[row], scores[row].softmax(0))


@EACH_WAY
def test_derivatives_are_those_of_differences(how):
    graph = GRAPHS["several"]()
    messages = said(graph, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: edge_reduce(graph, m, how), messages)
    assert torch.autograd.gradcheck(lambda s: edge_softmax(graph, s), messages)
    if how != "max":
        assert torch.autograd.gradgradcheck(lambda m: edge_reduce(graph, m, how).square(), messages)
        assert torch.autograd.gradgradcheck(lambda s: edge_softmax(graph, s), messages)


@pytest.mark.parametrize("layout", ["sparse", "padded"])
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_ties_share_the_derivative_of_the_largest(layout, value):
    graph = Graph.from_edges([[0, 1], [2, 2]], 3)
    if layout == "padded":
        graph = PaddedGraphs.of(graph)
    shape = (2, 1) if layout == "sparse" else (1, 3, 3, 1)
    messages = torch.full(shape, value, requires_grad=True)
    edge_reduce(graph, messages, "max").sum().backward()
    taken = messages.grad.flatten() if layout == "sparse" else messages.grad[edge_mask(graph)].flatten()
    assert taken.tolist() == [0.5, 0.5]


@EACH_WAY
@EACH_GRAPH
def test_it_agrees_with_pytorch_geometric(name, how):
    utils = pytest.importorskip("torch_geometric.utils")
    graph = GRAPHS[name]()
    messages = said(graph, 4, 3)
    rows = graph.rows.long()
    torch.testing.assert_close(
        edge_reduce(graph, messages, how), utils.scatter(messages, rows, 0, graph.nodes, reduce=how)
    )
    torch.testing.assert_close(edge_softmax(graph, messages), utils.softmax(messages, rows, num_nodes=graph.nodes))


@EACH_GRAPH
def test_ends_and_weights_are_those_of_the_entries(name):
    graph = GRAPHS[name]()
    x = torch.arange(graph.nodes, dtype=torch.float64)[:, None]
    rows, columns = hearing(graph, x), heard(graph, x)
    weights = edge_weights(graph, x)
    matrix = torch.zeros(graph.nodes, graph.nodes, dtype=torch.float64)
    matrix[rows.long().flatten(), columns.long().flatten()] = weights.flatten()
    torch.testing.assert_close(matrix, graph.dense())
    padded = PaddedGraphs.of(graph)
    places = torch.arange(padded.matrix.shape[1], dtype=torch.float64).expand(padded.matrix.shape[:2])[..., None]
    rows, columns = hearing(padded, places), heard(padded, 10 * places)
    assert rows.shape == columns.shape == (*padded.matrix.shape, 1)
    if padded.matrix.shape[1] > 1:
        assert (float(rows[0, 1, 0]), float(columns[0, 0, 1])) == (1.0, 10.0)
    weights = edge_weights(padded, places)[..., 0]
    torch.testing.assert_close(torch.where(edge_mask(padded), weights, 0.0), padded.matrix.double())
    assert bool((weights[~edge_mask(padded)] == 1.0).all())


def test_batches_of_features_go_there_and_back():
    graph = GRAPHS["several"]()
    x = torch.randn(2, 5, graph.nodes, 3, generator=torch.Generator().manual_seed(0))
    assert by_node(graph, x).shape == (graph.nodes, 2, 5, 3)
    assert torch.equal(from_nodes(graph, by_node(graph, x)), x)


def test_bad_input_gets_one_sentence():
    graph = Graph.from_edges([[0], [1]], 2)
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        edge_reduce(graph, torch.zeros(1, 1), "meen")
    with pytest.raises(ValueError, match="take one of sum, mean, max"):
        edge_reduce(graph, torch.zeros(1, 1), "attention")
    with pytest.raises(ValueError, match=r"messages has shape \(2, 1\)"):
        edge_reduce(graph, torch.zeros(2, 1), "sum")
    with pytest.raises(ValueError, match=r"scores has shape \(1, 2, 1, 1\).*\(1, 2, 2, ...\)"):
        edge_softmax(PaddedGraphs.of(graph), torch.zeros(1, 2, 1, 1))
    with pytest.raises(TypeError, match="graph is a Tensor"):
        edge_softmax(torch.zeros(2, 2), torch.zeros(2, 2))
