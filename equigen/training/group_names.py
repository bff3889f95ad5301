"""The names of groups of the plane, as a configuration takes them. Imports no torch."""

from __future__ import annotations

import difflib
import re
from typing import Annotated

from pydantic import AfterValidator

__all__ = ["GroupName"]

_GROUP = re.compile(r"SO2|O2|C[1-9]\d{0,3}|D[1-9]\d{0,3}(@\d+(\.\d+)?)?")  # the words of groups.plane_groups
_COMMON = ("C1", "C4", "C8", "C16", "D4", "D8", "D16", "SO2", "O2")


def _known(value: str) -> str:
    if _GROUP.fullmatch(value):
        return value
    near = difflib.get_close_matches(re.sub(r"[^A-Z0-9]", "", value.upper()), _COMMON, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_COMMON)}"
    raise ValueError(f"is no group of the plane: {hint}")


GroupName = Annotated[str, AfterValidator(_known)]
"""The name of a group of the plane, such as C4 or SO2; another is answered with the nearest one."""
