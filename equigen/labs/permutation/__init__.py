"""When a function of a graph does not depend on how its nodes are numbered: the theorem, and what breaks it."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"Permutation": "lab"})
