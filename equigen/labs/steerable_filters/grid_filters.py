"""Filters on the pixel grid itself: how many there are, whether quarter turns keep them, and what rings miss of them.

Quarter turns and flips move pixels onto pixels. A filter between regular fields is determined by its values on one
representative of each orbit, and no element but the identity leaves anything in place, so that |G| k^2 filters remain
of |G|^2 k^2 numbers, for every k, without a band limit and without interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from equigen import random
from equigen.groups.function_spaces import regular
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.groups.representation import Representation
from equigen.steerable.kernels.grid_basis import GridBasis
from equigen.steerable.kernels.ring_basis import RingBasis
from equigen.symmetry.error import equivariance_error
from equigen.symmetry.image_action import ImageAction

__all__ = ["GridFilters", "Held", "Size", "grid_filters", "held_by_rings"]

_SIZES = (1, 2, 3, 4, 5, 6, 7)
_MAPS = (8, 9)  # an even and an odd map for every filter
_LOOKED_AT = 5


@dataclass(frozen=True)
class Size:
    """Filters of one size between regular fields.

    Args:
        group: its name.
        kernel_size: k.
        numbers: entries of such a filter, |G|^2 k^2.
        complete: filters of the grid basis.
        expected: |G| k^2.
        rings: filters of the default rings.
        error: largest equivariance error over all elements, an even and an odd map and both bases, in float64.
        single: the same in float32.
    """

    group: str
    kernel_size: int
    numbers: int
    complete: int
    expected: int
    rings: int
    error: float
    single: float


@dataclass(frozen=True)
class Held:
    """What rings hold of all 5 x 5 filters between regular fields of C4.

    Args:
        complete: dimension of all filters.
        rings: dimension of the default rings.
        widest: dimension of rings with every frequency that their pixels can tell, as a rank.
        shares: of the sum of squares of random filters, what rings hold, (n,).
        pixels: share of the freedom at each pixel that rings have, (5, 5).
        example: a random filter, its part in the rings and the rest, each from one channel to one, (3, 5, 5).
    """

    complete: int
    rings: int
    widest: int
    shares: Tensor
    pixels: Tensor
    example: Tensor


@dataclass(frozen=True)
class GridFilters:
    """All that is measured of filters on the grid.

    Args:
        sizes: by group and kernel size.
        held: by rings.
    """

    sizes: Sequence[Size]
    held: Held


def grid_filters(draws: int, seed: int) -> GridFilters:
    """Count filters, measure that quarter turns keep them, and project on rings.

    Args:
        draws: random filters.
        seed: of filters and maps.
    """
    sizes = [_size(group, k, seed) for group in (Cyclic(4), Dihedral(4)) for k in _SIZES]
    return GridFilters(sizes, held_by_rings(draws, seed))


def held_by_rings(draws: int, seed: int) -> Held:
    """Project random filters of the complete basis on the span of the rings.

    Args:
        draws: their number.
        seed: of their coordinates.
    """
    field = regular(Cyclic(4))
    complete = GridBasis().filters(field, field, _LOOKED_AT).flatten(1)
    complete = complete / complete.norm(dim=1, keepdim=True)  # no two have an entry in common: orthonormal
    rings = RingBasis().filters(field, field, _LOOKED_AT).flatten(1)
    basis = torch.linalg.qr(rings.T).Q.T
    random_ = random.normal((draws, len(complete)), seed=seed, stream=random.Stream.METRIC, dtype=torch.float64)
    filters = random_ @ complete
    inside = filters @ basis.T @ basis
    shares = inside.square().sum(1) / filters.square().sum(1)
    shape = (field.size, field.size, _LOOKED_AT, _LOOKED_AT)
    pixels = [rows.square().sum(0).reshape(shape).sum((0, 1)) for rows in (basis, complete)]
    example = torch.stack([rows[0].reshape(shape)[0, 0] for rows in (filters, inside, filters - inside)])
    widest = RingBasis(cutoff=4 * _LOOKED_AT).filters(field, field, _LOOKED_AT).flatten(1)
    return Held(
        len(complete), len(rings), int(torch.linalg.matrix_rank(widest)), shares, pixels[0] / pixels[1], example
    )


def _size(group: PlaneGroup, kernel_size: int, seed: int) -> Size:
    field = regular(group)
    errors = {
        dtype: max(
            _error(field, kernel_size, size, basis, dtype, seed)
            for size in _MAPS
            for basis in (GridBasis(), RingBasis())
        )
        for dtype in (torch.float64, torch.float32)
    }
    return Size(
        group.name,
        kernel_size,
        field.size**2 * kernel_size**2,
        len(GridBasis().filters(field, field, kernel_size)),
        field.size * kernel_size**2,
        len(RingBasis().filters(field, field, kernel_size)),
        errors[torch.float64],
        errors[torch.float32],
    )


def _error(
    field: Representation, kernel_size: int, size: int, basis: GridBasis | RingBasis, dtype: torch.dtype, seed: int
) -> float:
    """The largest error of a random filter over all elements, on white noise."""
    filters = basis.filters(field, field, kernel_size)
    where = {"seed": seed, "stream": random.Stream.METRIC, "dtype": torch.float64}
    weights = random.normal((len(filters),), step=1, **where)
    x = random.normal((1, field.size, size, size), step=2, **where)
    mixed = torch.einsum("n,noihw->oihw", weights, filters).to(dtype)
    assert isinstance(field.group, PlaneGroup)
    action = ImageAction(field.group, field)
    found = equivariance_error(
        lambda maps: functional.conv2d(maps, mixed, padding=kernel_size // 2), x.to(dtype), action, action
    )
    return found.largest
