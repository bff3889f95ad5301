"""Layers on graphs: convolutional, attentional and message-passing ones, norms, readouts."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "ARMAConvolution": "arma",
        "ChebyshevConvolution": "chebyshev",
        "EdgeVarying": "edge_varying",
        "GAT": "gat",
        "GATv2": "gatv2",
        "GCN": "gcn",
        "GIN": "gin",
        "GraphConvolution": "graph_convolution",
        "GraphNorm": "graph_norm",
        "GraphSAGE": "graphsage",
        "MessagePassing": "message_passing",
        "NodeVarying": "node_varying",
        "node_invariants": "invariants",
        "readout": "readouts",
    },
)
