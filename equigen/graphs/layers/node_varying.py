"""Node-varying convolution: every node has taps of its own, free or found from its place in the graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.graphs.features import require_features
from equigen.graphs.functional import krylov_block
from equigen.graphs.layers.arguments import checked_count, checked_shift
from equigen.graphs.layers.bias import add_bias
from equigen.graphs.layers.initial import glorot
from equigen.graphs.layers.invariants import INVARIANTS, node_invariants
from equigen.graphs.shifts import shift_of
from equigen.graphs.structure import Graphs

__all__ = ["NodeVarying"]


class NodeVarying(nn.Module):
    """Convolution with taps that differ from node to node, y_i = sum_k (S^k X)_i H_k(i) + b.

        H_k(i) = sum_m phi_m(i) H_km      phi the invariants of the node (`node_invariants`): moves with the nodes
        H_k(i) free, one for each node    moves with them for no other order: a layer of one graph

    Args:
        in_features: F_in.
        out_features: F_out.
        order: K, 0 or more.
        shift: the name of S as a function of the graph, as in `SHIFTS`.
        nodes: the number of nodes that get free taps; None: taps from invariants.
        bias: whether b is learned; zero if not.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: an order below 0, or an unknown shift; in `forward`, features of another shape, another number of
            nodes than have free taps, or weights that the shift cannot have.

    Source: S. Segarra, A. Marques, A. Ribeiro, Optimal graph-filter design and applications to distributed linear
    network operators, 2017 (node-varying filters); F. Gama, G. Leus, A. Marques, A. Ribeiro, Convolutional neural
    networks via node-varying graph filters, 2018.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair, x = Graph.from_edges([[0], [1]], 2, undirected=True), torch.tensor([[1.0], [2.0]])
        >>> layer = NodeVarying(1, 1, 0, nodes=2)
        >>> with torch.no_grad():
        ...     _ = layer.taps.copy_(torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1))
        >>> layer(pair, x).flatten().tolist(), layer(pair, x.flip(0)).flatten().tolist()       # not (0, 1): it is free
        ([1.0, 0.0], [2.0, 0.0])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        order: int,
        shift: str = "normalised-adjacency",
        *,
        nodes: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.order = order = checked_count("order", order, 0)
        self.shift = checked_shift(shift)
        self.free = nodes is not None
        terms = order + 1 if self.free else (order + 1) * INVARIANTS
        self.taps = glorot(INVARIANTS if nodes is None else nodes, order + 1, in_features, out_features, terms=terms)
        """H_km, (4, K + 1, F_in, F_out); H_k(i), (n, K + 1, F_in, F_out), where they are free."""
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """Features (*, n, F_out) of features (*, n, F_in)."""
        require_features(graph, x, self.taps.shape[2], self.taps)
        block = krylov_block(shift_of(graph, self.shift), x, self.order)
        taps = self.taps.flatten(1, 2)
        if self.free:
            if x.shape[-2] != len(taps):
                raise ValueError(
                    f"x has shape {tuple(x.shape)}, but {len(taps)} nodes have free taps: nodes={x.shape[-2]}, "
                    "or nodes=None for taps from invariants."
                )
            y = torch.einsum("...nk,nko->...no", block, taps)
        else:
            each = (block @ taps.movedim(0, 1).flatten(1)).unflatten(-1, (INVARIANTS, -1))
            y = (node_invariants(graph).to(x.dtype)[..., None] * each).sum(-2)
        return add_bias(graph, y, self.bias)

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        count, order, wide_in, wide_out = self.taps.shape
        nodes = count if self.free else None
        return f"{wide_in}, {wide_out}, order={order - 1}, shift={self.shift!r}, nodes={nodes}"
