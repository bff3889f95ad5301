"""What does lambda do in dx = lambda^t dw?"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from equigen.labs.lab import Answer, Conclusion, Lab, Tell
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
from equigen.labs.on_the_line import standard_error

__all__ = ["NoiseScale"]

_WITHIN = 0.05  # largest relative difference of a variance that counts as agreement


class NoiseScale(Lab):
    """Simulates dx = lambda^t dw from a point and from two bumps, and measures what it does to both.

    Example:
        >>> NoiseScale.parse({"bases": [-2.0]}, "lab noise-scale")
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab noise-scale has bases.0=-2.0, but it should be greater than 0.
    """

    name: ClassVar[str] = "noise-scale"
    question: ClassVar[str] = "What does lambda, the base of the noise's strength, do to a diffusion?"

    bases: tuple[Annotated[float, Field(gt=0.0, le=1e4)], ...] = Field((0.5, 1.0, 2.0, 5.0, 25.0), min_length=1)
    """Lambdas to compare, up to 7."""
    paths: int = Field(40_000, ge=20)
    """Simulated paths of each."""
    steps: int = Field(1000, ge=MARKS)
    """Steps of the simulation, a multiple of 20."""

    @field_validator("bases")
    @classmethod
    def _distinct(cls, bases: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(bases)) != len(bases) or len(bases) > 7:
            raise ValueError("lambdas are distinct and 7 at most: leave some out")
        return tuple(sorted(bases))

    @field_validator("steps")
    @classmethod
    def _multiple(cls, steps: int) -> int:
        if steps % MARKS:
            raise ValueError(f"a multiple of {MARKS} is needed: {steps - steps % MARKS + MARKS}, say")
        return steps

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Simulate, measure, and answer."""
        found = self.measure(tell)
        made = self.conclusions(found)
        tell("drawing")
        text = self.text(found, made)
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

    def conclusions(self, found: Found) -> list[Conclusion]:
        """What the numbers decide."""
        made = []
        for scale in found.scales:
            formula = "t" if scale.base == 1.0 else "(lambda^2t - 1) / (2 ln lambda)"
            value, error = (float(one[-1] / scale.formula[-1]) for one in (scale.variance, scale.error))
            claim = f"lambda = {scale.base:g}: the variance at t = 1 is {formula}"
            made.append(Conclusion.within(claim, value, error, 1.0, _WITHIN))
        for scale, left in zip(found.long, found.long_left, strict=True):
            limit = -0.5 / math.log(scale.base)
            value, error = (float(one[-1]) / limit for one in (scale.variance, scale.error))
            claim = f"lambda = {scale.base:g}: the variance saturates at 1 / (2 ln(1/lambda))"
            made.append(Conclusion.within(claim, value, error, 1.0, _WITHIN))
            made.append(
                Conclusion.above(
                    f"lambda = {scale.base:g}: however long one waits, the end can be told from the prior",
                    left.measured.value, _error(left), left.measured.floor,
                )
            )  # fmt: skip
        for scale, left in zip(found.scales, found.left, strict=True):
            excess = left.measured.value / left.measured.floor
            made.append(
                Conclusion.within(
                    f"lambda = {scale.base:g}: at t = 1 the end cannot be told from the prior, to half the floor",
                    excess, excess * _error(left) / left.measured.value, 1.0, 0.5,
                )
            )  # fmt: skip
        nearest = min(found.near, key=lambda one: one.base)
        claim = "as lambda tends to 1 the variance at t = 1 tends to 1"
        made.append(Conclusion.within(claim, nearest.by_expm1, 1e-7, 1.0, 1e-5))
        return made

    def text(self, found: Found, conclusions: list[Conclusion]) -> str:
        """The answer in a paragraph."""
        first, last = found.scales[0], found.scales[-1]
        agree = conclusions[: len(found.scales)]
        sure = [one for one in agree if one.verdict == "yes"]
        wrong = [one for one in agree if one.verdict == "no"]
        verdict = (
            f"The measured variance agrees with the formula to {100 * _WITHIN:g} % for {len(sure)} of {len(agree)}"
        )
        verdict += f" values of lambda{f' and disagrees for {len(wrong)}' if wrong else ''}"
        verdict += "." if len(sure) + len(wrong) == len(agree) else f"; the rest is not resolved at {self.paths} paths."
        saturating = ""
        for scale, left in zip(found.long, found.long_left, strict=True):
            told = {c.claim: c for c in conclusions}
            stays = told[f"lambda = {scale.base:g}: however long one waits, the end can be told from the prior"]
            saturating += (
                f" For lambda = {scale.base:g} the variance reaches {float(scale.variance[-1]):.3f} at t = "
                f"{float(scale.times[-1]):.1f}, where its limit is {-0.5 / math.log(scale.base):.3f}, and "
                f"{100 * left.same_side:.0f} % of the paths from two bumps are still on their own side: "
                f"{_STAYS[stays.verdict]}."
            )
        forgot = [
            f"{scale.base:g}"
            for scale, one in zip(found.scales, conclusions[-1 - len(found.scales) : -1], strict=True)
            if one.verdict == "yes"
        ]
        whole = f"lambda = {', '.join(forgot)}" if forgot else "no lambda of these"
        return (
            f"Lambda sets how the noise is spread over time and how much of it there is in the end. {verdict} At t = 1 "
            f"it is {float(first.variance[-1]):.3g} for lambda = {first.base:g} and {float(last.variance[-1]):.3g} for "
            f"lambda = {last.base:g}, so that a signal-to-noise ratio of {found.left[0].snr:.2g} or "
            f"{found.left[-1].snr:.2g} is left.{saturating} With {self.paths // 10} samples the end at t = 1 is the "
            f"prior, as far as one can tell, for {whole}."
        )


_STAYS = {
    "yes": "the noise never drowns the data, and the end can be told from the prior",
    "no": "still, the end cannot be told from the prior",
    "not resolved": "whether the end can be told from the prior is not resolved",
}


def _error(left: Forgetting) -> float:
    """Standard error of the difference of the measured distance and its floor."""
    return math.hypot(standard_error(left.measured.values), standard_error(left.measured.floors))


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
    gap = {"measured_gap": left.measured.value, "floor": left.measured.floor, "gap_standard_error": _error(left)}
    return {"lambda": scale.base, **{key: value.tolist() for key, value in columns.items()}, **start, **gap}
