"""Realizations: one filter, computed in several ways, each with its formula, its flow graph and its cost."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "CascadeForm": "cascade",
        "ClenshawForm": "clenshaw",
        "DirectForm": "direct",
        "FORMS": "realizing",
        "FlowEdge": "flow",
        "FlowGraph": "flow",
        "FlowNode": "flow",
        "IteratedForm": "iterated",
        "OperationCount": "operation_count",
        "ParallelForm": "parallel",
        "Realization": "realization",
        "SolvedForm": "solved",
        "SpectralForm": "spectral_form",
        "TransposedForm": "transposed",
        "fastest": "planning",
        "realize": "realizing",
    },
)
