"""What can be done about a field whose channels are no values of a function."""

from __future__ import annotations

import re

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation

__all__ = ["remedies"]


def remedies(representation: Representation) -> str:
    """The ways on from a field that no function can be applied to the values of, as code.

    Functions on SO(2) or O(2) up to frequency K are told apart by 2 K + 1 rotations or more, so a restriction to a
    group of fewer leaves a field without values.

    Args:
        representation: of the field.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.groups.representation import irreducible
        >>> remedies(irreducible(SO2(), "1"))
        'NormActivation(in_type, activation), or a convolution into FieldType(group, "8xregular(3)")'
    """
    group = representation.group
    finite = isinstance(group, PlaneGroup) and group.rotations is not None
    ways = ["NormActivation(in_type, activation)"]
    cut = re.fullmatch(r"restrict\((SO2|O2), regular\((\d+)\)\)", representation.name)
    if cut:
        enough = 2 * int(cut[2]) + 1
        such = f"{'Cyclic' if cut[1] == 'SO2' else 'Dihedral'}({enough + -enough % 4})"
        ways.append(f"a restriction to a group with at least {enough} rotations, such as {such}")
    return f'{", ".join(ways)}, or a convolution into FieldType(group, "{"8xregular" if finite else "8xregular(3)"}")'
