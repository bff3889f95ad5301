"""What is known of a tensor while a network runs: it moves with the group as fields do, it stands still, or neither."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import trivial
from equigen.steerable.field_type import FieldType

__all__ = ["Fixed", "Held", "Lost", "State", "cut", "joined", "meets", "numbers", "permuted", "still"]


@dataclass(frozen=True)
class Held:
    """A tensor (B, C, ...) that holds fields and moves with them; behind C the pixels, as they lie or in one row.

    Args:
        fields: what it holds, None if that is not known.
        size: (rows, columns) of the map.
        given: whether it holds what the network was given, so that `fields` may yet be told by a layer that takes it.

    Example:
        >>> Held(None, (8, 8)).given
        False
    """

    fields: FieldType | None
    size: tuple[int, int]
    given: bool = False


@dataclass(frozen=True)
class Fixed:
    """A tensor that the group leaves alone: a weight, a constant, or an invariant.

    Args:
        even: whether all pixels of it, its last two axes, are known to be equal.
        invariant: whether it was made from maps.

    Example:
        >>> Fixed(even=True).invariant
        False
    """

    even: bool = False
    invariant: bool = False


@dataclass(frozen=True, eq=False)
class Lost:
    """A tensor of which it is not known how it moves.

    Args:
        reason: what was done to make it so.
        size: (rows, columns) of the map that it was made from.

    Example:
        >>> Lost("roll", (8, 8)) == Lost("roll", (8, 8))
        False
    """

    reason: str
    size: tuple[int, int]


State = Held | Fixed | Lost


def numbers(group: PlaneGroup, count: int) -> FieldType:
    """As many fields that the group leaves alone.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> str(numbers(Cyclic(4), 3))
        '3x0e'
    """
    return FieldType(group, [(count, trivial(group))])


def permuted(fields: FieldType | None) -> bool:
    """Whether the group only permutes the channels, so that functions of each channel alone commute with it."""
    return fields is not None and all(representation.is_permutation for _, representation in fields.terms)


def meets(held: FieldType, taken: FieldType) -> bool:
    """Whether every element of the group of `taken` does to both the same, however they are written.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> held = FieldType(Cyclic(4), "1x0e + 1x0e")
        >>> meets(held, FieldType(Cyclic(4), "2x0e")), meets(held, FieldType(Cyclic(4), "1x1"))
        (True, False)
    """
    if held == taken:
        return True
    group = taken.group
    if held.size != taken.size or not (held.group == group or held.group.has_subgroup(group)):
        return False
    if group.rotations is None:  # one turn by a whole radian comes near to every rotation
        g = torch.tensor([[1.0, 0.0], [0.0, 1.0]][: 1 + group.reflections], dtype=torch.float64)
    else:
        g = group.generators()
    return bool(torch.allclose(held.matrix(g), taken.matrix(g), atol=1e-9)) if len(g) else True


def joined(parts: Sequence[FieldType | None]) -> FieldType | None:
    """The fields of maps whose channels are joined in that order; None if their groups differ or one is not known."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or len({part.group for part in known}) != 1:
        return None
    return FieldType(known[0].group, [term for part in known for term in part.terms])


def cut(fields: FieldType, start: int, stop: int) -> FieldType | None:
    """The fields in channels `start` to `stop`, None if a field would be cut in two.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> fields = FieldType(Cyclic(4), "2x0e + 2x1")
        >>> str(cut(fields, 1, 4)), cut(fields, 0, 3)
        ('1x0e + 1x1', None)
    """
    terms, ends = [], {0}
    for channels, _, representation in fields.parts():
        first, last = max(channels.start, start), min(channels.stop, stop)
        ends |= set(range(channels.start, channels.stop + 1, representation.size))
        if last > first:
            terms.append((math.ceil((last - first) / representation.size), representation))
    return FieldType(fields.group, terms) if terms and {start, stop} <= ends else None


def still(x: Tensor, axes: int) -> bool:
    """Whether a tensor is the same all along its last axes by its shape: of one entry there, or repeated."""
    ends = range(1, min(axes, x.ndim) + 1)
    return all(x.shape[-axis] == 1 or x.stride(-axis) == 0 for axis in ends)
