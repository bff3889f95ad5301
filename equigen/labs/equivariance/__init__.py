"""Is an SO(2) network perfectly equivariant, and if not, why not?"""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"Equivariance": "lab"})
