"""Does the result depend on how the nodes are numbered?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import Field

from equigen.labs.lab import Answer, Lab, Tell
from equigen.labs.permutation.answering import answered_by
from equigen.labs.permutation.chapters import chapters
from equigen.labs.permutation.concluding import concluded
from equigen.labs.permutation.findings import Found, found_by

__all__ = ["Permutation"]


class Permutation(Lab):
    """States and proves when a function of a graph commutes with renumbering, and measures what does and what does not.

    Example:
        >>> Permutation(nodes=3)
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab permutation has nodes=3, but it should be greater than or equal to 8.
    """

    name: ClassVar[str] = "permutation"
    question: ClassVar[str] = "When does a graph network not care how the nodes are numbered, and what breaks it?"

    nodes: int = Field(30, ge=8, le=100)
    """Nodes of the graph."""
    permutations: int = Field(20, ge=2, le=1000)
    """Random renumberings of what should commute with them."""
    draws: int = Field(1600, ge=8, le=10_000)
    """Random renumberings of what should not, whose mean error is compared with a closed form."""

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure and answer."""
        found = self.measure(tell)
        made = concluded(found)
        tell("drawing")
        shown = chapters(found, made, self.permutations, self.draws, self.seed)
        return self.answered(answered_by(found, made), made, shown, _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> Found:
        """All numbers of the lab."""
        return found_by(self.nodes, self.permutations, self.draws, self.seed, tell)


def _numbers(found: Found) -> dict[str, Any]:
    groups = ("realizations", "networks", "layers", "readouts", "broken", "repaired", "positions", "equals")
    groups += ("waves", "averaged", "padding", "company")
    told = {name: [asdict(one) for one in getattr(found, name)] for name in groups}
    return {"pair": asdict(found.pair), "first two neighbours": found.first_two, **told}
