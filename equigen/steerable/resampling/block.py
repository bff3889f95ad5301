"""Blocks of pixels as representations: the group permutes the pixels of a block, and turns the field at each.

A block of r x r pixels at the pixel P of a coarser map holds F(P)_q = f(P + q), q the pixel's offset from the middle of
the block. From (g f)(p) = rho(g) f(g^-1 p) follows

    (g F)(P)_q = rho(g) F(g^-1 P)_{g^-1 q},

so F is a field of the representation perm kron rho, where perm(g) e_q = e_{g q}. On each orbit of offsets, perm is the
quotient by the stabiliser of one of them: under C4 the corners of 2 x 2 pixels are the regular representation, under D4
its quotient by the reflection across a diagonal.
"""

from __future__ import annotations

import math
from itertools import product

import torch
from torch import Tensor

from equigen.groups.function_spaces import cosets, quotient
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.groups.representation import Representation
from equigen.groups.tensor_products import tensor_product
from equigen.steerable.field_type import FieldType
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import require_field_type

__all__ = ["block_order", "block_type"]


def block_type(in_type: FieldType, factor: int = 2) -> FieldType:
    """The fields that blocks of factor x factor pixels of fields of a type are.

    Every term gives one term for each orbit of pixels in the block, in the order of their first pixels counterclockwise
    from the x axis.

    Args:
        in_type: of the finer map, under a group that maps the grid of pixels onto itself.
        factor: side of a block in pixels, from 2 on.

    Returns:
        A type of factor^2 times as many channels.

    Raises:
        ValueError: the group has elements that do not map pixels onto pixels, or the factor is out of range.

    Example:
        >>> str(block_type(FieldType(Cyclic(4), "3x0e"))), str(block_type(FieldType(Dihedral(4), "3x0e")))
        ('3xregular', '3xquotient(D1@45)')
    """
    require_field_type(in_type, "in_type", "block_type")
    with outside_modes():
        orbits = _orbits(in_type.group, factor)
        terms = [(count, _product(pixels, field)) for count, field in in_type.terms for pixels, _ in orbits]
        return FieldType(in_type.group, terms)


def block_order(in_type: FieldType, factor: int = 2) -> Tensor:
    """Where each channel of the block's type lies in `torch.nn.PixelUnshuffle`, which orders (channel, row, column).

    Args:
        in_type: of the finer map.
        factor: side of a block in pixels.

    Returns:
        int64 (factor^2 in_type.size,).

    Raises:
        ValueError: as `block_type`.

    Example:
        >>> block_order(FieldType(Cyclic(4), "1x0e")).tolist()
        [1, 0, 2, 3]
    """
    require_field_type(in_type, "in_type", "block_order")
    order = []
    with outside_modes():
        orbits = _orbits(in_type.group, factor)
        for channels, count, representation in in_type.parts():
            channel = torch.arange(channels.start, channels.stop).view(count, 1, representation.size)
            order += [(channel * factor**2 + torch.tensor(pixels)[:, None]).flatten() for _, pixels in orbits]
        return torch.cat(order)


def _orbits(group: PlaneGroup, factor: int) -> list[tuple[Representation, list[int]]]:
    """For each orbit of pixels in a block: how they are permuted, and their places row by row, in its order."""
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 2:
        raise ValueError(f"factor is {factor!r}, but a block has a side of 2 pixels or more: pass factor=2.")
    if group.on_grid() != group:
        fix = f"Restriction(in_type, plane_group({group.on_grid().name!r})) before it"
        raise ValueError(
            f"the group is {group.name}, but blocks of pixels are mapped onto blocks by {group.on_grid().name} only: "
            f"put {fix}."
        )
    middle = (factor - 1) / 2
    offsets = [(column - middle, middle - row) for row, column in product(range(factor), repeat=2)]
    left, orbits = sorted(offsets, key=_by_angle), []
    while left:
        stabiliser = _stabiliser(group, left[0])
        pixels = [_moved(g, left[0]) for g in cosets(group, stabiliser).tolist()]
        left = [offset for offset in left if offset not in pixels]
        orbits.append((quotient(group, stabiliser), [offsets.index(pixel) for pixel in pixels]))
    return orbits


def _by_angle(offset: tuple[float, float]) -> tuple[float, float]:
    x, y = offset
    return math.atan2(y, x) % math.tau, x * x + y * y


def _moved(g: list[float], offset: tuple[float, float]) -> tuple[float, float]:
    """The offset that an element (angle, flip) moves another to; quarter turns and flips are exact in halves."""
    cos, sin = round(math.cos(g[0])), round(math.sin(g[0]))
    x, y = offset[0], -offset[1] if g[1] else offset[1]
    return cos * x - sin * y + 0.0, sin * x + cos * y + 0.0


def _stabiliser(group: PlaneGroup, offset: tuple[float, float]) -> PlaneGroup:
    fixing = [g for g in group.elements().tolist() if _moved(g, offset) == offset]
    turns = sum(flip == 0 for _, flip in fixing)
    mirrors = [angle for angle, flip in fixing if flip]
    return Dihedral(turns, axis=mirrors[0] / 2) if mirrors else Cyclic(turns)


def _product(pixels: Representation, representation: Representation) -> Representation:
    """The permutation of pixels alone where the field at each is a number, else its product with the field."""
    alone = representation.size == 1 and representation.is_trivial
    return pixels if alone else tensor_product(pixels, representation)
