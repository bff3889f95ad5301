"""Which filters commute with rotations, how they are turned, and what pixels do to them."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"SteerableFilters": "lab"})
