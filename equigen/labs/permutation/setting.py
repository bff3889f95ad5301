"""The graphs and features that the lab permutation renumbers."""

from __future__ import annotations

from dataclasses import dataclass

import networkx
import torch
from torch import Tensor

from equigen import random
from equigen.graphs.graph import Graph

__all__ = ["FEATURES", "Drawn", "drawn", "features", "ring", "wheel"]

FEATURES = 3
"""Features of a node."""
_NEAREST = 4  # neighbours that every node has at least


@dataclass(frozen=True)
class Drawn:
    """A graph whose nodes lie in a square.

    Args:
        graph: of the nodes, undirected, weighted.
        places: (n, 2), in the unit square, in the first numbering.
    """

    graph: Graph
    places: Tensor


def drawn(nodes: int, seed: int) -> Drawn:
    """Random places in a square, each joined to its four nearest, with the weight exp(-(distance / mean)^2).

    Places are drawn anew until the graph is in one piece, so that no eigenvalue comes twice for that reason.

    Args:
        nodes: more than four.
        seed: of the places.

    Example:
        >>> drawn(12, seed=0).graph.symmetric
        True
    """
    draw = 0
    while True:
        places = random.uniform((nodes, 2), seed=seed, stream=random.Stream.LAW, draw=draw, dtype=torch.float64)
        apart = torch.cdist(places, places)
        near = apart.argsort(1)[:, 1 : 1 + _NEAREST]
        joined = torch.zeros(nodes, nodes, dtype=torch.bool).scatter(1, near, True)
        joined = joined | joined.T
        if networkx.is_connected(networkx.from_numpy_array(joined.numpy())):
            matrix = torch.where(joined, torch.exp(-((apart / apart[joined].mean()) ** 2)), 0.0)
            return Drawn(Graph.from_dense(0.5 * (matrix + matrix.T)), places)
        draw += 1


def ring(nodes: int) -> Graph:
    """Nodes in a circle, each joined to the next: all eigenvalues but one or two come in pairs.

    Example:
        >>> ring(3).dense().sum().item()
        6.0
    """
    here = torch.arange(nodes)
    return Graph.from_edges(torch.stack((here, (here + 1) % nodes)), nodes, undirected=True)


def wheel(nodes: int) -> Graph:
    """A ring about a node that is joined to all of it: the eigenvalues below the largest come in pairs.

    Example:
        >>> wheel(5).degrees.tolist()
        [4.0, 3.0, 3.0, 3.0, 3.0]
    """
    rim = torch.arange(1, nodes)
    after = rim % (nodes - 1) + 1
    edges = torch.cat((torch.stack((rim, after)), torch.stack((torch.zeros_like(rim), rim))), 1)
    return Graph.from_edges(edges, nodes, undirected=True)


def features(nodes: int, seed: int) -> Tensor:
    """Independent standard normals (n, 3), float64.

    Example:
        >>> features(2, seed=0).shape
        torch.Size([2, 3])
    """
    return random.normal((nodes, FEATURES), seed=seed, stream=random.Stream.PROBE, dtype=torch.float64)
