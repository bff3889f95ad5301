"""Graphs: shift operators, filters that are functions of them, realizations of filters, layers, stability."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Graph": "graph",
        "Graphs": "structure",
        "PaddedGraphs": "padded",
        "Shift": "shift",
        "adjacency": "shifts",
        "divided": "side_by_side",
        "joined": "side_by_side",
        "laplacian": "shifts",
        "normalised_adjacency": "shifts",
        "normalised_laplacian": "shifts",
        "random_walk": "shifts",
        "random_walk_laplacian": "shifts",
        "renormalised_adjacency": "shifts",
        "renumbered": "permuted",
        "shift_of": "shifts",
    },
)
