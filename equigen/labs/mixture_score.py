"""The lab `mixture-score`: what the score of a mixture points at, how long it is, and what noise does to it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from equigen.labs.lab import Answer, Tell
from equigen.labs.plane.field_chapters import field_chapters
from equigen.labs.plane.field_concluding import decide, field_answer
from equigen.labs.plane.field_measuring import field_measured
from equigen.labs.plane.setting import PlaneLab

__all__ = ["MixtureScore"]


class MixtureScore(PlaneLab):
    """Measures direction and length of a mixture's score against what is commonly said of them.

    Example:
        >>> one = MixtureScore(weights=(1.0,), means=((0.0, 0.0),), covariances=(((1.0, 0.0), (0.0, 1.0)),), points=200)
        >>> one.run()["the score points to the nearest mode"].verdict         # of one round normal law
        'yes'
    """

    name: ClassVar[str] = "mixture-score"
    question: ClassVar[str] = (
        "What does a score mean: where does it point, how long is it, and what does noise do to it?"
    )

    points: int = Field(4000, ge=10, le=100_000)
    """Points drawn from the law, and as many spread evenly."""
    angle: float = Field(30.0, gt=0, lt=180)
    """Degrees within which the score counts as pointing at something."""
    noise_min: float = Field(0.1, gt=0)
    """Smallest standard deviation of the noise at which modes are counted."""
    noise_max: float = Field(4.0, gt=0, validate_default=True)
    """Largest standard deviation of the noise."""
    levels: int = Field(24, ge=2, le=200)
    """Levels of noise between them."""

    @field_validator("noise_max")
    @classmethod
    def _above_noise_min(cls, value: float, info: ValidationInfo) -> float:
        low = info.data.get("noise_min", 0.0)
        if value <= low:
            raise ValueError(f"should be larger than noise_min, which is {low:g}")
        return value

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure and answer.

        Args:
            tell: called with a few words before each stage.
        """
        noise = (self.noise_min, self.noise_max, self.levels)
        law = self.law()
        it = field_measured(law, points=self.points, limit=self.angle, noise=noise, seed=self.seed, tell=tell)
        said = decide(it)
        tell("drawing")
        return self.answered(field_answer(it, said), list(said.values()), field_chapters(it, said), it.numbers())
