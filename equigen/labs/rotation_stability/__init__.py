"""The lab rotation-stability: which networks keep their answer when a digit is turned."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"RotationStability": "lab"})
