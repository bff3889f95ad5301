"""Filters as functions: responses against their definitions, derivatives, products, sums and compositions."""

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from tests.graphs.filters.families import ALL_FILTERS, HIGH, LOW, slope

X = torch.linspace(LOW, HIGH, 41, dtype=torch.float64)
EACH = pytest.mark.parametrize("name", ALL_FILTERS)


def test_a_polynomial_is_the_sum_of_powers():
    taps = [0.3, -1.2, 0.4, 0.9]
    direct = sum(tap * X**k for k, tap in enumerate(taps))
    torch.testing.assert_close(Polynomial(taps).response(X), direct, rtol=1e-14, atol=1e-14)
    wrong = sum(tap * X**k for k, tap in enumerate(reversed(taps)))
    assert not torch.allclose(Polynomial(taps).response(X), wrong)


def test_a_series_is_that_of_numpy_on_its_interval():
    taps = [0.1, 0.4, -0.3, 0.2, 0.5, -0.1]
    t = (2.0 * X - LOW - HIGH) / (HIGH - LOW)
    expected = torch.from_numpy(chebyshev.chebval(t.numpy(), taps))
    torch.testing.assert_close(Chebyshev(taps, LOW, HIGH).response(X), expected, rtol=1e-13, atol=1e-14)
    assert not torch.allclose(Chebyshev(taps, LOW, HIGH + 0.1).response(X), expected)


def test_a_rational_is_the_quotient():
    expected = (1.0 + 0.3 * X - 0.2 * X**2) / (1.5 + 0.4 * X + 0.6 * X**2)
    torch.testing.assert_close(ALL_FILTERS["rational"].response(X), expected, rtol=1e-14, atol=1e-14)


@EACH
def test_responses_follow_the_dtype_and_the_shape(name):
    filter = ALL_FILTERS[name]
    double = filter.response(X.reshape(1, 41))
    single = filter.response(X.float().reshape(1, 41))
    assert double.dtype == torch.float64
    assert single.dtype == torch.float32
    assert double.shape == single.shape == (1, 41)
    assert torch.equal(single, filter.response(X.float().double().reshape(1, 41)).float())
    assert filter.response(torch.tensor([0, 1])).dtype == torch.float64


@pytest.mark.parametrize("name", ["polynomial", "chebyshev", "rational", "spectral"])
def test_complex_eigenvalues_have_responses(name):
    response = ALL_FILTERS[name].response(torch.complex(X, 0.0 * X))
    torch.testing.assert_close(response.real, ALL_FILTERS[name].response(X))
    turned = ALL_FILTERS[name].response(torch.complex(X, 0.3 + 0.0 * X))
    assert turned.imag.abs().max() > 0.1


@EACH
def test_derivatives_are_those_of_differences(name):
    torch.testing.assert_close(ALL_FILTERS[name].derivative(X), slope(ALL_FILTERS[name], X), rtol=0.0, atol=1e-8)


@EACH
def test_second_derivatives_are_those_of_differences(name):
    first = ALL_FILTERS[name].differentiated()
    torch.testing.assert_close(first.derivative(X), slope(first, X), rtol=0.0, atol=1e-7)


def test_a_derivative_of_other_taps_is_told_apart():
    other = Polynomial([0.3, -1.2, 0.4, 0.9, -0.35001])
    assert (other.derivative(X) - slope(ALL_FILTERS["polynomial"], X)).abs().max() > 1e-5


@EACH
def test_times_the_eigenvalue(name):
    filter = ALL_FILTERS[name]
    torch.testing.assert_close(filter.times_eigenvalue().response(X), X * filter.response(X), rtol=1e-13, atol=1e-14)


@EACH
@pytest.mark.parametrize("other", ["polynomial", "rational", "spectral", "chebyshev"])
def test_products_and_sums_are_those_of_responses(name, other):
    one, two = ALL_FILTERS[name], ALL_FILTERS[other]
    if {type(one), type(two)} == {Chebyshev, Rational}:
        with pytest.raises(TypeError, match=r"in neither family: take Spectral\(filter.response\)"):
            one * two
        with pytest.raises(TypeError, match="a sum of"):
            two + one
        return
    for left, right in ((one, two), (two, one)):
        product, total = left * right, left + right
        torch.testing.assert_close(product.response(X), one.response(X) * two.response(X), rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(total.response(X), one.response(X) + two.response(X), rtol=1e-12, atol=1e-13)
        assert type(product) is type(total)
        assert type(product) in (type(one), type(two))


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("polynomial", "polynomial"),
        ("polynomial", "constant"),
        ("constant", "polynomial"),
        ("rational", "polynomial"),
        ("rational", "rational"),
        ("rational of a constant", "rational"),
        ("chebyshev", "chebyshev"),
        ("chebyshev constant", "chebyshev"),
        ("spectral", "rational"),
        ("spectral", "chebyshev"),
    ],
)
def test_compositions_are_those_of_responses(outer, inner):
    one, two = ALL_FILTERS[outer], ALL_FILTERS[inner]
    composed = one.of(two)
    assert type(composed) is type(one)
    torch.testing.assert_close(composed.response(X), one.response(two.response(X)), rtol=1e-10, atol=1e-11)


def test_the_order_of_a_composition_matters():
    one, two = ALL_FILTERS["polynomial"], Polynomial([0.2, 1.5])
    assert not torch.allclose(one.of(two).response(X), two.of(one).response(X))
    assert one.of(one).order == 16


@pytest.mark.parametrize(
    ("outer", "inner"), [("polynomial", "rational"), ("chebyshev", "polynomial"), ("rational", "spectral")]
)
def test_compositions_outside_the_family_are_refused(outer, inner):
    with pytest.raises(TypeError, match=r"Spectral\(outer.response\).of\(inner\)"):
        ALL_FILTERS[outer].of(ALL_FILTERS[inner])


def test_the_bases_of_polynomials_are_changed_there_and_back():
    for order in (0, 1, 2, 5, 10):
        taps = torch.cos(torch.arange(order + 1.0).double() ** 2 + 0.3)
        there = Polynomial(taps).to_chebyshev(-1.0, 1.0)
        expected = torch.from_numpy(np.pad(chebyshev.poly2cheb(taps.numpy()), (0, 0)))
        torch.testing.assert_close(there.taps, expected, rtol=0.0, atol=1e-13)
        moved = Polynomial(taps).to_chebyshev(LOW, HIGH)
        torch.testing.assert_close(moved.to_polynomial().taps, taps, rtol=0.0, atol=1e-9 if order < 10 else 1e-6)
        torch.testing.assert_close(moved.response(X), Polynomial(taps).response(X), rtol=1e-12, atol=1e-12)
        assert moved.order == moved.to_polynomial().order == order


def test_powers_lose_the_digits_that_are_told():
    taps = torch.cos(torch.arange(21.0).double() ** 2)
    x = torch.linspace(-1.0, 2.0, 301, dtype=torch.float64)
    for low, high, least, most in ((-1.0, 1.0, 1e-14, 1e-8), (0.0, 2.0, 1e-6, 1e-1)):
        series, inside = Chebyshev(taps, low, high), x[(x >= low) & (x <= high)]
        off = (series.to_polynomial().response(inside) - series.response(inside)).abs().max()
        assert least < float(off / series.largest(low, high)) < most
    fast = Chebyshev(torch.exp(-2.0 * torch.arange(21.0)), 0.0, 2.0)
    torch.testing.assert_close(fast.to_polynomial().response(X), fast.response(X), rtol=0.0, atol=1e-10)


def test_derivatives_by_taps_and_by_eigenvalues():
    taps = torch.tensor([0.3, -1.2, 0.4], dtype=torch.float64, requires_grad=True)
    Polynomial(taps).to_chebyshev(LOW, HIGH).to_polynomial().response(X).sum().backward()
    torch.testing.assert_close(taps.grad, torch.stack([(X**k).sum() for k in range(3)]), rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(ALL_FILTERS["spectral"].derivative, X[:5].clone().requires_grad_())
    assert torch.autograd.gradcheck(ALL_FILTERS["rational"].derivative, X[:5].clone().requires_grad_())


def test_series_on_different_intervals_are_not_joined():
    with pytest.raises(ValueError, match=r"\[-0.4, 2\] and \[0, 2\]"):
        ALL_FILTERS["chebyshev"] * Chebyshev([1.0], 0.0, 2.0)
    with pytest.raises(ValueError, match="series are joined on one"):
        ALL_FILTERS["chebyshev"] + Chebyshev([1.0], 0.0, 2.0)


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: Polynomial([]), ValueError, r"taps has shape \(0,\)"),
        (lambda: Polynomial(torch.ones(2, 2)), ValueError, r"needs \(K \+ 1,\)"),
        (lambda: Polynomial([1.0, float("nan")]), ValueError, "finite"),
        (lambda: Polynomial(torch.ones(2, dtype=torch.complex64)), TypeError, "real coefficients"),
        (lambda: Chebyshev([1.0], 2.0, 0.0), ValueError, r"\[2, 0\]"),
        (lambda: Chebyshev([1.0], 1.0, 1.0), ValueError, "ascending"),
        (lambda: Chebyshev([1.0], 0.0, float("inf")), ValueError, "finite"),
        (lambda: Polynomial([1.0]).to_chebyshev(0.0, float("nan")), ValueError, "finite"),
        (lambda: Rational([1.0], [0.0, 0.0]), ValueError, "all zeros"),
        (lambda: Rational([], [1.0]), ValueError, "numerator"),
        (lambda: Polynomial([1.0]) * 2.0, TypeError, r"Polynomial\(\[number\]\)"),
        (lambda: Spectral(lambda x: 1.0).response(X), ValueError, "gives 1.0"),
        (lambda: Spectral(lambda x: x[:2]).response(X), ValueError, r"shape \(2,\)"),
    ],
)
def test_what_is_no_filter_is_refused(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


def test_taps_are_held_in_double_precision():
    assert Polynomial(torch.tensor([1, 2])).taps.dtype == torch.float64
    assert Polynomial([0.1]).taps.item() == 0.1
