"""One suite for all maps on graphs: permutations, graphs alone and together, derivatives, dense matrices."""

from __future__ import annotations

import copy

import pytest
import torch

from equigen.graphs.edges import edge_softmax
from equigen.graphs.functional import convolve
from equigen.graphs.graph import Graph
from equigen.graphs.layers.edge_varying import EdgeVarying
from equigen.graphs.layers.node_varying import NodeVarying
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import shift_of
from tests.graphs.all_graphs import ALL_GRAPHS, noise
from tests.graphs.every_map import ALL_MAPS
from tests.graphs.rules import require_derivatives, require_equivariance, require_separate

MAPS = pytest.mark.parametrize("mapped", ALL_MAPS.values(), ids=ALL_MAPS.keys())


def features(graph, count=2):
    return noise(graph.nodes, count, seed=11)


@MAPS
def test_renumbering_the_nodes_renumbers_the_result(mapped):
    for name, graph in mapped.graphs.items():
        try:
            require_equivariance(mapped.function, graph, features(graph), mapped.result)
        except AssertionError as fault:
            raise AssertionError(f"on {name}: {fault}") from fault


@MAPS
def test_graphs_together_are_graphs_alone(mapped):
    for name, graph in mapped.graphs.items():
        try:
            require_separate(mapped.function, graph, features(graph), mapped.result)
        except AssertionError as fault:
            raise AssertionError(f"on {name}: {fault}") from fault


@MAPS
def test_derivatives_are_those_of_differences(mapped):
    for name in ("one-loop", "isolated-nodes", "weighted-directed", "several"):
        if name in mapped.graphs:
            require_derivatives(mapped.function, ALL_GRAPHS[name], features(ALL_GRAPHS[name]), mapped.learned)


@pytest.mark.parametrize(
    "mapped",
    [each for each in ALL_MAPS.values() if each.dense],
    ids=[name for name, each in ALL_MAPS.items() if each.dense],
)
def test_the_result_is_that_of_dense_matrices(mapped):
    for name, graph in mapped.graphs.items():
        x = features(graph)
        torch.testing.assert_close(
            mapped.function(graph, x),
            mapped.dense(graph, x),
            rtol=1e-9,
            atol=1e-10,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@MAPS
def test_signals_before_the_nodes_are_taken_one_by_one(mapped):
    """Features (2, n, F) of a sparse graph are two signals on it."""
    graph = ALL_GRAPHS["several"]
    graph = graph if "several" in mapped.graphs else ALL_GRAPHS["several-directed"]
    x = torch.stack((features(graph), noise(graph.nodes, 2, seed=12)))
    y = mapped.function(graph, x)
    expected = torch.stack([mapped.function(graph, each) for each in x])
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [*LAYERS, "laplacian", "polynomial-transposed", "graph-norm", "readout-max"])
def test_rounding_is_that_of_the_dtype(name):
    """In float32, too, maps commute up to rounding, and give float32."""
    mapped, graph = ALL_MAPS[name], ALL_GRAPHS["several"]
    function = copy.deepcopy(mapped.function).float() if mapped.learned else mapped.function
    x = features(graph).float()
    assert function(graph, x).dtype == torch.float32
    require_equivariance(function, graph, x, mapped.result)


def test_weights_of_edges_move_with_the_edges():
    """A result for each entry, in the order of the entries."""
    for graph in ALL_GRAPHS.values():
        require_equivariance(
            lambda graph, x: edge_softmax(graph, graph.products_of_ends(x, x)), graph, features(graph), "edges"
        )
    with pytest.raises(AssertionError, match="broken"):
        require_equivariance(lambda graph, x: x[graph.rows].cumsum(0), ALL_GRAPHS["ring"], noise(6, 2), "edges")


def test_all_of_the_tables_are_held_to_the_rules():
    assert set(LAYERS) <= set(ALL_MAPS)


# --- planted faults, each caught by the rule that it breaks


def by_rows_only(graph, x):
    """Permuting only the rows of the matrix: the nodes' own order decides who is heard."""
    return graph.dense().to(x)[..., : x.shape[-2], :].cumsum(-1) @ x


FAULTS = {
    "order-of-nodes": lambda graph, x: x.cumsum(-2),
    "first-node": lambda graph, x: graph.masked(x - x[..., :1, :]),
    "order-of-columns": by_rows_only,
    "wrong-in-the-twelfth-digit": lambda graph, x: graph.masked(x) + 1e-10 * graph.masked(x.cumsum(-2)),
}


@pytest.mark.parametrize("function", FAULTS.values(), ids=FAULTS.keys())
def test_planted_orders_are_caught(function):
    graph = ALL_GRAPHS["weighted"]
    with pytest.raises(AssertionError, match="broken"):
        require_equivariance(function, graph, features(graph))


@pytest.mark.parametrize("kind", ["node-varying", "edge-varying", "bias"])
def test_free_taps_are_caught(kind):
    graph = ALL_GRAPHS["weighted"]
    bias = noise(6, 2, seed=5)
    if kind == "bias":
        with pytest.raises(AssertionError, match="broken"):
            require_equivariance(
                lambda graph, x: x + bias if isinstance(graph, Graph) else graph.masked(x), graph, features(graph)
            )
        return
    layer = NodeVarying(2, 2, 1, nodes=6) if kind == "node-varying" else EdgeVarying(2, 2, 1, entries=graph.entries)
    with torch.no_grad():
        for k, each in enumerate(layer.double().parameters()):
            each.copy_(noise(*each.shape, seed=k))
    with pytest.raises(AssertionError, match="broken"):
        require_equivariance(layer, graph, features(graph))


def over_the_batch(graph, x):
    """Means over all nodes of all graphs."""
    return graph.masked(x - graph.masked(x).mean(tuple(range(x.ndim - 1))))


def over_padding(graph, x):
    """A mean over all places of a graph."""
    if isinstance(graph, PaddedGraphs):
        return graph.masked(x - graph.masked(x).mean(1, keepdim=True))
    of = graph.graph_of_node
    sums = x.new_zeros(len(graph.sizes), x.shape[-1]).index_add(0, of, x)
    return x - (sums / graph.sizes.clamp(min=1)[:, None])[of]


def junk_at_padding(graph, x):
    return graph.product(x) + 1.0


def transposed_when_padded(graph, x):
    return graph.product(x, transposed=isinstance(graph, PaddedGraphs))


@pytest.mark.parametrize("function", [over_the_batch, over_padding, junk_at_padding, transposed_when_padded])
def test_planted_neighbours_are_caught(function):
    graph = ALL_GRAPHS["several-directed"]
    with pytest.raises(AssertionError):
        require_separate(function, graph, features(graph))


def test_a_planted_derivative_is_caught():
    graph = ALL_GRAPHS["weighted-directed"]

    def detached(graph, x):
        return graph.product(x) * x.detach()

    with pytest.raises(AssertionError, match="is not"):
        require_derivatives(detached, graph, features(graph))
    weight = noise(2, 2).requires_grad_()
    with pytest.raises(AssertionError, match="is not"):
        require_derivatives(
            lambda graph, x: graph.product(x) @ weight.detach() + 0 * weight.sum(), graph, features(graph), [weight]
        )


def test_a_planted_shift_is_caught_by_the_dense_one():
    mapped, graph = ALL_MAPS["convolve-wider"], ALL_GRAPHS["directed"]
    x = features(graph)
    assert mapped.dense is not None
    s = shift_of(graph, "laplacian")
    transposed = Shift(Graph.from_dense(s.dense().T))
    wrong = convolve(transposed, x, noise(4, 2, 3, seed=20))
    assert not torch.allclose(wrong, mapped.dense(graph, x))
