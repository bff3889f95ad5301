"""The layers by name, each made from the same four arguments, so that one network can be built of any of them."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from equigen.graphs.layers.arma import ARMAConvolution
from equigen.graphs.layers.chebyshev import ChebyshevConvolution
from equigen.graphs.layers.edge_varying import EdgeVarying
from equigen.graphs.layers.gat import GAT
from equigen.graphs.layers.gatv2 import GATv2
from equigen.graphs.layers.gcn import GCN
from equigen.graphs.layers.gin import GIN
from equigen.graphs.layers.graph_convolution import GraphConvolution
from equigen.graphs.layers.graphsage import GraphSAGE
from equigen.graphs.layers.node_varying import NodeVarying

__all__ = ["LAYERS"]


def _heads(out_features: int) -> int:
    """As many of four heads side by side as share the features evenly."""
    return next(heads for heads in (4, 2, 1) if out_features % heads == 0)


LAYERS: dict[str, Callable[[int, int, int, str], nn.Module]] = {
    "graph-convolution": lambda in_, out, order, shift: GraphConvolution(in_, out, order, shift),
    "chebyshev": lambda in_, out, order, shift: ChebyshevConvolution(in_, out, order, shift),
    "arma": lambda in_, out, order, shift: ARMAConvolution(in_, out, iterations=order, shift=shift),
    "gcn": lambda in_, out, order, shift: GCN(in_, out),
    "graphsage": lambda in_, out, order, shift: GraphSAGE(in_, out),
    "gin": lambda in_, out, order, shift: GIN(in_, out),
    "gat": lambda in_, out, order, shift: GAT(in_, out, _heads(out)),
    "gatv2": lambda in_, out, order, shift: GATv2(in_, out, _heads(out)),
    "node-varying": lambda in_, out, order, shift: NodeVarying(in_, out, order, shift),
    "edge-varying": lambda in_, out, order, shift: EdgeVarying(in_, out, order, shift),
}
"""Name -> a function (in_features, out_features, order, shift) -> layer, with `layer(graph, x)`.

"gcn", "graphsage", "gin", "gat" and "gatv2" have a shift of their own and hear one step far: they do not read the last
two. Node-varying and edge-varying layers are those whose taps come from invariants; all of the table are equivariant.
"""
