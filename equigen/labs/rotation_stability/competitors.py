"""The networks that take part in the lab rotation-stability, and the terms on which they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from equigen.networks.steerable_classifier import SteerableClassifier

__all__ = ["KINDS", "Competitor", "Terms", "untrained"]


@dataclass(frozen=True)
class Competitor:
    """A network that takes part.

    Args:
        title: how it is written.
        symmetry: its group, as `SteerableClassifier` takes it.
        field: channels of one field of regular features.
        augmentation: "rotations" where it sees every training image in a fresh pose each time.
    """

    title: str
    symmetry: str
    field: int
    augmentation: Literal["none", "rotations"] = "none"

    @property
    def steerable(self) -> bool:
        """Whether it commutes with rotations by its construction."""
        return self.symmetry != "C1"

    @property
    def noun(self) -> str:
        """How a sentence calls it.

        Example:
            >>> KINDS["SO2"].noun, KINDS["plain-augmented"].noun
            ('SO(2)', 'the augmented plain network')
        """
        augmented = "" if self.augmentation == "none" else "augmented "
        return self.title if self.steerable else f"the {augmented}plain network"

    def width(self, channels: int) -> int:
        """Fields of its first convolution, as near to a number of channels as whole fields are.

        Example:
            >>> KINDS["SO2"].width(16), KINDS["plain"].width(16)
            (2, 16)
        """
        return max(1, round(channels / self.field))


KINDS = {
    "C4": Competitor("C4", "C4", 4),
    "C8": Competitor("C8", "C8", 8),
    "C16": Competitor("C16", "C16", 16),
    "D4": Competitor("D4", "D4", 8),
    "SO2": Competitor("SO(2)", "SO2", 7),
    "O2": Competitor("O(2)", "O2", 14),
    "plain": Competitor("plain", "C1", 1),
    "plain-augmented": Competitor("plain, augmented", "C1", 1, "rotations"),
}
"""Name of a network in the settings -> what it is."""


@dataclass(frozen=True)
class Terms:
    """How all networks are trained and tested.

    Args:
        steps: of Adam.
        batch_size: images of a step.
        channels: of the first convolution, to whole fields.
        images: tested at the 100 angles.
    """

    steps: int
    batch_size: int
    channels: int
    images: int


def untrained(kind: Competitor, size: int, channels: int, seed: int) -> SteerableClassifier:
    """The network of a kind before training; every map of every network is cut to its largest disk.

    Args:
        kind: which.
        size: of the images.
        channels: of the first convolution.
        seed: of the weights.
    """
    return SteerableClassifier(kind.symmetry, (1, size, size), 10, width=kind.width(channels), disk=True, seed=seed)
