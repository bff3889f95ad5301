"""The names of groups of the plane, as a configuration takes them. Imports no torch."""

from __future__ import annotations

import difflib
import re
from typing import Annotated

from pydantic import AfterValidator

__all__ = ["GroupName", "limits_frequency"]

_GROUP = re.compile(r"SO2|O2|C[1-9]\d{0,3}|D[1-9]\d{0,3}(@\d+(\.\d+)?)?")  # the words of groups.plane_groups
_FEW = 8  # rotations up to which a feature holds all functions on the group: networks.steerable_filters says so
_COMMON = ("C1", "C4", "C8", "C16", "D4", "D8", "D16", "SO2", "O2")


def _known(value: str) -> str:
    if _GROUP.fullmatch(value):
        return value
    near = difflib.get_close_matches(re.sub(r"[^A-Z0-9]", "", value.upper()), _COMMON, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_COMMON)}"
    raise ValueError(f"is no group of the plane: {hint}")


GroupName = Annotated[str, AfterValidator(_known)]
"""The name of a group of the plane, such as C4 or SO2; another is answered with the nearest one."""


def limits_frequency(name: str) -> bool:
    """Whether features of a group are cut off at a frequency: it is infinite, or has more than 8 rotations.

    Args:
        name: of a group, as a configuration takes it.

    Example:
        >>> [limits_frequency(name) for name in ("C4", "D8", "C16", "D9@10", "SO2")]
        [False, False, True, True, True]
    """
    rotations = re.match(r"[CD](\d+)", name)
    return rotations is None or int(rotations[1]) > _FEW
