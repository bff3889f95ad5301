"""Graphs and layers that the tests of message layers share."""

from __future__ import annotations

import torch

from equigen.graphs.graph import Graph
from equigen.graphs.layers.gat import GAT
from equigen.graphs.layers.gatv2 import GATv2
from equigen.graphs.layers.gin import GIN
from equigen.graphs.layers.graph_norm import GraphNorm
from equigen.graphs.layers.graphsage import GraphSAGE
from equigen.graphs.layers.message_passing import MessagePassing
from equigen.graphs.side_by_side import joined

IN, OUT = 3, 4


def message_passing(how):
    message, update = torch.nn.Linear(2 * IN + 1, 5), torch.nn.Linear(IN + 5, OUT)
    return MessagePassing(
        lambda x_i, x_j, w: message(torch.cat((x_i, x_j, w), -1)).tanh(),
        lambda x, m: update(torch.cat((x, m), -1)),
        how,
    )


def learned(name):
    """A layer with weights of its own in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(len(name))
        layer = LAYERS[name]()
        for part in layer.parameters():
            torch.nn.init.normal_(part)
    layer = layer.double()
    if isinstance(layer, MessagePassing):  # what the two functions hold is not the layer's
        for function in (layer.message, layer.update):
            for cell in function.__closure__:
                if isinstance(cell.cell_contents, torch.nn.Module):
                    cell.cell_contents.double()
    return layer


LAYERS = {
    "graphsage-sum": lambda: GraphSAGE(IN, OUT, "sum"),
    "graphsage-mean": lambda: GraphSAGE(IN, OUT, "mean"),
    "graphsage-mean-narrow": lambda: GraphSAGE(IN, 2, "mean"),
    "graphsage-max": lambda: GraphSAGE(IN, OUT, "max"),
    "gin": lambda: GIN(IN, OUT, hidden=5),
    "gin-narrow": lambda: GIN(IN, OUT, hidden=2, epsilon=0.5),
    "gat": lambda: GAT(IN, OUT, heads=2),
    "gat-averaged": lambda: GAT(IN, OUT, heads=3, averaged=True),
    "gatv2": lambda: GATv2(IN, OUT, heads=2),
    "gatv2-averaged": lambda: GATv2(IN, OUT, heads=3, averaged=True),
    "message-passing-sum": lambda: message_passing("sum"),
    "message-passing-mean": lambda: message_passing("mean"),
    "message-passing-max": lambda: message_passing("max"),
    "graph-norm": lambda: GraphNorm(IN),
}


def random_graph(n, seed, *, share=0.4, weighted=False, loops=True):
    noise = torch.Generator().manual_seed(seed)
    there = torch.rand(n, n, generator=noise) < share
    there = there if loops else there & ~torch.eye(n, dtype=torch.bool)
    weights = torch.rand(n, n, generator=noise, dtype=torch.float64) + 0.5 if weighted else 1.0
    return Graph.from_dense(torch.where(there, weights, torch.zeros((), dtype=torch.float64)))


def isolated():
    return Graph.from_edges([[0, 1, 1], [1, 0, 2]], 5, torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))


GRAPHS = {
    "directed": lambda: random_graph(7, 0),
    "weighted": lambda: random_graph(6, 1, weighted=True),
    "isolated": isolated,
    "loops": lambda: Graph.from_edges([[0, 1, 2, 2], [0, 1, 2, 0]], 3),
    "one-node": lambda: Graph.from_edges([[], []], 1),
    "empty": lambda: Graph.from_edges([[], []], 0),
    "several": lambda: joined([random_graph(4, 2), Graph.from_edges([[], []], 1), isolated()]),
}


def features(graph, seed=0, batch=(), width=IN):
    noise = torch.Generator().manual_seed(seed)
    return torch.randn(*batch, graph.nodes, width, generator=noise, dtype=torch.float64)
