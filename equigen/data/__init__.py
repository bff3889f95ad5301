"""Bundled sets, readers for the user's own files, splits, and batches as a pure function of (seed, step)."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "DataError": "errors",
        "DataSet": "dataset",
        "Encoding": "encoding",
        "GraphSignals": "graph_signals",
        "Images": "images",
        "NAMED": "named",
        "block_model": "graph_sets",
        "cora": "graph_sets",
        "karate": "graph_sets",
        "load": "loading",
        "source_localisation": "graph_sets",
        "source_probabilities": "graph_sets",
        "write_samples": "writing",
    },
)
