"""Which filters commute with rotations, and what is left of that on pixels?"""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from equigen.labs.lab import Answer, Lab, Tell
from equigen.labs.steerable_filters.aliasing import Errors, Maps
from equigen.labs.steerable_filters.chapters import chapters
from equigen.labs.steerable_filters.concluding import concluded, paragraph
from equigen.labs.steerable_filters.measuring import Found, measure

__all__ = ["SteerableFilters"]


class SteerableFilters(Lab):
    """Solves the kernel constraint, steers a filter, and measures layers between quarter turns.

    Example:
        >>> SteerableFilters(band=0.25).band, SteerableFilters().highest
        (0.25, 3)
    """

    name: ClassVar[str] = "steerable-filters"
    question: ClassVar[str] = "Which filters commute with rotations, and what do pixels leave of them?"

    highest: int = Field(3, ge=1, le=4)
    """Largest frequency of representations, and of the filter that is steered."""
    band: float = Field(0.5, ge=0.1, le=1.0)
    """Largest frequency of the maps, in units of Nyquist's."""
    maps: int = Field(4, ge=1, le=64)
    """Maps that each layer filters."""
    size: int = Field(41, ge=25, le=129)
    """Side of the maps, in pixels."""
    draws: int = Field(9, ge=2, le=32)
    """Random layers of each kind."""
    angles: int = Field(6, ge=2, le=100)
    """Angles between quarter turns at which errors are measured."""

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure and answer."""
        maps = Maps(self.maps, self.size, self.band, self.seed)
        found = measure(maps, self.highest, self.draws, self.angles, tell)
        made = concluded(found)
        tell("drawing")
        return self.answered(paragraph(found, made), made, chapters(found, maps, self.angles), _numbers(found))


def _numbers(found: Found) -> dict[str, object]:
    one = found.steered
    return {
        "constraint": [asdict(pair) for pair in found.pairs],
        "steering": {
            "on the disk": one.disk,
            "filters needed": one.needed,
            "singular values": one.values.tolist(),
            "without a band limit": one.raw.tolist(),
            "responses": one.responses.apart,
            "sizes": [
                {"kernel_size": turned.kernel_size, "angles": turned.angles.tolist()}
                | {way: error.tolist() for way, error in turned.error.items()}
                for turned in one.turned
            ],
        },
        "grid": [asdict(size) for size in found.grid.sizes],
        "rings": {key: _plain(value) for key, value in asdict(found.grid.held).items()},
        "frequencies": [
            {"kernel_size": row.kernel_size, "mu": row.mu, "shares": {str(mu): s for mu, s in row.shares.items()}}
            | _told(row.errors)
            for row in found.frequencies
        ],
        "cut-offs": [
            {"kernel_size": row.kernel_size, "cutoff": row.cutoff, "filters": row.filters} | _told(row.errors)
            for row in found.cutoffs
        ],
        "copies": [{"base": row.base, "way": row.way} | _told(row.errors) for row in found.copied],
    }


def _told(errors: Errors) -> dict[str, object]:
    return {key: _plain(value) for key, value in vars(errors).items()}


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, Tensor) else value
