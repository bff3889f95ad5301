"""What the regular representation is made of, and what becomes of it when its list of irreps is spoiled."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"Irreps": "lab"})
