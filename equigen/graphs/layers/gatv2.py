"""Graph attention whose ranking of neighbours depends on who hears them.

Source: S. Brody, U. Alon, E. Yahav, How attentive are graph attention networks?, ICLR 2022, equation 7.
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

__all__ = ["GATv2"]


class GATv2(nn.Module):
    """The mean of the neighbours' features and a node's own, weighed by a score of the two together.

        v = x H,  u = x G + c                                 H_h, G_h, c_h for each head h
        s_ij = <t, leaky_relu(u_i + v_j)>                     for the edges, and for i itself
        y_i = sum_j a_ij v_j + b,                             a_i = softmax(s_i)

    It needs E x (out features) numbers at a time, `GAT` E x heads. The graph says who is heard; its weights are not
    read: one of 0 is heard, and an edge given twice, one entry, is heard once (PyTorch Geometric: twice).

    Args:
        in_features: of each node.
        out_features: of each node, over all heads; of each head where they are averaged.
        heads: how many.
        averaged: whether heads are averaged instead of standing side by side.
        slope: of leaky_relu below zero.
        bias: whether there are b and c.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: features that heads side by side do not share evenly; features of another length.

    Error: relative 1e-6 in float32, for scores of any size.

    Example:
        >>> import torch
        >>> from equigen.graphs.graph import Graph
        >>> layer = GATv2(1, 1)
        >>> for part, number in ((layer.heard.weight, 1.0), (layer.score, 0.0)):
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
        self.heard = nn.Linear(in_features, heads * width, bias=False)
        self.hearing = nn.Linear(in_features, heads * width, bias=bias)
        self.score = nn.Parameter(torch.empty(heads, width))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        for part in (self.heard.weight, self.hearing.weight, self.score):
            nn.init.xavier_uniform_(part)
        if bias:
            nn.init.zeros_(self.hearing.bias)

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """(*, n, out_features) from (*, n, in_features); zero where padded graphs have no node."""
        require_features(graph, x, self.heard.in_features, self.heard.weight)
        x = graph.masked(x)
        values = heads_apart(by_node(graph, self.heard(x)), self.heads)
        by_hearing = heads_apart(by_node(graph, self.hearing(x)), self.heads)
        both = hearing(graph, by_hearing) + heard(graph, values)
        scores, own = self._scored(both), self._scored(by_hearing + values)
        y = from_nodes(graph, heads_together(attended(graph, scores, own, values), averaged=self.averaged))
        return y if self.bias is None else graph.masked(y + self.bias)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        return f"heads={self.heads}, averaged={self.averaged}"

    def _scored(self, both: Tensor) -> Tensor:
        """<t, leaky_relu(...)> for each head: (*, H) from (*, H, F)."""
        return torch.einsum("...hf,hf->...h", functional.leaky_relu(both, self.slope), self.score)
