"""Activations: functions of fields that commute with the group."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "FourierActivation": "fourier",
        "GatedActivation": "gated",
        "NormActivation": "norm",
        "Pointwise": "pointwise",
        "aliasing_error": "sampling",
        "sampling_count": "sampling",
        "sampling_matrix": "sampling",
        "with_gates": "gated",
    },
)
