"""One graph filter in every form, the same layer with other shifts, and graph networks that learn."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"Realizations": "lab"})
