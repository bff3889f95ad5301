"""Edge-varying convolution: every edge has a weight of its own in each step, free or found from its two ends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.graphs.features import require_features
from equigen.graphs.graph import Graph
from equigen.graphs.layers.arguments import checked_count, checked_shift
from equigen.graphs.layers.initial import glorot
from equigen.graphs.layers.invariants import INVARIANTS, node_invariants
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import shift_of
from equigen.graphs.structure import Graphs

__all__ = ["EdgeVarying"]


class EdgeVarying(nn.Module):
    """Convolution with another matrix in each step, Y = sum_k Phi_k ... Phi_1 X H_k + 1 b^T, on the edges of a graph.

    Phi_k multiplies what each edge gives to the shift S by a factor of its own; the diagonal that S adds stays.

        1 + c_k^T tanh(A phi_i + B phi_j)    for the entry (i, j), phi the invariants of a node (`node_invariants`):
                                             moves with the nodes
        free, one for each entry             moves with them for no other order: a layer of one graph

    All factors 1 is the graph convolution; free ones begin there.

    Args:
        in_features: F_in.
        out_features: F_out.
        order: K, 1 or more.
        shift: the name of S as a function of the graph, as in `SHIFTS`.
        entries: the number of entries that get free factors; None: factors from invariants.
        hidden: rows of A and B; of no use where factors are free.
        bias: whether b is learned; zero if not.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: an order below 1, or an unknown shift; in `forward`, features of another shape, padded graphs or
            another number of entries than have free factors, or weights that the shift cannot have.

    Source: E. Isufi, F. Gama, A. Ribeiro, EdgeNets: edge varying graph neural networks, 2021, equations 7 and 8 (free).

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> layer = EdgeVarying(1, 1, 1, "adjacency", entries=path.entries)
        >>> with torch.no_grad():
        ...     _ = layer.taps.copy_(torch.tensor([0.0, 1.0]).reshape(2, 1, 1))
        ...     _ = layer.factors.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))                # (0,1) (1,0) (1,2) (2,1)
        >>> layer(path, torch.tensor([[1.0], [10.0], [100.0]])).flatten().tolist()
        [10.0, 302.0, 40.0]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        order: int,
        shift: str = "normalised-adjacency",
        *,
        entries: int | None = None,
        hidden: int = 8,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.order = order = checked_count("order", order, 1)
        self.shift = checked_shift(shift)
        self.taps = glorot(order + 1, in_features, out_features, terms=order + 1)
        """H_k, (K + 1, F_in, F_out)."""
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.factors = None if entries is None else nn.Parameter(torch.ones(order, entries))
        """Free factors of the entries, (K, E)."""
        if entries is None:
            self.hearing = glorot(INVARIANTS, hidden)
            """A^T, (4, hidden)."""
            self.heard = glorot(INVARIANTS, hidden)
            """B^T, (4, hidden)."""
            self.mixing = glorot(hidden, order)
            """c_k, (hidden, K)."""

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """Features (*, n, F_out) of features (*, n, F_in)."""
        require_features(graph, x, self.taps.shape[1], self.taps)
        shift = shift_of(graph, self.shift)
        factors = self._free(graph) if self.factors is not None else self._from_invariants(graph, x.dtype)
        sparse = isinstance(graph, Graph)
        blocks = [x.movedim(-2, 0) if sparse else graph.masked(x)]
        for each in factors:
            blocks.append(_step(shift, each, blocks[-1]))
        y = torch.cat(blocks, -1) @ self.taps.flatten(0, 1)
        y = y if self.bias is None else y + self.bias
        return y.movedim(0, -2) if sparse else graph.masked(y)

    def _free(self, graph: Graphs) -> tuple[Tensor, ...]:
        assert self.factors is not None
        entries = self.factors.shape[1]
        if not isinstance(graph, Graph) or graph.entries != entries:
            raise ValueError(
                f"graph is {type(graph).__name__}, but {entries} entries have free factors: give the sparse graph that "
                "they are of, or entries=None for factors from invariants."
            )
        return self.factors.unbind(0)

    def _from_invariants(self, graph: Graphs, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Factors of the K steps, (E,) each, or (B, n, n)."""
        phi = node_invariants(graph).to(dtype)
        hearing, heard = phi @ self.hearing, phi @ self.heard
        if isinstance(graph, Graph):
            ends = hearing[graph.rows] + heard[graph.columns]
        else:
            ends = hearing[:, :, None] + heard[:, None, :]
        return (1.0 + ends.tanh() @ self.mixing).unbind(-1)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        order, wide_in, wide_out = self.taps.shape
        entries = None if self.factors is None else self.factors.shape[1]
        return f"{wide_in}, {wide_out}, order={order - 1}, shift={self.shift!r}, entries={entries}"


def _step(shift: Shift, factors: Tensor, x: Tensor) -> Tensor:
    """Multiply by the shift with factors on its entries: x (n, *, F) and factors (E,), or (B, n, F) and (B, n, n)."""
    graph = shift.graph
    left, right, diagonal = (
        None if each is None else each.to(x.dtype).reshape(*each.shape, *[1] * (x.ndim - each.ndim))
        for each in (shift.left, shift.right, shift.diagonal)
    )
    y = x if right is None else right * x
    if isinstance(graph, PaddedGraphs):
        y = (graph.matrix.to(x.dtype) * factors) @ y
    else:
        assert isinstance(graph, Graph)
        weights = factors if graph.weights is None else graph.weights.to(x.dtype) * factors
        y = graph.product_with(weights, y.flatten(1)).reshape(x.shape)
    y = y if left is None else left * y
    return y if diagonal is None else torch.addcmul(y, diagonal, x)
