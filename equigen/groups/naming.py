"""How representations are written, and read back: irreps by name, "regular", "regular(3)", "quotient(C2)"."""

from __future__ import annotations

import re

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_group import plane_group
from equigen.groups.representation import Representation, irreducible

__all__ = ["read_representation", "read_terms"]


def read_terms(group: PlaneGroup, text: str) -> tuple[tuple[int, Representation], ...]:
    """The terms of "4x0e + 2xregular": how many fields, and their representation.

    Raises:
        ValueError: a term cannot be read.

    Example:
        >>> from equigen.groups.plane_group import Cyclic
        >>> [(count, representation.size) for count, representation in read_terms(Cyclic(4), "4x0e + 2xregular")]
        [(4, 1), (2, 4)]
    """
    terms = []
    for term in text.split("+"):
        found = re.fullmatch(r"\s*(?:(\d+)\s*x\s*)?(.+?)\s*", term)
        if found is None:
            raise ValueError(f"{text!r} has an empty term, but each is a number of fields and a representation: 4x0e.")
        terms.append((int(found[1] or 1), read_representation(group, found[2])))
    return tuple(terms)


def read_representation(group: PlaneGroup, text: str) -> Representation:
    """The representation of that name.

    Raises:
        ValueError: the group has none of that name.

    Example:
        >>> from equigen.groups.plane_group import Dihedral
        >>> read_representation(Dihedral(4), "quotient(C2)").size
        4
    """
    if found := re.fullmatch(r"regular(?:\((\d+)\))?", text):
        return regular(group, None if found[1] is None else int(found[1]))
    if found := re.fullmatch(r"quotient\(([^,()]+)(?:,\s*(\d+))?\)", text):
        return quotient(group, plane_group(found[1]), None if found[2] is None else int(found[2]))
    return irreducible(group, text)
