"""The lab on diffusion of digits: what it measures, a file for each part."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"MnistDiffusion": "lab"})
