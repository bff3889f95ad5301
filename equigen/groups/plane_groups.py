"""The groups of the plane: C_n, D_n, SO(2) and O(2), and how their names are read."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass

from equigen.groups.group import require_whole
from equigen.groups.plane import PlaneGroup

__all__ = ["O2", "SO2", "Cyclic", "Dihedral", "plane_group", "require_plane_group"]

_MOST_ROTATIONS = 10_000  # float32 angles of more could not be told apart well


class _OnGrid(PlaneGroup):
    def on_grid(self) -> PlaneGroup:
        """The largest subgroup that maps a square grid of pixels onto itself."""
        square = Dihedral(4).elements()
        kept = square[self.contains(square)]
        turns = int((kept[:, 1] == 0).sum())
        mirrors = kept[kept[:, 1] == 1, 0]
        return Dihedral(turns, axis=float(mirrors[0]) / 2) if len(mirrors) else Cyclic(turns)


@dataclass(frozen=True)
class Cyclic(_OnGrid):
    """The n rotations by multiples of 2 pi/n; Cyclic(1) is the trivial group.

    Raises:
        ValueError: n is no whole number from 1 to 10000.

    Example:
        >>> [str(irrep) for irrep in Cyclic(4).irreps()]
        ['0e', '1', '2e']
    """

    reflections = False
    n: int

    def __post_init__(self) -> None:
        require_whole("n", self.n, 1, "call Cyclic(4)", _MOST_ROTATIONS)

    @property
    def name(self) -> str:
        """How the group is written."""
        return f"C{self.n}"

    @property
    def rotations(self) -> int:
        """How many rotations there are, None for all of them."""
        return self.n


@dataclass(frozen=True)
class Dihedral(_OnGrid):
    """The n rotations by multiples of 2 pi/n, and the n reflections across lines pi/n apart, one at the angle `axis`.

    Args:
        n: number of rotations.
        axis: angle of a reflection's line in radians; kept modulo pi/n, since the group does not depend on more, and
            to 1e-11 degrees, so that its name says it all.

    Raises:
        ValueError: n is no whole number from 1 to 10000, or the axis is not finite.

    Example:
        >>> Dihedral(4, axis=math.pi / 4) == Dihedral(4)
        True
        >>> [str(irrep) for irrep in Dihedral(4).irreps()]
        ['0e', '0o', '1', '2e', '2o']
    """

    reflections = True
    n: int
    axis: float = 0.0

    def __post_init__(self) -> None:
        require_whole("n", self.n, 1, "call Dihedral(4)", _MOST_ROTATIONS)
        if not math.isfinite(self.axis):
            raise ValueError(f"axis is {self.axis}, but a line has a finite angle in radians: pass axis=0.0.")
        degrees = math.degrees(self.axis) % (180 / self.n)
        degrees = round(degrees, 11)  # the name is to give the same axis back
        object.__setattr__(self, "axis", math.radians(0.0 if degrees >= 180 / self.n - 1e-9 else degrees))

    @property
    def name(self) -> str:
        """How the group is written."""
        return f"D{self.n}" if self.axis == 0 else f"D{self.n}@{round(math.degrees(self.axis), 11):.14g}"

    @property
    def rotations(self) -> int:
        """How many rotations there are, None for all of them."""
        return self.n


@dataclass(frozen=True)
class SO2(_OnGrid):
    """All rotations of the plane.

    Example:
        >>> [str(irrep) for irrep in SO2().irreps(3)]
        ['0e', '1', '2', '3']
    """

    reflections = False

    @property
    def name(self) -> str:
        """How the group is written."""
        return "SO2"

    @property
    def rotations(self) -> None:
        """How many rotations there are, None for all of them."""
        return None


@dataclass(frozen=True)
class O2(_OnGrid):
    """All rotations and reflections of the plane.

    Example:
        >>> [str(irrep) for irrep in O2().irreps(2)]
        ['0e', '0o', '1', '2']
    """

    reflections = True

    @property
    def name(self) -> str:
        """How the group is written."""
        return "O2"

    @property
    def rotations(self) -> None:
        """How many rotations there are, None for all of them."""
        return None


def plane_group(name: str) -> PlaneGroup:
    """The plane group of that name: "C4", "D4", "D1@45" (axis in degrees), "SO2" or "O2".

    Raises:
        ValueError: no group is written so, or it has more than 10000 rotations.

    Example:
        >>> plane_group("D2@45") == Dihedral(2, axis=math.pi / 4)
        True
    """
    if name in ("SO2", "O2"):
        return SO2() if name == "SO2" else O2()
    found = re.fullmatch(r"([CD])([1-9]\d*)(?:@(\d+(?:\.\d+)?))?", name)
    if found is None or (found[1] == "C" and found[3]):
        raise ValueError(f"{name!r} is no group of the plane: write C4, D4, D1@45 (axis in degrees), SO2 or O2.")
    n = int(found[2][:12])
    return Cyclic(n) if found[1] == "C" else Dihedral(n, axis=math.radians(float(found[3] or 0)))


def require_plane_group(group: object) -> None:
    """Refuse what is no group of the plane, such as its name.

    Raises:
        TypeError: in one sentence, with the fix.

    Example:
        >>> require_plane_group("C4")
        Traceback (most recent call last):
        TypeError: 'C4' is no group of the plane, but one was needed: pass plane_group('C4').
    """
    if isinstance(group, PlaneGroup):
        return
    name = "C4"
    if isinstance(group, str):
        with suppress(ValueError):
            name = plane_group(group).name
    raise TypeError(f"{group!r} is no group of the plane, but one was needed: pass plane_group({name!r}).")
