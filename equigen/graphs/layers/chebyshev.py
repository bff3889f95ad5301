"""Chebyshev convolution: a series of polynomials that stay between -1 and 1 on the spectrum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.graphs.features import require_features
from equigen.graphs.functional import chebyshev_convolve
from equigen.graphs.layers.arguments import checked_count, checked_shift
from equigen.graphs.layers.bias import add_bias
from equigen.graphs.layers.initial import glorot
from equigen.graphs.shifts import shift_of
from equigen.graphs.spectrum import recentred
from equigen.graphs.structure import Graphs

__all__ = ["ChebyshevConvolution"]


class ChebyshevConvolution(nn.Module):
    """Convolution in Chebyshev polynomials of a shift, recentred so that they stay between -1 and 1 on its spectrum.

        Y = sum_k T_k(S~) X H_k + 1 b^T,        S~ = 2 (S - low I) / (high - low) - I

    low and high enclose the eigenvalues of each graph, by itself: a graph alone and beside others gives the same. For
    the normalised Laplacian they are 0 and 2, and S~ = S - I. PyTorch Geometric takes loops out, gives isolated nodes
    the eigenvalue 1, here 0, and takes the degrees of those that are heard where edges are directed.

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

    Source: M. Defferrard, X. Bresson, P. Vandergheynst, Convolutional neural networks on graphs with fast localized
    spectral filtering, 2016, equations 4 and 5.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> layer = ChebyshevConvolution(1, 1, 2)
        >>> with torch.no_grad():
        ...     _ = layer.taps.copy_(torch.tensor([1.0, 10.0, 100.0]).reshape(3, 1, 1))
        >>> layer(pair, torch.tensor([[1.0], [0.0]])).flatten().tolist()
        [101.0, -10.0]
    """

    def __init__(
        self, in_features: int, out_features: int, order: int, shift: str = "normalised-laplacian", bias: bool = True
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
        y = chebyshev_convolve(recentred(shift_of(graph, self.shift)), x, self.taps)
        return add_bias(graph, y, self.bias)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        order, wide_in, wide_out = self.taps.shape
        return f"{wide_in}, {wide_out}, order={order - 1}, shift={self.shift!r}, bias={self.bias is not None}"
