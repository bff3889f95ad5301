"""Plain values for JSON, which has no numbers that are not finite."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["finite_values"]


def finite_values(value: Any) -> Any:
    """Nested values with None for numbers that JSON does not have, and lists for tuples.

    Example:
        >>> finite_values({"errors": (0.5, float("inf")), "name": "D"})
        {'errors': [0.5, None], 'name': 'D'}
    """
    if isinstance(value, dict):
        return {name: finite_values(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite_values(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
