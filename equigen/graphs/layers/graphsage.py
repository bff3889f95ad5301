"""GraphSAGE: a node's own features and what it hears, each through weights of its own.

Source: W. Hamilton, R. Ying, J. Leskovec, Inductive representation learning on large graphs, NeurIPS 2017, algorithm 1,
with all neighbours instead of a sample of them, and without the division by the norm at the end.
"""

from __future__ import annotations

from torch import Tensor, nn

from equigen.graphs.edges import by_node, check_aggregation, edge_reduce, edge_weights, from_nodes, heard
from equigen.graphs.features import require_features
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import adjacency, random_walk
from equigen.graphs.structure import Graphs

__all__ = ["GraphSAGE"]


class GraphSAGE(nn.Module):
    """A node's own features and the sum, mean or largest of its neighbours', through two matrices.

        y_i = x_i H_0 + m_i H_1 + b
        sum     m = W x                        the adjacency
        mean    m = diag(d)^-1 W x             the random walk
        max     m_i = max_j w_ij x_j           feature by feature, over the neighbours

    m_i is 0 for a node that hears nobody. Sum and mean are filters of order 1 of a shift; the largest is no linear map.
    PyTorch Geometric's layer takes no weights.

    Args:
        in_features: of each node.
        out_features: of each node.
        aggregation: "mean", "max" or "sum".
        bias: whether there is b.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: an unknown aggregation; features of another length; the mean with negative weights.

    Error: relative 1e-6 in float32.

    Example:
        >>> import torch
        >>> from equigen.graphs.graph import Graph
        >>> layer = GraphSAGE(1, 1, bias=False)
        >>> for linear, number in ((layer.own, 10.0), (layer.heard, 1.0)):
        ...     _ = torch.nn.init.constant_(linear.weight, number)
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> layer(path, torch.tensor([[1.0], [2.0], [5.0]])).flatten().tolist()
        [12.0, 23.0, 52.0]
    """

    def __init__(self, in_features: int, out_features: int, aggregation: str = "mean", *, bias: bool = True) -> None:
        super().__init__()
        self.in_features = in_features
        self.aggregation = check_aggregation(aggregation)
        self.own = nn.Linear(in_features, out_features, bias=bias)
        self.heard = nn.Linear(in_features, out_features, bias=False)

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """(*, n, out_features) from (*, n, in_features); zero where padded graphs have no node."""
        require_features(graph, x, self.in_features, self.own.weight)
        x = graph.masked(x)
        if self.aggregation == "max":
            said = self.heard(_largest(graph, x))
        else:
            shift = adjacency(graph) if self.aggregation == "sum" else random_walk(graph)
            wide = self.heard.in_features > self.heard.out_features
            said = shift.product(self.heard(x)) if wide else self.heard(shift.product(x))
        return graph.masked(self.own(x) + said)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        return f"aggregation={self.aggregation!r}"


def _largest(graph: Graphs, x: Tensor) -> Tensor:
    """max_j w_ij x_j over the neighbours of each node."""
    nodes = by_node(graph, x)
    messages = heard(graph, nodes)
    if not isinstance(graph, Graph) or graph.weights is not None:
        messages = edge_weights(graph, nodes) * messages
    return from_nodes(graph, edge_reduce(graph, messages, "max"))
