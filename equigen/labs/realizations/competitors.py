"""The networks that are compared: the same widths, one kind of layer each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from equigen import random
from equigen.graphs.graph import Graph
from equigen.graphs.layers.edge_varying import EdgeVarying
from equigen.networks.graph_network import GraphNetwork

__all__ = ["KINDS", "ORDER", "Competitor", "built"]

ORDER = 2
"""Of the layers whose kind lets one choose."""


@dataclass(frozen=True)
class Competitor:
    """A network by its layer.

    Args:
        title: in words.
        layer: name of the layer.
        shift: of layers whose kind lets one choose.
        nesting: convolutional, attentional or message passing.
        equivariant: whether it commutes with renumbering by construction.
        sees_graph: whether it is given the edges.
        any_graph: whether it takes another graph than the one it was built for.
    """

    title: str
    layer: str
    nesting: str
    shift: str = "normalised-adjacency"
    equivariant: bool = True
    sees_graph: bool = True
    any_graph: bool = True


KINDS: dict[str, Competitor] = {
    "gcn": Competitor("GCN", "gcn", "convolutional"),
    "graphsage": Competitor("GraphSAGE", "graphsage", "convolutional"),
    "gin": Competitor("GIN", "gin", "convolutional, then a network at each node"),
    "gat": Competitor("GAT", "gat", "attentional"),
    "gatv2": Competitor("GATv2", "gatv2", "attentional"),
    "graph-convolution": Competitor("Graph convolution", "graph-convolution", "convolutional"),
    "chebyshev": Competitor("Chebyshev", "chebyshev", "convolutional", shift="normalised-laplacian"),
    "arma": Competitor("ARMA", "arma", "convolutional"),
    "edge-varying": Competitor("Edge-varying", "edge-varying", "edge-varying, from invariants"),
    "edge-varying-free": Competitor(
        "Edge-varying, free", "edge-varying", "edge-varying, free", equivariant=False, any_graph=False
    ),
    "no-graph": Competitor("No graph", "gcn", "none: every node alone", sees_graph=False),
}
"""Name in the settings -> the network."""


def built(
    kind: Competitor,
    graph: Graph,
    in_features: int,
    out_features: int,
    widths: Sequence[int],
    dropout: float,
    seed: int,
) -> GraphNetwork:
    """An untrained network.

    Args:
        kind: which.
        graph: that it will be trained on.
        in_features: of each node.
        out_features: of each node.
        widths: between.
        dropout: in training.
        seed: of the weights.
    """
    network = GraphNetwork(
        kind.layer, in_features, out_features, widths, order=ORDER, shift=kind.shift, dropout=dropout, seed=seed
    )
    if not kind.any_graph:
        steps = pairwise([in_features, *widths, out_features])
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION, item=1):
            free = [EdgeVarying(a, b, ORDER, kind.shift, entries=graph.entries) for a, b in steps]
        network.layers = nn.ModuleList(free)
    return network
