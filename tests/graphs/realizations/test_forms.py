"""What the forms are made of: factors in their order, simple fractions, taps of intervals; and what is refused."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import torch
from numpy.polynomial import polynomial

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.realizations.clenshaw import chebyshev_taps
from equigen.graphs.realizations.partial_fractions import partial_fractions
from equigen.graphs.realizations.powers import factors, in_order, real_factors
from equigen.graphs.realizations.realizing import FORMS, realize
from equigen.report.formula import displayed
from tests.graphs.all_graphs import noise
from tests.graphs.realizations.realization_cases import FILTERS, POLYNOMIALS, RATIONALS, forms_of


@pytest.mark.parametrize("order", [1, 2, 3, 7, 12])
def test_the_product_of_the_factors_is_the_polynomial(order):
    taps = noise(order + 1, seed=order).numpy()
    parts = real_factors(taps)
    assert max(len(part) for part in parts) <= 3
    assert sum(len(part) - 1 for part in parts) == order
    assert np.abs(reduce(polynomial.polymul, parts) - taps).max() < 1e-12 * np.abs(taps).max()


def test_complex_roots_are_factors_of_order_two():
    parts = real_factors(polynomial.polyfromroots([1j, -1j, 2.0, 3 + 1j, 3 - 1j]).real)
    assert sorted(len(part) for part in parts) == [2, 3, 3]


def test_double_roots_and_no_roots():
    double = real_factors(np.array([1.0, -2.0, 1.0]))
    assert np.abs(reduce(polynomial.polymul, double) - [1.0, -2.0, 1.0]).max() < 1e-12
    assert [part.tolist() for part in real_factors(np.zeros(3))] == [[0.0]]
    assert [part.tolist() for part in real_factors(np.array([0.5, 0.0]))] == [[0.5]]


def growth(parts, places):
    """The largest absolute value that a partial product has on the places."""
    products = np.cumprod([polynomial.polyval(places, part) for part in parts], axis=0)
    return np.abs(products).max()


def test_the_order_keeps_partial_products_small():
    """Of T_24 on [-1, 1]: in the order of the roots they grow to a hundred times what they are in Leja's order."""
    filter, places = Chebyshev([0.0] * 24 + [1.0], -1.0, 1.0), np.linspace(-1, 1, 2001)
    parts = factors(filter, "cascade")
    ascending = sorted(parts, key=lambda part: -part[0] / part[1])
    assert growth(parts, places) < 20
    assert growth(ascending, places) > 100 * growth(parts, places)


def test_leja_order_by_hand():
    assert in_order(np.array([0.0, 1.0, 2.0, 4.0])).real.tolist() == [4.0, 0.0, 2.0, 1.0]
    assert len(in_order(np.array([1j, -1j, 0.5]))) == 2


def test_the_colleague_keeps_the_digits_that_powers_lose():
    places = np.linspace(0, 2, 401)
    taps = [0.9**k for k in range(31)]
    filter = Chebyshev(taps, 0.0, 2.0)
    goal = filter.response(torch.from_numpy(places)).numpy()

    def error(parts):
        return np.abs(np.prod([polynomial.polyval(places, part) for part in parts], axis=0) - goal).max()

    assert error(factors(filter, "cascade")) < 1e-10 * np.abs(goal).max()
    by_powers = real_factors(filter.to_polynomial().taps.numpy())
    assert error(by_powers) > 1e3 * error(factors(filter, "cascade"))


@pytest.mark.parametrize("name", [name for name, filter in FILTERS.items() if isinstance(filter, Rational)])
def test_fractions_add_up_to_the_filter(name):
    filter = FILTERS[name]
    assert isinstance(filter, Rational)
    found, places = partial_fractions(filter), np.linspace(-2, 2, 101)
    total = polynomial.polyval(places, found.taps) if len(found.taps) else np.zeros(101)
    for numerator, denominator in found.sections():
        total = total + polynomial.polyval(places, numerator) / polynomial.polyval(places, denominator)
    assert np.abs(total - filter.response(torch.from_numpy(places)).numpy()).max() < 1e-14


@pytest.mark.parametrize("denominator", [[1.0, 2.0, 1.0], [1.0, 0.0, 2.0, 0.0, 1.0], [27.0, 27.0, 9.0, 1.0]])
def test_poles_that_are_equal_have_no_simple_fractions(denominator):
    filter = Rational([1.0], denominator)
    for form in ("parallel", "rational-iteration"):
        with pytest.raises(ValueError, match="rational-solve"):
            realize(filter, form)
    apart = [0.9 * denominator[0], *denominator[1:]]
    assert len(partial_fractions(Rational([1.0], apart)).poles) > 0  # the control


def test_taps_of_an_interval_are_those_of_numpy():
    taps = noise(6)
    found = chebyshev_taps(taps, torch.tensor([[-1.0, 1.0], [0.0, 4.0]], dtype=torch.float64))
    assert np.abs(found[0].numpy() - np.polynomial.chebyshev.poly2cheb(taps.numpy())).max() < 1e-14
    goal = Polynomial(taps).to_chebyshev(0.0, 4.0).taps
    assert float((found[1] - goal).abs().max()) < 1e-12 * float(goal.abs().max())


@pytest.mark.parametrize("form", [form for form in FORMS if form != "spectral"])
def test_what_has_no_such_form_is_refused_in_one_sentence(form):
    polynomial_only, rational_only = form in POLYNOMIALS, form in RATIONALS
    if not polynomial_only:
        for filter in (Polynomial([1.0, 2.0]), Chebyshev([1.0, 2.0], 0.0, 1.0)):
            with pytest.raises(ValueError, match="has no denominator"):
                realize(filter, form)
    if not rational_only:
        with pytest.raises(ValueError, match="'rational-solve'"):
            realize(Rational([1.0], [2.0, 1.0]), form)
    with pytest.raises(ValueError, match="Spectral"):
        realize(Spectral(torch.exp), form)


def test_unknown_forms_are_refused():
    with pytest.raises(ValueError, match="did you mean 'cascade'"):
        realize(Polynomial([1.0]), "cascad")
    with pytest.raises(ValueError, match="known are direct, transposed"):
        realize(Polynomial([1.0]), "xyz")


@pytest.mark.parametrize("form", ["parallel", "rational-iteration"])
def test_a_denominator_without_poles_has_no_branches(form):
    with pytest.raises(ValueError, match="realize the numerator"):
        realize(Rational([1.0, 1.0], [4.0]), form)


def test_an_iteration_needs_poles_elsewhere_than_at_zero():
    with pytest.raises(ValueError, match="vanishes at 0"):
        realize(Rational([1.0], [0.0, 1.0]), "rational-iteration")


def test_every_formula_can_be_set():
    for filter in FILTERS.values():
        for form in (*forms_of(filter), "spectral"):
            formula = realize(filter, form).formula
            assert "y" in formula
            assert str(displayed(formula)).startswith("<svg")
