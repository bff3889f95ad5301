"""Signals on a graph are Gaussian with the covariance d(S): all of it against dense matrices."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.laws.covariance import Dense
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.schedules.variance_preserving import VariancePreserving
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import adjacency, laplacian, normalised_laplacian, random_walk
from equigen.graphs.side_by_side import joined
from equigen.networks.graph_covariance import GraphCovariance
from equigen.random import Stream, normal

N = 12
RING = Graph.from_edges(
    [[*range(N), 0, 3], [*range(1, N), 0, 5, 9]], N, weights=[1.0] * N + [2.0, 0.5], undirected=True
)
SHIFT = laplacian(RING)
SMOOTH = Rational([1.0], [0.5, 1.0])  # 1 / (1/2 + lambda)
DENSITIES = {
    "rational": SMOOTH,
    "polynomial": Polynomial([4.0, -0.5, 0.02]),
    "spectral": Spectral(lambda value: torch.exp(-value)),
}
SCHEDULES = [EDM(), VariancePreserving()]


def dense_of(density):
    """d(L) by its own eigendecomposition."""
    values, vectors = torch.linalg.eigh(SHIFT.dense().double())
    return vectors * density.response(values) @ vectors.T


def items(count=5, seed=0):
    return normal((N,), seed=seed, stream=Stream.LAW, item=torch.arange(count), dtype=torch.float64)


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_the_law_is_that_of_the_dense_covariance(density):
    graph = Gaussian(torch.linspace(-1, 1, N), GraphCovariance(SHIFT, density))
    dense = Gaussian(torch.linspace(-1, 1, N), Dense(dense_of(density)))
    x = items()
    assert torch.allclose(graph.log_prob(x), dense.log_prob(x), rtol=1e-10)
    assert torch.allclose(graph.score(x), dense.score(x), rtol=1e-9, atol=1e-9)
    drawn = {"seed": 3, "dtype": torch.float64}
    assert torch.allclose(graph.sample(4, **drawn), dense.sample(4, **drawn), atol=1e-12)
    other = Gaussian(torch.linspace(-1, 1, N), Dense(dense_of(density) + 0.01 * torch.eye(N)))
    assert not torch.allclose(graph.log_prob(x), other.log_prob(x), rtol=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_the_exact_denoiser_is_the_filter_of_its_noise_level(density, schedule):
    covariance = GraphCovariance(SHIFT, density)
    denoiser = Gaussian(torch.zeros(N), covariance).denoiser(schedule)
    dense = Gaussian(torch.zeros(N), Dense(dense_of(density))).denoiser(schedule)
    x, times = items(), torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64) * schedule.t_max
    values, vectors = torch.linalg.eigh(SHIFT.dense().double())
    for t in times:
        found = denoiser(x, t)
        assert torch.allclose(found, dense(x, t), atol=1e-12)
        response = covariance.denoiser_filter(schedule, t).response(values)
        assert torch.allclose(x @ (vectors * response) @ vectors.T, found, atol=1e-12)
        late = covariance.denoiser_filter(schedule, 1.1 * t).response(values)
        assert not torch.allclose(response, late, rtol=1e-3)
    each = times[torch.arange(len(x)) % 3]
    assert torch.allclose(denoiser(x, each), dense(x, each), atol=1e-12)


def test_the_filter_stays_in_the_family_of_the_density():
    kinds = {name: type(GraphCovariance(SHIFT, d).denoiser_filter(EDM(), 1.0)) for name, d in DENSITIES.items()}
    assert kinds == {"rational": Rational, "polynomial": Rational, "spectral": Spectral}


@pytest.mark.parametrize("shape", [(N,), (N, 3)])
def test_a_series_is_the_spectrum_to_its_stated_error(shape):
    exact, series = GraphCovariance(SHIFT, SMOOTH), GraphCovariance(SHIFT, SMOOTH, order=30)
    x = normal(shape, seed=0, stream=Stream.LAW, item=torch.arange(4), dtype=torch.float64)
    for f in (torch.sqrt, torch.reciprocal, lambda c: c / (c + 0.3)):
        bound = series.fit_error(f)
        error = (series.apply(f, x) - exact.apply(f, x)).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)
        assert 0 < float(error.max()) <= bound < 1e-6
    assert series.fit_error(torch.sqrt) > 100 * GraphCovariance(SHIFT, SMOOTH, order=60).fit_error(torch.sqrt)
    coarse = GraphCovariance(SHIFT, SMOOTH, order=3)
    assert float((coarse.apply(torch.sqrt, x) - exact.apply(torch.sqrt, x)).abs().max()) > 1e-3


@pytest.mark.parametrize("shape", [(N,), (N, 3)])
def test_a_series_takes_numbers_of_the_items_as_the_spectrum_does(shape):
    series, exact = (GraphCovariance(SHIFT, SMOOTH, order) for order in (40, None))
    x = normal(shape, seed=1, stream=Stream.LAW, item=torch.arange(4), dtype=torch.float64)
    t = torch.tensor([0.3, 1.0, 3.0, 10.0], dtype=torch.float64)
    found, wanted = (Gaussian(torch.zeros(shape), c).denoiser(EDM())(x, t) for c in (series, exact))
    assert torch.allclose(found, wanted, atol=1e-8)
    assert torch.allclose(found[2:3], Gaussian(torch.zeros(shape), series).denoiser(EDM())(x[2:3], t[2]), atol=1e-12)


def test_float32_is_float64_rounded():
    x, t = items(), torch.tensor(0.7)
    for order in (None, 20):
        denoiser = Gaussian(torch.zeros(N), GraphCovariance(SHIFT, SMOOTH, order)).denoiser(EDM())
        single = denoiser(x.float(), t)
        assert single.dtype == torch.float32
        assert torch.allclose(single.double(), denoiser(x, t.double()), atol=1e-5)


def test_a_diffused_law_is_mapped():
    law = Gaussian(torch.zeros(N), GraphCovariance(SHIFT, SMOOTH)).diffused(EDM(), 2.0)
    dense = Gaussian(torch.zeros(N), Dense(dense_of(SMOOTH) + 4.0 * torch.eye(N)))
    assert torch.allclose(law.log_prob(items()), dense.log_prob(items()), rtol=1e-10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GraphCovariance(random_walk(RING), SMOOTH), "one symmetric shift"),
        (lambda: GraphCovariance(laplacian(joined([RING, RING])), SMOOTH), "one symmetric shift"),
        (lambda: GraphCovariance(SHIFT, Polynomial([1.0, -1.0])), "no power is negative"),
        (lambda: GraphCovariance(SHIFT, Chebyshev([0.0, 1.0], 0.0, 7.0), order=4), "no power is negative"),
        (lambda: GraphCovariance(SHIFT, SMOOTH, order=0), "degree 1 or more"),
        (lambda: GraphCovariance(SHIFT, SMOOTH, order=4).eigenvalues(torch.Size([N])), "knows no eigenvalues"),
        (lambda: GraphCovariance(SHIFT, SMOOTH).denoiser_filter(EDM(), torch.ones(2)), "one noise level"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("size", [1e-12, 1e-8, 1.0, 1e8])
def test_a_series_does_not_depend_on_the_unit_of_the_weights(size):
    """d(size L) with d(l) = 1 / (1/2 + l / size) is d(L), by a series as by the spectrum."""
    shift = SHIFT.scaled(size)
    series = GraphCovariance(shift, Rational([1.0], [0.5, 1.0 / size]), order=30)
    assert torch.allclose(series.apply(torch.sqrt, items()), GraphCovariance(SHIFT, SMOOTH).apply(torch.sqrt, items()))
    assert series.fit_error(torch.sqrt) < 1e-6


def test_a_series_asks_for_a_density_on_the_whole_interval():
    """1 + l / 3 on a star: eigenvalues down to -2, the interval down to -4."""
    star = adjacency(Graph.from_edges([[0, 0, 0, 0], [1, 2, 3, 4]], 5, undirected=True))
    density = Polynomial([1.0, 1.0 / 3.0])
    assert GraphCovariance(star, density).low == pytest.approx(-2.0)
    with pytest.raises(ValueError, match=r"somewhere on \[-4, 4\]"):
        GraphCovariance(star, density, order=4)


def test_a_graph_without_edges_has_one_variance():
    shift, x = normalised_laplacian(Graph.from_edges([[], []], 3)), torch.ones(1, 3)
    for order in (None, 2):
        found = GraphCovariance(shift, SMOOTH, order).apply(torch.sqrt, x)
        assert torch.allclose(found, 2.0**0.5 * x, atol=1e-6)
