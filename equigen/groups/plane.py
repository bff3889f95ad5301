"""Groups of the plane: rotations about the origin, with or without reflections, finitely many or all of them.

An element is a row (angle, flip) of a tensor (*, 2) and stands for the map

    p -> R(angle) s^flip p,   R(a) = [[cos a, -sin a], [sin a, cos a]],   s = diag(1, -1),

with the angle in radians in [0, 2 pi) and flip 0 or 1: R(a) s reflects across the line at the angle a/2. One
parametrisation serves every group, so an element of a subgroup is, unchanged, an element of the larger group. Products
are (a, f)(b, h) = (a + (-1)^f b, f xor h).

Irreducible representations over the real numbers (k is the frequency, n the number of rotations):

    "0e"          1                              "0o"          (-1)^flip, with reflections only
    "1", "2", ... R(k angle) diag(1, -1)^flip    2 k < n
    "{n/2}e"      cos(k angle), n even           "{n/2}o"      cos(k angle) (-1)^flip, with reflections only

In a dihedral group whose own reflection stands at another axis c, `angle` means angle - 2 c flip, so that this
reflection acts as diag(1, -1), +1 ("e") or -1 ("o").

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, sections 5.1 (C_n), 5.2 (SO(2)), 5.3 (D_n) and 5.5
(O(2)); M. Weiler, G. Cesa, General E(2)-Equivariant Steerable CNNs, 2019.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from equigen.groups.group import Group, require_whole
from equigen.groups.irrep import Irrep
from equigen.groups.roots import roots_of_unity
from equigen.random import Stream, integers, uniform

__all__ = ["PlaneGroup"]

_NEAR = {torch.float64: 1e-9, torch.float32: 1e-5}


class PlaneGroup(Group):
    """A closed group of rotations and reflections of the plane; see the module for how elements are written.

    `reflections` says whether there are any, `axis` at what angle, in radians, the line of the group's own one stands.

    Example:
        >>> from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
        >>> [group.name for group in (Cyclic(4), Dihedral(4), Dihedral(1, axis=math.pi / 4), SO2(), O2())]
        ['C4', 'D4', 'D1@45', 'SO2', 'O2']
    """

    reflections: ClassVar[bool]
    axis: float = 0.0

    @property
    @abstractmethod
    def rotations(self) -> int | None:
        """How many rotations there are, None for all of them."""

    @property
    def order(self) -> int | None:
        """The number of elements, or None if there are infinitely many."""
        return None if self.rotations is None else self.rotations * (1 + self.reflections)

    def __str__(self) -> str:
        return self.name

    def identity(self) -> Tensor:
        """The neutral element, float64 (2,)."""
        return torch.zeros(2, dtype=torch.float64)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        """The product g h, first h and then g: (a + (-1)^f b, f xor h), of the broadcast shape (*, 2).

        Raises:
            ValueError: rows of `g` or `h` are no elements of the group.

        Example:
            >>> from equigen.groups.plane_groups import Dihedral
            >>> quarter, mirror = Dihedral(4).elements()[[1, 4]]
            >>> [round(number, 3) for number in Dihedral(4).compose(mirror, quarter).tolist()]
            [4.712, 1.0]
        """
        self._require_elements(g, "g")
        self._require_elements(h, "h")
        angle = g[..., 0] + (1 - 2 * g[..., 1]) * h[..., 0]
        return self._snapped(angle, (g[..., 1] - h[..., 1]).abs())

    def inverse(self, g: Tensor) -> Tensor:
        """The elements that undo `g` (*, 2): (-a, 0), and reflections undo themselves.

        Raises:
            ValueError: rows of `g` are no elements of the group.
        """
        self._require_elements(g, "g")
        return self._snapped((2 * g[..., 1] - 1) * g[..., 0], g[..., 1])

    def _require_elements(self, g: Tensor, name: str) -> None:
        if not bool(self.contains(g.detach()).all()):
            raise ValueError(
                f"{name} holds rows that are no elements of {self.name}: take them from .elements() or .sample()."
            )

    def _snapped(self, angle: Tensor, flip: Tensor) -> Tensor:
        """Rows (angle, flip) with the angle in [0, 2 pi), on the group's own angles if these are finitely many."""
        angle, flip = torch.broadcast_tensors(angle, flip)
        if self.rotations is not None:
            step, offset = math.tau / self.rotations, 2 * self.axis * flip
            angle = torch.round((angle - offset) / step) * step + offset
        angle = torch.remainder(angle, math.tau)
        near = math.tau * (1 - 4 * torch.finfo(angle.dtype).eps)
        return torch.stack((torch.where(angle >= near, torch.zeros_like(angle), angle), flip), dim=-1)

    def sample(self, n: int, *, seed: int, first: int = 0) -> Tensor:
        """`n` elements from the uniform law, float64 (n, 2); element i depends on the seed and on first + i alone.

        Raises:
            ValueError: n is no whole number, or negative.
        """
        require_whole("n", n, 0, f"{self.name} gives .sample(16, seed=0)")
        item = torch.arange(first, first + n)
        if self.order is not None:
            return self.elements()[integers(self.order, (), seed=seed, stream=Stream.ELEMENT, item=item)]
        angle = math.tau * uniform((), seed=seed, stream=Stream.ELEMENT, item=item, dtype=torch.float64)
        flip = integers(1 + self.reflections, (), seed=seed, stream=Stream.ELEMENT, item=item, draw=1).double()
        return torch.stack((angle, flip), dim=-1)

    def elements(self) -> Tensor:
        """All elements of a finite group: the rotations, then each of them after the group's own reflection.

        Returns:
            float64 (order, 2).

        Raises:
            ValueError: the group is infinite.
        """
        if self.rotations is None:
            raise ValueError(f"{self.name} has infinitely many elements, but a list was asked for: call .grid(n).")
        return self.grid(self.rotations)

    def grid(self, n: int) -> Tensor:
        """`n` equally spread rotations, and with reflections each of them after the group's own reflection too.

        Args:
            n: number of rotations; in a finite group one that divides theirs.

        Returns:
            float64 (n, 2), or (2 n, 2) with reflections.

        Raises:
            ValueError: n is no positive whole number, or does not divide the number of rotations.
        """
        fix = "take n >= 1" if self.rotations is None else f"take a divisor of {self.rotations}"
        require_whole("n", n, 1, fix)
        if self.rotations is not None and self.rotations % n:
            raise ValueError(f"n is {n}, but {self.name} has no {n} equally spread rotations: {fix}.")
        turns = torch.arange(n, dtype=torch.float64) * (math.tau / n)
        rows = [self._snapped(turns, torch.zeros_like(turns))]
        if self.reflections:
            rows.append(self._snapped(turns + 2 * self.axis, torch.ones_like(turns)))
        return torch.cat(rows)

    def generators(self) -> Tensor:
        """Elements whose products are the whole of a finite group: one rotation, one reflection; float64 (m, 2).

        Raises:
            ValueError: the group is infinite.
        """
        elements, rotations = self.elements(), self.rotations or 1
        rows = ([1] if rotations > 1 else []) + ([rotations] if self.reflections else [])
        return elements[rows]

    def contains(self, g: Tensor) -> Tensor:
        """Whether each of `g` (*, 2) is an element, to 1e-9 radians in float64 and 1e-5 in float32; bool (*)."""
        near = _NEAR.get(g.dtype, 1e-5)
        angle, flip = g[..., 0], g[..., 1]
        good = ((flip == 0) | ((flip == 1) & self.reflections)) & torch.isfinite(angle)
        if self.rotations is None:
            return good
        step = math.tau / self.rotations
        relative = angle - 2 * self.axis * flip
        return good & ((relative - torch.round(relative / step) * step).abs() <= near)

    def same(self, g: Tensor, h: Tensor) -> Tensor:
        """Whether elements agree, to 1e-9 radians in float64 and 1e-5 in float32; bool of the broadcast shape."""
        near = max(_NEAR.get(g.dtype, 1e-5), _NEAR.get(h.dtype, 1e-5))
        gap = torch.remainder(g[..., 0] - h[..., 0] + math.pi, math.tau) - math.pi
        return (gap.abs() <= near) & (g[..., 1] == h[..., 1])

    def has_subgroup(self, other: PlaneGroup) -> bool:
        """Whether every element of `other` is an element of this group.

        Example:
            >>> from equigen.groups.plane_groups import O2, Dihedral
            >>> O2().has_subgroup(Dihedral(6)), Dihedral(4).has_subgroup(Dihedral(1, axis=0.1))
            (True, False)
        """
        if other.rotations is None:
            return self.rotations is None and self.reflections >= other.reflections
        return bool(self.contains(other.generators()).all())

    @abstractmethod
    def on_grid(self) -> PlaneGroup:
        """The largest subgroup that maps a square grid of pixels onto itself: a subgroup of D4.

        Example:
            >>> from equigen.groups.plane_groups import O2, Cyclic, Dihedral
            >>> [group.on_grid().name for group in (Cyclic(8), Cyclic(6), Dihedral(3), O2())]
            ['C4', 'C2', 'D1', 'D4']
        """

    def irreps(self, frequency: int | None = None) -> tuple[Irrep, ...]:
        """The irreducible real representations in order of frequency, "e" before "o".

        Args:
            frequency: the largest; required for SO(2) and O(2), all if None for finite groups.

        Raises:
            ValueError: there are infinitely many, or the frequency is negative.
        """
        n = self.rotations
        if frequency is None and n is None:
            raise ValueError(
                f"{self.name} has infinitely many irreps, but a list was asked for: call .irreps(frequency)."
            )
        if frequency is not None:
            require_whole("frequency", frequency, 0, "call .irreps(0)")
        top = frequency if n is None else n // 2 if frequency is None else min(frequency, n // 2)
        return tuple(irrep for k in range((top or 0) + 1) for irrep in self._irreps_at(k))

    def _irreps_at(self, k: int) -> tuple[Irrep, ...]:
        if k and 2 * k != self.rotations:
            return (Irrep(str(k), 2, 1 if self.reflections else 2, k),)
        both = (0, 1) if self.reflections else (0,)
        return tuple(Irrep(f"{k}{'eo'[parity]}", 1, 1, k, parity) for parity in both)

    def irrep(self, name: str) -> Irrep:
        """The irreducible representation of that name.

        Raises:
            ValueError: the group has none of that name.

        Example:
            >>> from equigen.groups.plane_groups import Dihedral
            >>> Dihedral(4).irrep("2o").size
            1
        """
        number = re.match(r"\d+", name)
        k = int(number[0]) if number else 0
        if self.rotations is None or 2 * k <= self.rotations:
            for irrep in self._irreps_at(k):
                if irrep.name == name:
                    return irrep
        legal = ", ".join(map(str, self.irreps(3 if self.rotations is None else None)))
        legal += ", ..." if self.rotations is None else ""
        raise ValueError(
            f"{name!r} is no irreducible representation of {self.name}, which has {legal}: take one of these."
        )

    def irrep_matrix(self, irrep: Irrep, g: Tensor) -> Tensor:
        """Orthogonal matrices (*, d, d) of an irreducible representation at elements `g` (*, 2).

        Differentiable in the angle for SO(2) and O(2). In a finite group cosines come from a table in which quarter
        turns are exact zeros and ones.

        Raises:
            ValueError: not all of `g` are elements of the group.

        Error: 1e-16 (finite groups, float64); |k| 2e-16 (float64) and |k| 4e-7 (float32) for angles up to 2 pi.
        """
        self._require_elements(g, "g")
        g = g if g.is_floating_point() else g.double()
        flip = g[..., 1]
        angle = g[..., 0] - 2 * self.axis * flip
        if self.rotations is None:
            cos, sin = torch.cos(irrep.frequency * angle), torch.sin(irrep.frequency * angle)
        else:
            place = torch.round(angle * self.rotations / math.tau).long() * irrep.frequency % self.rotations
            cos, sin = (table.to(g)[place] for table in roots_of_unity(self.rotations))
        if irrep.size == 1:
            return (cos * (1 - 2 * irrep.parity * flip))[..., None, None]
        mirrored = 1 - 2 * flip
        rows = (torch.stack((cos, -sin * mirrored), -1), torch.stack((sin, cos * mirrored), -1))
        return torch.stack(rows, -2)
