"""The nodes of a graph in another order: P W P^T."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.entries import sorted_entries
from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs

__all__ = ["renumbered"]


def renumbered(graph: Graph | PaddedGraphs, g: Tensor) -> Graph | PaddedGraphs:
    """The graph P W P^T with P[g[i], i] = 1: what stood at place i stands at place g[i].

    Args:
        graph: one or several.
        g: a permutation int64 (n,) of the nodes that leaves every node in its graph; of padded graphs one for each,
            (B, n), or one for all.

    Raises:
        ValueError: no permutation of the nodes, or one that moves a node into another graph.

    Error: none, numbers are moved.

    Example:
        >>> arrow = Graph.from_edges([[0], [1]], 3)                     # node 1 hears node 0
        >>> renumbered(arrow, torch.tensor([1, 2, 0])).dense().nonzero().tolist()       # node 2 hears node 1
        [[2, 1]]
    """
    if isinstance(graph, PaddedGraphs):
        batch, n, _ = graph.matrix.shape
        if g.ndim == 2 and len(g) != batch:
            raise ValueError(
                f"g has shape {tuple(g.shape)}, but {batch} graphs need a permutation each: ({batch}, {n})."
            )
        source = _checked(g, n).argsort(-1).expand(batch, n)
        item = torch.arange(batch, device=g.device)[:, None]
        place = item[:, :, None], source[:, :, None], source[:, None, :]
        real, edges = graph.real, graph.edges
        return PaddedGraphs(
            graph.matrix[place],
            None if real is None else real[item, source],
            None if edges is None else edges[place],
        )
    of = graph.graph_of_node
    if not torch.equal(of[_checked(g, graph.nodes, 1)], of):
        raise ValueError("g moves a node into another graph, but the parts keep their nodes: permute each by itself.")
    entries = sorted_entries(g[graph.rows], g[graph.columns], graph.weights, graph.nodes)
    return Graph(*entries, graph.sizes)


def _checked(g: Tensor, n: int, axes: int = 2) -> Tensor:
    identity = torch.arange(n, device=g.device)
    fits = g.dtype == torch.int64 and 1 <= g.ndim <= axes and g.shape[-1] == n
    if not fits or not torch.equal(g.sort(-1).values, identity.expand(g.shape)):
        raise ValueError(f"g is {g.dtype} of shape {tuple(g.shape)}, but must be a permutation of {n} places, int64.")
    return g
