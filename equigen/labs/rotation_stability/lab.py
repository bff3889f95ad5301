"""Which network keeps its answer when the picture is turned?"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from equigen.labs.digits_in_poses import posed_digits
from equigen.labs.lab import Answer, Lab, Tell
from equigen.labs.rotation_stability.chapters import chapters
from equigen.labs.rotation_stability.competitors import KINDS, Terms, untrained
from equigen.labs.rotation_stability.concluding import concluded, paragraph, row
from equigen.labs.rotation_stability.measuring import Found, Network, tried

__all__ = ["RotationStability"]

_Name = Literal["C4", "C8", "C16", "D4", "SO2", "O2", "plain", "plain-augmented"]


class RotationStability(Lab):
    """Trains classifiers of several symmetries on digits in random poses and tests them at 16 and at 100 angles.

    Example:
        >>> RotationStability(step=100)
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab rotation-stability has no key 'step': did you mean 'steps'?
    """

    name: ClassVar[str] = "rotation-stability"
    question: ClassVar[str] = "Which network keeps its answer when the picture is turned?"

    networks: tuple[_Name, ...] = ("C4", "C8", "D4", "SO2", "plain", "plain-augmented")
    """Networks to compare."""
    seeds: int = Field(3, ge=1, le=20)
    """Trainings of each."""
    steps: int = Field(400, ge=1, le=100_000)
    """Of training."""
    batch_size: int = Field(32, ge=2, le=1024)
    """Images of a step."""
    width: int = Field(8, ge=1, le=256)
    """Channels of the first convolution, to whole fields."""
    data: Literal["digits", "mnist"] = "digits"
    """The bundled digits, or MNIST."""
    train: int = Field(12_000, ge=2, le=60_000)
    """Training images at most."""
    test: int = Field(450, ge=2, le=10_000)
    """Images tested at 16 angles, at most."""
    images: int = Field(100, ge=2, le=10_000)
    """Of these, images tested at 100 angles."""

    @field_validator("networks")
    @classmethod
    def _distinct(cls, networks: tuple[_Name, ...]) -> tuple[_Name, ...]:
        if len(set(networks)) != len(networks) or len(networks) < 2:
            raise ValueError("should be two or more distinct names")
        return networks

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Train, test, and answer."""
        found = self.measure(tell)
        made = concluded(found)
        tell("drawing")
        return self.answered(paragraph(found, made), made, chapters(found, made), _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> Found:
        """All numbers of the lab."""
        plan = Terms(self.steps, self.batch_size, self.width, self.images)
        tell("digits in random poses")
        data = posed_digits(data=self.data, train=self.train, test=self.test, seed=self.seed)
        networks = []
        for name in self.networks:
            trials = []
            for k in range(self.seeds):
                tell(f"{KINDS[name].title}, training {k + 1} of {self.seeds}")
                trials.append(tried(KINDS[name], data, plan, self.seed + k)[1])
            shape = untrained(KINDS[name], data.train.shape[-1], self.width, self.seed)
            count = sum(one.numel() for one in shape.parameters())
            networks.append(
                Network(name, KINDS[name].width(self.width) * KINDS[name].field, count, tuple(trials), data.test_labels)
            )
        return Found(networks, data, plan)


def _numbers(found: Found) -> dict[str, Any]:
    return {
        "interpolation": found.data.interpolation,
        "training images": len(found.data.train),
        "test images": len(found.data.test),
        "networks": {one.name: row(one) for one in found.networks},
    }
