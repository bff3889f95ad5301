"""Linear layers against PyG's with the same weights, against dense matrices, under permutations, and batched."""

import pytest
import torch
from torch import nn

from equigen.graphs.graph import Graph
from equigen.graphs.layers.arma import ARMAConvolution
from equigen.graphs.layers.chebyshev import ChebyshevConvolution
from equigen.graphs.layers.edge_varying import EdgeVarying
from equigen.graphs.layers.gcn import GCN
from equigen.graphs.layers.graph_convolution import GraphConvolution
from equigen.graphs.layers.initial import glorot
from equigen.graphs.layers.invariants import INVARIANTS, node_invariants
from equigen.graphs.layers.node_varying import NodeVarying
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.graphs.shifts import SHIFTS, renormalised_adjacency, shift_of
from equigen.graphs.side_by_side import joined

N, IN, OUT = 8, 3, 4
LAYERS = {
    "graph convolution": lambda shift: GraphConvolution(IN, OUT, 2, shift),
    "Chebyshev": lambda shift: ChebyshevConvolution(IN, OUT, 2, shift),
    "ARMA": lambda shift: ARMAConvolution(IN, OUT, 2, 3, shift),
    "ARMA, shared": lambda shift: ARMAConvolution(IN, OUT, 1, 3, shift, shared=True, function=None),
    "GCN": lambda shift: GCN(IN, OUT),
    "node-varying": lambda shift: NodeVarying(IN, OUT, 2, shift),
    "edge-varying": lambda shift: EdgeVarying(IN, OUT, 2, shift),
}
FREE = {
    "node-varying": lambda graph: NodeVarying(IN, OUT, 2, nodes=graph.nodes),
    "edge-varying": lambda graph: EdgeVarying(IN, OUT, 2, entries=graph.entries),
}


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_graph(n=N, *, directed=True, weighted=True, loops=True, seed=0):
    """A ring, so that every node has neighbours, and other edges by chance."""
    matrix = (randn(n, n, seed=seed) > 0.7).double()
    ring = torch.arange(n)
    matrix[ring, ring.roll(1)] = 1.0
    matrix = matrix * (0.5 + randn(n, n, seed=seed + 1).abs()) if weighted else matrix
    matrix = matrix if directed else torch.maximum(matrix, matrix.mT)
    return Graph.from_dense(matrix if loops else matrix - torch.diag(matrix.diag()))


def made(make, given, seed=0):
    """A layer in float64 with all its numbers drawn, biases and free factors too."""
    layer = make(given).double()
    with torch.no_grad():
        for number, each in enumerate(layer.parameters()):
            each.copy_(randn(*each.shape, seed=seed + number) / max(1, each.shape[-1]))
    return layer


def commuting_error(layer, graph, x):
    """How far f(P W P^T, P x) is from P f(W, x), over 4 permutations, beside the size of f."""
    errors = []
    for seed in range(4):
        g = torch.randperm(graph.nodes, generator=torch.Generator().manual_seed(seed))
        y, there = layer(graph, x), layer(renumbered(graph, g), x[g.argsort()])
        errors.append((there - y[g.argsort()]).detach().abs().max() / y.detach().abs().max())
    return float(torch.stack(errors).max())


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_commute_with_permutations(name, shift):
    layer, x = made(LAYERS[name], shift), randn(N, IN)
    for graph in (random_graph(), random_graph(directed=False, weighted=False)):
        assert commuting_error(layer, graph, x) < 1e-12


@pytest.mark.parametrize("name", FREE)
def test_free_layers_do_not(name):
    graph = random_graph()
    assert commuting_error(made(FREE[name], graph), graph, randn(N, IN)) > 0.01


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("name", LAYERS)
def test_batched_separate_and_padded_agree(name, shift):
    layer = made(LAYERS[name], shift)
    parts = [random_graph(5, seed=3), Graph.from_edges([[], []], 1), random_graph(4, seed=5)]
    padded, x = PaddedGraphs.of(joined(parts), 6, torch.float64), randn(10, IN)
    assert padded.real is not None
    stored = torch.full((3, 6, IN), torch.nan, dtype=torch.float64)
    stored[padded.real] = x
    alone = torch.cat([layer(part, own) for part, own in zip(parts, x.split([5, 1, 4]), strict=True)])
    torch.testing.assert_close(layer(joined(parts), x), alone, rtol=0, atol=1e-12)
    y = layer(padded, stored)
    torch.testing.assert_close(y[padded.real], alone, rtol=0, atol=1e-12)
    assert not y[~padded.real].any()


@pytest.mark.parametrize("name", LAYERS)
def test_signals_on_one_graph_are_layered_each_by_itself(name):
    layer, graph, x = made(LAYERS[name], "random-walk"), random_graph(), randn(2, 3, N, IN)
    y = layer(graph, x)
    assert y.shape == (2, 3, N, OUT)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(y[i, j], layer(graph, x[i, j]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_without_derivatives_the_same_comes_out_and_nothing_given_is_changed(name):
    layer, graph, x = made(LAYERS[name], "renormalised-adjacency"), random_graph(), randn(N, IN)
    for given, features in ((graph, x), (PaddedGraphs.of(graph), x[None])):
        before = features.clone()
        with torch.no_grad():
            torch.testing.assert_close(layer(given, features), layer(given, features), rtol=0, atol=0)
            y = layer(given, features)
        torch.testing.assert_close(y, layer(given, features), rtol=0, atol=1e-12)
        assert torch.equal(features, before)


@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_are_those_of_float64_differences(name):
    layer, graph = made(LAYERS[name], "random-walk"), random_graph(4)
    assert graph.weights is not None

    def of_all(weights, x):
        return layer(graph.with_weights(weights), x)

    assert torch.autograd.gradcheck(of_all, (graph.weights.clone().requires_grad_(), randn(4, IN).requires_grad_()))

    def of_parameters(*parameters):
        named = dict(zip(dict(layer.named_parameters()), parameters, strict=True))
        return torch.func.functional_call(layer, named, (graph, randn(4, IN)))

    assert torch.autograd.gradcheck(of_parameters, tuple(layer.parameters()))


@pytest.mark.parametrize("name", LAYERS)
def test_compiling_leaves_one_graph(name):
    torch.compiler.reset()
    layer = made(LAYERS[name], "random-walk")
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    graph, x = random_graph(), randn(2, N, IN)
    if name == "edge-varying":  # the one that treats both layouts by itself
        padded = PaddedGraphs(randn(2, N, N).abs(), torch.ones(2, N, dtype=torch.bool))
        torch.testing.assert_close(compiled(padded, x), layer(padded, x))
    torch.testing.assert_close(compiled(graph, x[0]), layer(graph, x[0]))


# --- against PyG, with the same weights


@pytest.fixture(scope="module")
def conv():
    """PyG's convolutions."""
    return pytest.importorskip("torch_geometric.nn.conv", reason="torch_geometric is not installed")


def given_to_pyg(graph):
    """edge_index and edge_weight: sources, then targets."""
    return torch.stack((graph.columns, graph.rows)).long(), graph.weights_or_ones().float()


def apart(layer, peer, graph):
    x = randn(N, IN, dtype=torch.float32)
    y, theirs = layer(graph, x), peer(x, *given_to_pyg(graph))
    return float(((y - theirs).abs().max() / theirs.abs().max()).detach())


def tag(conv):
    peer = conv.TAGConv(IN, OUT, 3)
    layer = GraphConvolution(IN, OUT, 3)
    return layer, peer, {layer.taps: [each.weight.T for each in peer.lins], layer.bias: peer.bias}


def cheb(conv):
    peer = conv.ChebConv(IN, OUT, 4)
    layer = ChebyshevConvolution(IN, OUT, 3)
    return layer, peer, {layer.taps: [each.weight.T for each in peer.lins], layer.bias: peer.bias}


def arma(conv, *, shared=False, iterations=3):
    peer = conv.ARMAConv(IN, OUT, 2, iterations, shared_weights=shared)
    layer = ARMAConvolution(IN, OUT, 2, iterations, shared=shared)
    taken = {layer.first: peer.init_weight, layer.outer: peer.root_weight, layer.bias: peer.bias}
    return layer, peer, taken | ({layer.inner: peer.weight} if len(layer.inner) else {})


def gcn(conv):
    peer = conv.GCNConv(IN, OUT)
    layer = GCN(IN, OUT)
    return layer, peer, {layer.weight: peer.lin.weight.T, layer.bias: peer.bias}


PEERS = {
    "TAGConv": (tag, {}),
    "ChebConv": (cheb, {"directed": False, "loops": False}),  # degrees of the other side there; loops are left out
    "ARMAConv": (arma, {}),
    "ARMAConv, shared": (lambda conv: arma(conv, shared=True), {}),
    "ARMAConv, once": (lambda conv: arma(conv, iterations=1), {}),
    "GCNConv": (gcn, {"loops": False}),  # a loop there is kept at its weight
}


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", PEERS)
def test_layers_agree_with_pyg_and_a_planted_shift_does_not(conv, name, weighted):
    build, kinds = PEERS[name]
    graph = random_graph(weighted=weighted, **kinds)
    layer, peer, taken = build(conv)
    with torch.no_grad():
        nn.init.normal_(peer.bias)
        for mine, theirs in taken.items():
            mine.copy_(torch.stack(theirs) if isinstance(theirs, list) else theirs)
    assert apart(layer, peer, graph) < 1e-5
    if name == "GCNConv":
        layer.weight = nn.Parameter(layer.weight * 1.001)
    else:
        layer.shift = "random-walk-laplacian" if name == "ChebConv" else "random-walk"
    assert apart(layer, peer, graph) > 1e-4


# --- each by its own formula


def test_gcn_multiplies_at_the_narrower_width_and_gives_the_formula():
    graph = random_graph()
    for wide_in, wide_out in ((2, 5), (5, 2)):
        layer, x = GCN(wide_in, wide_out).double(), randn(N, wide_in)
        nn.init.normal_(layer.bias)
        expected = renormalised_adjacency(graph).dense() @ x @ layer.weight + layer.bias
        torch.testing.assert_close(layer(graph, x), expected, rtol=0, atol=1e-12)


def test_shared_arma_goes_to_the_rational_filter():
    graph, x = random_graph(directed=False), randn(N, 2)
    layer = ARMAConvolution(2, 2, 1, 200, shared=True, function=None).double()
    with torch.no_grad():
        layer.inner.copy_(0.4 * torch.eye(2, dtype=torch.float64))
        nn.init.normal_(layer.first)
    shift = shift_of(graph, "normalised-adjacency").dense()
    solved = torch.linalg.solve(torch.eye(N, dtype=torch.float64) - 0.4 * shift, x @ layer.outer[0, 0])
    torch.testing.assert_close(layer(graph, x), solved, rtol=0, atol=1e-12)


def test_invariant_taps_are_mixtures_of_filters():
    graph, x, layer = random_graph(), randn(N, IN), made(LAYERS["node-varying"], "random-walk")
    shift, phi = shift_of(graph, "random-walk").dense(), node_invariants(graph)
    powers = [x, shift @ x, shift @ shift @ x]
    expected = layer.bias + sum(
        phi[:, m, None] * (powers[k] @ layer.taps[m, k]) for m in range(INVARIANTS) for k in range(3)
    )
    torch.testing.assert_close(layer(graph, x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shift", SHIFTS)
def test_free_factors_multiply_the_entries_and_begin_as_the_convolution(shift):
    graph, x = random_graph(), randn(N, IN)
    layer = EdgeVarying(IN, OUT, 2, shift, entries=graph.entries).double()
    plain = GraphConvolution(IN, OUT, 2, shift).double()
    with torch.no_grad():
        plain.taps.copy_(layer.taps)
    torch.testing.assert_close(layer(graph, x), plain(graph, x), rtol=0, atol=1e-12)
    layer = made(lambda entries: EdgeVarying(IN, OUT, 2, shift, entries=entries), graph.entries)
    given = shift_of(graph, shift)
    y, expected = x, layer.bias + x @ layer.taps[0]
    for k in range(2):
        factors = torch.ones(N, N, dtype=torch.float64)
        factors[graph.rows.long(), graph.columns.long()] = layer.factors[k]
        added = 0.0 if given.diagonal is None else torch.diag(given.diagonal)
        y = ((given.dense() - added) * factors + added) @ y
        expected = expected + y @ layer.taps[k + 1]
    torch.testing.assert_close(layer(graph, x), expected, rtol=0, atol=1e-12)


def test_factors_from_invariants_are_those_of_the_formula():
    graph, x = random_graph(), randn(N, IN)
    layer = made(LAYERS["edge-varying"], "normalised-adjacency")
    phi, y = node_invariants(graph), x
    expected = layer.bias + x @ layer.taps[0]
    for k in range(2):
        ends = (phi @ layer.hearing)[:, None] + (phi @ layer.heard)[None]
        y = (shift_of(graph, "normalised-adjacency").dense() * (1.0 + ends.tanh() @ layer.mixing[:, k])) @ y
        expected = expected + y @ layer.taps[k + 1]
    torch.testing.assert_close(layer(graph, x), expected, rtol=0, atol=1e-12)


def test_invariants_tell_places_apart_and_move_with_the_nodes():
    path = Graph.from_edges([[0, 1, 2], [1, 2, 3]], 4, undirected=True)
    phi = node_invariants(path)
    assert phi.shape == (4, INVARIANTS)
    torch.testing.assert_close(phi[:, 0], torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(phi[0], phi[3])
    assert not torch.allclose(phi[0], phi[1])
    g = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(node_invariants(renumbered(path, g)), phi[g.argsort()])


def test_weights_begin_within_the_bound_of_their_widths():
    weights = glorot(3, 200, 100, terms=3).detach()
    bound = (6 / 700) ** 0.5
    assert float(weights.abs().max()) <= bound
    assert float(weights.std()) == pytest.approx(bound / 3**0.5, rel=0.02)


# --- what is refused


@pytest.mark.parametrize("name", LAYERS)
def test_features_of_another_length_are_refused(name):
    layer = LAYERS[name]("random-walk").double()
    for x in (randn(N, IN + 1), randn(N - 1, IN), randn(N)):
        with pytest.raises(ValueError, match=rf"x has shape .*, but {N} nodes with {IN} features"):
            layer(random_graph(), x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GraphConvolution(1, 1, -1), "order is -1"),
        (lambda: ChebyshevConvolution(1, 1, -1), "order is -1"),
        (lambda: NodeVarying(1, 1, -1), "order is -1"),
        (lambda: EdgeVarying(1, 1, 0), "order is 0"),
        (lambda: ARMAConvolution(1, 1, 0), "stacks is 0, but"),
        (lambda: ARMAConvolution(1, 1, 1, 0), "iterations is 0, but"),
        (lambda: GraphConvolution(1, 1, 1, "laplace")(random_graph(), randn(N, 1)), "did you mean 'laplacian'"),
    ],
)
def test_layers_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_free_layers_are_of_one_graph():
    graph, x = random_graph(), randn(N, IN)
    with pytest.raises(ValueError, match=r"5 nodes have free taps: nodes=8"):
        NodeVarying(IN, OUT, 1, nodes=5).double()(graph, x)
    layer = EdgeVarying(IN, OUT, 1, entries=graph.entries + 1).double()
    for given, features in ((graph, x), (PaddedGraphs.of(graph), x[None])):
        with pytest.raises(ValueError, match="entries have free factors"):
            layer(given, features)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_say_what_they_are(name):
    assert f"{IN}, {OUT}" in repr(LAYERS[name]("random-walk"))
