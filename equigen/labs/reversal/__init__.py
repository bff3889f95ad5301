"""Whether the reversed diffusion recovers the data, and where the error comes from."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"Reversal": "lab"})
