"""What data is: Euclidean spaces of tensors, each with its standard normal, projection and inner product."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Batch": "batch",
        "BoundSpace": "space",
        "Centred": "centred",
        "Euclidean": "euclidean",
        "Masked": "masked",
        "Space": "space",
    },
)
