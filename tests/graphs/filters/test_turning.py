"""Nodes, series, roots and refined samples."""

import math

import pytest
import torch

from equigen.graphs.filters.turning import (
    chebyshev_coefficients,
    chebyshev_nodes,
    power_roots,
    refined_maxima,
    roots_near,
)


def from_roots(roots):
    return lambda x: torch.stack([x - root for root in roots]).prod(0)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_nodes_are_roots_of_the_polynomial(count):
    t = chebyshev_nodes(count, 1.0, 5.0) / 2.0 - 1.5
    assert torch.cos(count * torch.arccos(t)).abs().max() < 1e-14 * count * 10


@pytest.mark.parametrize("count", [1, 4, 21])
def test_as_many_coefficients_as_values_go_through_them(count):
    nodes = chebyshev_nodes(count, -1.0, 1.0)
    values = torch.sin(3.0 * nodes) + 0.2
    waves = torch.cos(torch.arccos(nodes)[:, None] * torch.arange(count))
    torch.testing.assert_close(waves @ chebyshev_coefficients(values, count - 1), values, rtol=0.0, atol=1e-13)
    least = torch.linalg.lstsq(waves[:, : count // 2 + 1], values[:, None]).solution[:, 0]
    torch.testing.assert_close(chebyshev_coefficients(values, count // 2), least, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize(
    "roots", [[0.3], [0.1, 0.7, 1.9], [0.5, 0.5, 1.5], [-3.0, 0.2, 4.0], [k / 10 for k in range(20)]]
)
def test_every_root_of_the_interval_is_near(roots):
    found = roots_near(from_roots(roots), len(roots) + 2, 0.0, 2.0)
    inside = [root for root in roots if 0.0 <= root <= 2.0]
    off = (found[:, None] - torch.tensor(inside, dtype=torch.float64)).abs().min(0).values
    assert float(off.max()) < (1e-6 if len(set(roots)) < len(roots) else 1e-9)
    assert bool(((found >= 0.0) & (found <= 2.0)).all())
    assert {0.0, 2.0} <= set(found.tolist())


def test_roots_of_constants_and_points_are_the_ends():
    assert roots_near(torch.zeros_like, 3, 0.0, 2.0).tolist() == [0.0, 2.0]
    assert roots_near(torch.sin, 3, 1.0, 1.0).tolist() == [1.0, 1.0]
    assert power_roots(torch.zeros(3).double()).shape == (0,)
    assert power_roots(torch.tensor([1.0, 0.0, 1.0, 0.0]).double()).imag.sort().values.tolist() == pytest.approx(
        [-1.0, 1.0]
    )


@pytest.mark.parametrize(
    ("taps", "roots"),
    [
        ([1.0, 0.5, 1e-18], [-5e17, -2.0]),
        ([1.0, 0.5, 1e-8], [-5e7 + 2.0, -2.00000008]),
        ([1e-18, 0.5, 1.0], [-0.5, -2e-18]),
        ([1e-18, 1.0, 1.0, 1e-18], [-1e18, -1.0, -1e-18]),
        ([1e-18, 1.0, 1e-6, 1e-18], [-1e12 + 1e6 + 1.0, -1e6 - 1.000002, -1e-18]),
        ([0.0, 0.0, 1.0, 1e-20], [-1e20, 0.0, 0.0]),
    ],
)
def test_roots_of_very_different_sizes_are_found(taps, roots):
    found = power_roots(torch.tensor(taps, dtype=torch.float64))
    assert found.imag.abs().max() == 0.0
    assert found.real.tolist() == pytest.approx(roots, rel=1e-12, abs=1e-30)


def test_conjugate_roots_stay_in_pairs_beside_large_ones():
    found = power_roots(torch.tensor([2.0, 0.3, 1.0, 1e-17], dtype=torch.float64))
    assert found.imag.sum() == 0.0
    assert found[1:].prod().real.item() == pytest.approx(2.0, rel=1e-13)
    assert found[1:].sum().real.item() == pytest.approx(-0.3, rel=1e-13)


def test_a_root_beyond_the_numbers_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="leave that tap out"):
        power_roots(torch.tensor([1.0, 1.0, 1e-320], dtype=torch.float64))


@pytest.mark.parametrize("frequency", [1.0, 50.0, 400.0])
def test_refined_samples_reach_the_top(frequency):
    points = refined_maxima(lambda x: torch.sin(frequency * x) * torch.exp(-x), 0.0, 3.0)
    top = math.atan(frequency) / frequency
    value = torch.sin(frequency * points) * torch.exp(-points)
    assert value.abs().max().item() == pytest.approx(math.sin(frequency * top) * math.exp(-top), rel=1e-14)
    assert refined_maxima(torch.sin, 1.0, 1.0).tolist() == [1.0]
