"""Where the layers differ from those of PyTorch Geometric of the same weights, and by what: docs/graphs.md lists it."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.layers.chebyshev import ChebyshevConvolution
from equigen.graphs.layers.gat import GAT
from equigen.graphs.layers.gatv2 import GATv2
from equigen.graphs.layers.gcn import GCN
from equigen.graphs.layers.gin import GIN
from equigen.graphs.layers.graphsage import GraphSAGE
from tests.graphs.all_graphs import noise

pyg = pytest.importorskip("torch_geometric.nn", reason="PyTorch Geometric is not installed")

PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
LOOPS = torch.cat((PATH, torch.tensor([[0], [0]])), 1)
TWICE = torch.cat((PATH, PATH[:, :1]), 1)
X = noise(3, 3, dtype=torch.float32)


def graph_of(edges, n=3, weights=None):
    return Graph.from_edges(edges, n, weights)


def same(ours, theirs):
    return torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def far(ours, theirs):
    return float((ours - theirs).detach().abs().max()) > 1e-2


def cheb():
    theirs, ours = pyg.ChebConv(3, 2, K=2), ChebyshevConvolution(3, 2, 1)
    ours.taps.data = torch.stack([each.weight.data.T for each in theirs.lins])
    return theirs, ours


def test_gcn_adds_a_loop_to_a_loop():
    theirs, ours = pyg.GCNConv(3, 2), GCN(3, 2)
    ours.weight.data = theirs.lin.weight.data.T.clone()
    assert same(ours(graph_of(PATH), X), theirs(X, PATH))
    assert far(ours(graph_of(LOOPS), X), theirs(X, LOOPS))
    assert same(ours(graph_of(PATH), X), theirs(X, LOOPS))  # theirs keeps the loop of weight 1 that there is
    loops = torch.arange(3).expand(2, 3)
    theirs.add_self_loops = False
    assert same(ours(graph_of(LOOPS), X), theirs(X, torch.cat((LOOPS, loops), 1)))  # ours is W + I


def test_chebyshev_keeps_loops_that_theirs_takes_out():
    theirs, ours = cheb()
    assert same(ours(graph_of(PATH), X), theirs(X, PATH))
    assert far(ours(graph_of(LOOPS), X), theirs(X, LOOPS))
    assert same(ours(graph_of(PATH), X), theirs(X, LOOPS))


def test_chebyshev_gives_isolated_nodes_the_eigenvalue_0():
    """T_1 there is -1, as 0 is the lower end of [0, 2]; theirs is 0, as if the eigenvalue were 1."""
    theirs, ours = cheb()
    x = noise(4, 3, dtype=torch.float32)
    y, z = ours(graph_of(PATH, 4), x), theirs(x, PATH)
    assert same(y[:3], z[:3])
    taps = ours.taps.detach()
    assert same(y[3], x[3] @ taps[0] - x[3] @ taps[1])
    assert same(z[3], x[3] @ taps[0])


def test_chebyshev_of_directed_graphs_takes_the_degrees_of_those_that_hear():
    theirs, ours = cheb()
    edges = torch.tensor([[0, 0, 1, 2], [1, 2, 2, 0]])
    w = graph_of(edges).dense().float()
    taps = ours.taps.detach()
    for layer, degrees in ((ours(graph_of(edges), X), w.sum(1)), (theirs(X, edges), w.sum(0))):
        root = degrees.rsqrt()
        assert same(layer, X @ taps[0] - root[:, None] * (w @ (root[:, None] * X)) @ taps[1])


@pytest.mark.parametrize("kind", ["gat", "gatv2"])
def test_attention_hears_an_edge_given_twice_once(kind):
    if kind == "gat":
        theirs, ours = pyg.GATConv(3, 2), GAT(3, 2)
        ours.load_state_dict(
            {
                "linear.weight": theirs.lin.weight,
                "hearing": theirs.att_dst[0],
                "heard": theirs.att_src[0],
                "bias": theirs.bias,
            }
        )
    else:
        theirs, ours = pyg.GATv2Conv(3, 2), GATv2(3, 2)
        torch.nn.init.zeros_(theirs.lin_l.bias)
        ours.load_state_dict(
            {
                "heard.weight": theirs.lin_l.weight,
                "hearing.weight": theirs.lin_r.weight,
                "hearing.bias": theirs.lin_r.bias,
                "score": theirs.att[0],
                "bias": theirs.bias,
            }
        )
    assert same(ours(graph_of(TWICE), X), theirs(X, PATH))
    assert far(ours(graph_of(TWICE), X), theirs(X, TWICE))
    assert same(ours(graph_of(LOOPS), X), theirs(X, LOOPS))


@pytest.mark.parametrize("how", ["mean", "sum", "max"])
def test_graphsage_reads_weights_that_theirs_does_not_take(how):
    theirs, ours = pyg.SAGEConv(3, 2, aggr=how), GraphSAGE(3, 2, how)
    state = {"heard.weight": theirs.lin_l.weight, "own.bias": theirs.lin_l.bias, "own.weight": theirs.lin_r.weight}
    ours.load_state_dict(state)
    assert same(ours(graph_of(PATH), X), theirs(X, PATH))
    assert far(ours(graph_of(PATH, weights=torch.tensor([1.0, 2.0, 3.0, 4.0])), X), theirs(X, PATH))
    assert same(ours(graph_of(TWICE), X), theirs(X, TWICE)) == (how != "max")  # the largest of 2 x_j and not of x_j


def test_gin_reads_weights_that_theirs_does_not_take():
    ours = GIN(3, 2, epsilon=0.0)
    theirs = pyg.GINConv(torch.nn.Sequential(ours.first, torch.nn.ReLU(), ours.second))
    torch.nn.init.constant_(ours.first.bias, 10.0)  # nothing is cut off
    assert same(ours(graph_of(TWICE), X), theirs(X, TWICE))
    assert far(ours(graph_of(PATH, weights=torch.tensor([1.0, 2.0, 3.0, 4.0])), X), theirs(X, PATH))
