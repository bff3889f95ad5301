"""Given the same weights, the layers agree with those of PyTorch Geometric."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.layers.gat import GAT
from equigen.graphs.layers.gatv2 import GATv2
from equigen.graphs.layers.gin import GIN
from equigen.graphs.layers.graph_norm import GraphNorm
from equigen.graphs.layers.graphsage import GraphSAGE
from equigen.graphs.layers.message_passing import MessagePassing
from equigen.graphs.layers.readouts import readout
from equigen.graphs.reading import as_edges
from equigen.graphs.side_by_side import joined
from tests.graphs.layers.message_cases import IN, OUT, random_graph

pyg = pytest.importorskip("torch_geometric.nn", reason="PyTorch Geometric is not installed")

GRAPH = joined([random_graph(9, 0), Graph.from_edges([[0], [1]], 3), random_graph(5, 1, loops=False)])
EDGES, _ = as_edges(GRAPH)
X = torch.randn(GRAPH.nodes, IN, generator=torch.Generator().manual_seed(0))
HEADS = pytest.mark.parametrize(("heads", "averaged"), [(1, False), (2, False), (3, True)])


def filled(module):
    noise = torch.Generator().manual_seed(1)
    for part in module.parameters():
        torch.nn.init.normal_(part, generator=noise)
    return module


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
@pytest.mark.parametrize("out", [2, OUT])
def test_graphsage(how, out):
    theirs, ours = filled(pyg.SAGEConv(IN, out, aggr=how)), GraphSAGE(IN, out, how)
    state = {"heard.weight": theirs.lin_l.weight, "own.bias": theirs.lin_l.bias, "own.weight": theirs.lin_r.weight}
    ours.load_state_dict(state)
    close(ours(GRAPH, X), theirs(X, EDGES))


@pytest.mark.parametrize("hidden", [2, 6])
def test_gin(hidden):
    ours = filled(GIN(IN, OUT, hidden))
    theirs = pyg.GINConv(
        torch.nn.Sequential(ours.first, torch.nn.ReLU(), ours.second), eps=float(ours.epsilon.detach())
    )
    close(ours(GRAPH, X), theirs(X, EDGES))


@HEADS
def test_gat(heads, averaged):
    width = OUT if averaged else OUT // heads
    theirs = filled(pyg.GATConv(IN, width, heads, concat=not averaged))
    ours = GAT(IN, OUT, heads, averaged=averaged)
    ours.load_state_dict(
        {
            "linear.weight": theirs.lin.weight,
            "hearing": theirs.att_dst[0],
            "heard": theirs.att_src[0],
            "bias": theirs.bias,
        }
    )
    close(ours(GRAPH, X), theirs(X, EDGES))
    ours.hearing.data, ours.heard.data = ours.heard.data, ours.hearing.data  # the planted fault: ends exchanged
    assert not torch.allclose(ours(GRAPH, X), theirs(X, EDGES), atol=1e-2)


@HEADS
def test_gatv2(heads, averaged):
    """Their bias of what is heard is, as weights add up to 1, one of the scores and one of the result."""
    width = OUT if averaged else OUT // heads
    theirs = filled(pyg.GATv2Conv(IN, width, heads, concat=not averaged))
    ours = GATv2(IN, OUT, heads, averaged=averaged)
    apart = theirs.lin_l.bias.reshape(heads, width)
    ours.load_state_dict(
        {
            "heard.weight": theirs.lin_l.weight,
            "hearing.weight": theirs.lin_r.weight,
            "hearing.bias": theirs.lin_r.bias + theirs.lin_l.bias,
            "score": theirs.att[0],
            "bias": theirs.bias + (apart.mean(0) if averaged else apart.flatten()),
        }
    )
    close(ours(GRAPH, X), theirs(X, EDGES))


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_message_passing(how):
    """EdgeConv of Y. Wang et al. 2019 as a message of both ends."""
    linear = torch.nn.Linear(2 * IN, OUT)
    theirs = filled(pyg.EdgeConv(linear, aggr=how))
    ours = MessagePassing(lambda x_i, x_j, w: linear(torch.cat((x_i, x_j - x_i), -1)), lambda x, m: m, how)
    close(ours(GRAPH, X), theirs(X, EDGES))


def test_graph_norm():
    theirs, ours = filled(pyg.GraphNorm(IN)), GraphNorm(IN)
    ours.load_state_dict({"weight": theirs.weight, "bias": theirs.bias, "share": theirs.mean_scale})
    close(ours(GRAPH, X), theirs(X, GRAPH.graph_of_node))


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_readouts(how):
    pool = {"sum": pyg.global_add_pool, "mean": pyg.global_mean_pool, "max": pyg.global_max_pool}[how]
    close(readout(GRAPH, X, how), pool(X, GRAPH.graph_of_node))
