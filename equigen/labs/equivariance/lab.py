"""Is an SO(2) network perfectly equivariant, and if not, why not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import ClassVar

import torch
from pydantic import Field, field_validator

from equigen.labs.digits_in_poses import PosedDigits, posed_digits, poses
from equigen.labs.equivariance.answering import paragraph
from equigen.labs.equivariance.chapters import chapters
from equigen.labs.equivariance.concluding import Found, concluded
from equigen.labs.equivariance.continuous_digits import continuous_digits
from equigen.labs.equivariance.measuring import Repeated, Turning, drift, orbit, turning
from equigen.labs.equivariance.roster import REFERENCE, REPEATED, ROSTER, Kind, built, resampled, settled, taught
from equigen.labs.equivariance.sizes import cells, hidden_by_a_mean, one_pixel
from equigen.labs.equivariance.splitting import MARGIN, aliasing, border, smooth_only, some_angles, split
from equigen.labs.lab import Answer, Lab, Tell
from equigen.networks.steerable_classifier import SteerableClassifier

__all__ = ["Equivariance"]

_SAMPLES = (8, 16, 32, 64)
_FUNCTIONS = {"elu": REFERENCE, "relu": "SO(2) ReLU 16", "silu": "SO(2) SiLU 16"}
_SMOOTH = ("SO(2) ELU 8", REFERENCE, "SO(2) ELU 32", "SO(2) norm", "SO(2) gated")
_SOME = 12  # angles at which the networks of several trainings are compared
_SETTLING = 256  # training images whose moments batch norms hold

_Networks = dict[str, SteerableClassifier]


class Equivariance(Lab):
    """Turns digits under networks of C4, C8, C16 and SO(2) and a plain one, and takes the error apart.

    Example:
        >>> Equivariance(angles=30)
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab equivariance has angles=30, but it should be a multiple of 4: take 32.
    """

    name: ClassVar[str] = "equivariance"
    question: ClassVar[str] = "Is an SO(2) network perfectly equivariant, and if not, why not?"

    angles: int = Field(100, ge=8, le=720)
    """Angles over the whole turn, a multiple of 4."""
    images: int = Field(16, ge=4, le=256)
    """Digits that are turned."""
    taken_apart: int = Field(4, ge=2, le=32)
    """Digits, and angles less one, on which the error is taken apart."""
    channels: int = Field(16, ge=1, le=128)
    """About as many in the first map of every network; the last has 8 times as many."""
    steps: int = Field(30, ge=1, le=100_000)
    """Of training, of 32 digits each."""
    trainings: int = Field(3, ge=1, le=100)
    """Of the networks whose order is asked for, each from its own weights; one decides nothing."""

    @field_validator("angles")
    @classmethod
    def _multiple(cls, angles: int) -> int:
        if angles % 4:
            raise ValueError(f"should be a multiple of 4: take {angles - angles % 4 + 4}")
        return angles

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Build, measure, train, measure again, and answer."""
        found = self.measure(tell)
        made = concluded(found)
        tell("drawing")
        return self.answered(paragraph(found, made), made, chapters(found, self.steps, self.seed), _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> Found:
        """All numbers of the lab."""
        data, chosen = posed_digits(seed=self.seed), [kind for kind in ROSTER if kind.name in REPEATED]
        networks = [
            self._networks(data, chosen if k else ROSTER, self.seed + k, f"{k + 1} of {self.trainings}", tell)
            for k in range(self.trainings)
        ]
        return self.judged(networks, tell)

    def _networks(
        self, data: PosedDigits, kinds: Sequence[Kind], seed: int, word: str, tell: Tell
    ) -> tuple[_Networks, _Networks]:
        """Of each kind a network before training, and the same one after it."""
        untrained, trained = {}, {}
        for kind in kinds:
            tell(f"training {kind.name}, {word}" if not kind.like else f"sampling {kind.name}")
            if kind.like:
                assert kind.samples is not None
                untrained[kind.name] = resampled(untrained[kind.like], kind.samples)
                trained[kind.name] = resampled(trained[kind.like], kind.samples)
                continue
            untrained[kind.name] = built(kind, self.channels, seed)
            settled(untrained[kind.name], data.train[:_SETTLING])
            trained[kind.name] = taught(built(kind, self.channels, seed), data, self.steps, seed)
        return untrained, trained

    def judged(self, networks: Sequence[tuple[_Networks, _Networks]], tell: Tell = lambda stage: None) -> Found:
        """Measure networks that are given.

        Args:
            networks: of each training, name -> a network before it, and after it, in evaluation mode; the first
                training has the whole roster, the others those of `REPEATED`.
            tell: called with a few words before each stage.
        """
        untrained, trained = networks[0]
        turnings = self._turnings(untrained, False, tell) + self._turnings(trained, True, tell)
        tell("turning digits under all trainings")
        repeated = self._repeated(networks)
        digits = continuous_digits(self.taken_apart, self.seed)
        angles, splits = some_angles(self.taken_apart - 1), []
        for some, word in ((untrained, "untrained"), (trained, "trained")):
            tell(f"taking apart the error of {REFERENCE}, {word}")
            splits.append(split(some[REFERENCE], digits, angles, word == "trained"))
        smooth = {}
        for name in _SMOOTH:
            tell(f"{name} without border, pixels and blurs")
            known = name == REFERENCE  # measured already, as the part of its samples
            smooth[name] = splits[1].alone["samples"] if known else smooth_only(trained[name], digits, angles)
        tell("samples, border and sizes")
        aliased = {key: aliasing(trained[name], digits, angles, _SAMPLES) for key, name in _FUNCTIONS.items()}
        edge = border(trained[REFERENCE], digits, angles)
        double = resampled(trained[REFERENCE], 16).double()
        sizes = [one_pixel(double, digits.at(0.0, margin=margin)) for margin in (0, 0.5, MARGIN, MARGIN + 0.5)]
        hidden = hidden_by_a_mean(digits.at(0.0, margin=0.5), self.seed)
        return Found(turnings, repeated, splits, smooth, aliased, edge, cells(seed=self.seed), sizes, hidden)

    def _repeated(self, networks: Sequence[tuple[_Networks, _Networks]]) -> list[Repeated]:
        pictures = orbit(continuous_digits(self.images, self.seed), some_angles(_SOME)).float()
        made = []
        for name in REPEATED:
            rows = [[drift(some[name], pictures)[1:].mean(0) for some in pair] for pair in networks]
            before, after = (torch.stack(each) for each in zip(*rows, strict=True))
            made.append(Repeated(name, before, after))
        return made

    def _turnings(self, networks: _Networks, trained: bool, tell: Tell) -> list[Turning]:
        digits, angles = continuous_digits(self.images, self.seed), poses(self.angles)
        pictures, made = orbit(digits, angles), []
        for name, network in networks.items():
            tell(f"turning digits under {name}, {'trained' if trained else 'untrained'}")
            made.append(turning(network, digits, pictures, angles, name, trained))
        return made


def _numbers(found: Found) -> dict[str, object]:
    border = found.border
    return {
        "networks": [_told(one) for one in found.turnings],
        "several trainings": [
            {"name": one.name, "untrained": one.untrained.tolist(), "trained": one.trained.tolist()}
            for one in found.repeated
        ],
        "taken apart": [
            {
                "trained": one.trained,
                "whole": one.whole.tolist(),
                "without": {name: values.tolist() for name, values in one.without.items()},
                "alone": {name: values.tolist() for name, values in one.alone.items()},
                "all removed": one.nothing.tolist(),
                "shears": one.shears.tolist(),
                "bilinear": one.linear.tolist(),
            }
            for one in found.splits
        ],
        "activations alone": {name: values.tolist() for name, values in found.smooth.items()},
        "samples": {key: {str(n): v.tolist() for n, v in values.items()} for key, values in found.aliasing.items()},
        "border": {
            "margins": border.margins,
            "error": border.error.tolist(),
            "larger than the frame": [
                {"disk": disk, "room": room, "error": values.tolist()}
                for (disk, room), values in border.overfull.items()
            ],
        },
        "layers": [asdict(one) for one in found.cells],
        "sizes": [asdict(one) for one in found.sizes],
        "hidden by a mean": {"map": found.hidden[0].tolist(), "mean": found.hidden[1].tolist()},
    }


def _told(one: Turning) -> dict[str, object]:
    return {
        "name": one.name,
        "trained": one.trained,
        "angles": one.angles.tolist(),
        "error": one.error.mean(1).tolist(),
        "mean": one.mean,
        "largest": one.largest,
        "shears": float(one.floor.mean()),
        "bilinear": float(one.linear.mean()),
        "quarter turns, float32": one.quarter32,
        "quarter turns, float64": one.quarter64,
        "accuracy": one.accuracy,
    }
