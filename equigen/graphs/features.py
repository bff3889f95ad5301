"""Features of the nodes of a graph: what a layer asks of them."""

from __future__ import annotations

from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.structure import Graphs

__all__ = ["require_features"]


def require_features(graph: Graphs, x: Tensor, features: int) -> None:
    """Refuse features of other nodes than those of the graph, or another number of them.

    Args:
        graph: one or several.
        x: features (*, n, F) of a sparse graph, (B, n, F) of padded ones.
        features: the number F that is asked for.

    Raises:
        ValueError: another shape.

    Example:
        >>> import torch
        >>> require_features(Graph.from_edges([[0], [1]], 2), torch.zeros(2, 3), 4)
        Traceback (most recent call last):
        ValueError: x has shape (2, 3), but 2 nodes with 4 features each are needed: give (*, 2, 4).
    """
    if isinstance(graph, PaddedGraphs):
        batch, nodes, _ = graph.matrix.shape
        fits, needed = x.ndim == 3 and x.shape[0] == batch, f"({batch}, {nodes}, {features})"
    else:
        assert isinstance(graph, Graph)
        nodes = graph.nodes
        fits, needed = x.ndim >= 2, f"(*, {nodes}, {features})"
    if not fits or x.shape[-2] != nodes or x.shape[-1] != features:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but {nodes} nodes with {features} features each are needed: give {needed}."
        )
