"""Graph attention: a score for each end of an edge, and a softmax over the neighbours.

Source: P. Velickovic, G. Cucurull, A. Casanova, A. Romero, P. Lio, Y. Bengio, Graph attention networks, ICLR 2018,
equations 1 to 6, without dropout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.graphs.attention import attended
from equigen.graphs.edges import by_node, from_nodes, heard, hearing
from equigen.graphs.features import require_features
from equigen.graphs.layers.heads import head_width, heads_apart, heads_together
from equigen.graphs.structure import Graphs

__all__ = ["GAT"]


class GAT(nn.Module):
    """The mean of the neighbours' features and a node's own, weighed by how their scores add up.

        v = x H                                               H_h for each head h
        s_ij = leaky_relu(<t, v_i> + <u, v_j>)                for the edges, and for i itself
        y_i = sum_j a_ij v_j + b,                             a_i = softmax(s_i)

    Which node of its neighbours counts most is the same for all that hear them (see `GATv2`). The graph says who is
    heard; its weights are not read: one of 0 is heard, and an edge given twice, one entry, is heard once (PyTorch
    Geometric: twice).

    Args:
        in_features: of each node.
        out_features: of each node, over all heads; of each head where they are averaged.
        heads: how many.
        averaged: whether heads are averaged, as the paper does in its last layer, instead of standing side by side.
        slope: of leaky_relu below zero.
        bias: whether there is b.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: features that heads side by side do not share evenly; features of another length.

    Error: relative 1e-6 in float32, for scores of any size.

    Example:
        >>> import torch
        >>> from equigen.graphs.graph import Graph
        >>> layer = GAT(1, 1)
        >>> for part, number in ((layer.linear.weight, 1.0), (layer.hearing, 0.0), (layer.heard, 0.0)):
        ...     _ = torch.nn.init.constant_(part, number)
        >>> arrow = Graph.from_edges([[0], [1]], 2)
        >>> layer(arrow, torch.tensor([[2.0], [4.0]])).flatten().tolist()                    # equal scores: plain means
        [2.0, 3.0]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        heads: int = 1,
        *,
        averaged: bool = False,
        slope: float = 0.2,
        bias: bool = True,
    ) -> None:
        super().__init__()
        width = head_width(out_features, heads, averaged=averaged)
        self.heads, self.averaged, self.slope = heads, averaged, slope
        self.linear = nn.Linear(in_features, heads * width, bias=False)
        self.hearing = nn.Parameter(torch.empty(heads, width))
        self.heard = nn.Parameter(torch.empty(heads, width))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        for part in (self.linear.weight, self.hearing, self.heard):
            nn.init.xavier_uniform_(part)

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """(*, n, out_features) from (*, n, in_features); zero where padded graphs have no node."""
        require_features(graph, x, self.linear.in_features, self.linear.weight)
        values = heads_apart(by_node(graph, self.linear(graph.masked(x))), self.heads)
        s_i, s_j = (values * self.hearing).sum(-1), (values * self.heard).sum(-1)
        both = hearing(graph, s_i) + heard(graph, s_j)
        scores, own = (functional.leaky_relu(s, self.slope) for s in (both, s_i + s_j))
        y = attended(graph, scores, own, values)
        y = from_nodes(graph, heads_together(y, averaged=self.averaged))
        return y if self.bias is None else graph.masked(y + self.bias)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        return f"heads={self.heads}, averaged={self.averaged}"
