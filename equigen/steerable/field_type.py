"""Field types: which representation acts on which channels of a feature map.

A type is a sum of terms, each a number of fields and their representation, and is written "8xregular" or
"4x0e + 4x1 + 2x2". Channels are field-major: the fields of the first term one after another, each with all its
coordinates, then those of the next term.

Source: T. Cohen, M. Welling, Steerable CNNs, 2017, section 2.3; M. Weiler, G. Cesa, General E(2)-Equivariant Steerable
CNNs, 2019, section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from equigen.groups.naming import read_terms, write_terms
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation

__all__ = ["FieldType"]


class FieldType:
    """Fields side by side, each with the representation of one group that acts on its channels.

    `size` is the number of channels, `fields` the number of fields.

    Args:
        group: a group of the plane.
        terms: text such as "8xregular" or "4x0e + 4x1", or pairs (number of fields, representation).

    Raises:
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
        self.group = group
        self.terms = read_terms(group, terms) if isinstance(terms, str) else tuple(terms)
        if not self.terms:
            raise ValueError('a field type has no terms, but it needs at least one: write FieldType(group, "1x0e").')
        for count, representation in self.terms:
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise ValueError(f"a term has {count!r} fields, but it needs one or more: write (1, {representation}).")
            if representation.group != group:
                fix = f"pass a representation of {group.name}"
                raise ValueError(
                    f"{representation} belongs to {representation.group.name}, not to {group.name}: {fix}."
                )

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
            ValueError: it is no subgroup.
        """
        from equigen.groups.restriction import restrict

        return FieldType(subgroup, [(n, restrict(representation, subgroup)) for n, representation in self.terms])

    def invariants(self) -> Tensor:
        """Orthonormal columns that span the channel vectors which every element leaves alone, float64 (size, n)."""
        columns = [
            torch.kron(torch.eye(count, dtype=torch.float64), representation.invariants())
            for count, representation in self.terms
        ]
        return torch.block_diag(*columns)

    def __add__(self, other: FieldType) -> FieldType:
        return FieldType(self.group, (*self.terms, *other.terms))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldType) and self.group == other.group and self.terms == other.terms

    def __hash__(self) -> int:
        return hash((self.group, self.terms))

    def __str__(self) -> str:
        return write_terms(self.terms)

    def __repr__(self) -> str:
        return f"FieldType({self.group.name}, '{self}')"
