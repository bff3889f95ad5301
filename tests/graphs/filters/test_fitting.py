"""Fitted filters: near the best possible, exact where the target is in the family, refused where nothing fits."""

import math

import pytest
import torch

from equigen.graphs.filters.fitting import fit, fit_error
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational

KINDS = {"polynomial": Polynomial, "chebyshev": Chebyshev, "rational": Rational}


def heat(x):
    return torch.exp(-2.0 * x)


def equioscillating(order):
    """1 / (x - a) on [-1, 1], a = 5/4: the best error of order K is known, (a - sqrt(a^2 - 1))^K / (a^2 - 1)."""
    a = 1.25
    return lambda x: 1.0 / (x - a), (a - math.sqrt(a * a - 1.0)) ** order / (a * a - 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_family_and_the_order_are_those_asked_for(kind):
    found = fit(heat, kind, 4, 0.0, 2.0)
    assert type(found) is KINDS[kind]
    assert found.order == 4
    assert fit(heat, kind, 0, 0.0, 2.0).order == 0


@pytest.mark.parametrize("order", [1, 4, 9])
def test_polynomials_are_near_the_best(order):
    """Best approximation of 1 / (x - a): P. Chebyshev; within 4 + 4 / pi^2 log(K + 1) of it."""
    target, best = equioscillating(order)
    for kind in ("polynomial", "chebyshev"):
        error = fit_error(fit(target, kind, order, -1.0, 1.0), target, -1.0, 1.0)
        assert best * (1.0 - 1e-9) <= error <= (4.0 + 4.0 / math.pi**2 * math.log(order + 1.0)) * best


def test_a_series_cut_from_evenly_spaced_samples_is_told_apart():
    """Runge's: interpolation at even places is far from the best, so that the bound above would catch it."""
    target, best = equioscillating(9)
    places = torch.linspace(-1.0, 1.0, 10, dtype=torch.float64)
    taps = torch.linalg.solve(places[:, None] ** torch.arange(10), target(places))
    assert fit_error(Polynomial(taps), target, -1.0, 1.0) > (4.0 + 4.0 / math.pi**2 * math.log(10.0)) * best


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("polynomial", Polynomial([0.3, -1.0, 0.7])),
        ("chebyshev", Polynomial([0.3, -1.0, 0.7])),
        ("rational", Rational([1.0, 0.2], [1.0, 0.5, 0.8])),
        ("rational", Polynomial([0.3, -1.0, 0.7])),
    ],
)
@pytest.mark.parametrize("order", [2, 5])
def test_what_is_in_the_family_is_found(kind, target, order):
    found = fit(target.response, kind, order, -0.5, 2.0)
    assert fit_error(found, target.response, -0.5, 2.0) < 1e-11


def test_rationals_are_sharp_at_a_low_order():
    """A low pass with a steep edge: the rational of order 6 beats the polynomial of 12."""

    def edge(x):
        return torch.sigmoid(20.0 * (1.0 - x))

    rational = fit(edge, "rational", 6, 0.0, 2.0)
    polynomial = fit(edge, "chebyshev", 12, 0.0, 2.0)
    rational.require_no_pole(0.0, 2.0)
    assert 10.0 * fit_error(rational, edge, 0.0, 2.0) < fit_error(polynomial, edge, 0.0, 2.0)


@pytest.mark.parametrize("order", [4, 6])
def test_the_rounds_of_a_rational_are_taken_until_they_stand(order):
    """One round more, with the fit's own denominator as weight, moves it by less than its error; after two, by all."""

    def spike(x):
        return torch.exp(-200.0 * (x - 1.0) ** 2)

    found = fit(spike, "rational", order, 0.0, 2.0)
    nodes = torch.cos(math.pi * (torch.arange(512, dtype=torch.float64) + 0.5) / 512)
    waves = torch.cos(torch.arccos(nodes)[:, None] * torch.arange(order + 1))
    weight = 1.0 / Polynomial(found.denominator).response(nodes + 1.0)[:, None]
    rows = weight * torch.cat((waves, -spike(nodes + 1.0)[:, None] * waves[:, 1:]), dim=1)
    taps = torch.linalg.lstsq(rows, weight * spike(nodes + 1.0)[:, None]).solution[:, 0]
    below = 1.0 + waves[:, 1:] @ taps[order + 1 :]
    again = (waves @ taps[: order + 1]) / below
    moved = float((again - found.response(nodes + 1.0)).abs().max())
    assert moved < 0.3 * fit_error(found, spike, 0.0, 2.0)


def test_the_error_is_the_largest_of_dense_samples():
    found = fit(heat, "chebyshev", 3, 0.0, 2.0)
    x = torch.linspace(0.0, 2.0, 100_001, dtype=torch.float64)
    assert fit_error(found, heat, 0.0, 2.0) == pytest.approx(float((found.response(x) - heat(x)).abs().max()), rel=1e-7)
    assert fit_error(found, lambda x: heat(x) + 1e-3, 0.0, 2.0) > fit_error(found, heat, 0.0, 2.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((heat, "power", 3, 0.0, 2.0), "no kind of filter"),
        ((heat, "chebyshev", -1, 0.0, 2.0), "order is -1"),
        ((heat, "chebyshev", 2.0, 0.0, 2.0), "order is 2.0"),
        ((heat, "chebyshev", 2, 2.0, 2.0), "ascending"),
        ((torch.log, "chebyshev", 2, -1.0, 2.0), "not finite"),
        ((lambda x: 1.0, "chebyshev", 2, -1.0, 2.0), "elementwise"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        fit(*arguments)
