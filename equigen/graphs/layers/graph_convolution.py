"""Graph convolution: a polynomial of a shift, with a matrix of taps for each power."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.graphs.features import require_features
from equigen.graphs.functional import convolve
from equigen.graphs.layers.arguments import checked_count, checked_shift
from equigen.graphs.layers.bias import add_bias
from equigen.graphs.layers.initial import glorot
from equigen.graphs.shifts import shift_of
from equigen.graphs.structure import Graphs

__all__ = ["GraphConvolution"]


class GraphConvolution(nn.Module):
    """Convolution on a graph, Y = sum_k S^k X H_k + 1 b^T: a node hears K steps far.

    The taps H_k do not depend on the nodes, so that Y moves with them: P X on P S P^T gives P Y.

    Args:
        in_features: F_in.
        out_features: F_out.
        order: K, 0 or more.
        shift: the name of S as a function of the graph, as in `SHIFTS`.
        bias: whether b is learned; zero if not.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: an order below 0, or an unknown shift; in `forward`, features of another shape, or weights that the
            shift cannot have.

    Source: F. Gama, A. Marques, G. Leus, A. Ribeiro, Convolutional neural network architectures for signals supported
    on graphs, 2019, equation 9.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> layer = GraphConvolution(1, 1, 2, shift="adjacency")
        >>> with torch.no_grad():
        ...     _ = layer.taps.copy_(torch.tensor([1.0, 10.0, 100.0]).reshape(3, 1, 1))
        >>> layer(path, torch.tensor([[1.0], [0.0], [0.0]])).flatten().tolist()
        [101.0, 10.0, 100.0]
    """

    def __init__(
        self, in_features: int, out_features: int, order: int, shift: str = "normalised-adjacency", bias: bool = True
    ) -> None:
        super().__init__()
        self.order = order = checked_count("order", order, 0)
        self.shift = checked_shift(shift)
        self.taps = glorot(order + 1, in_features, out_features, terms=order + 1)
        """H_k, (K + 1, F_in, F_out)."""
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """Features (*, n, F_out) of features (*, n, F_in)."""
        require_features(graph, x, self.taps.shape[1], self.taps)
        y = convolve(shift_of(graph, self.shift), x, self.taps)
        return add_bias(graph, y, self.bias)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        order, wide_in, wide_out = self.taps.shape
        return f"{wide_in}, {wide_out}, order={order - 1}, shift={self.shift!r}, bias={self.bias is not None}"
