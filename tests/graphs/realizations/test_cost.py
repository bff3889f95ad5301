"""The cost is what is made: torch's own operations are counted while a filter is applied."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial, of_product
from equigen.graphs.realizations.planning import fastest, seconds
from equigen.graphs.realizations.realizing import realize
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import SHIFTS, adjacency, normalised_laplacian, shift_of
from tests.graphs.all_graphs import ALL_GRAPHS, noise, scattered, spread_out
from tests.graphs.realizations.realization_cases import FILTERS, Counting, forms_of, norm_of

EXACT = [
    (name, form)
    for name, filter in FILTERS.items()
    for form in forms_of(filter)
    if form != "rational-solve"
    and not (form == "parallel" and isinstance(filter, Rational))  # solved by libraries
    and not (form == "chebyshev" and isinstance(filter, Polynomial))  # whose taps are found first
]


def counted(realization, shift, x):
    with Counting(x.shape[-1], x.ndim) as found:
        realization.apply(shift, x)
    return found.products, found.multiplications, found.additions


def told(realization, shift, x):
    count = realization.cost(shift, x.shape[-1], x.dtype)
    return count.products, count.multiplications, count.additions


@pytest.mark.parametrize(("name", "form"), EXACT)
def test_the_cost_is_what_torch_makes(name, form):
    realization = realize(FILTERS[name], form)
    for kind in ("ring", "weighted", "several-directed"):
        graph = ALL_GRAPHS[kind]
        x = noise(graph.nodes, 3, dtype=torch.float32)
        for shift in (Shift(graph), adjacency(graph).scaled(1.0 / norm_of(adjacency(graph)))):
            shift = shift if "iteration" not in form else shift.scaled(0.1)
            assert counted(realization, shift, x) == told(realization, shift, x), kind


@pytest.mark.parametrize("name", SHIFTS)
def test_every_shift_has_its_own_cost(name):
    x = noise(6, 3, dtype=torch.float32)
    for form in ("transposed", "chebyshev"):
        filter = Chebyshev([1.0, 0.5, 0.25, 1.0], 0.0, 2.0)
        shift = shift_of(ALL_GRAPHS["weighted"], name)
        assert counted(realize(filter, form), shift, x) == told(realize(filter, form), shift, x)


def test_padded_graphs_are_dense():
    padded, x = spread_out(ALL_GRAPHS["several"], noise(11, 2))
    direct = realize(FILTERS["quartic"], "direct")
    assert counted(direct, normalised_laplacian(padded), x) == told(direct, normalised_laplacian(padded), x)


def test_a_count_that_leaves_out_a_product_is_told():
    x, realization = noise(6, 3, dtype=torch.float32), realize(FILTERS["quartic"], "direct")
    shift = adjacency(ALL_GRAPHS["weighted"])
    short = of_polynomial(shift, 3, 3, torch.float32)
    assert counted(realization, shift, x)[0] == short.products + 1


@pytest.mark.parametrize("order", range(6))
def test_how_many_products_each_form_has(order):
    shift, filter = adjacency(ALL_GRAPHS["ring"]), Polynomial([1.0] * (order + 1))
    products = {form: realize(filter, form).cost(shift, 4).products for form in forms_of(filter)}
    assert products.pop("parallel") == max(0, 2 * order - 1)
    assert set(products.values()) == {order}


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_search_costs_no_more_than_told(symmetric, monkeypatch):
    monkeypatch.setattr("equigen.graphs.realizations.solving._DENSE", 0)
    graph = scattered(60, -0.8, 6, symmetric=symmetric)
    shift, x = adjacency(graph).scaled(2.0 / norm_of(adjacency(graph))), noise(60, 3, dtype=torch.float32)
    realization = realize(FILTERS["rational"], "rational-solve")
    found, bound = counted(realization, shift, x), told(realization, shift, x)
    assert 0 < found[0] <= bound[0]
    if symmetric:
        assert bound[0] < 4 * found[0]  # the bound is worth something


def test_the_bytes_are_those_of_the_reference():
    """4 bytes for each place, 4 for each weight, 4 F for each row that is gathered or written."""
    ring, weighted = ALL_GRAPHS["ring"], ALL_GRAPHS["weighted"]
    assert of_product(Shift(ring), 64, torch.float32).bytes == 12 * (4 + 4 * 64) + 6 * 4 * 64
    count = of_product(Shift(weighted), 64, torch.float32).bytes
    assert count == weighted.entries * (8 + 4 * 64) + 6 * 4 * 64
    assert of_product(Shift(ring), 64, torch.float64).bytes == 12 * (4 + 8 * 64) + 6 * 8 * 64


def test_wider_features_cost_in_proportion():
    shift = normalised_laplacian(ALL_GRAPHS["weighted"])
    for name, filter in FILTERS.items():
        for form in forms_of(filter):
            if form in ("rational-iteration", "rational-solve") or isinstance(filter, Rational):
                continue
            one, two = (realize(filter, form).cost(shift, features) for features in (5, 10))
            assert (two.multiplications, two.additions) == (2 * one.multiplications, 2 * one.additions), (name, form)


def test_counts_add_up():
    one = OperationCount(1, 2, 3, 4)
    assert one + one.times(2) == one.times(3)


def test_the_planner_takes_the_cheaper_form():
    shift = adjacency(ALL_GRAPHS["ring"])
    for filter in (FILTERS["quartic"], FILTERS["chebyshev"], FILTERS["rational"]):
        best = fastest(filter, shift, 8)
        others = [realize(filter, form) for form in forms_of(filter)]
        assert seconds(best, shift, 8) <= min(seconds(other, shift, 8) for other in others)


def test_the_planner_does_not_pay_in_digits():
    """Of order 30 on [0, 2] the powers cost less and lose everything: they are no candidate."""
    shift = normalised_laplacian(scattered(40, 0.3, 6))
    filter = Chebyshev([0.0] * 30 + [1.0], 0.0, 2.0)
    cheap = realize(filter, "transposed")
    chosen = fastest(filter, shift, 512)
    x = noise(40, 4)
    assert seconds(cheap, shift, 512) < seconds(realize(filter, "chebyshev"), shift, 512)
    assert chosen.error(shift, x) < 1e-5 < 1.0 < cheap.error(shift, x)


def test_the_planner_passes_over_what_is_not_defined():
    pair = adjacency(ALL_GRAPHS["pair"])
    assert fastest(Rational([1.0], [1.0, 3.0]), pair, 1).form in ("rational-solve", "spectral")
    directed = adjacency(ALL_GRAPHS["directed"])
    assert fastest(FILTERS["quartic"], directed, 3).form == "transposed"
    with pytest.raises(ValueError, match="not symmetric"):
        fastest(Spectral(torch.exp), directed, 3)
