"""What does lambda do in dx = lambda^t dw?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from equigen.labs.lab import Answer, Lab, Tell
from equigen.labs.noise_scale.concluding import concluded, distance_error, paragraph
from equigen.labs.noise_scale.measuring import (
    MARKS,
    Forgetting,
    Found,
    Scale,
    forgetting,
    near_one,
    saturation_time,
    simulated,
)
from equigen.labs.noise_scale.page import chapters

__all__ = ["NoiseScale"]


class NoiseScale(Lab):
    """Simulates dx = lambda^t dw from a point and from two bumps, and measures what it does to both.

    Example:
        >>> NoiseScale.parse({"bases": [-2.0]}, "lab noise-scale")
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab noise-scale has bases[0]=-2.0, but it should be greater than 0.
    """

    name: ClassVar[str] = "noise-scale"
    question: ClassVar[str] = "What does lambda, the base of the noise's strength, do to a diffusion?"

    bases: tuple[Annotated[float, Field(gt=0.0, le=1e4)], ...] = Field((0.5, 1.0, 2.0, 5.0, 25.0), min_length=1)
    """Lambdas to compare, up to 7."""
    paths: int = Field(40_000, ge=20, le=1_000_000)
    """Simulated paths of each."""
    steps: int = Field(1000, ge=MARKS, le=20_000)
    """Steps of the simulation, a multiple of 20."""

    @field_validator("bases")
    @classmethod
    def _distinct(cls, bases: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(bases)) != len(bases) or len(bases) > 7:
            raise ValueError("should be distinct numbers, 7 at most: leave some out")
        return tuple(sorted(bases))

    @field_validator("steps")
    @classmethod
    def _multiple(cls, steps: int) -> int:
        if steps % MARKS:
            raise ValueError(f"should be a multiple of {MARKS}: take {steps - steps % MARKS + MARKS}")
        return steps

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Simulate, measure, and answer."""
        found = self.measure(tell)
        made = concluded(found)
        tell("drawing")
        text = paragraph(found, made, self.paths, self.steps)
        return self.answered(text, made, chapters(found, self.paths, self.steps), _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> Found:
        """All numbers of the lab."""
        how = {"paths": self.paths, "steps": self.steps, "seed": self.seed}
        tell("paths up to time 1")
        scales = simulated(self.bases, 1.0, **how)
        tell("paths over a long time")
        below = [base for base in self.bases if base < 1.0]
        long = [simulated([base], saturation_time(base), **how, first=self.paths)[0] for base in below]
        tell("what is left of the start")
        left, long_left = ([forgetting(one, self.seed) for one in some] for some in (scales, long))
        return Found(scales, left, long, long_left, near_one())


def _numbers(found: Found) -> dict[str, object]:
    return {
        "up to 1": [_told(*pair) for pair in zip(found.scales, found.left, strict=True)],
        "long": [_told(*pair) for pair in zip(found.long, found.long_left, strict=True)],
        "near 1": [asdict(one) for one in found.near],
    }


def _told(scale: Scale, left: Forgetting) -> dict[str, object]:
    columns = {"t": scale.times, "variance": scale.variance, "standard_error": scale.error}
    columns |= {"formula": scale.formula, "of the method": scale.method}
    start = {key: value for key, value in asdict(left).items() if key != "measured"}
    gap = {
        "measured_gap": left.measured.value,
        "floor": left.measured.floor,
        "gap_standard_error": distance_error(left),
    }
    return {"lambda": scale.base, **{key: value.tolist() for key, value in columns.items()}, **start, **gap}
