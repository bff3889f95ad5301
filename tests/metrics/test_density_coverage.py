"""Density and coverage against loops and against their expectations, which hold for any continuous law."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from equigen.metrics.density_coverage import density_and_coverage, expected_coverage
from equigen.random import Stream, normal


def gaussian(n: int, d: int, seed: int) -> Tensor:
    return normal((n, d), seed=seed, stream=Stream.LAW, dtype=torch.float64)


def by_loops(real: Tensor, samples: Tensor, k: int) -> tuple[float, float]:
    """The definitions, item by item."""
    hits, covered = 0, 0
    for i in range(len(real)):
        others = sorted(float((real[i] - real[j]).norm()) for j in range(len(real)) if j != i)
        inside = [float((real[i] - y).norm()) <= others[k - 1] for y in samples]
        hits += sum(inside)
        covered += any(inside)
    return hits / (k * len(samples)), covered / len(real)


@pytest.mark.parametrize(("n", "m", "k"), [(12, 9, 1), (12, 9, 3), (7, 20, 5), (6, 1, 5)])
def test_against_loops(n, m, k):
    real, samples = gaussian(n, 3, 1), 0.8 * gaussian(m, 3, 2)
    assert density_and_coverage(samples, real, k=k) == pytest.approx(by_loops(real, samples, k))


def test_the_usual_k_is_five():
    real, samples = gaussian(30, 3, 1), gaussian(30, 3, 2)
    assert density_and_coverage(samples, real) == density_and_coverage(samples, real, k=5)
    assert expected_coverage(30, 20) == expected_coverage(30, 20, k=5)


def test_expectations_of_one_law():
    n, m, k, repeats = 40, 30, 3, 300
    found = torch.tensor(
        [density_and_coverage(gaussian(m, 2, s + 5000), gaussian(n, 2, s), k=k) for s in range(repeats)]
    )
    error = found.std(0) / repeats**0.5
    gap = (found.mean(0) - torch.tensor([1.0, expected_coverage(n, m, k=k)])).abs()
    assert (gap < 4 * error).all()
    # With another k the same numbers would contradict the lemma.
    assert abs(found[:, 1].mean() - expected_coverage(n, m, k=k + 1)) > 4 * error[1]


def test_expectation_does_not_depend_on_the_law():
    # The map x -> x^3 of one-dimensional items keeps the order but changes the law entirely.
    found = torch.tensor(
        [density_and_coverage(gaussian(30, 1, s + 900) ** 3, gaussian(30, 1, s) ** 3, k=2)[1] for s in range(300)]
    )
    assert abs(found.mean() - expected_coverage(30, 30, k=2)) < 4 * found.std() / 300**0.5


def test_mode_collapse_costs_coverage_and_not_density():
    modes = torch.arange(4.0)[:, None].repeat(100, 2) * 20
    real, fresh = modes + gaussian(400, 2, 3), modes + gaussian(400, 2, 4)
    density, coverage = density_and_coverage(fresh, real)
    collapsed_density, collapsed_coverage = density_and_coverage(fresh[::4].repeat(4, 1), real)
    assert coverage > 0.9
    assert collapsed_coverage < 0.27
    assert collapsed_density > 0.7 * density


def test_noise_costs_density():
    real, fresh = gaussian(300, 8, 5), gaussian(300, 8, 6)
    density, _ = density_and_coverage(fresh, real)
    noisy, _ = density_and_coverage(fresh + 2 * gaussian(300, 8, 7), real)
    assert noisy < 0.3 * density


def test_crowding_raises_density_above_one():
    real = gaussian(300, 4, 8)
    assert density_and_coverage(0.1 * gaussian(300, 4, 9), real)[0] > 1.3


def test_repeated_values_count():
    real = torch.zeros(8, 2)
    assert density_and_coverage(torch.zeros(3, 2), real, k=5) == (8 / 5, 1.0)


@pytest.mark.parametrize(("real", "samples", "k"), [((5, 2), (5, 2), 5), ((5, 2), (5, 3), 2), ((5, 2), (5, 2), 0)])
def test_other_shapes_are_refused(real, samples, k):
    with pytest.raises(ValueError, match="k < N"):
        density_and_coverage(torch.zeros(samples), torch.zeros(real), k=k)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        density_and_coverage(torch.zeros(0, 2), torch.zeros(9, 2))
