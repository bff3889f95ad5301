"""GraphSAGE, GIN, GAT, GATv2, message passing and GraphNorm on every layout, against dense sums and each other."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from equigen.graphs.graph import Graph
from equigen.graphs.layers.gat import GAT
from equigen.graphs.layers.gatv2 import GATv2
from equigen.graphs.layers.gin import GIN
from equigen.graphs.layers.graph_norm import GraphNorm
from equigen.graphs.layers.graphsage import GraphSAGE
from equigen.graphs.layers.message_passing import MessagePassing
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.graphs.side_by_side import joined
from tests.graphs.layers.message_cases import GRAPHS, IN, LAYERS, features, isolated, learned, random_graph

EACH_LAYER = pytest.mark.parametrize("layer", LAYERS)
EACH_GRAPH = pytest.mark.parametrize("name", GRAPHS)


def spread(padded, x, elsewhere):
    """Features (n, F) in the places of the nodes of padded graphs."""
    out = x.new_full((*padded.real.shape, x.shape[1]), elsewhere)
    out[padded.real] = x
    return out


# --- layouts


@EACH_GRAPH
@EACH_LAYER
def test_padded_graphs_give_the_same_and_nothing_beside(layer, name):
    graph, module = GRAPHS[name](), learned(layer)
    x = features(graph)
    padded = PaddedGraphs.of(graph, 8, torch.float64)
    found = module(padded, spread(padded, x, torch.nan))
    torch.testing.assert_close(found[padded.real], module(graph, x))
    assert not found[~padded.real].any()


@EACH_LAYER
def test_what_is_stored_at_padding_has_no_share_in_derivatives(layer):
    graph = GRAPHS["several"]()
    padded = PaddedGraphs.of(graph, 8, torch.float64)
    found = []
    for elsewhere in (0.0, torch.nan):
        module = learned(layer)
        x = spread(padded, features(graph), elsewhere).requires_grad_()
        module(padded, x).square().sum().backward()
        found.append((x.grad, *(part.grad for part in module.parameters())))
    for clean, given in zip(*found, strict=True):
        torch.testing.assert_close(given, clean)
        assert bool(given.isfinite().all())
    assert not found[1][0][~padded.real].any()


@EACH_LAYER
def test_graphs_side_by_side_do_not_hear_each_other(layer):
    parts, module = [random_graph(5, 3), isolated(), Graph.from_edges([[], []], 0)], learned(layer)
    each = [features(part, seed) for seed, part in enumerate(parts)]
    together = module(joined(parts), torch.cat(each))
    torch.testing.assert_close(together, torch.cat([module(*both) for both in zip(parts, each, strict=True)]))


@EACH_LAYER
def test_a_batch_of_signals_is_each_of_them(layer):
    graph, module = isolated(), learned(layer)
    x = features(graph, batch=(2, 3))
    found = module(graph, x)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(found[i, j], module(graph, x[i, j]))


# --- symmetry


@EACH_LAYER
def test_the_order_of_nodes_does_not_matter(layer):
    graph, module = random_graph(8, 4, weighted=True), learned(layer)
    x, g = features(graph), torch.randperm(8, generator=torch.Generator().manual_seed(0))
    there = g.argsort()
    torch.testing.assert_close(module(renumbered(graph, g), x[there]), module(graph, x)[there], rtol=1e-11, atol=1e-12)
    padded = PaddedGraphs.of(graph, dtype=torch.float64)
    moved = module(renumbered(padded, g), x[None, there])
    torch.testing.assert_close(moved, module(padded, x[None])[:, there], rtol=1e-11, atol=1e-12)


def test_a_layer_that_counts_nodes_is_seen():
    """The planted fault: the place of a node as a feature."""
    graph, g = random_graph(8, 4), torch.randperm(8, generator=torch.Generator().manual_seed(0))
    x, there, module = features(graph), g.argsort(), learned("gin")

    def counted(graph, x):
        return module(graph, x + torch.arange(8.0)[:, None])

    assert not torch.allclose(counted(renumbered(graph, g), x[there]), counted(graph, x)[there], atol=0.1)


# --- derivatives, compilation


@EACH_LAYER
def test_derivatives_are_those_of_differences(layer):
    graph, module = isolated(), learned(layer)
    x = features(graph).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(graph, x), x)
    weights = graph.weights.clone().requires_grad_()
    heard = graph.product(x).detach()
    assert heard.shape == x.shape
    if layer.startswith(("graphsage", "gin", "message")):
        assert torch.autograd.gradcheck(lambda w: module(graph.with_weights(w), features(graph)), weights)


@pytest.mark.parametrize("layer", ["graphsage-mean", "gin", "gat", "gatv2"])
def test_second_derivatives_are_those_of_differences(layer):
    graph, module = Graph.from_edges([[0, 1, 2], [1, 2, 0]], 3), learned(layer)
    assert torch.autograd.gradgradcheck(lambda x: module(graph, x), features(graph).requires_grad_())


@pytest.mark.parametrize(
    ("layer", "layout"),
    [
        *((layer, "sparse") for layer in ("graphsage-mean", "graphsage-max", "gat", "gatv2", "graph-norm")),
        *((layer, "padded") for layer in ("gat", "message-passing-max")),
    ],
)
def test_layers_compile_whole(layer, layout):
    graph, module = GRAPHS["several"](), learned(layer)
    x = features(graph)
    if layout == "padded":
        graph = PaddedGraphs.of(graph, dtype=torch.float64)
        x = spread(graph, x, 0.0)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    y, expected = compiled(graph, x), module(graph, x)
    torch.testing.assert_close(y, expected)
    parts = list(module.parameters())
    if not parts:
        return
    slopes = zip(torch.autograd.grad(y.sum(), parts), torch.autograd.grad(expected.sum(), parts), strict=True)
    for ours, theirs in slopes:
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if not layer.startswith("message")])
def test_single_precision_is_close_to_double(layer):
    graph, module = random_graph(30, 7, weighted=True), learned(layer)
    expected = module(graph, features(graph))
    found = learned(layer).float()(graph, features(graph).float())
    assert float(((found - expected).norm() / expected.norm()).detach()) < 1e-6


# --- formulas


@EACH_GRAPH
@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_graphsage_is_its_formula(name, how):
    graph, module = GRAPHS[name](), learned(f"graphsage-{how}")
    x, matrix = features(graph), graph.dense().double()
    heard = matrix @ x
    if how == "mean":
        degrees = matrix.sum(1, keepdim=True)
        heard = torch.where(degrees > 0, heard / degrees, 0.0)
    if how == "max" and graph.nodes:
        said = torch.where(matrix[..., None] != 0, matrix[..., None] * x, -torch.inf).amax(1)
        heard = torch.where(matrix.any(1)[:, None], said, 0.0)
    expected = x @ module.own.weight.T + module.own.bias + heard @ module.heard.weight.T
    torch.testing.assert_close(module(graph, x), expected)


@EACH_GRAPH
@pytest.mark.parametrize("layer", ["gin", "gin-narrow"])
def test_gin_is_its_formula(name, layer):
    graph, module = GRAPHS[name](), learned(layer)
    x = features(graph)
    inner = module.first((1.0 + module.epsilon) * x + graph.dense().double() @ x)
    torch.testing.assert_close(module(graph, x), module.second(inner.relu()))


def test_epsilon_is_learned_or_given():
    assert "epsilon" in dict(GIN(2, 2).named_parameters())
    assert "epsilon" not in dict(GIN(2, 2, epsilon=0.3).named_parameters())
    assert float(GIN(2, 2, epsilon=0.3).state_dict()["epsilon"]) == pytest.approx(0.3)


@EACH_GRAPH
@pytest.mark.parametrize("layer", ["gat", "gat-averaged", "gatv2", "gatv2-averaged"])
def test_attention_is_its_formula(name, layer):
    graph, module = GRAPHS[name](), learned(layer)
    x, n = features(graph), graph.nodes
    linear = module.linear if isinstance(module, GAT) else module.heard
    values = linear(x).reshape(n, module.heads, linear.out_features // module.heads)
    if isinstance(module, GAT):
        ends = (values * module.hearing).sum(-1)[:, None] + (values * module.heard).sum(-1)
        scores = functional.leaky_relu(ends, 0.2)
    else:
        hearing = module.hearing(x).reshape(values.shape)
        scores = (functional.leaky_relu(hearing[:, None] + values, 0.2) * module.score).sum(-1)
    seen = (graph.dense() != 0) | torch.eye(n, dtype=torch.bool)
    weights = torch.where(seen[..., None], scores, -torch.inf).softmax(1)
    y = torch.einsum("ijh,jhf->ihf", weights, values)
    y = y.mean(1) if module.averaged else y.flatten(1)
    torch.testing.assert_close(module(graph, x), y + module.bias)


def test_attention_takes_scores_of_any_size():
    graph = random_graph(6, 5)
    for layer in ("gat", "gatv2"):
        module = learned(layer).float()
        y = module(graph, 1e4 * features(graph).float())
        assert bool(y.isfinite().all())
        torch.testing.assert_close(y, learned(layer)(graph, 1e4 * features(graph)).float(), rtol=1e-4, atol=1e-2)


def test_only_gatv2_can_rank_neighbours_by_who_hears_them():
    """The weights of two neighbours, heard by two nodes: for GAT their order is the same for both."""
    both_hear_both = Graph.from_edges([[0, 1, 0, 1], [2, 2, 3, 3]], 4)
    x = torch.eye(4, 3, dtype=torch.float64)
    x[3] = -1.0

    def turned(make):
        found = 0
        for seed in range(40):
            torch.manual_seed(seed)
            module = copy.deepcopy(make()).double()
            linear = module.linear if isinstance(module, GAT) else module.heard
            y, v = module(both_hear_both, x), linear(x)
            by_node = [torch.linalg.lstsq(v[[0, 1, i]].T, y[i]).solution for i in (2, 3)]
            found += int(((by_node[0][0] - by_node[0][1]) * (by_node[1][0] - by_node[1][1])) < -1e-9)
        return found

    with torch.random.fork_rng():
        assert turned(lambda: GAT(3, 3, bias=False)) == 0
        assert turned(lambda: GATv2(3, 3, bias=False)) > 0


def test_message_passing_holds_the_modules_it_is_given():
    class Said(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(3, 1)

        def forward(self, x_i, x_j, weights):
            return self.linear(torch.cat((x_i, x_j, weights), -1))

    layer = MessagePassing(Said(), lambda x, m: x + m, "mean")
    assert len(list(layer.parameters())) == 2
    graph = random_graph(4, 6)
    assert layer(graph, torch.ones(2, 4, 1)).shape == (2, 4, 1)


# --- norm


@EACH_GRAPH
def test_graph_norm_is_that_of_each_graph(name):
    graph = GRAPHS[name]()
    module = GraphNorm(IN).double()
    x = features(graph)
    y = module(graph, x)
    for part in y.split(graph.sizes.tolist()):
        if len(part) > 1:
            torch.testing.assert_close(part.mean(0), torch.zeros(IN, dtype=torch.float64), rtol=0, atol=1e-12)
            torch.testing.assert_close(part.square().mean(0), torch.ones(IN, dtype=torch.float64), rtol=0, atol=1e-3)


def test_a_norm_over_the_batch_or_the_padding_is_seen():
    """The planted faults: one moment for all graphs, and moments that count padding."""
    graph = GRAPHS["several"]()
    x = features(graph) + 3.0
    right = GraphNorm(IN).double()(graph, x)
    assert not torch.allclose(functional.batch_norm(x, None, None, training=True), right, atol=0.1)
    padded = PaddedGraphs.of(graph, 8, torch.float64)
    filled = spread(padded, x, 0.0)
    naive = (filled - filled.mean(1, keepdim=True)) / filled.var(1, keepdim=True, unbiased=False).sqrt()
    assert not torch.allclose(naive[padded.real], right, atol=0.1)


# --- bad input


@EACH_LAYER
def test_features_of_another_shape_are_refused(layer):
    graph, module = isolated(), learned(layer)
    padded = PaddedGraphs.of(graph, dtype=torch.float64)
    with pytest.raises(ValueError, match="5 nodes"):
        module(graph, torch.zeros(4, IN, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"\(1, 5, [3F]\)"):
        module(padded, torch.zeros(5, IN, dtype=torch.float64))
    if not layer.startswith("message"):
        with pytest.raises(ValueError, match="3 features"):
            module(graph, torch.zeros(5, IN + 1, dtype=torch.float64))


def test_names_and_heads_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        GraphSAGE(1, 1, "maen")
    with pytest.raises(ValueError, match="heads is 3 and out_features 4"):
        GAT(2, 4, heads=3)
    with pytest.raises(ValueError, match="heads is 0"):
        GATv2(2, 4, heads=0, averaged=True)
    with pytest.raises(ValueError, match="did you mean 'sum'"):
        MessagePassing(lambda *x: x[0], lambda x, m: m, "summ")


def test_negative_weights_are_taken_where_they_have_a_meaning():
    graph = Graph.from_edges([[0, 1], [1, 0]], 2, [-1.0, 2.0])
    x = torch.ones(2, IN)
    for layer in ("graphsage-sum", "graphsage-max", "gin", "gat", "gatv2"):
        assert bool(learned(layer).float()(graph, x).isfinite().all())
    with pytest.raises(ValueError, match="random walk"):
        learned("graphsage-mean").float()(graph, x)
