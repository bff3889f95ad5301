"""Rational filters where they are hard: indefinite, singular, directed, large, in batches; and taps of all sizes."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.realizations import solving
from equigen.graphs.realizations.norms import norm_bounds, symmetric_graphs
from equigen.graphs.realizations.planning import fastest
from equigen.graphs.realizations.powers import real_factors
from equigen.graphs.realizations.realizing import realize
from equigen.graphs.shifts import adjacency, normalised_adjacency, random_walk
from equigen.graphs.side_by_side import joined
from equigen.graphs.spectrum import decomposed
from tests.graphs.all_graphs import ALL_GRAPHS, noise, scattered
from tests.graphs.realizations.realization_cases import matrix_of

PAIR = ALL_GRAPHS["pair"]
PATH = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
STAR = Graph.from_edges([[0] * 4, [1, 2, 3, 4]], 5, undirected=True)
CYCLE = Graph.from_edges([[0, 1, 2, 3], [1, 2, 3, 0]], 4)


def ring(n: int) -> Graph:
    return Graph.from_edges([list(range(n)), [*range(1, n), 0]], n, undirected=True)


def apart(y, goal):
    return float((y.double() - goal).norm() / goal.norm())


def solve(filter, shift, x):
    return realize(filter, "rational-solve").apply(shift, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_indefinite_denominator_is_solved_at_every_size(dtype):
    """Of q(S) = S on pairs, x and q(S) x are orthogonal: conjugate gradients would divide by 0."""
    swap, x = Rational([1.0], [0.0, 1.0]), torch.tensor([[1.0], [0.0]], dtype=dtype)
    alone = solve(swap, adjacency(PAIR), x)
    assert alone.flatten().tolist() == [0.0, 1.0]
    many = solve(swap, adjacency(joined([PAIR] * 300)), x.repeat(300, 1))
    assert torch.equal(many, alone.repeat(300, 1))
    shift, x, between = adjacency(ring(600)), noise(600, 2, dtype=dtype), Rational([1.0, 0.3], [-1.01, 1.0])
    goal = decomposed(shift).apply(between.response, x.double())
    assert apart(solve(between, shift, x), goal) < (1e-12 if dtype == torch.float64 else 2e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("nodes", [5, 100, 600])
def test_a_root_on_the_spectrum_is_refused_at_every_size(nodes, dtype):
    eigenvalue = 2 * torch.cos(torch.tensor(2 * torch.pi / nodes, dtype=torch.float64)).item()
    x = noise(nodes, 1, dtype=dtype)
    with pytest.raises(ValueError, match="root on the spectrum"):
        solve(Rational([1.0], [-eigenvalue, 1.0]), adjacency(ring(nodes)), x)
    near = Rational([1.0], [-eigenvalue - 1e-6, 1.0])  # the control
    goal = decomposed(adjacency(ring(nodes))).apply(near.response, x.double())
    assert apart(solve(near, adjacency(ring(nodes)), x), goal) < 1e-6


def test_what_is_not_found_is_not_returned(monkeypatch):
    monkeypatch.setattr(solving, "_DENSE", 0)
    half = Rational([1.0], [2.0, 1.0])
    assert apart(solve(half, adjacency(PATH), torch.eye(3).double()), matrix_of(half, adjacency(PATH).dense())) < 1e-14
    for wrong in (0.0, torch.nan):
        monkeypatch.setattr(solving, "searched", lambda applied, graph, goal, *a, wrong=wrong, **k: goal * wrong)
        with pytest.raises(ValueError, match="root on the spectrum"):
            solve(half, adjacency(PATH), noise(3, 1))


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.float64, 1e-10)])
def test_large_directed_graphs_keep_their_digits(dtype, bound):
    """The condition is 1e5; of least squares by their normal equations it would be 1e10."""
    generator = torch.Generator().manual_seed(0)
    shift = random_walk(Graph.from_edges(torch.randint(0, 600, (2, 6000), generator=generator), 600))
    filter, x = Rational([1.0], [1.0, -0.99999]), noise(600, 2, dtype=dtype)
    assert not shift.symmetric
    goal = torch.linalg.solve(torch.eye(600).double() - 0.99999 * shift.dense(), x.double())
    assert apart(solve(filter, shift, x), goal) < bound


def test_float64_features_on_a_float32_graph_are_solved_in_float64():
    graph = scattered(20, 0.3, 6).to(dtype=torch.float32)
    shift, x, filter = normalised_adjacency(graph), noise(20, 2), Rational([1.0], [2.0, 0.5])
    goal = realize(filter, "rational-iteration").apply(shift, x)  # by products, which take the factors as they are
    assert apart(solve(filter, shift, x), goal) < 1e-14
    assert apart(matrix_of(filter, shift.dense()) @ x, goal) > 1e-9  # the control: the rounded matrix


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_search_has_the_gradients_of_the_dense_matrix(symmetric, monkeypatch):
    graph = ALL_GRAPHS["weighted" if symmetric else "weighted-directed"]
    weights, x, weight = graph.weights_or_ones().clone(), noise(6, 2, seed=1), noise(6, 2, seed=2)
    filter, found = Rational([1.0, 0.5], [20.0, 1.0, 0.5]), []
    for dense in (0, 512):
        monkeypatch.setattr(solving, "_DENSE", dense)
        given = [weights.clone().requires_grad_(), x.clone().requires_grad_()]
        y = solve(filter, adjacency(graph.with_weights(given[0])), given[1])
        found.append(torch.autograd.grad((y * weight).sum(), given))
    given = [weights.clone().requires_grad_(), x.clone().requires_grad_()]
    y = matrix_of(filter, graph.with_weights(given[0]).dense()) @ given[1]
    goal = torch.autograd.grad((y * weight).sum(), given)
    for each in found:
        assert all(apart(one, two) < 1e-12 for one, two in zip(each, goal, strict=True))


def test_padding_of_a_denominator_that_is_minus_one_at_zero():
    real = torch.tensor([[True, True, False], [True, True, True]])
    padded = PaddedGraphs(torch.stack((PATH.dense(), PATH.dense())) * 0.3, real)
    filter, x = Rational([1.0], [-1.0, 0.1]), noise(2, 3, 2)
    y = solve(filter, adjacency(padded), x)
    assert apart(y[0, :2], matrix_of(filter, 0.3 * PATH.dense()[:2, :2]) @ x[0, :2]) < 1e-14
    assert not y[0, 2].any()


@pytest.mark.parametrize("poles", [[5.0, 1.0], [20.0, 1.0, 1.0]])
def test_an_iteration_of_one_graph_does_not_know_the_others(poles):
    """Graphs of very different norms, symmetric and directed ones side by side, sparse and padded."""
    filter, graphs = Rational([1.0, 0.2], poles), [PATH, STAR, CYCLE, Graph.from_edges([], 1), PAIR]
    x = noise(15, 2, dtype=torch.float32)
    form, whole = realize(filter, "rational-iteration"), adjacency(joined(graphs))
    together, start = form.apply(whole, x), 0
    padded = PaddedGraphs.of(joined(graphs), 6, torch.float32)
    assert padded.real is not None
    spread = form.apply(adjacency(padded), torch.zeros(5, 6, 2).masked_scatter(padded.real[..., None], x))
    for number, graph in enumerate(graphs):
        alone = form.apply(adjacency(graph), x[start : start + graph.nodes])
        assert torch.equal(together[start : start + graph.nodes], alone)
        assert apart(spread[number, : graph.nodes], alone.double()) < 1e-6
        start += graph.nodes
    assert symmetric_graphs(whole).tolist() == [True, True, False, True, True]
    assert norm_bounds(whole).tolist() == [float(norm_bounds(adjacency(graph))) for graph in graphs]
    assert symmetric_graphs(adjacency(padded)).tolist() == symmetric_graphs(whole).tolist()


def test_a_refusal_names_the_graph():
    with pytest.raises(ValueError, match=r"norm\(S\) = 1.6 on graph 1 of 2"):
        realize(Rational([1.0], [1.0, 0.4]), "rational-iteration").apply(adjacency(joined([PATH, STAR])), noise(8, 1))


@pytest.mark.parametrize("taps", [[1.0, 0.5, 1e-18], [1.0, 0.5, 1e-8], [1.0, 1.0, 1e-320], [1e-18, 1.0, 1e-18, 1.0]])
def test_a_cascade_of_taps_of_very_different_sizes(taps):
    shift, x = adjacency(scattered(30, 0.3, 6)), noise(30, 2)
    goal = matrix_of(Polynomial(taps), shift.dense()) @ x
    assert apart(realize(Polynomial(taps), "cascade").apply(shift, x), goal) < 1e-13
    single = realize(Polynomial(taps), "cascade").apply(shift, x.float())
    assert apart(single, goal) < 1e-5


@pytest.mark.parametrize("seed", range(8))
def test_factors_of_taps_of_24_decades(seed):
    """The product of the factors, evaluated at numbers of all sizes, to rounding of sum_k |h_k| |s|^k."""
    taps = noise(9, seed=seed) * 10.0 ** (12 * noise(9, seed=seed + 50).clamp(-1, 1))
    parts = [torch.from_numpy(part) for part in real_factors(taps.numpy())]
    places = torch.cat((10.0 ** torch.linspace(-20, 20, 81).double(), -(10.0 ** torch.linspace(-20, 20, 81).double())))
    k = torch.arange(9)

    def value(taps):
        return (taps * places[:, None] ** k[: len(taps)]).sum(1)

    product = torch.stack([value(part) for part in parts]).prod(0)
    assert sum(len(part) - 1 for part in parts) == 8
    assert float(((product - value(taps)).abs() / (taps.abs() * places.abs()[:, None] ** k).sum(1)).max()) < 1e-12


def test_a_series_whose_last_taps_are_rounding_has_no_far_roots():
    filter = Chebyshev([1.0, 0.5, 0.25, 1e-17, 1e-18], 0.0, 2.0)
    shift, x = normalised_adjacency(scattered(30, 0.3, 6)), noise(30, 2)
    assert apart(realize(filter, "cascade").apply(shift, x), matrix_of(filter, shift.dense()) @ x) < 1e-14


def test_the_planner_takes_no_iteration_that_loses_digits():
    shift = normalised_adjacency(scattered(40, 0.3, 6))
    x, near = noise(40, 4), Rational([1.0], [1.0, -0.995])
    goal = matrix_of(near, shift.dense()) @ x.float().double()
    lost = apart(realize(near, "rational-iteration").apply(shift, x.float()), goal)
    assert apart(fastest(near, shift, 4).apply(shift, x.float()), goal) < 1e-6 < 10 * lost


def test_the_planner_takes_no_recursion_that_grows_on_a_directed_graph():
    shift = adjacency(Graph.from_edges([list(range(49)), list(range(1, 50))], 50)).scaled(3.0)
    filter, x = Chebyshev([1.0 / (k + 1) for k in range(12)], -1.0, 1.0), noise(50, 2)
    best = fastest(filter, shift, 2)
    assert best.error(shift, x) <= 3 * min(
        realize(filter, form).error(shift, x) for form in ("chebyshev", "transposed")
    )
    assert best.form == "transposed"


def test_the_error_of_a_long_recursion_grows_with_the_square_of_its_order():
    """At the ends of the interval, where U_K is K + 1: on a graph whose spectrum is one end, K^2 roundings at most."""
    shift = normalised_adjacency(PAIR)  # with the eigenvalues 1 and -1
    x = torch.tensor([[1 / 3], [0.1]])
    for order in (10, 30, 100, 300):
        filter = Chebyshev([0.0] * order + [1.0], -1.0 - 1e-3, 1.0 + 1e-3)
        goal = matrix_of(filter, shift.dense()) @ x.double()
        error = apart(realize(filter, "chebyshev").apply(shift, x), goal)
        assert error < order**2 * torch.finfo(torch.float32).eps
