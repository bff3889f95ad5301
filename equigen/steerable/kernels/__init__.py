"""Kernel bases: the filters of which steerable filters are sums."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AngularBasis": "angular",
        "GridBasis": "grid_basis",
        "KernelBasis": "basis",
        "Ring": "ring_basis",
        "RingBasis": "ring_basis",
        "angular_basis": "angular",
        "default_basis": "default",
        "pixel_places": "basis",
    },
)
