"""Field types: which representation acts on which channels of a feature map.

A type is a sum of terms, each a number of fields and their representation, and is written "8xregular" or
"4x0e + 4x1 + 2x2". Channels are field-major: the fields of the first term one after another, each with all its
coordinates, then those of the next term.

Source: T. Cohen, M. Welling, Steerable CNNs, 2017, section 2.3; M. Weiler, G. Cesa, General E(2)-Equivariant Steerable
CNNs, 2019, section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from equigen.groups.group import Group
from equigen.groups.naming import read_terms, write_terms
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.groups.restriction import restrict
from equigen.steerable.modes import outside_modes

__all__ = ["FieldType"]


class FieldType:
    """Fields side by side, each with the representation of one group that acts on its channels.

    `size` is the number of channels, `fields` the number of fields.

    Args:
        group: a group of the plane.
        terms: text such as "8xregular" or "4x0e + 4x1", or pairs (number of fields, representation).

    Raises:
        TypeError: the group is none of the plane, or the terms are neither text nor pairs.
        ValueError: the text cannot be read, a number of fields is not positive, or a representation belongs to
            another group.

    Example:
        >>> from equigen.groups.plane_groups import O2, Cyclic
        >>> FieldType(Cyclic(4), "8xregular").size
        32
        >>> str(FieldType(O2(), "4x0e+2x1"))
        '4x0e + 2x1'
    """

    def __init__(self, group: PlaneGroup, terms: str | Sequence[tuple[int, Representation]]) -> None:
        _require_plane_group(group, "group", "FieldType")
        self.group = group
        with outside_modes():
            self.terms = read_terms(group, terms) if isinstance(terms, str) else _checked(group, terms)
        self.size = sum(count * representation.size for count, representation in self.terms)
        self.fields = sum(count for count, _ in self.terms)

    def parts(self) -> Iterator[tuple[slice, int, Representation]]:
        """For each term: its channels, its number of fields, and their representation."""
        start = 0
        for count, representation in self.terms:
            stop = start + count * representation.size
            yield slice(start, stop), count, representation
            start = stop

    def matrix(self, g: Tensor) -> Tensor:
        """The block-diagonal matrices that act on all channels, (*, size, size), of elements `g` (*, 2)."""
        out: Tensor | None = None
        for channels, _, representation in self.parts():
            block = representation.matrix(g)
            if out is None:
                out = block.new_zeros((*block.shape[:-2], self.size, self.size))
            for first in range(channels.start, channels.stop, representation.size):
                place = slice(first, first + representation.size)
                out[..., place, place] = block
        assert out is not None
        return out

    def restrict(self, subgroup: PlaneGroup) -> FieldType:
        """The same channels, on which only a subgroup acts.

        Raises:
            TypeError: it is no group of the plane.
            ValueError: it is no subgroup.
        """
        _require_plane_group(subgroup, "subgroup", "restrict")
        with outside_modes():
            terms = [(n, restrict(representation, subgroup)) for n, representation in self.terms]
        return FieldType(subgroup, terms)

    def invariants(self) -> Tensor:
        """Orthonormal columns that span the channel vectors which every element leaves alone, float64 (size, n)."""
        columns = [
            torch.kron(torch.eye(count, dtype=torch.float64), representation.invariants())
            for count, representation in self.terms
        ]
        return torch.block_diag(*columns)

    def __add__(self, other: FieldType) -> FieldType:
        if not isinstance(other, FieldType):
            fix = f"fields + FieldType(group, {other!r})" if isinstance(other, str) else "fields + other_fields"
            raise TypeError(f"{other!r} is added to a field type, but only another one can be: write {fix}.")
        return FieldType(self.group, (*self.terms, *other.terms))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldType) and self.group == other.group and self.terms == other.terms

    def __hash__(self) -> int:
        return hash((self.group, self.terms))

    def __str__(self) -> str:
        return write_terms(self.terms)

    def __repr__(self) -> str:
        return f"FieldType({self.group.name}, '{self}')"


def _require_plane_group(group: Any, name: str, taker: str) -> None:
    if isinstance(group, PlaneGroup):
        return
    what = (
        f"{name} is {group.name}, which does not act on the plane"
        if isinstance(group, Group)
        else f"{name} is {group!r}"
    )
    fix = f'plane_group("{group}")' if isinstance(group, str) else "Cyclic(4)"
    raise TypeError(f"{what}, but {taker} needs a group of the plane: pass {fix}.")


def _checked(group: PlaneGroup, terms: Any) -> tuple[tuple[int, Representation], ...]:
    """The terms as pairs, each a number of fields and their representation of the group."""
    if not isinstance(terms, Iterable):
        fix = (
            f"{terms}xregular" if isinstance(terms, int) and not isinstance(terms, bool) and terms > 0 else "8xregular"
        )
        raise TypeError(f'terms is {terms!r}, but a field type needs text or pairs: write FieldType(group, "{fix}").')
    pairs = tuple(terms)
    if not pairs:
        raise ValueError('a field type has no terms, but it needs at least one: write FieldType(group, "1x0e").')
    for pair in pairs:
        count, representation = _pair(pair)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"a term has {count!r} fields, but it needs one or more: write (1, {representation}).")
        if representation.group != group:
            fix = f"pass a representation of {group.name}"
            raise ValueError(f"{representation} belongs to {representation.group.name}, not to {group.name}: {fix}.")
    return pairs


def _pair(pair: Any) -> tuple[Any, Representation]:
    if isinstance(pair, Representation):
        raise TypeError(f"a term is {pair} alone, but it needs a number of fields too: write (1, {pair}).")
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(f"a term is {pair!r}, but it needs two things: write (number of fields, representation).")
    count, representation = pair
    if isinstance(representation, Representation):
        return count, representation
    if isinstance(count, Representation):
        raise TypeError(
            f"a term is ({count}, {representation!r}), but the number comes first: write ({representation!r}, {count})."
        )
    if isinstance(representation, str):
        fix = f'write FieldType(group, "{count}x{representation}")'
        raise TypeError(f"a term is {pair!r}, but a pair needs a representation and no text: {fix}.")
    raise TypeError(f"a term is {pair!r}, but it needs two things: write (number of fields, representation).")
