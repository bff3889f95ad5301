"""What lambda does in dx = lambda^t dw."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"NoiseScale": "lab"})
