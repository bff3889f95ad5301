"""What is the regular representation made of?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import Field, field_validator

from equigen.groups.plane_groups import plane_group
from equigen.labs.irreps.answering import answered_by
from equigen.labs.irreps.chapters import chapters
from equigen.labs.irreps.concluding import concluded
from equigen.labs.irreps.findings import IrrepFindings, measured
from equigen.labs.irreps.functions import GroupFunctions
from equigen.labs.lab import Answer, Lab, Tell

__all__ = ["Irreps"]

_LARGEST = 32  # elements of a finite group


class Irreps(Lab):
    """Builds regular representations from permutations and from irreps, and spoils the list of irreps.

    Example:
        >>> Irreps(groups=["E2"])
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab irreps has groups=['E2'], but it should be names of groups such as \
C4, D4, D1@45, SO2 or O2: 'E2' is none.
    """

    name: ClassVar[str] = "irreps"
    question: ClassVar[str] = "What is the regular representation made of, and what spoils it?"

    groups: tuple[str, ...] = Field(("C8", "C5", "D4", "D5", "SO2", "O2"), min_length=1)
    """Groups of the plane by their names, up to 7, finite ones with 2 to 32 elements."""
    frequency: int = Field(3, ge=1, le=6)
    """Largest frequency of functions on SO(2) and O(2)."""

    @field_validator("groups")
    @classmethod
    def _known(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        names = []
        for name in groups:
            try:
                group = plane_group(name)
            except ValueError:
                such = "C4, D4, D1@45, SO2 or O2"
                raise ValueError(f"should be names of groups such as {such}: {name!r} is none") from None
            if group.order is not None and not 2 <= group.order <= _LARGEST:
                raise ValueError(f"should be groups of 2 to {_LARGEST} elements, or SO2, O2: {name} has {group.order}")
            names.append(group.name)
        if len(set(names)) != len(names) or len(names) > 7:
            raise ValueError("should be distinct groups, 7 at most: leave some out")
        return tuple(names)

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Build, spoil, measure, and answer."""
        found = self.measure(tell)
        made = concluded(found)
        tell("drawing")
        return self.answered(answered_by(found, made), made, chapters(found), _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> list[IrrepFindings]:
        """All numbers of the lab, group by group."""
        found = []
        for name in self.groups:
            tell(f"functions on {name}")
            group = plane_group(name)
            frequency = self.frequency if group.order is None else None
            found.append(measured(GroupFunctions(group, frequency), self.seed))
        return found


def _numbers(found: Sequence[IrrepFindings]) -> dict[str, Any]:
    return {
        one.functions.label: {
            "dimension": one.functions.size,
            "agreement": asdict(one.agreement),
            "left out": [asdict(item) for item in one.left_out],
            "columns": [asdict(item) for item in one.columns],
            "near copies": [_copy(asdict(item)) for item in one.copies],
            "lists": [asdict(item) for item in one.lists],
            "weights": [asdict(item) for item in one.weighings],
            "products": asdict(one.products),
        }
        for one in found
    }


def _copy(told: dict[str, Any]) -> dict[str, Any]:
    """A row whose condition number is rounding where the table is singular."""
    return told if told["angle"] > 0 else {**told, "condition": None}
