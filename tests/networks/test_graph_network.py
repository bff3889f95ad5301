"""Networks on graphs move with the nodes, take graphs side by side or padded alike, compile, and are stored."""

from __future__ import annotations

import pytest
import torch

from equigen import store
from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.networks.graph_network import FUNCTIONS, GraphNetwork
from tests.networks.graphs import ALL_LAYERS, BOTH, KITE, RING, signals

EVERY = pytest.mark.parametrize("layer", ALL_LAYERS)
X = signals(10, 3)
G = torch.tensor([3, 5, 0, 1, 2, 4, 8, 9, 6, 7])  # within the kite, and within the ring


def network(layer, **changes):
    """Two layers, with everything between them, in float64."""
    given = {"widths": (4,), "residual": True, "normalise": True, "function": "elu", "seed": 3}
    return GraphNetwork(layer, 3, 2, **{**given, **changes}).double().eval()


@EVERY
@pytest.mark.parametrize("readout", [None, "mean"])
def test_it_moves_with_the_nodes(layer, readout):
    f, x = network(layer, readout=readout), X.double()
    moved, still = f(renumbered(BOTH, G), x[G.argsort()]), f(BOTH, x)
    assert torch.allclose(moved if readout else moved[G], still, atol=1e-10)
    assert not torch.allclose(still, f(BOTH, x.flip(0)), atol=1e-3)  # it hears its signals


class Placed(torch.nn.Module):
    """A bias for each node."""

    def __init__(self):
        super().__init__()
        self.inner, self.bias = network("gcn"), signals(10, 2, seed=4).double()

    def forward(self, graph, x):
        return self.inner(graph, x) + self.bias


def test_a_bias_for_each_node_does_not_move():
    f, x = Placed(), X.double()
    assert not torch.allclose(f(renumbered(BOTH, G), x[G.argsort()])[G], f(BOTH, x), atol=1e-3)


@EVERY
@pytest.mark.parametrize("readout", [None, "sum", "mean", "max"])
def test_graphs_side_by_side_are_graphs_apart_and_padded_ones(layer, readout):
    f, x = network(layer, readout=readout), X.double()
    apart = torch.cat([f(KITE, x[:6]), f(RING, x[6:])])
    assert torch.allclose(f(BOTH, x), apart, atol=1e-10)
    padded = PaddedGraphs.of(BOTH, 7, dtype=torch.float64)
    stored = torch.full((2, 7, 3), torch.nan, dtype=torch.float64)
    stored[padded.real] = x
    found = f(padded, stored)
    assert torch.allclose(found if readout else found[padded.real], apart, atol=1e-10)
    assert readout or not found[~padded.real].any()


@EVERY
def test_signals_on_one_graph_are_signals_one_by_one(layer):
    f, x = network(layer), signals(5, 6, 3).double()
    assert torch.allclose(f(KITE, x), torch.stack([f(KITE, each) for each in x]), atol=1e-10)


@EVERY
@pytest.mark.parametrize("graph", [Graph.from_edges([[], []], 0), Graph.from_edges([[], []], 1)], ids=["none", "one"])
def test_it_takes_the_smallest_graphs(layer, graph):
    x = torch.ones(graph.nodes, 3, dtype=torch.float64)
    assert network(layer)(graph, x).shape == (graph.nodes, 2)
    assert bool(network(layer, readout="max")(graph, x).isfinite().all())


@pytest.mark.parametrize("layer", ["graph-convolution", "chebyshev", "gatv2"])
def test_it_compiles_whole(layer):
    torch._dynamo.reset()
    f, x = network(layer, readout="mean"), X.double()
    compiled = torch.compile(f, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(BOTH, x), f(BOTH, x), atol=1e-10)


@EVERY
def test_its_gradient_is_that_of_differences(layer):
    f, x = network(layer, normalise=False), X.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda each: f(BOTH, each), (x,))


@EVERY
def test_it_is_stored_and_read_back(layer, tmp_path):
    first = GraphNetwork(layer, 3, 2, (4, 5), order=3, function="tanh", readout="max", dropout=0.1, seed=7).eval()
    again = store.load(store.save(first, tmp_path / "model"))
    assert torch.equal(first(BOTH, X), again(BOTH, X))
    assert (again.widths, again.order, again.readout, again.dropout) == ((4, 5), 3, "max", 0.1)


def test_the_seed_fixes_the_weights_and_leaves_the_generator_alone():
    before = torch.get_rng_state()
    one, same, other = (GraphNetwork("gin", 3, 2, seed=seed)(BOTH, X) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("layer", ["graph-convolution", "chebyshev", "arma"])
def test_one_layer_alone_is_linear(layer):
    f = GraphNetwork(layer, 3, 2, ()).double()
    x = X.double()
    zero = f(BOTH, torch.zeros_like(x))
    assert torch.allclose(f(BOTH, -x) - zero, zero - f(BOTH, x), atol=1e-10)
    bent = GraphNetwork(layer, 3, 2).double()
    zero = bent(BOTH, torch.zeros_like(x))
    assert not torch.allclose(bent(BOTH, -x) - zero, zero - bent(BOTH, x), atol=1e-3)


def test_what_is_between_the_layers_is_written_out():
    f, x = network("gcn", dropout=0.5), X.double()
    given = f.layers[0](BOTH, x)
    h = torch.nn.functional.elu(f.norms[0](BOTH, given) + x @ f.around[0].weight.T)
    assert torch.allclose(f(BOTH, x), f.layers[1](BOTH, h) + h @ f.around[1].weight.T, atol=1e-12)
    f.train()
    torch.manual_seed(0)
    found = f(BOTH, x)
    torch.manual_seed(0)  # dropout is of what a layer is given; what is added to it is whole
    dropped = torch.nn.functional.dropout(x, 0.5)
    h = torch.nn.functional.elu(f.norms[0](BOTH, f.layers[0](BOTH, dropped)) + x @ f.around[0].weight.T)
    dropped = torch.nn.functional.dropout(h, 0.5)
    assert torch.allclose(found, f.layers[1](BOTH, dropped) + h @ f.around[1].weight.T, atol=1e-12)
    assert not torch.allclose(found, f.eval()(BOTH, x), atol=1e-3)


@pytest.mark.parametrize("layer", ["arma", "gin"])
def test_the_last_layer_is_of_either_sign_and_never_dead(layer):
    lowest = []
    for seed in range(30):
        f = GraphNetwork(layer, 3, 1, (16,), seed=seed)
        y = f(BOTH, signals(50, 10, 3, seed=seed))
        y.sum().backward()
        learned = [part.grad.abs().max() for part in f.layers[0].parameters() if part.grad is not None]
        assert max(learned) > 1e-4
        lowest.append(float(y.detach().min()))
    assert min(lowest) < -0.1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_leaves_zero_what_it_is(function):
    assert FUNCTIONS[function](torch.zeros(1)).item() == 0.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer": "chebychev"}, "did you mean 'chebyshev'"),
        ({"function": "rulu"}, "did you mean 'relu'"),
        ({"readout": "median"}, "readout is 'median'"),
        ({"widths": (0,)}, r"widths\[0\] is 0"),
        ({"widths": 16}, r"widths=\(16,\)"),
        ({"order": 1.5}, "order is 1.5"),
        ({"order": -1}, "order is -1"),
        ({"layer": "arma", "order": 0}, "order is 0"),
        ({"in_features": "3"}, "in_features is '3'"),
        ({"out_features": 0}, "out_features is 0"),
        ({"shift": "laplacien"}, "did you mean 'laplacian'"),
        ({"layer": "gat", "shift": "laplacien"}, "did you mean 'laplacian'"),
        ({"dropout": 1.0}, r"a share lies in \[0, 1\)"),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(changes, words):
    with pytest.raises(ValueError, match=words):
        GraphNetwork(**{"layer": "gcn", "in_features": 3, "out_features": 2, **changes})
