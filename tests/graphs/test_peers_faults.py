"""Faults that were found in graph libraries and published code, each as a test that this library does not share it.

Beside each stands the fault itself, planted, which the same test catches.
"""

from __future__ import annotations

import networkx
import pytest
import torch
from torch import nn

from equigen import random
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.solver import State
from equigen.graphs.filters.rational import Rational
from equigen.graphs.functional import chebyshev_convolve
from equigen.graphs.graph import Graph
from equigen.graphs.layers.chebyshev import ChebyshevConvolution
from equigen.graphs.layers.graph_norm import GraphNorm
from equigen.graphs.layers.readouts import readout
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.graphs.reading import as_graph
from equigen.graphs.shifts import SHIFTS, laplacian, shift_of
from equigen.graphs.side_by_side import joined
from equigen.graphs.spectrum import interval, recentred
from equigen.networks.graph_covariance import GraphCovariance
from equigen.networks.graph_denoiser import GraphDenoiser
from tests.graphs.all_graphs import ALL_GRAPHS, NOT_NEGATIVE, noise, scattered
from tests.graphs.every_map import ALL_MAPS
from tests.graphs.rules import require_separate

STAR = Graph.from_edges([[0] * 9, list(range(1, 10))], 10, undirected=True)
PATH = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
TOGETHER = joined([PATH, STAR])


# --- the largest eigenvalue of a batch


def test_a_chebyshev_layer_recentres_each_graph_by_itself():
    with random.fork(seed=0, stream=random.Stream.INITIALISATION):
        layer = ChebyshevConvolution(2, 2, 3, "laplacian").double()
    require_separate(layer, TOGETHER, noise(13, 2))
    assert interval(laplacian(TOGETHER)).tolist() == [[0.0, 4.0], [0.0, 18.0]]


def test_one_interval_for_a_batch_is_caught():
    taps = noise(4, 2, 2)

    def over_the_batch(graph, x):
        bounds = interval(laplacian(graph))
        ends = torch.stack((bounds[:, 0].min(), bounds[:, 1].max()))
        return chebyshev_convolve(recentred(laplacian(graph), ends), x, taps)

    with pytest.raises(AssertionError, match="graph 0 alone"):
        require_separate(over_the_batch, TOGETHER, noise(13, 2))


# --- normalised noise


def noised(graph):
    """An adjacency with symmetric noise, as a score network is given it: degrees of both signs."""
    padded = PaddedGraphs.of(graph, dtype=torch.float64)
    z = noise(*padded.matrix.shape, seed=3)
    return PaddedGraphs(padded.matrix + 2.0 * (z + z.mT), padded.real)


def test_a_noised_adjacency_is_refused_where_degrees_divide_and_finite_elsewhere():
    graphs, x = noised(joined([PATH, ALL_GRAPHS["complete"]])), noise(2, 4, 2)
    assert bool((graphs.degrees < 0).any())
    for name in SHIFTS:
        if name in ("adjacency", "laplacian"):
            assert bool(shift_of(graphs, name).product(x).isfinite().all())
        else:
            with pytest.raises(ValueError, match="as low as"):
                shift_of(graphs, name)
    for name in ("graph-convolution", "chebyshev", "arma", "gin", "gat", "gatv2", "node-varying", "edge-varying"):
        layer = LAYERS[name](2, 4, 2, "adjacency").double()
        matrix = graphs.matrix.clone().requires_grad_()
        y = layer(PaddedGraphs(matrix, graphs.real), x)
        assert bool(y.isfinite().all())
        slopes = torch.autograd.grad(y.square().sum(), matrix, allow_unused=True)
        assert all(each is None or bool(each.isfinite().all()) for each in slopes)


def test_roots_of_negative_degrees_are_not_finite():
    """What the refusal is for."""
    degrees = noised(joined([PATH, ALL_GRAPHS["complete"]])).degrees
    assert bool(degrees.rsqrt().isnan().any())


# --- nodes that are none


def test_norms_do_not_see_padding():
    norm = GraphNorm(2).double()
    require_separate(norm, TOGETHER, noise(13, 2))


def test_a_norm_over_padding_is_caught():
    batch_norm = nn.BatchNorm1d(2, track_running_stats=False).double()

    def over_all(graph, x):
        return graph.masked(batch_norm(graph.masked(x).flatten(0, -2)).reshape(x.shape))

    with pytest.raises(AssertionError):
        require_separate(over_all, TOGETHER, noise(13, 2))


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_readouts_do_not_see_padding(how):
    require_separate(lambda graph, x: readout(graph, x - 5.0, how), TOGETHER, noise(13, 2), "graph")


@pytest.mark.parametrize("pool", [lambda x: x.mean(1), lambda x: x.amax(1)], ids=["mean", "max"])
def test_pooling_over_padding_is_caught(pool):
    name = "mean" if pool(torch.tensor([[[0.0], [1.0]]])).item() == 0.5 else "max"

    def function(graph, x):
        negative = graph.masked(x - 5.0)
        return readout(graph, negative, name) if isinstance(graph, Graph) else pool(negative)

    with pytest.raises(AssertionError, match="padded"):
        require_separate(function, TOGETHER, noise(13, 2), "graph")


# --- isolated nodes


def test_isolated_nodes_are_kept():
    source = networkx.empty_graph(3)
    source.add_edge(0, 1)
    graph = as_graph(source)
    padded = PaddedGraphs.of(graph, 5)
    packed = padded.packed()
    assert graph.nodes == packed.nodes == 3
    assert packed.sizes.tolist() == [3]
    assert readout(graph, torch.ones(3, 1), "sum").item() == readout(padded, torch.ones(1, 5, 1), "sum").item() == 3.0


def test_deleting_isolated_nodes_changes_what_is_measured():
    """The planted fault: a graph without its isolated node has another mean."""
    graph = Graph.from_edges([[0], [1]], 3, undirected=True)
    kept = graph.degrees > 0
    without = Graph.from_dense(graph.dense()[kept][:, kept])
    x = torch.tensor([[1.0], [1.0], [4.0]])
    assert readout(graph, x, "mean").item() == 2.0
    assert readout(without, x[kept], "mean").item() == 1.0


@pytest.mark.parametrize("name", ALL_MAPS)
def test_isolated_nodes_divide_nothing_by_zero(name):
    mapped = ALL_MAPS[name]
    for label in ("one-node", "no-edges", "arrow-and-isolated", "isolated-nodes"):
        if label in mapped.graphs:
            graph = mapped.graphs[label]
            x = noise(graph.nodes, mapped.features).requires_grad_()
            y = mapped.function(graph, x)
            assert bool(y.isfinite().all())
            (slope,) = torch.autograd.grad(y.sum(), x, allow_unused=True)
            assert slope is None or bool(slope.isfinite().all())


# --- directions and orders


def test_a_shift_is_applied_from_the_left():
    """Row form, x S, applies the transpose; the two are told apart on directed graphs."""
    for name, graph in NOT_NEGATIVE.items():
        for shift in SHIFTS:
            s, x = shift_of(graph, shift), noise(graph.nodes, 2)
            torch.testing.assert_close(s.product(x), s.dense() @ x, msg=f"{shift} of {name}")
    s, x = shift_of(ALL_GRAPHS["weighted-directed"], "random-walk"), noise(6, 2)
    assert not torch.allclose(s.product(x), (x.T @ s.dense()).T)


def test_rows_and_columns_are_renumbered_together():
    graph, g = scattered(5, 0.4, 9, symmetric=False), torch.tensor([3, 0, 4, 1, 2])
    w = graph.dense()
    both, rows = torch.empty_like(w), torch.empty_like(w)
    both[g[:, None], g[None]], rows[g] = w, w
    assert torch.equal(renumbered(graph, g).dense(), both)
    assert not torch.equal(rows, both)
    x = noise(5, 2)
    assert not torch.allclose(Graph.from_dense(rows).product(x)[g], graph.product(x)[g])


# --- score networks and their samplers


def test_a_graph_denoiser_sees_the_noise_level():
    network = GraphDenoiser(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), 3, order=2)
    with torch.no_grad():
        for k, each in enumerate(network.parameters()):
            each.copy_(noise(*each.shape, seed=k, dtype=torch.float32))
    x = noise(1, 3, 1, dtype=torch.float32)
    results = [network(x, torch.tensor([level])) for level in (-1.0, 0.0, 1.0)]
    assert not torch.allclose(results[0], results[1], rtol=0.01)
    assert not torch.allclose(results[1], results[2], rtol=0.01)


def corrected(solver, count=3):
    """What the corrector adds to signals on a graph: noise and score, at one noise level."""
    covariance = GraphCovariance(laplacian(PATH), Rational([1.0], [1.0, 1.0]))
    denoiser = Gaussian(torch.zeros(3, dtype=torch.float64), covariance).denoiser(EDM())
    t, x, z = torch.tensor(0.7, dtype=torch.float64), noise(count, 3), noise(count, 3, seed=1)
    after = solver.step(denoiser, State(x), t, t, lambda draw: z).x
    return x, z, denoiser.score(x, t), after


def test_the_corrector_takes_each_signal_by_itself_and_its_whole_noise():
    """x + e score + sqrt(2 e) z: a noise scaled by less draws from a colder law."""
    solver = PredictorCorrector(snr=0.2)
    x, z, score, after = corrected(solver)
    e = 2.0 * (0.2 * 0.7) ** 2
    torch.testing.assert_close(after, x + e * score + (2.0 * e) ** 0.5 * z)
    assert not torch.allclose(after, x + e * score + 0.7 * (2.0 * e) ** 0.5 * z, rtol=1e-3)
    torch.testing.assert_close(corrected(solver, 1)[3], after[:1])


def test_a_norm_over_the_batch_is_caught():
    solver = PredictorCorrector(snr=0.2, norm="batch-mean")
    assert not torch.allclose(corrected(solver, 1)[3], corrected(solver)[3][:1], rtol=1e-3)
