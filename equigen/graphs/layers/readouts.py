"""Readouts: one row of features for each graph, the same for every order of its nodes.

Source: M. Zaheer et al., Deep sets, NeurIPS 2017, theorem 2 (that sums of a function of the items are all there is).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.edges import by_node, check_aggregation
from equigen.graphs.features import require_features
from equigen.graphs.graph import Graph
from equigen.graphs.structure import Graphs

__all__ = ["readout"]


def readout(graph: Graphs, x: Tensor, how: str) -> Tensor:
    """Sum up the features of each graph's own nodes; nodes that are none do not count.

    Args:
        graph: B graphs, of any layout.
        x: (*, n, F), or (B, n, F) for padded graphs.
        how: "sum", "mean" or "max", feature by feature.

    Returns:
        (*, B, F), or (B, F) for padded graphs; 0 for a graph of no nodes.

    Raises:
        ValueError: an unknown way; features of another number of nodes.

    Error: that of a sum over the nodes in the dtype of x.

    Example:
        >>> from equigen.graphs.side_by_side import divided
        >>> graphs = divided(Graph.from_edges([[0], [1]], 3), torch.tensor([2, 1]))
        >>> readout(graphs, torch.tensor([[1.0], [2.0], [5.0]]), "mean").flatten().tolist()
        [1.5, 5.0]
    """
    check_aggregation(how)
    require_features(graph, x)
    if isinstance(graph, Graph):
        return _by_graph(graph, by_node(graph, x), how).movedim(0, -2)
    real = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if graph.real is None else graph.real
    if how == "max" and x.shape[1]:
        largest = torch.where(real[..., None], x, -torch.inf).amax(1)
        return torch.where(real.any(1)[:, None], largest, 0.0)
    y = graph.masked(x).sum(1)
    return y / real.sum(1).clamp(min=1)[:, None].to(y.dtype) if how == "mean" else y


def _by_graph(graph: Graph, x: Tensor, how: str) -> Tensor:
    """Features (n, *, F) summed up over each graph side by side, (B, *, F)."""
    of = graph.graph_of_node
    shape = (graph.sizes.shape[0], *x.shape[1:])
    sizes = graph.sizes.reshape(-1, *[1] * (x.ndim - 1))
    if how == "max":
        lowest = x.new_full(shape, -torch.inf)
        largest = lowest.scatter_reduce(0, of.reshape(-1, *[1] * (x.ndim - 1)).expand_as(x), x, "amax")
        return torch.where(sizes > 0, largest, 0.0)
    y = x.new_zeros(shape).index_add(0, of, x)
    return y / sizes.clamp(min=1).to(y.dtype) if how == "mean" else y
