"""Normalisation over the nodes of each graph.

Source: T. Cai, S. Luo, K. Xu, D. He, T.-Y. Liu, L. Wang, GraphNorm, ICML 2021, equation 6.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.graphs.features import require_features
from equigen.graphs.graph import Graph
from equigen.graphs.layers.readouts import readout
from equigen.graphs.structure import Graphs

__all__ = ["GraphNorm"]


class GraphNorm(nn.Module):
    """Features of mean square one over the nodes of each graph, after a learned share of their mean is taken off.

        z = x - a m,    y = w z / sqrt(E z^2 + eps) + b,        m = E x

    with E the mean over the nodes of one graph, feature by feature. What other graphs of a batch hold, and what is
    stored in the place of nodes that are none, changes nothing; nothing is remembered from batch to batch.

    Args:
        features: of each node.
        eps: added to the mean square.

    Attributes:
        weight: w, (features,), 1 at first.
        bias: b, (features,), 0 at first.
        share: a, (features,), 1 at first.

    Raises:
        ValueError: features of another length.

    Error: relative 1e-6 in float32.

    Example:
        >>> from equigen.graphs.side_by_side import divided
        >>> graphs = divided(Graph.from_edges([[0], [1]], 4), torch.tensor([2, 2]))
        >>> GraphNorm(1, eps=0.0)(graphs, torch.tensor([[1.0], [3.0], [10.0], [90.0]])).flatten().tolist()
        [-1.0, 1.0, -1.0, 1.0]
    """

    def __init__(self, features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.share = nn.Parameter(torch.ones(features))

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """(*, n, features) from (*, n, features); zero where padded graphs have no node."""
        require_features(graph, x, self.weight.shape[0])
        x = graph.masked(x)
        apart = x - self.share * _spread(graph, readout(graph, x, "mean"))
        size = (readout(graph, apart.square(), "mean") + self.eps).sqrt()
        return graph.masked(self.weight * apart / _spread(graph, size) + self.bias)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        return f"{self.weight.shape[0]}, eps={self.eps}"


def _spread(graph: Graphs, each: Tensor) -> Tensor:
    """What belongs to a graph (*, B, F) at each of its nodes, (*, n, F)."""
    return each.index_select(-2, graph.graph_of_node) if isinstance(graph, Graph) else each[:, None, :]
