"""A learned filter for each noise level is compared with the exact one at every eigenvalue."""

from __future__ import annotations

import pytest
import torch

from equigen import store
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.schedules.edm import EDM
from equigen.graphs.filters.rational import Rational
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import normalised_laplacian
from equigen.graphs.spectrum import decomposed
from equigen.networks.graph_covariance import GraphCovariance
from equigen.networks.graph_denoiser import GraphDenoiser, measured_response
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean

N = 16
EDGES = torch.tensor([[*range(N), 0, 5], [*range(1, N), 0, 8, 12]])
BOTH_WAYS = torch.cat((EDGES, EDGES.flip(0)), dim=1)
SHIFT = normalised_laplacian(Graph.from_edges(BOTH_WAYS, N))
COVARIANCE = GraphCovariance(SHIFT, Rational([1.0], [0.25, 1.0]))
LAW = Gaussian(torch.zeros(N, 1), COVARIANCE)
SPECTRUM = decomposed(SHIFT)
T = torch.tensor(0.6, dtype=torch.float64)


def noisy(count=64):
    x = LAW.sample(count, seed=7, dtype=torch.float64)
    return x + T * normal((N, 1), seed=8, stream=Stream.LAW, item=torch.arange(count), dtype=torch.float64)


def shaken(network):
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.copy_(0.3 * normal(parameter.shape, seed=1, stream=Stream.LAW, item=number))
    return network


def test_the_response_of_the_exact_denoiser_is_its_filter():
    found = measured_response(LAW.denoiser(EDM()), SPECTRUM.vectors, noisy(), T)
    wanted = COVARIANCE.denoiser_filter(EDM(), T).response(SPECTRUM.values)
    assert torch.allclose(found.response, wanted, atol=1e-12)
    assert float(found.rest.max()) < 1e-12


def test_nothing_is_told_of_directions_without_signals():
    """Signals along two eigenvectors: those responses, and NaN for all others."""
    x = torch.eye(2, dtype=torch.float64) @ torch.eye(N, dtype=torch.float64)[[3, 5]]
    found = measured_response(LAW.denoiser(EDM()), torch.eye(N), x[..., None], T)
    assert found.response.isfinite().nonzero().flatten().tolist() == [3, 5]
    assert found.rest.isfinite().nonzero().flatten().tolist() == [3, 5]


def test_the_exact_denoiser_samples_signals_of_its_density():
    model = DiffusionModel(Euclidean(N, 1), LAW.denoiser(EDM()))
    x = model.sample(1000, seed=0, steps=64)[..., 0].double()
    power = (x @ SPECTRUM.vectors).square().mean(0)
    wanted = COVARIANCE.eigenvalues(torch.Size([N]))
    error = wanted * (2 / len(x)) ** 0.5
    assert float(((power - wanted) / error).abs().max()) < 4.5
    assert float(((power - wanted.mean()) / error).abs().max()) > 4.5  # signals without a graph are told apart


class Bent(Denoiser):
    """No filter: a function of each number after the exact denoiser."""

    schedule = EDM()

    def forward(self, x_t, t, **condition):
        return torch.tanh(LAW.denoiser(EDM())(x_t, t))


def test_what_is_no_filter_leaves_a_rest():
    found = measured_response(Bent(), SPECTRUM.vectors, noisy(), T)
    assert float(found.rest.min()) > 1e-2


def test_the_network_is_a_polynomial_of_the_shift_with_the_taps_of_its_noise():
    network = shaken(GraphDenoiser(BOTH_WAYS, N, order=3)).double()
    x = normal((N, 1), seed=2, stream=Stream.LAW, item=torch.arange(3), dtype=torch.float64)
    noise = torch.tensor([-1.0, 0.0, 0.5], dtype=torch.float64)
    s = SHIFT.dense().double() - torch.eye(N)  # [0, 2] moved to [-1, 1]
    powers = [torch.eye(N), s, 2 * s @ s - torch.eye(N), 4 * s @ s @ s - 3 * s]
    taps = network.taps(network.noise(noise))
    dense = [sum(h * p.double() for h, p in zip(row.flatten(), powers, strict=True)) for row in taps]
    wanted = torch.stack([matrix @ y for matrix, y in zip(dense, x, strict=True)])
    assert torch.allclose(network(x, noise), wanted, atol=1e-10)
    assert not torch.allclose(network(x, noise + 0.3), wanted, atol=1e-3)


def trained(steps=150):
    """A denoiser that has learned from the exact law of fresh signals at one noise level and around it."""
    denoiser = NetworkDenoiser(GraphDenoiser(BOTH_WAYS, N, order=6), EDM(), KarrasPreconditioning(1.0))
    model = DiffusionModel(Euclidean(N, 1), denoiser)
    optimiser = torch.optim.Adam(denoiser.parameters(), 2e-2)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 2e-2 * (1 - step / steps)
        x = LAW.sample(512, seed=0, first=512 * step)
        optimiser.zero_grad()
        model.loss(x, seed=0, step=step).backward()
        optimiser.step()
    return denoiser.double()


def test_what_is_learned_is_the_exact_filter_response_by_response():
    wanted = COVARIANCE.denoiser_filter(EDM(), T).response(SPECTRUM.values)
    error, start = (
        float((measured_response(d, SPECTRUM.vectors, noisy(), T).response - wanted).abs().max())
        for d in (trained(), trained(0))
    )
    assert error < 0.05
    assert start > 0.15  # the best multiple of the identity is told apart


def test_it_is_stored_and_moved_with_its_graph(tmp_path):
    network = shaken(GraphDenoiser(BOTH_WAYS, N, weights=torch.linspace(1, 2, 2 * (N + 2)), order=2, width=8))
    model = DiffusionModel(Euclidean(N, 1), NetworkDenoiser(network, EDM(), KarrasPreconditioning()))
    again = store.load(store.save(model, tmp_path / "model"))
    assert torch.equal(model.sample(2, seed=0, steps=3), again.sample(2, seed=0, steps=3))
    assert GraphDenoiser(BOTH_WAYS, N).to("meta").graph.device.type == "meta"


def test_it_starts_at_zero_and_leaves_the_generator_alone():
    before = torch.get_rng_state()
    network = GraphDenoiser(BOTH_WAYS, N, features=2, order=0)
    assert torch.equal(before, torch.get_rng_state())
    assert not network(torch.ones(1, N, 2), torch.zeros(1)).any()
    with pytest.raises(ValueError, match="are the least"):
        GraphDenoiser(BOTH_WAYS, N, order=-1)


def test_it_compiles_whole():
    torch._dynamo.reset()
    network = shaken(GraphDenoiser(BOTH_WAYS, N, order=3, width=8))
    x, noise = torch.ones(2, N, 1), torch.zeros(2)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(x, noise), network(x, noise), atol=1e-6)
