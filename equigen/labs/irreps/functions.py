"""Functions on a group: as values that the group permutes, and as columns of irreducible representations.

The group moves functions by (S(u) f)(h) = f(u^-1 h). On values f(h_1), ..., f(h_n) this is a matrix that knows nothing
of irreps: a permutation for a finite group. On SO(2) and O(2) the values stand at 2 K + 1 equally spread angles, on
each of the two circles of O(2), and functions of frequencies up to K move by trigonometric interpolation,

    f(a) = sum_j D_K(a - a_j) f(a_j) / (2 K + 1),   D_K(x) = 1 + 2 cos x + ... + 2 cos K x.

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, sections 2.4 and 2.6; A. Zygmund, Trigonometric
Series, 1959, chapter X (interpolation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from equigen import random
from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation

__all__ = ["Column", "GroupFunctions", "asked", "columns_of", "evaluation", "given", "moved", "spoiled_lists"]

Column = tuple[Irrep, int]
"""An irrep and the place of a unit vector v among its coordinates: the functions h -> psi(h) v."""

_ASKED = 64  # elements of an infinite group at which it is asked whether functions turn


@dataclass(frozen=True)
class GroupFunctions:
    """The functions on a group, up to a frequency if it is infinite.

    Args:
        group: of the plane.
        frequency: the largest one kept; None for a finite group.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Dihedral
        >>> GroupFunctions(Dihedral(4), None).size, GroupFunctions(SO2(), 3).size
        (8, 7)
    """

    group: PlaneGroup
    frequency: int | None

    @property
    def irreps(self) -> tuple[Irrep, ...]:
        """The irreps that the functions are made of."""
        return self.group.irreps(self.frequency)

    @property
    def elements(self) -> Tensor:
        """Where the values stand, float64 (n, 2)."""
        return self.group.elements() if self.frequency is None else self.group.grid(2 * self.frequency + 1)

    @property
    def size(self) -> int:
        """Number n of values, and the dimension of the space."""
        return len(self.elements)

    @property
    def label(self) -> str:
        """The name of the group, with the largest frequency if there is one."""
        if self.frequency is None:
            return self.group.name
        return f"{self.group.name[:-1]}({self.group.name[-1]}), k ≤ {self.frequency}"

    @property
    def complete(self) -> tuple[Column, ...]:
        """Of each irrep one column for each dimension over its commutant: the list that Peter and Weyl ask for."""
        return tuple(column for irrep in self.irreps for column in columns_of(irrep))

    def table(self, columns: Sequence[Column], elements: Tensor | None = None) -> Tensor:
        """The functions sqrt(d/n) psi(h) v of a list, as columns of values.

        Args:
            columns: of p coordinates in all.
            elements: h, by default those where the values stand, (m, 2).

        Returns:
            float64 (m, p); with the complete list an orthogonal (n, n).
        """
        at = self.elements if elements is None else elements
        parts = [(psi.size / self.size) ** 0.5 * self.group.irrep_matrix(psi, at)[..., place] for psi, place in columns]
        return torch.cat((torch.zeros(len(at), 0, dtype=torch.float64), *parts), dim=1)

    def representation(self, columns: Sequence[Column]) -> Representation:
        """The block matrices under which the coefficients of a list turn: psi(u) for each of its columns."""
        size = sum(irrep.size for irrep, _ in columns)
        return Representation(self.group, tuple(irrep for irrep, _ in columns), torch.eye(size).double(), "list")


def columns_of(irrep: Irrep) -> tuple[Column, ...]:
    """The columns of an irrep whose functions are independent: d over the dimension of the commutant.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic, Dihedral
        >>> len(columns_of(Cyclic(5).irrep("1"))), len(columns_of(Dihedral(5).irrep("1")))
        (1, 2)
    """
    return tuple((irrep, place) for place in range(0, irrep.size, irrep.endomorphisms))


def evaluation(functions: GroupFunctions, places: Tensor) -> Tensor:
    """The matrices that take values to the function at other elements, without irreps: choice, or interpolation.

    Args:
        functions: whose values are taken.
        places: elements (*, 2).

    Returns:
        float64 (*, n).

    Error: 1e-15 for functions of the space.
    """
    at = functions.elements
    if functions.frequency is None:
        return functions.group.same(places[..., None, :], at).double()
    gap = places[..., None, 0] - at[:, 0]
    waves = torch.arange(1, functions.frequency + 1, dtype=torch.float64)
    kernel = 1.0 + 2.0 * torch.cos(gap[..., None] * waves).sum(-1)
    return kernel * (places[..., None, 1] == at[:, 1]) / (2 * functions.frequency + 1)


def moved(functions: GroupFunctions, u: Tensor) -> Tensor:
    """The matrices S(u) on values, (S(u) f)(h) = f(u^-1 h): permutations for a finite group.

    Args:
        functions: whose values are moved.
        u: elements (m, 2).

    Returns:
        float64 (m, n, n).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> moved(GroupFunctions(Cyclic(3), None), Cyclic(3).elements()[1:2]).int().tolist()
        [[[0, 0, 1], [1, 0, 0], [0, 1, 0]]]
    """
    group = functions.group
    return evaluation(functions, group.compose(group.inverse(u)[:, None], functions.elements))


def asked(functions: GroupFunctions, seed: int) -> Tensor:
    """Elements at which matrices are compared: all of a finite group, 64 anywhere on an infinite one; (m, 2)."""
    if functions.frequency is None:
        return functions.elements
    return functions.group.sample(_ASKED, seed=seed)


def given(functions: GroupFunctions, seed: int) -> dict[str, Tensor]:
    """The functions that are taken apart: a pulse at the identity, a window over half a turn, and random values.

    Args:
        functions: the space.
        seed: of the random values.

    Returns:
        Values float64 (n,) by name.
    """
    at = functions.elements
    pulse = torch.zeros(len(at), dtype=torch.float64)
    pulse[0] = 1.0
    window = ((at[:, 0] < torch.pi - 1e-9) & (at[:, 1] == 0)).double()
    noise = random.normal((len(at),), seed=seed, stream=random.Stream.METRIC, item=0, dtype=torch.float64)
    return {"pulse": pulse, "window": window, "random": noise}


def spoiled_lists(functions: GroupFunctions) -> dict[str, tuple[Column, ...]]:
    """The complete list, and lists that are not: by name, each as columns.

    One irrep left out; one held twice; one left out and another of the same size held twice instead; and, where an
    irrep has a commutant of two dimensions, all d columns of each irrep.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> list(spoiled_lists(GroupFunctions(Cyclic(5), None)))
        ['complete', 'without 2', '2 twice', '2 in place of 1', 'all d columns']
    """
    complete, last = functions.complete, functions.irreps[-1]
    lists = {"complete": complete}
    if len(functions.irreps) > 1:
        lists[f"without {last}"] = tuple(one for one in complete if one[0] != last)
    lists[f"{last} twice"] = complete + columns_of(last)
    pairs = [(a, b) for a, b in combinations(functions.irreps, 2) if a.size == b.size]
    if pairs:
        a, b = pairs[-1]
        lists[f"{b} in place of {a}"] = tuple(one for one in complete if one[0] != a) + columns_of(b)
    if any(irrep.endomorphisms > 1 for irrep in functions.irreps):
        lists["all d columns"] = tuple((irrep, place) for irrep in functions.irreps for place in range(irrep.size))
    return lists
