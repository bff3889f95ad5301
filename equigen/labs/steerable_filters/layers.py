"""One convolution between quarter turns: by the angular frequencies of its filters, and by how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import SO2, Cyclic
from equigen.groups.representation import irreducible, trivial
from equigen.labs.steerable_filters.aliasing import Errors, Maps, angular_shares, between, errors
from equigen.labs.steerable_filters.steering import METHODS, resampled
from equigen.steerable.kernels.ring_basis import RingBasis

__all__ = ["Copied", "Cutoff", "Frequency", "copied", "cutoffs", "frequencies"]

_WAVES = range(7)
_COPIED_SIZE = 5


@dataclass(frozen=True)
class Frequency:
    """Filters from a scalar to a field of one frequency, all of whose angular dependence is that frequency's.

    Args:
        kernel_size: k.
        mu: the angular frequency.
        shares: of the power of the sampled filters, by angular frequency, the largest first.
        errors: of a layer of random such filters.
    """

    kernel_size: int
    mu: int
    shares: Mapping[int, float]
    errors: Errors


@dataclass(frozen=True)
class Cutoff:
    """A layer between fields of functions on the circle up to frequency 3.

    Args:
        kernel_size: k.
        cutoff: the largest angular frequency of its filters, None for the default of the rings.
        filters: their number.
        errors: of random such layers.
    """

    kernel_size: int
    cutoff: int | None
    filters: int
    errors: Errors


@dataclass(frozen=True)
class Copied:
    """Layers from a scalar to functions on C8, whose eight filters are one filter, turned in some way.

    Args:
        base: what the filter at angle 0 is: "smooth", a sum of rings, or "free", independent pixels.
        way: how it was turned: "steered", a way of interpolation, or "not at all", eight filters of their own.
        errors: at the odd multiples of 45 degrees.
    """

    base: str
    way: str
    errors: Errors


def frequencies(sizes: Sequence[int], maps: Maps, draws: int, angles: int) -> list[Frequency]:
    """Filters of one angular frequency at a time.

    Args:
        sizes: of the filters; frequencies that a size cannot sample, mu > pi r on the outermost ring, are left out.
        maps: that are filtered.
        draws: random layers of each.
        angles: at which errors are measured.
    """
    made, elements = [], between(angles)
    for k in sizes:
        for mu in _WAVES:
            source, target = trivial(SO2()), irreducible(SO2(), str(mu) if mu else "0e")
            basis = RingBasis(cutoff=mu).filters(source, target, k)
            if not len(basis):
                continue
            layers = _drawn(basis, draws, maps.seed)
            pairs = basis[:, :, 0] if mu else torch.cat((basis[:, :, 0], torch.zeros_like(basis[:, :, 0])), dim=1)
            found = errors(layers, source, target, maps, elements)
            made.append(Frequency(k, mu, angular_shares(pairs, maps), found))
    return made


def cutoffs(sizes: Sequence[int], maps: Maps, draws: int, angles: int) -> list[Cutoff]:
    """Layers between functions up to frequency 3, for cut-offs from 0 to 6 and for the default.

    Args:
        sizes: of the filters.
        maps: that are filtered.
        draws: random layers of each.
        angles: at which errors are measured.
    """
    field, elements, made = regular(SO2(), 3), between(angles), []
    for k in sizes:
        for cutoff in (None, *_WAVES):
            basis = RingBasis(cutoff=cutoff).filters(field, field, k)
            found = errors(_drawn(basis, draws, maps.seed), field, field, maps, elements)
            made.append(Cutoff(k, cutoff, len(basis), found))
    return made


def copied(maps: Maps, draws: int) -> list[Copied]:
    """Layers under C8 of eight turned copies of one 5 x 5 filter.

    Args:
        maps: that are filtered.
        draws: random filters.
    """
    field, source = regular(Cyclic(8)), trivial(Cyclic(8))
    elements = Cyclic(8).elements()
    angles = elements[:, 0].tolist()
    rings = _drawn(RingBasis().filters(source, field, _COPIED_SIZE), draws, maps.seed)
    free = random.normal(
        (draws, 8, 1, _COPIED_SIZE, _COPIED_SIZE),
        seed=maps.seed,
        stream=random.Stream.METRIC,
        step=5,
        dtype=torch.float64,
    )
    made = {("smooth", "steered"): rings}
    for base, start in (("smooth", rings[:, 0]), ("free", free[:, 0])):
        for mode, name in METHODS.items():
            made[base, name] = torch.stack([resampled(start, angle, mode) for angle in angles], dim=1)
    made["free", "not at all"] = free
    return [Copied(*key, errors(layers, source, field, maps, elements[1::2])) for key, layers in made.items()]


def _drawn(basis: Tensor, draws: int, seed: int) -> Tensor:
    """Sums of basis filters with independent normal weights, (draws, C_out, C_in, k, k)."""
    where = {"seed": seed, "stream": random.Stream.METRIC, "item": torch.arange(draws), "step": 4}
    weights = random.normal((len(basis),), **where, dtype=torch.float64)
    return torch.einsum("mn,noihw->moihw", weights, basis)
