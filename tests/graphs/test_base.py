"""Graphs, padded graphs and shifts against dense matrices, their derivatives against differences, bad input refused."""

from __future__ import annotations

import math
import re

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.graphs.product import edge_products, sparse_product
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import SHIFTS, normalised_adjacency, random_walk, shift_of
from equigen.graphs.side_by_side import divided, joined
from tests.graphs.all_graphs import ALL_GRAPHS, NOT_NEGATIVE, noise, parts, scattered, spread_out

GRAPHS = pytest.mark.parametrize("graph", ALL_GRAPHS.values(), ids=ALL_GRAPHS.keys())
DTYPES = pytest.mark.parametrize(
    ("dtype", "within"), [(torch.float64, 1e-13), (torch.float32, 1e-5), (torch.bfloat16, 0.05)]
)


def added_up(edges, n, weights=None, undirected=False):
    """The matrix, edge by edge."""
    matrix = torch.zeros(n, n, dtype=torch.float64)
    for k, (source, target) in enumerate(zip(*edges, strict=True)):
        weight = 1.0 if weights is None else float(weights[k])
        matrix[target, source] += weight
        if undirected and source != target:
            matrix[source, target] += weight
    return matrix


def drawn_edges(n, count, seed):
    z = noise(2, count, seed=seed)
    return (n * (z - z.floor())).long().clamp(max=n - 1)


# --- entries


@pytest.mark.parametrize("undirected", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_edges_become_the_matrix_that_adds_them_up(undirected, weighted):
    for n, count, seed in ((1, 3, 0), (4, 0, 1), (4, 30, 2), (9, 25, 3)):
        edges, weights = drawn_edges(n, count, seed), noise(count, seed=seed) if weighted else None
        graph = Graph.from_edges(edges, n, weights, undirected=undirected)
        expected = added_up(edges.tolist(), n, weights, undirected)
        torch.testing.assert_close(graph.dense(), expected, rtol=0.0, atol=1e-14)
        assert graph.symmetric is torch.equal(graph.dense(), graph.dense().T)
        assert not undirected or graph.symmetric
        assert graph.columns.dtype == graph.pointer.dtype == torch.int32


def test_an_edge_leads_from_its_source_to_its_target():
    """Row form, x S, would be the transposed matrix: it is told apart on directed graphs only."""
    arrow = Graph.from_edges([[0], [1]], 2)
    assert arrow.dense().tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert arrow.dense().tolist() != arrow.dense().T.tolist()


def test_the_order_of_edges_changes_no_bit():
    edges, weights = drawn_edges(4, 40, 5), noise(40, seed=6)
    order = noise(40, seed=7).argsort()
    one = Graph.from_edges(edges, 4, weights, undirected=True)
    other = Graph.from_edges(edges[:, order], 4, weights[order], undirected=True)
    assert torch.equal(one.dense(), other.dense())
    assert one.symmetric
    assert other.symmetric


@GRAPHS
def test_a_matrix_becomes_the_graph_that_it_was(graph):
    again = Graph.from_dense(graph.dense())
    assert torch.equal(again.dense(), graph.dense())
    assert again.entries == int(graph.dense().count_nonzero())
    if again.entries == graph.entries:  # but for edges of weight 0, which no matrix has
        assert (again.symmetric, again.lowest) == (graph.symmetric, graph.lowest)
    assert graph.weights is None or not bool((graph.weights == 1).all())


@GRAPHS
def test_counts_and_places(graph):
    dense = graph.dense()
    assert torch.equal(dense[graph.rows, graph.columns], graph.weights_or_ones())
    assert graph.nodes == len(dense) == int(graph.sizes.sum())
    torch.testing.assert_close(graph.degrees, dense.sum(1))
    back = graph.back
    backward = torch.arange(graph.nodes).repeat_interleave(back.pointer.diff())
    assert torch.equal(dense.T[backward, back.columns.long()], graph.weights_or_ones()[back.order])
    assert graph.graph_of_node.tolist() == [k for k, size in enumerate(graph.sizes.tolist()) for _ in range(size)]


def test_rounding_to_another_dtype_and_back():
    graph = scattered(5, 0.3, 1)
    single = graph.to(dtype=torch.float32)
    assert single.weights is not None
    assert single.weights.dtype == torch.float32
    assert (single.lowest, single.symmetric) == (float(single.weights.min()), True)
    assert ALL_GRAPHS["ring"].to(dtype=torch.float32).weights is None


# --- products and their derivatives


@GRAPHS
@DTYPES
@pytest.mark.parametrize("transposed", [False, True])
def test_the_product_is_that_of_the_dense_matrix(graph, dtype, within, transposed):
    matrix = graph.dense().T if transposed else graph.dense()
    for lead, width in (((), 3), ((2, 3), 1), ((0,), 2), ((2,), 0)):
        x = noise(*lead, graph.nodes, width, dtype=dtype)
        y = graph.product(x, transposed=transposed)
        assert (y.dtype, y.shape) == (dtype, x.shape)
        size = float((matrix.abs() @ x.double().abs()).max()) if x.numel() else 0.0
        torch.testing.assert_close(y.double(), matrix @ x.double(), rtol=0.0, atol=within * max(1.0, size))


def test_a_planted_transposition_is_told_apart():
    graph, x = ALL_GRAPHS["directed"], noise(5, 2)
    assert float((graph.product(x, transposed=True) - graph.dense() @ x).abs().max()) > 0.1


@pytest.mark.parametrize("name", ["one-loop", "directed", "weighted-directed", "negative", "several"])
@pytest.mark.parametrize("heads", [(), (1,), (3,)])
def test_weights_of_its_own_for_each_head(name, heads):
    graph = ALL_GRAPHS[name]
    weights, x = noise(graph.entries, *heads), noise(graph.nodes, *heads, 2)
    matrix = torch.zeros(graph.nodes, graph.nodes, *heads, dtype=torch.float64)
    matrix = matrix.index_put((graph.rows.long(), graph.columns.long()), weights)
    expected = torch.einsum("ijh,jhf->ihf", matrix, x) if heads else matrix @ x
    torch.testing.assert_close(graph.product_with(weights, x), expected)
    y = noise(graph.nodes, *heads, 2, seed=4)
    ends = (y[graph.rows] * x[graph.columns]).sum(-1)
    torch.testing.assert_close(graph.products_of_ends(y, x), ends)


def test_weights_are_brought_to_the_dtype_of_the_features():
    graph = ALL_GRAPHS["weighted"]
    y = graph.product_with(noise(graph.entries), noise(6, 2, dtype=torch.float32))
    assert y.dtype == torch.float32


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("name", ["weighted-directed", "isolated-nodes"])
def test_derivatives_of_both_orders(name, back):
    """Against differences in float64, by the weights and by the features, and again."""
    graph = ALL_GRAPHS[name]
    weights = noise(graph.entries, 2, seed=1).requires_grad_()
    x, y = (noise(graph.nodes, 2, 3, seed=seed).requires_grad_() for seed in (2, 3))

    def product(weights, x):
        return sparse_product(*graph.places, weights, x, back)

    def ends(y, x):
        return edge_products(*graph.places, y, x)

    for function, given in ((product, (weights, x)), (ends, (y, x))):
        assert torch.autograd.gradcheck(function, given)
        assert torch.autograd.gradgradcheck(function, given)
    ones = x.detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sparse_product(*graph.places, None, x, back), (ones,))


def test_a_planted_derivative_without_transposition_is_caught():
    graph, x = ALL_GRAPHS["weighted-directed"], noise(6, 2).requires_grad_()

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return graph.product(x)

        @staticmethod
        def backward(ctx, *g):
            return graph.product(g[0])

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(Wrong.apply, (x,))


def test_derivatives_by_the_weights_of_a_graph_reach_its_edges():
    edges, weights = drawn_edges(4, 12, 3), noise(12).abs().requires_grad_()
    x = noise(4, 2)

    def result(weights):
        return Graph.from_edges(edges, 4, weights, undirected=True).product(x)

    assert torch.autograd.gradcheck(result, (weights,))


@pytest.mark.parametrize("name", SHIFTS)
def test_derivatives_by_the_matrix_of_padded_graphs(name):
    """Finite also where a node has no edges, or is none."""
    graphs, x = spread_out(ALL_GRAPHS["isolated-nodes"], noise(7, 2))
    matrix = (graphs.matrix + 0.1 * (graphs.matrix > 0)).requires_grad_()

    def result(matrix):
        both = (matrix + matrix.mT) / 2
        return shift_of(PaddedGraphs(torch.where(graphs.matrix > 0, both, 0.0), graphs.real), name).product(x)

    assert torch.autograd.gradcheck(result, (matrix,))


# --- padded, side by side, renumbered


@GRAPHS
def test_padded_graphs_are_the_same_graphs(graph):
    x = noise(graph.nodes, 3)
    padded, features = spread_out(graph, x)
    assert padded.real is not None
    for transposed in (False, True):
        y = padded.product(features, transposed=transposed)
        torch.testing.assert_close(y[padded.real], graph.product(x, transposed=transposed))
        assert not bool(y[~padded.real].any())
    torch.testing.assert_close(padded.degrees[padded.real], graph.degrees)
    packed = padded.packed()
    assert torch.equal(packed.dense(), graph.dense())
    assert torch.equal(packed.sizes, graph.sizes)
    assert min(padded.lowest, 0.0) == min(graph.lowest, 0.0)
    assert padded.symmetric is graph.symmetric


@pytest.mark.parametrize("stored", [1e30, math.nan, math.inf])
def test_what_is_stored_at_padding_influences_nothing(stored):
    real = torch.tensor([[True, True, False]])
    matrix = torch.full((1, 3, 3), stored)
    matrix[:, :2, :2] = 1.0
    graphs = PaddedGraphs(matrix, real)
    x = torch.tensor([[[1.0], [2.0], [stored]]])
    for name in SHIFTS:
        y = shift_of(graphs, name).product(x)
        assert bool(y.isfinite().all())
        assert float(y[0, 2, 0]) == 0.0


def test_graphs_side_by_side_keep_the_dtype_of_their_weights():
    single = ALL_GRAPHS["weighted"].to(dtype=torch.float32)
    whole = joined([ALL_GRAPHS["pair"], single])
    assert whole.weights is not None
    assert whole.weights.dtype == torch.float32
    assert joined([ALL_GRAPHS["pair"], ALL_GRAPHS["ring"]]).weights is None
    assert divided(ALL_GRAPHS["no-edges"], torch.tensor([1, 2], dtype=torch.int32)).sizes.dtype == torch.int64


def test_graphs_side_by_side_are_blocks():
    graphs = [ALL_GRAPHS[name] for name in ("weighted", "empty", "directed", "one-node")]
    whole = joined(graphs)
    torch.testing.assert_close(whole.dense(), torch.block_diag(*(graph.dense() for graph in graphs))[: whole.nodes])
    assert whole.sizes.tolist() == [6, 0, 5, 1]
    assert not whole.symmetric
    again = divided(Graph.from_dense(whole.dense()), torch.tensor([6, 0, 5, 1]))
    assert torch.equal(again.dense(), whole.dense())
    assert torch.equal(again.graph_of_node, whole.graph_of_node)
    assert [torch.equal(part.dense(), graph.dense()) for (part, _), graph in zip(parts(whole), graphs, strict=True)]
    y = whole.product(noise(12, 2), transposed=True)
    torch.testing.assert_close(y, whole.dense().T @ noise(12, 2))


@GRAPHS
def test_renumbering_is_p_w_p_transposed(graph):
    g = torch.cat([place.start + noise(place.stop - place.start, seed=8).argsort() for _, place in parts(graph)])
    p = torch.zeros_like(graph.dense())
    p[g, torch.arange(graph.nodes)] = 1.0
    moved = renumbered(graph, g)
    assert torch.equal(moved.dense(), p @ graph.dense() @ p.T)
    assert torch.equal(renumbered(moved, g.argsort()).dense(), graph.dense())
    rows_only = p @ graph.dense()
    changed = not torch.equal(rows_only, graph.dense())
    assert not changed or graph.entries == 0 or not torch.equal(moved.dense(), rows_only) or graph.nodes < 2


def test_padded_graphs_are_renumbered_each_by_its_own():
    padded, _ = spread_out(ALL_GRAPHS["several-directed"], noise(8, 1))
    g = torch.stack([noise(7, seed=seed).argsort() for seed in (1, 2)])
    moved = renumbered(padded, g)
    assert padded.real is not None
    assert moved.real is not None
    for k in range(2):
        p = torch.zeros(7, 7, dtype=torch.float64)
        p[g[k], torch.arange(7)] = 1.0
        assert torch.equal(moved.dense()[k], p @ padded.matrix[k] @ p.T)
        assert torch.equal(moved.real[k][g[k]], padded.real[k])


# --- shifts


def inverse(degrees, power=1.0):
    return torch.diag(torch.tensor([d**-power if d > 0 else 0.0 for d in degrees.tolist()], dtype=torch.float64))


def written_down(name, w):
    d, eye = w.sum(1), torch.eye(len(w), dtype=torch.float64)
    some = torch.diag((d > 0).double())
    return {
        "adjacency": lambda: w,
        "laplacian": lambda: torch.diag(d) - w,
        "normalised-adjacency": lambda: inverse(d, 0.5) @ w @ inverse(d, 0.5),
        "normalised-laplacian": lambda: some - inverse(d, 0.5) @ w @ inverse(d, 0.5),
        "random-walk": lambda: inverse(d) @ w,
        "random-walk-laplacian": lambda: some - inverse(d) @ w,
        "renormalised-adjacency": lambda: inverse(d + 1, 0.5) @ (w + eye) @ inverse(d + 1, 0.5),
    }[name]()


@pytest.mark.parametrize("name", SHIFTS)
def test_every_shift_is_what_is_written_down(name):
    for label, graph in NOT_NEGATIVE.items():
        shift, x = shift_of(graph, name), noise(graph.nodes, 2)
        dense = written_down(name, graph.dense())
        torch.testing.assert_close(shift.dense(), dense, msg=f"{name} of {label}")
        torch.testing.assert_close(shift.product(x), dense @ x)
        torch.testing.assert_close(shift.product(x, transposed=True), dense.T @ x)
        torch.testing.assert_close(shift.scaled(0.5, -2.0).dense(), 0.5 * dense - 2.0 * torch.eye(graph.nodes).double())
        padded, features = spread_out(graph, x)
        assert padded.real is not None
        y = shift_of(padded, name).product(features)
        torch.testing.assert_close(y[padded.real], dense @ x)
        assert not bool(y[~padded.real].any())
        if shift.symmetric:
            torch.testing.assert_close(dense, dense.T)
        if graph.symmetric and not name.startswith("random-walk"):
            assert shift.symmetric
            assert shift_of(padded, name).symmetric
            assert shift.scaled(1.3).symmetric
            assert shift_of(padded, name).scaled(1.3).symmetric


def test_a_shift_says_when_it_is_not_symmetric():
    path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
    assert not random_walk(path).symmetric
    assert not random_walk(PaddedGraphs.of(path)).symmetric
    assert not normalised_adjacency(ALL_GRAPHS["directed"]).symmetric


def test_isolated_nodes_divide_nothing_by_zero():
    for name in SHIFTS:
        shift = shift_of(ALL_GRAPHS["no-edges"], name)
        expected = torch.eye(3).double() if name == "renormalised-adjacency" else torch.zeros(3, 3).double()
        assert torch.equal(shift.dense(), expected)


def test_negative_weights_keep_the_shifts_that_divide_by_nothing():
    graph = ALL_GRAPHS["negative"]
    for name in SHIFTS:
        if name in ("adjacency", "laplacian"):
            torch.testing.assert_close(shift_of(graph, name).dense(), written_down(name, graph.dense()))
        else:
            for given in (graph, PaddedGraphs.of(graph)):
                with pytest.raises(ValueError, match="but the weights are as low as"):
                    shift_of(given, name)


def test_a_shift_compiles_whole():
    graph, padded = ALL_GRAPHS["weighted"], PaddedGraphs.of(ALL_GRAPHS["several-directed"])

    def function(x, z):
        return normalised_adjacency(graph).product(x), random_walk(padded).scaled(2.0, 1.0).product(z)

    x, z = noise(6, 2).requires_grad_(), noise(2, 5, 2)
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    expected, found = function(x, z), compiled(x, z)
    torch.testing.assert_close(found, expected)
    slope = torch.autograd.grad(found[0].square().sum(), x)[0]
    torch.testing.assert_close(slope, torch.autograd.grad(expected[0].square().sum(), x)[0])


# --- bad input

_PATH = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
_TWO = joined([_PATH, _PATH])
_PADDED = PaddedGraphs.of(_TWO)
_BAD = {
    "index-out-of-range": (lambda: Graph.from_edges([[0], [3]], 3), ValueError, "n=4"),
    "index-negative": (lambda: Graph.from_edges([[-1], [0]], 3), ValueError, "numbered from 0"),
    "index-of-no-node": (lambda: Graph.from_edges([[0], [0]], 0), ValueError, "n=1"),
    "float-indices": (lambda: Graph.from_edges(torch.zeros(2, 3), 3), TypeError, "edges.long()"),
    "bool-indices": (lambda: Graph.from_edges(torch.ones(2, 3, dtype=torch.bool), 3), TypeError, "whole numbers"),
    "edges-as-rows": (lambda: Graph.from_edges(torch.zeros(5, 2).long(), 3), ValueError, "edges.T"),
    "negative-n": (lambda: Graph.from_edges([], -1), ValueError, "0 or more"),
    "float-n": (lambda: Graph.from_edges([], 3.0), ValueError, "whole number"),
    "nan-weights": (lambda: Graph.from_edges([[0], [1]], 2, [math.nan]), ValueError, "not finite"),
    "infinite-weights": (lambda: Graph.from_edges([[0], [1]], 2, [math.inf]), ValueError, "not finite"),
    "number-of-weights": (lambda: Graph.from_edges([[0], [1]], 2, [1.0, 2.0]), ValueError, "(1,)"),
    "complex-weights": (lambda: Graph.from_edges([[0], [1]], 2, torch.ones(1) * 1j), TypeError, "real"),
    "new-nan-weights": (lambda: _PATH.with_weights(torch.full((4,), math.nan)), ValueError, "not finite"),
    "new-number-of-weights": (lambda: _PATH.with_weights(torch.ones(3)), ValueError, "(4,)"),
    "matrix-not-square": (lambda: Graph.from_dense(torch.ones(2, 3)), ValueError, "square"),
    "matrix-with-nan": (lambda: Graph.from_dense(torch.full((2, 2), math.nan)), ValueError, "not finite"),
    "matrix-complex": (lambda: Graph.from_dense(torch.eye(2) * 1j), TypeError, "real"),
    "features-of-other-nodes": (lambda: _PATH.product(torch.ones(4, 1)), ValueError, "(*, 3, F)"),
    "features-without-axis": (lambda: _PATH.product(torch.ones(3)), ValueError, "(*, 3, F)"),
    "whole-features": (lambda: _PATH.product(torch.ones(3, 1).long()), TypeError, "x.float()"),
    "heads": (lambda: _PATH.product_with(torch.ones(4, 2), torch.ones(3, 1)), ValueError, "second axis"),
    "ends": (lambda: _PATH.products_of_ends(torch.ones(3, 1), torch.ones(2, 1)), ValueError, "(3, F)"),
    "padded-not-square": (lambda: PaddedGraphs(torch.ones(1, 2, 3)), ValueError, "(B, n, n)"),
    "padded-whole": (lambda: PaddedGraphs(torch.ones(1, 2, 2).long()), ValueError, "floating point"),
    "padded-nan": (lambda: PaddedGraphs(torch.full((1, 2, 2), math.nan)), ValueError, "not finite"),
    "padded-mask": (lambda: PaddedGraphs(torch.ones(1, 2, 2), torch.ones(1, 2)), ValueError, "bool (B, n)"),
    "padded-too-small": (lambda: PaddedGraphs.of(_PATH, 2), ValueError, "n=3"),
    "padded-features": (lambda: _PADDED.product(torch.ones(6, 1)), ValueError, "(2, 3, F)"),
    "no-graphs": (lambda: joined([]), ValueError, "list of them"),
    "parts-too-few": (lambda: divided(_PATH, torch.tensor([2])), ValueError, "add up to 3"),
    "parts-not-whole": (lambda: divided(_PATH, torch.tensor([3.0])), ValueError, "whole numbers"),
    "parts-that-cut": (lambda: divided(_PATH, torch.tensor([1, 2])), ValueError, "from one part to another"),
    "no-permutation": (lambda: renumbered(_PATH, torch.tensor([0, 0, 1])), ValueError, "permutation of 3"),
    "permutation-of-others": (lambda: renumbered(_PATH, torch.arange(4)), ValueError, "permutation of 3"),
    "permutation-int32": (lambda: renumbered(_PATH, torch.arange(3).int()), ValueError, "int64"),
    "permutations-as-rows": (lambda: renumbered(_PATH, torch.arange(3)[None]), ValueError, "permutation of 3"),
    "permutation-between-graphs": (lambda: renumbered(_TWO, torch.arange(6).roll(1)), ValueError, "each by itself"),
    "permutations-of-padded": (lambda: renumbered(_PADDED, torch.arange(3).expand(4, 3)), ValueError, "permutation"),
    "factors": (lambda: Shift(_PATH, left=torch.ones(2)), ValueError, "one number a node"),
    "unknown-shift": (lambda: shift_of(_PATH, "laplacain"), ValueError, "did you mean 'laplacian'?"),
}


@pytest.mark.parametrize(("call", "kind", "words"), _BAD.values(), ids=_BAD.keys())
def test_bad_input_gets_one_sentence(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert " but " in text or text.endswith("?"), text
