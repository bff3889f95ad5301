"""Bundled sets, readers for the user's own files, splits, and batches as a pure function of (seed, step)."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "DataError": "errors",
        "DataSet": "dataset",
        "Encoding": "encoding",
        "Images": "images",
        "NAMED": "named",
        "load": "loading",
        "write_samples": "writing",
    },
)
