"""All realizations of a filter are the dense matrix h(S), on every graph and shift."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.permuted import renumbered
from equigen.graphs.realizations.clenshaw import ClenshawForm
from equigen.graphs.realizations.direct import DirectForm
from equigen.graphs.realizations.iterated import IteratedForm
from equigen.graphs.realizations.realizing import FORMS, realize
from equigen.graphs.realizations.solving import solution
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import SHIFTS, adjacency, laplacian, normalised_adjacency, shift_of
from tests.graphs.all_graphs import ALL_GRAPHS, NOT_NEGATIVE, noise, parts, scattered, spread_out
from tests.graphs.realizations.realization_cases import FILTERS, SHORT, forms_of, matrix_of, norm_of

CASES = [(name, form) for name, filter in FILTERS.items() for form in forms_of(filter)]
SHORT_CASES = [(name, form) for name, filter in SHORT.items() for form in forms_of(filter)]
FORM = pytest.mark.parametrize(("name", "form"), CASES)
SHORT_FORM = pytest.mark.parametrize(("name", "form"), SHORT_CASES)


def small(graph):
    """The adjacency over its norm, so that every filter here is defined on it."""
    shift = adjacency(graph)
    return shift.scaled(2.0 / max(norm_of(shift), 1e-9))


def apart(y, goal):
    return float((y - goal).norm() / goal.norm().clamp_min(1e-300)) if y.numel() else 0.0


@FORM
def test_every_form_is_the_dense_matrix(name, form):
    filter = FILTERS[name]
    for kind, graph in ALL_GRAPHS.items():
        shift, x = small(graph), noise(graph.nodes, 3, seed=9)
        goal = matrix_of(filter, shift.dense()) @ x
        y = realize(filter, form).apply(shift, x)
        assert y.shape == x.shape, kind
        assert float((y - goal).norm()) <= 1e-11 * max(float(goal.norm()), float(x.norm())), kind


@pytest.mark.parametrize("name", SHIFTS)
def test_every_shift(name):
    for kind, graph in NOT_NEGATIVE.items():
        shift = shift_of(graph, name)
        x = noise(graph.nodes, 2, seed=9)
        scale = max(norm_of(shift), 1.0)
        for filter in (
            Polynomial([1.0, 0.5 / scale, -0.3 / scale**2]),
            Chebyshev([0.5, 1.0, -0.5], -scale, scale),
            Rational([1.0, 0.2 / scale], [2.0, 0.5 / scale, 0.3 / scale**2]),
        ):
            goal = matrix_of(filter, shift.dense()) @ x
            for form in forms_of(filter):
                assert apart(realize(filter, form).apply(shift, x), goal) < 1e-12, (kind, form)


@pytest.mark.parametrize("name", FILTERS)
def test_the_spectral_form_is_the_dense_matrix(name):
    for kind, graph in ALL_GRAPHS.items():
        if graph.symmetric:
            shift, x = small(graph), noise(graph.nodes, 3, seed=9)
            y = realize(FILTERS[name], "spectral").apply(shift, x)
            assert apart(y, matrix_of(FILTERS[name], shift.dense()) @ x) < 1e-12, kind


def test_a_spectral_filter_is_a_function_of_the_matrix():
    shift = laplacian(ALL_GRAPHS["ring"])
    heat = realize(Spectral(lambda value: torch.exp(-value)), "spectral")
    assert apart(heat.apply(shift, torch.eye(6).double()), torch.linalg.matrix_exp(-shift.dense())) < 1e-12


@SHORT_FORM
def test_the_faults_that_these_tests_are_for(name, form):
    """The oracle tells the filter from its neighbours: S transposed, a tap changed, S scaled."""
    filter, graph = FILTERS[name], ALL_GRAPHS["weighted-directed"]
    shift, x = small(graph), noise(graph.nodes, 3, seed=9)
    y, dense = realize(filter, form).apply(shift, x), shift.dense()
    assert apart(matrix_of(filter, dense.T) @ x, y) > 1e-3
    assert apart(matrix_of(filter, 1.01 * dense) @ x, y) > 1e-5
    assert apart(realize(filter, form).apply(shift, x.flip(0)), y) > 1e-2


@SHORT_FORM
def test_a_batch_is_its_graphs_one_by_one_and_padded(name, form):
    filter = FILTERS[name]
    for kind in ("several", "several-directed"):
        graph, x = ALL_GRAPHS[kind], noise(ALL_GRAPHS[kind].nodes, 2, seed=3)
        # the norm of the whole, so that all of them are shifted alike
        factor = 2.0 / norm_of(adjacency(graph))
        y = realize(filter, form).apply(adjacency(graph).scaled(factor), x)
        padded, features = spread_out(graph, x)
        spread = realize(filter, form).apply(adjacency(padded).scaled(factor), features)
        assert apart(spread[padded.real], y) < 1e-13
        assert not spread[~padded.real].any()
        for part, place in parts(graph):
            alone = realize(filter, form).apply(adjacency(part).scaled(factor), x[place])
            assert apart(alone, y[place]) < 1e-13


def test_what_is_not_a_number_in_the_padding_stays_there():
    padded, features = spread_out(ALL_GRAPHS["several"], noise(11, 2))
    holed = torch.where(padded.real[..., None], features, torch.nan)
    for filter in FILTERS.values():
        for form in forms_of(filter):
            shift = adjacency(padded).scaled(0.1)
            assert torch.equal(realize(filter, form).apply(shift, holed), realize(filter, form).apply(shift, features))


@SHORT_FORM
def test_nodes_may_be_renumbered(name, form):
    graph = ALL_GRAPHS["weighted-directed"]
    g, x = torch.tensor([3, 0, 5, 1, 4, 2]), noise(6, 3, seed=4)
    moved = torch.empty_like(x).index_copy(0, g, x)
    realization = realize(FILTERS[name], form)
    y, turned = realization.apply(small(graph), x), realization.apply(small(renumbered(graph, g)), moved)
    assert apart(turned[g], y) < 1e-13
    assert apart(turned, y) > 1e-2  # the control: the results did move


@SHORT_FORM
def test_leading_axes_are_items(name, form):
    shift, x = small(ALL_GRAPHS["several"]), noise(2, 4, 11, 3, seed=8)
    y = realize(FILTERS[name], form).apply(shift, x)
    assert apart(y[1, 2], realize(FILTERS[name], form).apply(shift, x[1, 2])) < 1e-14


@SHORT_FORM
def test_float32_errs_by_its_rounding(name, form):
    graph = scattered(40, 0.3, 6)
    shift, x = small(graph), noise(40, 8, seed=2)
    error = realize(FILTERS[name], form).error(shift, x)
    assert 1e-9 < error < 2e-6
    assert realize(FILTERS[name], form).apply(shift, x.float()).dtype == torch.float32


def test_an_error_tells_a_form_that_loses_digits():
    """Order 40 on [0, 2]: the powers have lost every digit of float32, Chebyshev's recursion none, the cascade few."""
    shift = shift_of(scattered(40, 0.3, 6), "normalised-laplacian")
    filter, x = Chebyshev([0.0] * 40 + [1.0], 0.0, 2.0), noise(40, 8, seed=2)
    goal = matrix_of(filter, shift.dense()) @ x
    assert realize(filter, "chebyshev").error(shift, x) < 1e-5
    assert realize(filter, "direct").error(shift, x) > 1.0
    assert apart(realize(filter, "cascade").apply(shift, x), goal) < 1e-8
    assert apart(realize(filter, "direct").apply(shift, x), goal) > 1e-3


@SHORT_FORM
def test_gradients_are_those_of_the_dense_matrix(name, form):
    graph = ALL_GRAPHS["weighted"]
    shift, x = small(graph), noise(6, 2, seed=1).requires_grad_()
    weight = noise(6, 2, seed=2)
    (found,) = torch.autograd.grad((realize(FILTERS[name], form).apply(shift, x) * weight).sum(), x)
    assert apart(found, matrix_of(FILTERS[name], shift.dense()).T @ weight) < 1e-11


@pytest.mark.parametrize("symmetric", [True, False])
def test_large_graphs_are_searched(symmetric, monkeypatch):
    graph = scattered(60, -0.8, 6, symmetric=symmetric)
    several = ALL_GRAPHS["several" if symmetric else "several-directed"]
    monkeypatch.setattr("equigen.graphs.realizations.solving._DENSE", 0)
    for each in (graph, several):
        shift, x = small(each), noise(each.nodes, 3, seed=9)
        for name in ("rational", "rational-real-poles", "rational-proper-not"):
            goal = matrix_of(FILTERS[name], shift.dense()) @ x
            assert apart(realize(FILTERS[name], "rational-solve").apply(shift, x), goal) < 1e-12
            single = realize(FILTERS[name], "rational-solve").apply(shift, x.float())
            assert apart(single.double(), goal) < 1e-5


def test_a_search_of_a_negative_definite_matrix(monkeypatch):
    monkeypatch.setattr("equigen.graphs.realizations.solving._DENSE", 0)
    shift, x = small(ALL_GRAPHS["ring"]), noise(6, 2)
    negative = Rational([1.0], [-20.0, -1.0, -0.5])
    assert apart(realize(negative, "rational-solve").apply(shift, x), matrix_of(negative, shift.dense()) @ x) < 1e-13


@pytest.mark.parametrize("dense", [0, 512])
def test_a_denominator_that_vanishes_on_the_spectrum_is_refused(dense, monkeypatch):
    monkeypatch.setattr("equigen.graphs.realizations.solving._DENSE", dense)
    pair = adjacency(ALL_GRAPHS["pair"])  # with the eigenvalues 1 and -1
    with pytest.raises(ValueError, match="root on the spectrum"):
        realize(Rational([1.0], [1.0, -1.0]), "rational-solve").apply(pair, noise(2, 1))


def test_an_iteration_that_would_not_settle_is_refused():
    pair, filter = adjacency(ALL_GRAPHS["pair"]), Rational([1.0], [1.0, 0.99])
    settled = IteratedForm(filter)
    assert apart(settled.apply(pair, torch.eye(2).double()), matrix_of(filter, pair.dense())) < 1e-12
    with pytest.raises(ValueError, match=r"norm\(S\) = 1.01, but less than 1"):
        IteratedForm(Rational([1.0], [1.0, 1.01])).apply(pair, torch.eye(2).double())
    # a directed shift whose eigenvalues are all 0 and whose norm is 3 would settle, but not without growing first
    arrow = Shift(ALL_GRAPHS["arrow-and-isolated"]).scaled(3.0)
    with pytest.raises(ValueError, match="rational-solve"):
        IteratedForm(Rational([1.0], [1.0, 0.5])).apply(arrow, noise(3, 1))


def test_the_number_of_steps_is_what_the_dtype_needs():
    pair, filter = adjacency(ALL_GRAPHS["pair"]), IteratedForm(Rational([1.0], [1.0, 0.5]))
    assert filter.steps(pair) == [23]
    assert filter.steps(pair, torch.float64) == [52]
    goal = matrix_of(filter.filter, pair.dense())
    truncated = sum((-0.5) ** k * torch.linalg.matrix_power(pair.dense(), k) for k in range(13))
    assert apart(truncated, goal) > 1e-5  # the control: half of the steps leave more than the rounding


def test_the_bound_of_the_norm_holds_and_is_near():
    for graph in ALL_GRAPHS.values():
        dense = adjacency(graph).dense()
        if dense.numel():
            rows, columns = dense.abs().sum(1).max(), dense.abs().sum(0).max()
            radius = float(torch.linalg.eigvals(dense).abs().max())
            assert radius - 1e-12 <= norm_of(adjacency(graph)) <= float(torch.maximum(rows, columns)) + 1e-12
    assert norm_of(normalised_adjacency(ALL_GRAPHS["ring"])) == pytest.approx(1.0)


def test_the_interval_of_a_polynomial_is_that_of_each_graph():
    graph = ALL_GRAPHS["several"]
    filter, x = Polynomial([0.0] * 12 + [1.0]), noise(11, 1)
    y = ClenshawForm(filter).apply(laplacian(graph), x)
    for part, place in parts(graph):
        assert apart(ClenshawForm(filter).apply(laplacian(part), x[place]), y[place]) < 1e-14


@pytest.mark.parametrize("form", FORMS)
def test_one_sentence_for_features_that_do_not_fit(form):
    filter = FILTERS["rational"] if form.startswith("rational") else FILTERS["line"]
    realization, shift = realize(filter, form), small(ALL_GRAPHS["pair"])
    with pytest.raises(ValueError, match=r"x has shape \(3, 1\), but this graph needs features \(\*, 2, F\)"):
        realization.apply(shift, torch.ones(3, 1))
    with pytest.raises(TypeError, match="floating-point"):
        realization.apply(shift, torch.ones(2, 1, dtype=torch.int64))
    padded, _ = spread_out(ALL_GRAPHS["pair"], noise(2, 1), extra=0)
    with pytest.raises(ValueError, match=r"features \(1, 2, F\)"):
        realization.apply(small(padded), torch.ones(2, 1))


def test_the_spectral_form_refuses_what_has_no_orthonormal_eigenvectors():
    with pytest.raises(ValueError, match="symmetric"):
        realize(FILTERS["line"], "spectral").apply(adjacency(ALL_GRAPHS["directed"]), noise(5, 1))


def test_taps_that_are_learned_have_a_gradient():
    taps = torch.tensor([0.3, 0.2, 0.1], dtype=torch.float64, requires_grad=True)
    shift, x = small(ALL_GRAPHS["weighted"]), noise(6, 2)
    found = [
        torch.autograd.grad(realize(Polynomial(taps), form).apply(shift, x).sum(), taps)[0]
        for form in ("direct", "transposed", "parallel", "chebyshev")
    ]
    goal = torch.stack([(torch.linalg.matrix_power(shift.dense(), k) @ x).sum() for k in range(3)])
    assert all(apart(each, goal) < 1e-12 for each in found)


def test_a_polynomial_is_compiled_whole():
    shift, x = small(ALL_GRAPHS["weighted"]), noise(6, 2)
    direct = DirectForm(FILTERS["quartic"])
    compiled = torch.compile(lambda x: direct.apply(shift, x), fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), direct.apply(shift, x))


def test_a_solution_of_nothing_is_nothing():
    shift = adjacency(ALL_GRAPHS["empty"])
    assert solution(FILTERS["line"].taps.numpy(), FILTERS["square"].taps.numpy(), shift, noise(0, 2)).shape == (0, 2)
