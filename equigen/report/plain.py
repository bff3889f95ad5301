"""Values as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["plain"]


def plain(value: object) -> Any:
    """A value as JSON has it: paths become strings, numbers that are not finite become null.

    Example:
        >>> plain({"folder": Path("runs/a"), "loss": float("nan"), "noise": (1, 2.5)})
        {'folder': 'runs/a', 'loss': None, 'noise': [1, 2.5]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
