"""Readouts do not depend on the order of nodes, on other graphs, or on padding."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.layers.readouts import readout
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.side_by_side import joined
from tests.graphs.layers.message_cases import GRAPHS, features, isolated

EACH_WAY = pytest.mark.parametrize("how", ["sum", "mean", "max"])
PARTS = [GRAPHS["directed"](), GRAPHS["empty"](), isolated(), GRAPHS["one-node"]()]
GRAPH = joined(PARTS)
X = features(GRAPH)


def alone(x, how):
    if not len(x):
        return x.new_zeros(x.shape[1])
    return {"sum": x.sum(0), "mean": x.mean(0), "max": x.amax(0)}[how]


@EACH_WAY
def test_each_graph_is_read_alone(how):
    expected = torch.stack([alone(part, how) for part in X.split(GRAPH.sizes.tolist())])
    torch.testing.assert_close(readout(GRAPH, X, how), expected)
    assert not expected[1].any()


@EACH_WAY
def test_padding_does_not_count(how):
    padded = PaddedGraphs.of(GRAPH, 9)
    x = torch.full((4, 9, X.shape[1]), torch.nan, dtype=X.dtype)
    x[padded.real] = X
    x.requires_grad_()
    y = readout(padded, x, how)
    torch.testing.assert_close(y, readout(GRAPH, X, how))
    y.square().sum().backward()
    assert bool(x.grad.isfinite().all())
    assert not x.grad[~padded.real].any()


def test_reading_padding_is_seen():
    """The planted fault: means and maxima over all places."""
    padded = PaddedGraphs.of(GRAPH, 9)
    x = torch.zeros(4, 9, X.shape[1], dtype=X.dtype)
    x[padded.real] = X - 5.0
    assert not torch.allclose(x.mean(1), readout(padded, x, "mean"))
    assert not torch.allclose(x.amax(1), readout(padded, x, "max"))


@EACH_WAY
def test_the_order_of_nodes_does_not_matter(how):
    graph, x = isolated(), features(isolated())
    g = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(readout(graph, x[g], how), readout(graph, x, how))


@EACH_WAY
def test_a_batch_of_signals_is_each_of_them(how):
    x = features(GRAPH, batch=(2, 3))
    y = readout(GRAPH, x, how)
    assert y.shape == (2, 3, 4, X.shape[1])
    torch.testing.assert_close(y[1, 2], readout(GRAPH, x[1, 2], how))


@EACH_WAY
def test_no_places_at_all_give_zero(how):
    graph = Graph.from_edges([[], []], 0)
    assert readout(PaddedGraphs.of(graph), torch.zeros(1, 0, 2), how).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(("how", "layout"), [("mean", "sparse"), ("max", "padded")])
def test_it_compiles_and_its_derivative_is_that_of_differences(how, layout):
    graph, x = GRAPH, X.clone()
    if layout == "padded":
        graph, x = PaddedGraphs.of(isolated(), 6), features(isolated())[None]
        x = torch.nn.functional.pad(x, (0, 0, 0, 1))
    assert torch.autograd.gradcheck(lambda x: readout(graph, x, how), x.requires_grad_())
    compiled = torch.compile(readout, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(graph, x, how), readout(graph, x, how))


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        readout(GRAPH, X, "means")
    with pytest.raises(ValueError, match="13 nodes"):
        readout(GRAPH, X[1:], "sum")
