"""The lab `denoising`: what a network learns from denoising, how far it can get, and by which objective."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field, ValidationInfo, field_validator

from equigen.diffusion.schedules.edm import EDM
from equigen.labs.lab import Answer, Tell
from equigen.labs.plane.critical_points import covariances
from equigen.labs.plane.learning_chapters import learning_chapters
from equigen.labs.plane.learning_concluding import decide, learning_answer
from equigen.labs.plane.learning_measuring import learning_measured
from equigen.labs.plane.setting import PlaneLab
from equigen.labs.plane.training import Task

__all__ = ["Denoising"]


class Denoising(PlaneLab):
    """Trains small networks on a mixture by four objectives and measures them against the exact field.

    Example:
        >>> Denoising(members=0)
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab denoising has members=0, but it should be greater than or equal to 1.
    """

    name: ClassVar[str] = "denoising"
    question: ClassVar[str] = "Can the denoising objective reach 0, and what does a network learn from it?"

    steps: int = Field(1500, ge=2, le=20_000)
    """Training steps of each objective."""
    batch: int = Field(128, ge=1, le=1024)
    """Fresh points of each network in each step."""
    members: int = Field(6, ge=1, le=12)
    """Networks trained side by side, over which errors are taken."""
    width: int = Field(48, ge=1, le=512)
    """Units of their three layers."""
    rate: float = Field(5e-3, gt=0, le=1)
    """Learning rate."""
    noise_min: float = Field(0.05, gt=0)
    """Smallest standard deviation of the noise."""
    noise_max: float = Field(10.0, gt=0, validate_default=True)
    """Largest standard deviation of the noise."""
    levels: int = Field(12, ge=2, le=100)
    """Noise levels at which the networks are judged."""
    target_noise: float = Field(0.4, gt=0)
    """Noise at which the targets of the regression are shown."""
    target_points: int = Field(200_000, ge=1000, le=5_000_000)
    """Noisy points whose targets are gathered."""

    @field_validator("noise_max")
    @classmethod
    def _above_noise_min(cls, value: float, info: ValidationInfo) -> float:
        low = info.data.get("noise_min", 0.0)
        if value <= low:
            raise ValueError(f"should be larger than noise_min, which is {low:g}")
        return value

    def task(self) -> Task:
        """What the networks learn."""
        law = self.law()
        middle = law.weights @ law.means
        total = torch.einsum("k,kii->", law.weights, covariances(law)) + law.weights @ (
            law.means - middle
        ).square().sum(1)
        schedule = EDM(self.noise_min, self.noise_max)
        std = float((total / 2).sqrt())
        return Task(law, schedule, std, self.members, self.width, self.batch, self.steps, self.rate, self.seed)

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure and answer.

        Args:
            tell: called with a few words before each stage.
        """
        it = learning_measured(
            self.task(), levels=self.levels, target_noise=self.target_noise, target_points=self.target_points, tell=tell
        )
        said = decide(it)
        tell("drawing")
        return self.answered(learning_answer(it, said), list(said.values()), learning_chapters(it), it.numbers())
