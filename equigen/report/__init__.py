"""Figures and self-contained pages: what a run looks like."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Grid": "grid",
        "write": "page",
        "write_evaluation": "record",
        "write_paths": "record",
    },
)
