"""The lab permutation: closed forms against all numberings, and faults that turn its conclusions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.layers.edge_varying import EdgeVarying
from equigen.graphs.layers.node_varying import NodeVarying
from equigen.graphs.realizations.transposed import TransposedForm
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import SHIFTS
from equigen.labs.permutation import breaking, crowding, findings, obeying, positions, sampling
from equigen.labs.permutation.breaking import broken, filtered, repaired
from equigen.labs.permutation.commuting import Case, commuting, of_rounding
from equigen.labs.permutation.concluding import DIGITS
from equigen.labs.permutation.positions import by_index, of_equals, positioned, smallest_gap
from equigen.labs.permutation.sampling import sampled_mean, sampling_square
from equigen.labs.permutation.setting import drawn, features, ring, wheel
from equigen.symmetry.permuting import permutation_error


def five():
    """Five nodes with weights, one of which hears nobody, and features."""
    matrix = torch.zeros(5, 5).double()
    for i, j, w in ((0, 1, 1.0), (1, 2, 0.5), (0, 2, 0.7), (2, 3, 1.3)):
        matrix[i, j] = matrix[j, i] = w
    return Graph.from_dense(matrix), features(5, seed=3)


def mean_square_over_all(case, graph, x):
    """The mean of the squared error over all permutations, one by one."""
    every = torch.tensor(list(itertools.permutations(range(len(x)))))
    error = permutation_error(case.function, graph, x, permutations=every).error
    return float(error.square().mean()) * float(case.function(graph, x).square().sum())


def sure(value):
    """A number that there is."""
    assert value is not None
    return value


def by_name(cases, words):
    (one,) = (case for case in cases if words in case.name)
    return one


# --- closed forms


@pytest.mark.parametrize(
    "words", ["taps of each node", "weights of each edge", "bias of each node", "first two", "recurrent"]
)
def test_the_error_of_a_table_is_its_mean_over_all_numberings(words):
    graph, x = five()
    case = by_name(broken(graph, x, seed=1), words)
    assert mean_square_over_all(case, graph, x) == pytest.approx(case.expected, rel=1e-12)


@pytest.mark.parametrize("nodes", [8, 20, 60])
def test_a_graph_is_in_one_piece(nodes):
    for seed in range(3):
        values = torch.linalg.eigvalsh(breaking.normalised_adjacency(drawn(nodes, seed).graph).dense())
        assert values[-2] < 1 - 1e-6


@pytest.mark.parametrize("words", ["number of the node", "first entry positive"])
def test_the_error_of_a_position_is_its_mean_over_all_numberings(words):
    graph, x = drawn(5, seed=2).graph, features(5, seed=3)
    case = by_name(positioned(graph, x), words)
    assert mean_square_over_all(case, graph, x) == pytest.approx(case.expected, rel=1e-12)


def test_a_closed_form_that_takes_pairs_for_independent_is_not_the_mean():
    """Two entries in one row of a table share their row: dropping that is seen."""
    graph, x = five()
    case = by_name(broken(graph, x, seed=1), "weights of each edge")
    table = torch.ones(5, 5).double()
    assert breaking.edge_varying_square(graph, x, table) == pytest.approx(0.0, abs=1e-12)
    assert breaking.edge_varying_square(graph, x, table.tril()) > 0.1 * sure(case.expected)


def test_sets_of_neighbours_have_the_variance_of_all_pairs():
    graph, x = drawn(9, seed=0).graph, features(9, seed=1)
    total = 0.0
    for row in graph.dense() != 0:
        means = torch.stack([x[list(pair)].mean(0) for pair in itertools.combinations(row.nonzero()[:, 0].tolist(), 2)])
        total += 2.0 * float(means.var(0, correction=0).sum())
    assert sampling_square(graph, x) == pytest.approx(total, rel=1e-12)


def test_a_set_of_neighbours_is_two_of_them_and_any_two():
    graph = drawn(9, seed=0).graph
    heard = graph.dense() != 0
    one = sampled_mean(graph, torch.eye(9).double(), 1, seed=0, trial=0)
    assert torch.equal(one.count_nonzero(1), torch.full((9,), 2))
    assert not bool(one[~heard].any())
    many = sampled_mean(graph, torch.eye(9).double(), 4000, seed=0, trial=1)
    even = heard / heard.sum(1, keepdim=True)
    assert float((many - even).abs().max()) < 5 * 0.5 * math.sqrt(0.25 / 4000)


def test_averaged_sets_err_as_the_closed_form_says():
    graph, x = drawn(12, seed=0).graph, features(12, seed=1)
    for one in sampling.averaged(graph, x, (1, 8), trials=100, seed=5):
        assert abs(one.mean_square - one.expected) < 4 * one.mean_square_error
        assert one.mean_square_error < 0.15 * one.expected


# --- what is measured


def test_errors_are_those_of_plain_matrices():
    graph, x = drawn(8, seed=0).graph, features(8, seed=0)
    case = broken(graph, x, seed=0)[0]
    told = commuting(case, graph, x, 5, seed=4)
    g = permutation_error(case.function, graph, x, permutations=5, seed=4).elements
    errors = []
    for one in g:
        p = torch.eye(8).double()[one]  # (P y)[i] = y[g[i]], so that P^T moves i to g[i]
        moved = case.function(Graph.from_dense(p.T @ graph.dense() @ p), p.T @ x)
        plain = case.function(graph, x)
        errors.append(float((moved - p.T @ plain).norm() / plain.norm()))
    assert told.double == pytest.approx(max(errors), rel=1e-12)
    assert told.mean_square == pytest.approx(sum(e * e for e in errors) / 5, rel=1e-12)
    assert told.single == pytest.approx(max(errors), rel=1e-5)
    assert 0 < told.floor < 1e-6
    assert abs(sure(told.precision)) < 1e-3  # what breaks it breaks it in both precisions
    assert not told.exact


def test_rounding_shrinks_by_the_digits_of_the_precision():
    graph, x = drawn(20, seed=0).graph, features(20, seed=0)
    told = commuting(Case("filter", filtered), graph, x, 20, seed=0)
    assert told.exact
    assert told.precision == pytest.approx(DIGITS, abs=1.0)


def test_free_layers_of_the_library_are_these_tables():
    graph, x = drawn(8, seed=0).graph, features(8, seed=0)
    taps = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).double()
    layer = NodeVarying(3, 3, 2, nodes=8, bias=False).double()
    edges = EdgeVarying(3, 3, 1, entries=graph.entries, bias=False).double()
    table = torch.randn(8, 8, generator=torch.Generator().manual_seed(1)).double()
    assert edges.factors is not None
    with torch.no_grad():
        layer.taps.copy_(taps[:, :, None, None] * torch.eye(3).double())
        edges.factors.copy_(table[graph.rows.long(), graph.columns.long()][None])
        edges.taps.copy_(torch.stack((torch.zeros(3, 3), torch.eye(3))))
    assert torch.allclose(layer(graph, x), breaking._node_varying(lambda _: taps)(graph, x), atol=1e-13)
    assert torch.allclose(edges(graph, x), breaking._edge_varying(lambda _: table)(graph, x), atol=1e-13)


def test_the_index_is_at_fault_with_equal_eigenvalues_only():
    x = features(9, seed=0)
    for graph, equal in ((drawn(9, seed=0).graph, False), (ring(9), True)):
        assert (smallest_gap(graph) < 1e-12) == equal
        assert (commuting(by_index(graph, 0), graph, x, 4, seed=0).double > 1e-3) == equal


def test_an_interpolating_polynomial_equals_taps_by_the_index_and_none_of_lower_order():
    graph, x = drawn(9, seed=0).graph, features(9, seed=0)
    wanted = by_index(graph, 0).function(graph, x)
    values, vectors = torch.linalg.eigh(breaking.normalised_adjacency(graph).dense())
    taps = (vectors.T @ wanted / (vectors.T @ x))[:, :1]
    for order, equal in ((8, True), (7, False)):
        powers = torch.linalg.qr(values[:, None] ** torch.arange(order + 1)).Q  # all polynomials of the order
        assert (float((powers @ (powers.T @ taps) - taps).abs().max()) < 1e-8) == equal


def test_one_squared_eigenvector_fails_among_equals_and_the_projector_does_not():
    graph, x = wheel(9), features(9, seed=0)
    one, projected = (commuting(case, graph, x, 6, seed=0) for case in of_equals())
    assert one.root_mean_square > 0.1
    assert projected.exact
    at = positions._projected(graph)[:, 0]
    assert at.tolist() == pytest.approx([0.0] + [2 * 9 / 8] * 8, abs=1e-12)  # no constant: the hub is seen
    plain, both = (commuting(case, drawn(9, 0).graph, x, 6, seed=0) for case in of_equals())
    assert plain.double < 1e-10
    assert both.double < 1e-10
    assert plain.mean_square == pytest.approx(both.mean_square, abs=1e-20)


def test_what_is_repaired_is_not_constant():
    """A table made of degrees is one: it differs from node to node, and yet commutes."""
    graph, x = drawn(8, seed=0).graph, torch.ones(8, 1).double()
    for case in repaired(seed=0)[:2]:
        assert float(case.function(graph, x).std()) > 0.05
    assert all(commuting(case, graph, features(8, 0), 3, seed=0).exact for case in repaired(seed=0))


def test_padding_and_company_by_hand():
    graph, x = drawn(6, seed=0).graph, features(6, seed=0)
    assert [one.expected for one in crowding.padding(graph, x, (0, 3, 30))] == [0, 3 / 9, 30 / 36]
    y = filtered(graph, x)
    own, batch, places = crowding.company([graph, drawn(8, 1).graph], [x, features(8, 1)], 4, 2, seed=0)
    other = filtered(drawn(8, 1).graph, features(8, 1))
    both = torch.cat((y, other))

    def standard(part, whole):
        return (part - whole.mean(0)) / (whole.var(0, correction=0) + 1e-5).sqrt()

    assert own.beside < 1e-14
    alone = standard(y, y)
    assert batch.beside == pytest.approx(float((standard(y, both) - alone).norm() / alone.norm()), rel=1e-10)
    padded = torch.cat((both, torch.zeros(2, 3))), torch.cat((both, torch.zeros(10, 3)))
    near, wide = (standard(both, whole) for whole in padded)
    assert places.padded == pytest.approx(float((wide - near).norm() / near.norm()), rel=1e-10)


# --- faults in what is measured


def numbered(function):
    """The function, with a little of the number of each node added."""
    return lambda *args: (y := function(*args)) + 1e-3 * torch.arange(y.shape[-2]).to(y)[:, None]


def test_a_form_that_refuses_is_not_passed_over(monkeypatch):
    def refuse(*_):
        raise ValueError("planted")

    monkeypatch.setattr(TransposedForm, "_applied", refuse)
    with pytest.raises(ValueError, match="planted"):
        obeying.realized(drawn(8, seed=0).graph, features(8, seed=0), 2, 0)


def test_a_layer_without_numbers_is_not_passed_over():
    graph, x = drawn(8, seed=0).graph, features(8, seed=0)
    told = commuting(Case("none", lambda g, y: filtered(g, y) + math.nan), graph, x, 2, 0)
    assert not told.exact
    assert math.isnan(of_rounding(told))


def test_a_realization_that_counts_nodes_is_found(monkeypatch):
    monkeypatch.setattr(TransposedForm, "_applied", numbered(TransposedForm._applied))
    graph, x = drawn(8, seed=0).graph, features(8, seed=0)
    wrong = {one.form for one in obeying.realized(graph, x, 2, 0) if not one.commuting.exact}
    assert "transposed" in wrong
    assert not wrong & {"direct", "cascade", "spectral"}


def test_a_shift_that_counts_nodes_is_found(monkeypatch):
    def numbered_shift(graph):
        return Shift(graph, left=torch.arange(graph.nodes).double())

    monkeypatch.setitem(SHIFTS, "adjacency", numbered_shift)
    graph, x = drawn(8, seed=0).graph, features(8, seed=0)
    told = [commuting(case, graph, x, 2, 0) for case in obeying.network_cases(0)]
    assert [one.name for one in told if not one.exact] == ["adjacency"]


def test_a_layer_that_counts_nodes_is_found(monkeypatch):
    class Counting(torch.nn.Module):
        def forward(self, graph, x):
            return x.cumsum(-2)

    monkeypatch.setitem(obeying.LAYERS, "gin", lambda *_: Counting())
    graph, x = drawn(8, seed=0).graph, features(8, seed=0)
    told = [commuting(case, graph, x, 2, 0) for case in obeying.layer_cases(0)]
    assert [one.name for one in told if not one.exact] == ["gin"]


def test_statistics_that_look_beside_are_found(monkeypatch):
    monkeypatch.setattr(crowding, "OVER", ("another", *crowding.OVER[1:]))  # the first is no longer of each graph
    graphs, x = [drawn(n, n).graph for n in (6, 8)], [features(n, n) for n in (6, 8)]
    monkeypatch.setattr(crowding, "_standardised", lambda over, made=crowding._standardised: made(crowding.OVER[1]))
    assert crowding.company(graphs, x, 2, 2, seed=0)[0].beside > 0.01


def test_a_wrong_closed_form_is_found(monkeypatch):
    right = breaking.node_varying_square
    monkeypatch.setattr(breaking, "node_varying_square", lambda *args: 0.5 * right(*args))
    graph, x = drawn(10, seed=0).graph, features(10, seed=0)
    told = commuting(broken(graph, x, 0)[0], graph, x, 60, seed=0)
    assert told.root_mean_square / sure(told.expected) > 1.2


def test_the_same_settings_give_the_same_numbers():
    graph, x = drawn(8, seed=7).graph, features(8, seed=7)
    one, two = (commuting(broken(graph, x, 7)[0], graph, x, 4, 7) for _ in range(2))
    assert one == two
    assert findings.pair() == findings.pair()
    assert positions.sign_square(graph, x) == positions.sign_square(graph, x)
