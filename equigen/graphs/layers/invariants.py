"""Numbers that a graph alone gives each of its nodes, whatever the nodes' order: P W P^T gives P phi."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.structure import Graphs

__all__ = ["INVARIANTS", "node_invariants"]

INVARIANTS = 4
"""How many numbers each node has."""


def node_invariants(graph: Graphs) -> Tensor:
    """What a node knows of its place in a graph: 1, its degree, and means of that over two further steps.

        phi_0 = 1,    phi_1 = asinh(d),    phi_{m+1} = diag(1 + d^2)^-1/2 W phi_m

    Nodes that agree in them, such as all nodes of a regular graph, are told apart by no layer that looks at them alone.
    They are smooth in the weights, of any sign.

    Args:
        graph: one or several, W of any sign.

    Returns:
        (*, n, 4), float64; zero where a node is none.

    Error: that of a sum over a row.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> star = Graph.from_edges([[0, 0], [1, 2]], 3, undirected=True)
        >>> node_invariants(star)[:, 1].mul(100).round().tolist()                       # asinh of 2, 1 and 1
        [144.0, 88.0, 88.0]
    """
    degrees = graph.degrees
    scale = (1.0 + degrees**2).rsqrt()
    found = [torch.ones_like(degrees), torch.asinh(degrees)]
    while len(found) < INVARIANTS:
        found.append(scale * graph.product(found[-1][..., None])[..., 0])
    return graph.masked(torch.stack(found, -1))
