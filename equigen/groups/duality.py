"""The dual: how a group acts on linear functions of a representation's vectors."""

from __future__ import annotations

from equigen.groups.representation import Representation

__all__ = ["dual"]


def dual(representation: Representation) -> Representation:
    """The representation g -> rho(g^-1)^T, which for orthogonal matrices is rho itself.

    A linear function y . x of fields x keeps its values under x -> rho(g) x if y goes to rho(g^-1)^T y. All
    representations here are orthogonal, so functions and vectors turn alike, and the dual is the very same.

    Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, section 2.1, exercise 2.3.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Dihedral
        >>> dual(regular(Dihedral(4))) == regular(Dihedral(4))
        True
    """
    return representation
