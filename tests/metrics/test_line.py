"""Distances on the line against assignment, quantiles and closed forms; the floor against its expectation."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch

from equigen.metrics.line import LineLaw, kolmogorov_smirnov, line_beside_floor, wasserstein_1
from equigen.random import Stream, normal


def gaussian(n, seed, mean=0.0, std=1.0):
    return mean + std * normal((n,), seed=seed, stream=Stream.LAW, dtype=torch.float64)


def normal_law(mean=0.0, std=1.0):
    return LineLaw.tabulated(lambda x: torch.special.ndtr((x - mean) / std), mean - 9 * std, mean + 9 * std)


def test_transport_between_samples_is_the_best_assignment():
    x, y = gaussian(6, 0), gaussian(6, 1)
    best = min(float((x - y[list(order)]).abs().mean()) for order in permutations(range(6)))
    assert wasserstein_1(x, y) == pytest.approx(best, rel=1e-13)
    assert float((x - y).abs().mean()) > 1.01 * best  # the fault would be not to sort


@pytest.mark.parametrize(("n", "m"), [(1, 9), (4, 6), (7, 5)])
def test_samples_of_different_size_are_those_repeated_to_one_size(n, m):
    x, y = gaussian(n, 2), gaussian(m, 3)
    size = math.lcm(n, m)
    repeated = [one.repeat_interleave(size // len(one)).sort().values for one in (x, y)]
    assert wasserstein_1(x, y) == pytest.approx(float((repeated[0] - repeated[1]).abs().mean()), rel=1e-12)
    values = torch.cat((x, y))
    steps = [(one[None] <= values[:, None]).double().mean(1) for one in (x, y)]
    assert kolmogorov_smirnov(x, y) == pytest.approx(float((steps[0] - steps[1]).abs().max()), abs=1e-15)


@pytest.mark.parametrize(("mean", "std"), [(0.7, 1.0), (-2.0, 1.0), (0.0, 1.5), (0.0, 0.25)])
def test_two_normal_laws_against_the_closed_forms(mean, std):
    """A shift m costs |m|; a change of width |s - 1| E|z|; the largest gap is where the densities are equal."""
    x, y = normal_law(), normal_law(mean, std)
    exact = abs(mean) if std == 1.0 else abs(std - 1) * math.sqrt(2 / math.pi)
    assert wasserstein_1(x, y) == pytest.approx(exact, rel=2e-6)
    place = torch.tensor(mean / 2 if std == 1.0 else math.sqrt(2 * math.log(std) / (1 - std**-2)), dtype=torch.float64)
    gap = torch.special.ndtr(place) - torch.special.ndtr((place - mean) / std)
    assert kolmogorov_smirnov(x, y) == pytest.approx(abs(float(gap)), rel=1e-6)


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_a_sample_against_a_law(n):
    """W_1 by the mean over levels of |x_(k) - quantile|, KS by the textbook's two one-sided suprema."""
    x, law = gaussian(n, 4, 0.3), normal_law()
    ranked = x.sort().values
    level = (torch.arange(2_000_000 // n * n, dtype=torch.float64) + 0.5) / (2_000_000 // n * n)
    quantile = torch.special.ndtri(level).reshape(n, -1)
    assert wasserstein_1(x, law) == pytest.approx(float((ranked[:, None] - quantile).abs().mean()), rel=2e-5)
    assert wasserstein_1(law, x) == wasserstein_1(x, law)
    cdf, rank = torch.special.ndtr(ranked), torch.arange(n + 1) / n
    expected = torch.maximum(rank[1:] - cdf, cdf - rank[:-1]).max()
    assert kolmogorov_smirnov(x, law) == pytest.approx(float(expected), abs=1e-6)
    one_sided = float((rank[1:] - cdf).abs().max())  # the fault: to look at the upper ends of the steps alone
    assert one_sided < kolmogorov_smirnov(x, law) - 1e-3 or float(expected) == pytest.approx(one_sided)


def test_lower_ends_of_steps_count():
    x = torch.tensor([3.0])
    assert kolmogorov_smirnov(x, normal_law()) == pytest.approx(0.99865, abs=1e-5)
    assert kolmogorov_smirnov(x, x) == wasserstein_1(x, x) == 0.0


def test_the_error_is_of_second_order_in_the_panels():
    x = gaussian(50, 5)
    found = [
        wasserstein_1(x, LineLaw.tabulated(torch.special.ndtr, -9.0, 9.0, panels=n)) for n in (1 << 15, 64, 128, 256)
    ]
    errors = [abs(value - found[0]) for value in found[1:]]
    assert errors[-1] < errors[0] / 8
    assert errors[-1] < 1e-3


def test_the_floor_is_what_theory_expects():
    """E W_1 = sqrt(2 / (pi n)) integral of sqrt(F (1 - F)), E KS = sqrt(pi / 2) ln 2 / sqrt(n), for large n."""
    n, law = 1000, normal_law()
    draws = [gaussian(n, 100 + k) for k in range(60)]
    shifted = [one + 0.2 for one in draws[:10]]
    transport, gap = line_beside_floor(shifted, draws, law)
    spread = torch.trapezoid((law.cdf * (1 - law.cdf)).sqrt(), law.points)
    assert transport.floor == pytest.approx(math.sqrt(2 / (math.pi * n)) * float(spread), rel=0.08)
    assert gap.floor == pytest.approx(math.sqrt(math.pi / 2) * math.log(2) / math.sqrt(n), rel=0.08)
    assert transport.value == pytest.approx(0.2, rel=0.1)
    assert transport.interval[0] > transport.floor_interval[1]  # the planted shift is seen
    assert (transport.n, transport.unit, gap.unit) == (n, "units of x", "")


def test_what_is_no_law_or_no_sample_is_refused():
    points = torch.tensor([0.0, 1.0])
    with pytest.raises(ValueError, match="ascending"):
        LineLaw(points.flip(0), points)
    with pytest.raises(ValueError, match=r"to 0\.5,"):
        LineLaw(points, 0.5 * points)
    with pytest.raises(ValueError, match="on the line"):
        wasserstein_1(torch.zeros(3, 2), points)
    with pytest.raises(ValueError, match="NaN"):
        kolmogorov_smirnov(torch.tensor([math.nan]), points)
    with pytest.raises(ValueError, match="one size"):
        line_beside_floor([torch.zeros(3)], [torch.zeros(4)], normal_law())
