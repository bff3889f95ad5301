"""The error of renumbering against errors computed by dense permutation matrices, and verdicts that are known."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.side_by_side import joined
from equigen.random import Stream, normal
from equigen.symmetry.permuting import permutation_error


def noise(*shape, seed=0, dtype=torch.float64):
    return normal(shape, seed=seed, stream=Stream.LAW, dtype=dtype)


def weighted(n=5, seed=1):
    return Graph.from_dense(noise(n, n, seed=seed) * (noise(n, n, seed=seed + 1) > 0))


PAIR = joined([weighted(4), weighted(5, 3)])


def matrix_of(g):
    p = torch.zeros(len(g), len(g), dtype=torch.float64)
    p[g, torch.arange(len(g))] = 1.0
    return p


def test_the_error_is_the_one_written_down():
    graph, x, free = weighted(), noise(5, 2), noise(5, 1, seed=9)
    g = torch.tensor([[1, 2, 3, 4, 0], [0, 1, 2, 3, 4], [4, 1, 0, 3, 2]])

    def function(graph, x):
        return free * graph.product(x)

    found = permutation_error(function, graph, x, permutations=g)
    w = graph.dense()
    for k, p in enumerate(map(matrix_of, g)):
        apart = free * (p @ w @ p.T @ p @ x) - p @ (free * (w @ x))
        assert float(found.error[k]) == pytest.approx(float(apart.norm() / (free * (w @ x)).norm()), abs=1e-14)
    assert found.verdicts == ("broken", "exact", "broken")
    assert found.floor.tolist() == [0.0] * 3


def test_worst_is_that_of_the_graph_that_is_worst():
    x = noise(9, 3)
    places = torch.cat((torch.zeros(4), torch.arange(5.0))).double()[:, None]

    found = permutation_error(lambda graph, x: x + places, PAIR, x, permutations=2, seed=1)
    size = [(x + places)[part].norm() for part in (slice(0, 4), slice(4, 9))]
    ratio = float(size[1] / torch.stack(size).norm())
    torch.testing.assert_close(found.error, ratio * found.worst)
    assert float(found.error.min()) > 0.1


def test_random_permutations_move_something():
    pair, free = Graph.from_edges([[0], [1]], 2, undirected=True), torch.tensor([[1.0], [2.0]])
    padded = PaddedGraphs.of(pair)
    for seed in range(150):
        for graph, x in ((pair, free), (padded, free[None])):
            found = permutation_error(lambda graph, x: free * x, graph, 1 + x, permutations=1, seed=seed)
            assert found.verdict == "broken"


def test_a_symmetry_of_graph_and_features_is_still_one_of_the_result():
    ring = Graph.from_edges([[0, 1, 2, 3], [1, 2, 3, 0]], 4, undirected=True)
    turn, x = torch.tensor([[1, 2, 3, 0]]), torch.ones(4, 1)
    assert permutation_error(lambda graph, x: x.cumsum(0), ring, x, permutations=turn).verdict == "broken"
    assert permutation_error(lambda graph, x: graph.product(x), ring, x, permutations=turn).verdict == "exact"
    with pytest.raises(ValueError, match="no permutation moves anything"):
        permutation_error(lambda graph, x: x[:1], ring, x, result="graph", permutations=turn)


@pytest.mark.parametrize("graph", [weighted(), PaddedGraphs.of(PAIR), Graph.from_edges([], 1)], ids=["5", "2x5", "1"])
def test_permutations_that_move_nothing_are_refused(graph):
    shape = graph.matrix.shape[:2] if isinstance(graph, PaddedGraphs) else (graph.nodes,)
    x = 1 + torch.arange(shape[-1]).double().expand(shape)[..., None]
    given = 8 if shape == (1,) else torch.arange(shape[-1]).expand(1, *shape)
    with pytest.raises(ValueError, match="no permutation moves anything"):
        permutation_error(lambda graph, x: x.cumsum(-2), graph, x, permutations=given)


def test_random_permutations_leave_nodes_in_their_graphs_and_follow_the_seed():
    found = permutation_error(lambda graph, x: graph.product(x), PAIR, noise(9, 1), permutations=5, seed=3)
    assert found.elements.shape == (5, 9)
    assert torch.equal(found.elements[:, :4].sort(1).values, torch.arange(4).expand(5, 4))
    assert len(found.elements.unique(dim=0)) == 5
    again = permutation_error(lambda graph, x: graph.product(x), PAIR, noise(9, 1), permutations=5, seed=3)
    other = permutation_error(lambda graph, x: graph.product(x), PAIR, noise(9, 1), permutations=5, seed=4)
    assert torch.equal(found.elements, again.elements)
    assert not torch.equal(found.elements, other.elements)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_commutes_is_exact(dtype):
    padded = PaddedGraphs.of(PAIR, 6, dtype)
    sparse, x = PAIR.to(dtype=dtype), noise(9, 3, dtype=dtype)
    many, alone = noise(2, 6, 3, dtype=dtype), noise(4, 9, 3, dtype=dtype)
    ends = padded.matrix[..., None] * many[:, None]
    found = (
        permutation_error(lambda graph, x: graph.product(x), sparse, x),
        permutation_error(lambda graph, x: graph.product(x), sparse, alone),
        permutation_error(lambda graph, x: graph.product(x), padded, many),
        permutation_error(lambda graph, x: graph.products_of_ends(x, x), sparse, x, result="edges"),
        permutation_error(lambda graph, x: graph.matrix[..., None] * x[:, None], padded, many, result="edges"),
        permutation_error(lambda graph, x: graph.masked(x).sum(1), padded, many, result="graph"),
        permutation_error(
            lambda graph, x: x.new_zeros(2, 3).index_add(0, graph.graph_of_node, x), sparse, x, result="graph"
        ),
    )
    assert ends.shape == (2, 6, 6, 3)
    assert {each.verdict for each in found} == {"exact"}
    assert {each.exact for each in found} == {1e-12 if dtype == torch.float64 else 1e-5}


@pytest.mark.parametrize(
    ("function", "graph", "shape", "result"),
    [
        (lambda graph, x: x.cumsum(-2), PAIR, (9, 2), "nodes"),
        (lambda graph, x: x.cumsum(-2), PaddedGraphs.of(PAIR), (2, 5, 2), "nodes"),
        (lambda graph, x: x[:2], PAIR, (9, 2), "graph"),
        (lambda graph, x: x[:, 0], PaddedGraphs.of(PAIR), (2, 5, 2), "graph"),
        (lambda graph, x: x[graph.rows].cumsum(0), PAIR, (9, 2), "edges"),
        (lambda graph, x: graph.matrix.cumsum(1), PaddedGraphs.of(PAIR), (2, 5, 2), "edges"),
        (lambda graph, x: graph.product(x) + math.nan, PAIR, (9, 2), "nodes"),
    ],
    ids=["places", "padded-places", "first-rows", "padded-first-row", "order-of-entries", "padded-entries", "nan"],
)
def test_what_does_not_commute_is_broken(function, graph, shape, result):
    found = permutation_error(function, graph, noise(*shape), result=result)
    assert found.verdict == "broken"
    assert not found.largest < 0.1


def test_what_is_stored_at_padding_is_compared():
    """A function that lets padding through depends on where it lies."""
    graph, x = PaddedGraphs.of(PAIR, 7), noise(2, 7, 1)
    assert permutation_error(lambda graph, x: graph.masked(x.exp()), graph, x).verdict == "exact"
    leaks = permutation_error(lambda graph, x: x - graph.masked(x)[:, :1], graph, x)
    assert leaks.verdict == "broken"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: permutation_error(lambda graph, x: x * 0, PAIR, x), "zeros only"),
        (lambda x: permutation_error(lambda graph, x: x, PAIR, x, permutations=0), "one or more come as rows"),
        (lambda x: permutation_error(lambda graph, x: x, PAIR, x, permutations=torch.arange(9)), "one or more come as"),
        (lambda x: permutation_error(lambda graph, x: x, PAIR, x, permutations=torch.zeros(1, 9).long()), "permutat"),
        (lambda x: permutation_error(lambda graph, x: x, PAIR, x, permutations=torch.arange(9).roll(1)[None]), "anoth"),
        (lambda x: permutation_error(lambda graph, x: x, PAIR, x, result="node"), "one of 'nodes', 'graph', 'edges'"),
        (lambda x: permutation_error(lambda graph, x: x.T, PAIR, x), r"\(9, F\)"),
        (lambda x: permutation_error(lambda graph, x: x, PAIR, x, result="graph"), r"\(2, ...\)"),
        (lambda x: permutation_error(lambda graph, x: x, PAIR, x, result="edges"), "name another"),
        (lambda x: permutation_error(lambda graph, x: x, PaddedGraphs.of(PAIR), x), r"\(2, 5, F\)"),
        (lambda x: permutation_error(lambda g, x: x[:, : int(1 + (x[0, 0] < x[1, 0]))], PAIR, x), "keeps the shape"),
    ],
    ids=[
        "zeros", "no-permutations", "one-not-a-row", "not-a-permutation", "between-graphs", "unknown-result",
        "axes", "graph-shape", "edges-shape", "padded-shape", "shape-that-changes",
    ],
)  # fmt: skip
def test_bad_input_gets_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(noise(9, 2))
    assert str(caught.value).endswith((".", "]"))
    assert "\n" not in str(caught.value)


def test_a_long_permutation_is_printed_short():
    graph = Graph.from_edges(torch.stack((torch.arange(39), torch.arange(1, 40))), 40, undirected=True)
    found = permutation_error(lambda graph, x: graph.product(x), graph, torch.arange(40.0)[:, None], permutations=2)
    lines = str(found).splitlines()
    assert all(line.endswith(", ...] (40 places)") for line in lines[2:])
    assert len(lines) == 4
    assert max(map(len, lines)) < 110
