"""Norms of fields: moments that the group leaves alone."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "BatchNorm": "batch_norm",
        "GroupNorm": "group_norm",
        "InstanceNorm": "instance_norm",
        "LayerNorm": "layer_norm",
    },
)
