"""What does a symmetric score guarantee, and what does augmentation?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import Field, field_validator

from equigen.labs.lab import Answer, Lab, Tell
from equigen.labs.symmetry.answering import answered_by
from equigen.labs.symmetry.chapters import chapters
from equigen.labs.symmetry.concluding import concluded
from equigen.labs.symmetry.findings import Found, Scale, found_by
from equigen.labs.symmetry.learning import Plan

__all__ = ["Symmetry"]


class Symmetry(Lab):
    """States and proves when samples have a symmetric law, and measures what keeps it and what does not.

    Example:
        >>> Symmetry(width=2)
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab symmetry has width=2, but it should be greater than or equal to 4.
    """

    name: ClassVar[str] = "symmetry"
    question: ClassVar[str] = "What does a symmetric score guarantee of the samples, and what does augmentation?"

    samples: int = Field(500, ge=16, le=5000)
    """Points whose law is tested."""
    draws: int = Field(499, ge=19, le=9999)
    """Draws of the test of whole paths."""
    fits: int = Field(40, ge=2, le=1000)
    """Sets of random items that linear scores are fitted to."""
    items: tuple[int, ...] = (50, 200)
    """Numbers of images that networks are trained on."""
    trainings: int = Field(3, ge=1, le=20)
    """Of each network, with other images and other weights."""
    steps: int = Field(300, ge=1, le=100_000)
    """Of each training."""
    width: int = Field(128, ge=4, le=4096)
    """Of the hidden layers."""
    batch_size: int = Field(64, ge=1, le=4096)
    """Images of a step."""

    @field_validator("items")
    @classmethod
    def _some(cls, items: tuple[int, ...]) -> tuple[int, ...]:
        if not items or min(items) < 2 or len(set(items)) != len(items):
            raise ValueError("should be one or more distinct numbers, each 2 or more")
        return items

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure and answer."""
        found = self.measure(tell)
        made = concluded(found)
        tell("drawing")
        return self.answered(answered_by(found, made), made, chapters(found, made, self.seed), _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> Found:
        """All numbers of the lab."""
        plan = Plan(self.width, self.batch_size, self.steps)
        scale = Scale(self.samples, self.draws, self.items, plan, self.trainings)
        return found_by(scale, self.fits, self.seed, tell)


def _numbers(found: Found) -> dict[str, Any]:
    groups = ("stepped", "fitted", "turned", "kept", "broken", "learned", "recovered")
    told = {name: [asdict(one) for one in getattr(found, name)] for name in groups}
    names = ("name", "wrong", "steps", "p_values", "p_value", "detectable", "shares", "shares_error")
    names += ("sector_p_value",)
    return {
        **told,
        "linear": found.linear,
        "tested": [{name: getattr(one, name) for name in names} for one in found.tested],
    }
