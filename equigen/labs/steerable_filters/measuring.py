"""Everything that the lab measures, in order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from equigen.groups.plane_groups import plane_group
from equigen.labs.lab import Tell
from equigen.labs.steerable_filters.aliasing import Maps
from equigen.labs.steerable_filters.constraint import Pair, pairs_of
from equigen.labs.steerable_filters.grid_filters import GridFilters, grid_filters
from equigen.labs.steerable_filters.layers import Copied, Cutoff, Frequency, copied, cutoffs, frequencies
from equigen.labs.steerable_filters.steering import Steered, steered

__all__ = ["GROUPS", "SIZES", "Found", "measure"]

GROUPS = ("SO2", "O2", "C4", "D4")
SIZES = (3, 5, 7)
_FILTERS = 200  # random filters that are projected on rings


@dataclass(frozen=True)
class Found:
    """All numbers of the lab.

    Args:
        pairs: the constraint, solved for every pair of representations of every group.
        steered: one filter at every angle.
        grid: filters on the pixel grid.
        frequencies: layers of one angular frequency.
        cutoffs: layers of all frequencies up to a cut-off.
        copied: layers of turned copies of one filter.
    """

    pairs: Sequence[Pair]
    steered: Steered
    grid: GridFilters
    frequencies: Sequence[Frequency]
    cutoffs: Sequence[Cutoff]
    copied: Sequence[Copied]

    def cutoff(self, kernel_size: int, cutoff: int | None) -> Cutoff:
        """The layers of one size and cut-off."""
        return next(one for one in self.cutoffs if (one.kernel_size, one.cutoff) == (kernel_size, cutoff))

    def frequency(self, kernel_size: int, mu: int) -> Frequency:
        """The layers of one size and angular frequency."""
        return next(one for one in self.frequencies if (one.kernel_size, one.mu) == (kernel_size, mu))

    def copies(self, base: str, way: str) -> Copied:
        """The layers of one base and way of turning it."""
        return next(one for one in self.copied if (one.base, one.way) == (base, way))

    def ratios(self) -> list[float]:
        """Measured over predicted error, of every kind of layer."""
        kinds = [*self.frequencies, *self.cutoffs, *self.copied]
        both = [(one.errors.mean, float(one.errors.predicted.mean())) for one in kinds]
        return [error / goal if goal > 0 else math.inf for error, goal in both]


def measure(maps: Maps, highest: int, draws: int, angles: int, tell: Tell) -> Found:
    """Solve, steer, count and filter.

    Args:
        maps: that layers filter.
        highest: the largest frequency of representations and of the steered filter.
        draws: random layers of each kind.
        angles: at which a layer's error is measured.
        tell: called before each stage.
    """
    tell("solving the constraint")
    pairs = [pair for name in GROUPS for pair in pairs_of(plane_group(name), highest, maps.seed)]
    tell("steering one filter")
    turned = steered(SIZES, highest, maps.seed)
    tell("filters on the pixel grid")
    grid = grid_filters(_FILTERS, maps.seed)
    tell("layers of one angular frequency")
    waves = frequencies(SIZES, maps, draws, angles)
    tell("layers against the cut-off")
    limits = cutoffs(SIZES, maps, draws, angles)
    tell("layers of turned copies")
    return Found(pairs, turned, grid, waves, limits, copied(maps, draws))
