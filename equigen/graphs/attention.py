"""Attention on a graph: a node hears its neighbours and itself, each as loudly as a score says.

Source: P. Velickovic et al., Graph attention networks, 2018, equations 2 to 4 (a node is in its own neighbourhood).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.edges import hearing
from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs, edge_mask
from equigen.graphs.structure import Graphs

__all__ = ["attended"]


def attended(graph: Graphs, scores: Tensor, own: Tensor, values: Tensor) -> Tensor:
    """Give every node the mean of its neighbours' values and its own, weighed by the softmax of scores.

        y_i = sum over j in N(i) and i of  a_ij v_j,        a_i = softmax(s_i)

    Every node has one loop, whether the graph has it or not; the score of a loop of the graph is not read.

    Args:
        graph: of any layout.
        scores: s_ij of the edges, (E, *, H), or (B, n, n, H) for padded graphs, H heads.
        own: s_ii, (n, *, H), or (B, n, H).
        values: v, (n, *, H, F), or (B, n, H, F).

    Returns:
        Of the shape of the values.

    Error: relative 1e-6 in float32, 1e-15 in float64, for scores of any size.

    Example:
        >>> arrow = Graph.from_edges([[0], [1]], 2)
        >>> attended(arrow, torch.zeros(1, 1), torch.zeros(2, 1), torch.tensor([[[2.0]], [[4.0]]])).flatten().tolist()
        [2.0, 3.0]
    """
    if isinstance(graph, PaddedGraphs):
        itself = torch.eye(scores.shape[1], dtype=torch.bool, device=scores.device)
        seen = edge_mask(graph) | itself
        scores = torch.where(itself[:, :, None], own[:, :, None], scores)
        weights = torch.where(seen[..., None], scores, -torch.inf).softmax(2)
        return torch.einsum("bijh,bjhf->bihf", weights, values)
    assert isinstance(graph, Graph)
    y = _by_rows(graph, scores.flatten(1), own.flatten(1), values.flatten(1, -2))
    return y.reshape(values.shape)


def _by_rows(graph: Graph, scores: Tensor, own: Tensor, values: Tensor) -> Tensor:
    """`attended` for scores (E, H), own (n, H) and values (n, H, F)."""
    rows = graph.rows
    scores = torch.where((rows == graph.columns)[:, None], -torch.inf, scores)
    largest = own.detach().scatter_reduce(0, rows.long()[:, None].expand_as(scores), scores.detach(), "amax")
    weights, by_self = (scores - hearing(graph, largest)).exp(), (own - largest).exp()[..., None]
    both = torch.cat((values, torch.ones_like(values[..., :1])), dim=-1)  # the sum of the weights beside the sum
    both = graph.product_with(weights, both) + by_self * both
    return both[..., :-1] / both[..., -1:]
