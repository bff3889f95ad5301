"""Message passing: what is said may depend on both who says it and who hears it.

Source: J. Gilmer, S. Schoenholz, P. Riley, O. Vinyals, G. Dahl, Neural message passing for quantum chemistry, 2017,
equations 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from equigen.graphs.edges import (
    by_node,
    check_aggregation,
    edge_features,
    edge_reduce,
    edge_weights,
    from_nodes,
    heard,
    hearing,
)
from equigen.graphs.features import require_features
from equigen.graphs.structure import Graphs

__all__ = ["MessagePassing"]


class MessagePassing(nn.Module):
    """A function of both ends of each edge, summed up, and a function of the sum and the node itself.

        m_i = sum, mean or largest over j of  message(x_i, x_j, w_ij)      or message(x_i, x_j, w_ij, e_ij)
        y_i = update(x_i, m_i)

    It commutes with permutations of the nodes whatever the two functions are, as long as they treat all rows alike.

    Args:
        message: of x_i (*, F), x_j (*, F), the weights (*, 1) and, where `forward` is given them, features of the edges
            (*, D), with * any number of edges; gives (*, M). On padded graphs it is called for every pair of places,
            with weight 1 where there is no edge and features 0 where there is no node; what it gives there is dropped,
            and must be finite.
        update: of x (*, F) and m (*, M), with * any number of nodes; gives (*, out features).
        aggregation: "sum", "mean" or "max"; 0 for a node that hears nobody.

    Raises:
        ValueError: an unknown aggregation; features of another number of nodes or edges.

    Example:
        >>> import torch
        >>> from equigen.graphs.graph import Graph
        >>> slope = MessagePassing(lambda x_i, x_j, weights: weights * (x_j - x_i), lambda x, m: m)
        >>> slope(Graph.from_edges([[0], [1]], 2), torch.tensor([[3.0], [5.0]])).flatten().tolist()
        [0.0, -2.0]
    """

    def __init__(
        self,
        message: Callable[..., Tensor],
        update: Callable[[Tensor, Tensor], Tensor],
        aggregation: str = "sum",
    ) -> None:
        super().__init__()
        self.message = message
        self.update = update
        self.aggregation = check_aggregation(aggregation)

    def forward(self, graph: Graphs, x: Tensor, edges: Tensor | None = None) -> Tensor:
        """(*, n, out features) from (*, n, F); zero where padded graphs have no node.

        Args:
            graph: one or several.
            x: features of the nodes.
            edges: features of the edges, (E, D) in the order of `graph.rows` and `graph.columns`, or (B, n, n, D) of
                padded graphs, [b, i, j] being said by j to i.
        """
        require_features(graph, x)
        nodes = by_node(graph, x)
        x_i, x_j = hearing(graph, nodes), heard(graph, nodes)
        given = [edge_weights(graph, nodes).expand(*x_i.shape[:-1], 1)]
        if edges is not None:
            given.append(edge_features(graph, edges, x_i))
        m = edge_reduce(graph, self.message(x_i, x_j, *given), self.aggregation)
        return from_nodes(graph, self.update(nodes, m))

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        return f"aggregation={self.aggregation!r}"
