"""The layer of graph convolutional networks: one step of an average, with loops."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.graphs.features import require_features
from equigen.graphs.layers.bias import add_bias
from equigen.graphs.layers.initial import glorot
from equigen.graphs.shifts import renormalised_adjacency
from equigen.graphs.structure import Graphs

__all__ = ["GCN"]


class GCN(nn.Module):
    """The layer of graph convolutional networks, Y = (D + I)^-1/2 (W + I) (D + I)^-1/2 X H + 1 b^T.

    The product with the graph takes the smaller of the two widths. A loop of the graph stays, beside the one that is
    added; PyTorch Geometric then adds none.

    Args:
        in_features: F_in.
        out_features: F_out.
        bias: whether b is learned; zero if not.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: in `forward`, features of another shape, or negative weights.

    Source: T. Kipf, M. Welling, Semi-supervised classification with graph convolutional networks, 2017, equation 2.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> layer = GCN(1, 1)
        >>> _ = nn.init.ones_(layer.weight)
        >>> [round(value, 6) for value in layer(pair, torch.tensor([[1.0], [3.0]])).flatten().tolist()]
        [2.0, 2.0]
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = glorot(in_features, out_features)
        """H, (F_in, F_out)."""
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """Features (*, n, F_out) of features (*, n, F_in)."""
        wide_in, wide_out = self.weight.shape
        require_features(graph, x, wide_in, self.weight)
        shift = renormalised_adjacency(graph)
        x = graph.masked(x)
        y = shift.product(x) @ self.weight if wide_in < wide_out else shift.product(x @ self.weight)
        return add_bias(graph, y, self.bias)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}, bias={self.bias is not None}"
