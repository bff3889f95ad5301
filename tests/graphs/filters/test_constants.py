"""Largest response, Lipschitz and integral Lipschitz constants, against brute force and by hand."""

import math

import pytest
import torch

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from tests.graphs.filters.families import ALL_FILTERS, HIGH, LOW, dense_largest

EACH = pytest.mark.parametrize("name", ALL_FILTERS)


@EACH
def test_constants_are_those_of_two_million_samples(name):
    filter = ALL_FILTERS[name]
    pairs = [
        (filter.largest(LOW, HIGH), dense_largest(filter.response)),
        (filter.lipschitz(LOW, HIGH), dense_largest(filter.derivative)),
        (filter.integral_lipschitz(LOW, HIGH), dense_largest(lambda x: x * filter.derivative(x))),
    ]
    for found, sampled in pairs:
        assert sampled - 1e-12 <= found <= sampled + 1e-10


def test_constants_by_hand():
    cubic = Polynomial([0.0, -1.0, 0.0, 1.0])
    assert cubic.largest(-1.0, 1.0) == pytest.approx(2.0 / math.sqrt(27.0), abs=1e-15)
    assert cubic.lipschitz(-1.0, 1.0) == pytest.approx(2.0, abs=1e-14)
    assert cubic.integral_lipschitz(0.0, 0.5) == pytest.approx(2.0 / 9.0, abs=1e-15)
    assert Rational([1.0], [1.0, 1.0]).lipschitz(0.0, 5.0) == pytest.approx(1.0, abs=1e-15)
    assert Rational([1.0], [1.0, 1.0]).integral_lipschitz(0.0, 5.0) == pytest.approx(0.25, abs=1e-15)


def test_a_chebyshev_polynomial_has_the_slope_of_its_order_squared():
    """max |T_k'| = k^2 at the ends, and |T_k| = 1 inside: A. Markov, 1889."""
    for order in (5, 30):
        taps = [0.0] * order + [1.0]
        assert Chebyshev(taps, -1.0, 1.0).lipschitz(-1.0, 1.0) == pytest.approx(order**2, rel=1e-12)
        assert Chebyshev(taps, -1.0, 1.0).largest(-1.0, 1.0) == pytest.approx(1.0, abs=1e-13)
        assert Chebyshev(taps, -1.0, 1.0).largest(-0.999, 0.999) == pytest.approx(1.0, abs=1e-13)


def test_an_interval_narrower_than_the_series_counts_alone():
    filter = ALL_FILTERS["chebyshev"]
    found, sampled = filter.lipschitz(0.3, 0.9), dense_largest(filter.derivative, 0.3, 0.9)
    assert sampled - 1e-12 <= found <= sampled + 1e-10
    assert found < filter.lipschitz(LOW, HIGH)


def test_a_peak_far_narrower_than_the_interval_is_found():
    """1 / (1 + l^8) on [0, 100]: numbers of the numerator differ by 10^40, its turning point is near 1."""
    filter = Rational([1.0], [1.0] + [0.0] * 7 + [1.0])
    sampled = dense_largest(filter.derivative, 0.0, 2.0)
    assert sampled - 1e-12 <= filter.lipschitz(0.0, 100.0) <= sampled + 1e-10


@pytest.mark.parametrize("height", [1e-4, 1e-6, 1e-8, 1e-10])
def test_a_narrow_resonance_has_all_its_constants(height):
    """1 / (e + (l - 1)^2): top 1 / e, steepest 3 sqrt 3 / 8 e^-3/2 at 1 +- sqrt(e / 3), where q^2 is e^2."""
    height = (1.0 + height) - 1.0  # what the taps hold
    filter = Rational([1.0], [1.0 + height, -2.0, 1.0])
    steepest = 3.0 * math.sqrt(3.0) / 8.0 * height**-1.5
    rounding = 1e-15 / height
    assert filter.largest(0.0, 2.0) == pytest.approx(1.0 / height, rel=rounding)
    assert filter.lipschitz(0.0, 2.0) == pytest.approx(steepest, rel=rounding)
    integral = dense_largest(
        lambda u: 2.0 * (1.0 + u) * u / (height + u**2) ** 2, -4.0 * height**0.5, 4.0 * height**0.5
    )
    assert filter.integral_lipschitz(0.0, 2.0) == pytest.approx(integral, rel=rounding + 1e-9)
    assert filter.differentiated().poles.shape == (4,)
    with pytest.raises(ValueError, match="root near 1"):
        Rational([1.0], [1.0, -2.0, 1.0]).lipschitz(0.0, 2.0)


def test_a_tall_polynomial_on_a_wide_interval():
    filter = Polynomial([1.0] * 31)
    assert filter.largest(-20.0, 20.0) == pytest.approx(sum(20.0**k for k in range(31)), rel=1e-12)
    assert filter.lipschitz(0.0, 20.0) == pytest.approx(sum(k * 20.0 ** (k - 1) for k in range(1, 31)), rel=1e-12)


def test_a_single_point_is_an_interval():
    for filter in ALL_FILTERS.values():
        at = torch.tensor([0.5], dtype=torch.float64)
        assert filter.largest(0.5, 0.5) == pytest.approx(abs(filter.response(at).item()), abs=1e-15)
        assert filter.lipschitz(0.5, 0.5) == pytest.approx(abs(filter.derivative(at).item()), abs=1e-14)


class OfEnds(Polynomial):
    """A polynomial that looks at the ends of the interval only."""

    def turning_points(self, low, high):
        return torch.tensor([low, high], dtype=torch.float64)


def test_a_constant_taken_at_the_ends_alone_is_told_apart():
    planted = OfEnds([0.0, -1.0, 0.0, 1.0])
    assert planted.largest(-1.0, 1.0) == 0.0
    assert dense_largest(planted.response, -1.0, 1.0) > 0.38


@pytest.mark.parametrize(
    ("taps", "low", "high"),
    [
        ([1.0, -1.0], 0.0, 2.0),
        ([1.0, -2.0, 1.0], 0.0, 2.0),
        ([0.0, 1.0], 0.0, 1.0),
        ([2.0, -3.0, 1.0], 0.5, 3.0),
        ([1.0, -1.0], 1.0, 1.0),
    ],
)
def test_a_denominator_with_a_root_on_the_interval_is_refused(taps, low, high):
    filter = Rational([1.0, 0.5], taps)
    for ask in (filter.largest, filter.lipschitz, filter.integral_lipschitz, filter.require_no_pole):
        with pytest.raises(ValueError, match="has a root near"):
            ask(low, high)


@pytest.mark.parametrize("taps", [[1.0, -1.0], [1.0, -2.0, 1.01], [2.0, -3.0, 1.0], [1.0, 1e-9]])
def test_roots_beside_the_interval_are_none_of_its(taps):
    Rational([1.0], taps).require_no_pole(-1.0, 0.99)


def test_poles_are_the_roots_of_the_denominator():
    poles = Rational([1.0], [6.0, -5.0, 1.0, 0.0]).poles
    assert sorted(poles.real.tolist()) == pytest.approx([2.0, 3.0])
    assert Rational([1.0], [3.0]).poles.shape == (0,)


def test_intervals_and_filters_without_numbers_are_refused():
    with pytest.raises(ValueError, match="ascending order"):
        ALL_FILTERS["polynomial"].largest(1.0, 0.0)
    with pytest.raises(ValueError, match="finite"):
        ALL_FILTERS["polynomial"].lipschitz(0.0, math.inf)
    with pytest.raises(ValueError, match="not a number"):
        Spectral(torch.log).largest(-1.0, 1.0)
    with pytest.raises(ValueError, match=r"infinite somewhere on \[0, 1\]"):
        Spectral(lambda x: 1.0 / x).largest(0.0, 1.0)
