"""Schedules: how noise enters, one published process a file."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Cosine": "cosine",
        "EDM": "edm",
        "GeometricNoise": "geometric_noise",
        "RectifiedFlow": "rectified_flow",
        "Schedule": "schedule",
        "SubVariancePreserving": "sub_variance_preserving",
        "VarianceExploding": "variance_exploding",
        "VariancePreserving": "variance_preserving",
    },
)
