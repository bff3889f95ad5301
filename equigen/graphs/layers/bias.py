"""One number for each feature, added at every node alike."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.structure import Graphs

__all__ = ["add_bias"]


def add_bias(graph: Graphs, y: Tensor, bias: Tensor | None) -> Tensor:
    """Y + 1 b^T at the nodes that there are, and zero elsewhere; in the memory of Y where there are no derivatives.

    Args:
        graph: one or several.
        y: features (*, n, F), that nobody else reads.
        bias: b, (F,), or None for zero.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> add_bias(Graph.from_edges([[0], [1]], 2), torch.zeros(2, 2), torch.tensor([1.0, 2.0])).tolist()
        [[1.0, 2.0], [1.0, 2.0]]
    """
    if bias is None:
        return graph.masked(y)
    return graph.masked(y + bias if torch.is_grad_enabled() else y.add_(bias))
