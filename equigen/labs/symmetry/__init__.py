"""What a symmetric score guarantees and what augmentation does: the theorem, seen, and what breaks it."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"Symmetry": "lab"})
