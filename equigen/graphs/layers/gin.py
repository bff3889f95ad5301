"""The graph isomorphism network: sums, which tell multisets of neighbours apart, and two linear maps.

Source: K. Xu, W. Hu, J. Leskovec, S. Jegelka, How powerful are graph neural networks?, ICLR 2019, equation 4.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.graphs.features import require_features
from equigen.graphs.structure import Graphs

__all__ = ["GIN"]


class GIN(nn.Module):
    """The sum of a node's own features and its neighbours', through a network of one hidden layer.

        y = relu(((1 + epsilon) x + W x) H_1 + b_1) H_2 + b_2

    The sum is of weighted features; PyTorch Geometric's layer takes no weights.

    Args:
        in_features: of each node.
        out_features: of each node.
        hidden: features between; as many as out_features if None.
        epsilon: how much more a node hears itself; learned, from 0 on, if None.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: features of another length.

    Error: relative 1e-6 in float32.

    Example:
        >>> import torch
        >>> from equigen.graphs.graph import Graph
        >>> layer = GIN(1, 1, epsilon=0.0)
        >>> for part in layer.parameters():
        ...     _ = torch.nn.init.constant_(part, 1.0)
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> layer(path, torch.tensor([[1.0], [2.0], [5.0]])).flatten().tolist()              # 3, 8, 7, and twice 1
        [5.0, 10.0, 9.0]
    """

    epsilon: Tensor

    def __init__(
        self, in_features: int, out_features: int, hidden: int | None = None, epsilon: float | None = None
    ) -> None:
        super().__init__()
        hidden = out_features if hidden is None else hidden
        self.first = nn.Linear(in_features, hidden)
        self.second = nn.Linear(hidden, out_features)
        if epsilon is None:
            self.epsilon = nn.Parameter(torch.zeros(()))
        else:
            self.register_buffer("epsilon", torch.tensor(float(epsilon)))

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """(*, n, out_features) from (*, n, in_features); zero where padded graphs have no node."""
        first = self.first
        require_features(graph, x, first.in_features, first.weight)
        own = graph.masked(x)
        if first.in_features > first.out_features:  # both maps are linear: the narrower features are multiplied with W
            own = functional.linear(own, first.weight)
            y = (1.0 + self.epsilon) * own + graph.product(own)
            y = y + first.bias
        else:
            y = first((1.0 + self.epsilon) * own + graph.product(own))
        return graph.masked(self.second(y.relu()))
