"""Irreducible real representations, as values: a name, a size, and the size of their commutant."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Irrep"]


@dataclass(frozen=True)
class Irrep:
    """An irreducible representation over the real numbers.

    Args:
        name: how it is written: "0e", "0o", "1", "2", ...; at half the number of rotations "2e", "2o".
        size: dimension d of its matrices.
        endomorphisms: dimension of the matrices that commute with all of them: 1 (real type), 2 (complex type: a
            pair of conjugate complex representations, as the rotations of a cyclic group) or 4.
        frequency: k, for groups of the plane: a rotation by a acts with the angle k a.
        parity: 1 if a one-dimensional one changes its sign under the reflection ("o"), else 0.

    Example:
        >>> Irrep("1", 2, 2, frequency=1).size
        2
    """

    name: str
    size: int
    endomorphisms: int
    frequency: int = 0
    parity: int = 0

    def __str__(self) -> str:
        return self.name
