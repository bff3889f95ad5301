"""The symmetric group: all permutations of n places, its irreducible representations in Young's orthogonal form.

A permutation is an int64 row g (*, n): place i goes to place g[i]. Products act from the right factor on,
(g h)[i] = g[h[i]]. The irreducible representations belong to the partitions of n; all of them are of real type.

Source: A. Young, On quantitative substitutional analysis VI, 1932 (orthogonal form); J. Frame, G. Robinson, R. Thrall,
The hook graphs of the symmetric group, 1954 (dimensions); G. James, A. Kerber, The Representation Theory of the
Symmetric Group, 1981, chapters 2 and 3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import torch
from torch import Tensor

from equigen.groups.group import Group, require_whole
from equigen.groups.irrep import Irrep
from equigen.groups.representation import Representation
from equigen.random import Stream, integers

__all__ = ["Symmetric", "permutation"]

_LARGEST_LISTED = 9  # 9! rows of 9 int64 numbers are 26 MB


@dataclass(frozen=True)
class Symmetric(Group):
    """All n! permutations of n places; place i goes to place g[i].

    Its irreducible representations are named "trivial", "standard" (n >= 3), "sign" (n >= 2), and by their partition
    otherwise, "(2,2)". Their frequency is n minus the longest row of the partition: 0 is trivial, 1 standard.

    Args:
        n: number of places, at least 1.

    Raises:
        ValueError: n is no positive whole number.

    Example:
        >>> group = Symmetric(3)
        >>> group.compose(torch.tensor([1, 2, 0]), torch.tensor([1, 0, 2]))
        tensor([2, 1, 0])
        >>> [str(irrep) for irrep in Symmetric(4).irreps()]
        ['trivial', 'standard', '(2,2)', '(2,1,1)', 'sign']
    """

    n: int

    def __post_init__(self) -> None:
        require_whole("n", self.n, 1, "call Symmetric(3)")

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The letter S and the number of places, such as "S4"."""
        return f"S{self.n}"

    @property
    def order(self) -> int:
        """The factorial of n."""
        return math.factorial(self.n)

    def identity(self) -> Tensor:
        """Every place stays where it is: (n,), int64."""
        return torch.arange(self.n)

    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        """(g h)[i] = g[h[i]]: first h moves the places, then g."""
        shape = torch.broadcast_shapes(g.shape, h.shape)
        return torch.gather(g.expand(shape), -1, h.expand(shape))

    def inverse(self, g: Tensor) -> Tensor:
        """The place from which each came: the permutation that sorts g."""
        return torch.argsort(g, dim=-1)

    def sample(self, n: int, *, seed: int, first: int = 0) -> Tensor:
        """`n` uniform permutations, each the order of random 62-bit keys: int64 (n, places).

        Two keys of one permutation agree with probability below (places)^2 2^-63; their order is then that of their
        places. Arguments as for `Group.sample`.
        """
        require_whole("n", n, 0, f"{self.name} gives .sample(16, seed=0)")
        number = torch.arange(first, first + n)
        words = integers(1 << 31, (self.n, 2), seed=seed, stream=Stream.ELEMENT, item=number)
        return torch.argsort((words[..., 0] << 31) | words[..., 1], dim=-1, stable=True)

    def elements(self) -> Tensor:
        """All permutations in lexicographic order, int64 (n!, n).

        Raises:
            ValueError: more than 9 places.
        """
        if self.n > _LARGEST_LISTED:
            raise ValueError(
                f"{self.name} has {self.order} elements, but at most those of S{_LARGEST_LISTED} are listed: "
                f"draw some, Symmetric({self.n}).sample(1000, seed=0)."
            )
        return torch.tensor(list(permutations(range(self.n))), dtype=torch.int64)

    def generators(self) -> Tensor:
        """The swap of the first two places, and the cycle that moves every place by one: (2, n), fewer for n < 3."""
        cycle = torch.arange(1, self.n + 1) % self.n
        swap = torch.arange(self.n)
        swap[:2] = swap[:2].flip(0)
        return torch.stack((swap, cycle))[: min(self.n - 1, 2)]

    def grid(self, n: int) -> Tensor:
        """All elements: a finite group is its own grid, and `n` must be its order.

        Raises:
            ValueError: another number.
        """
        if n != self.order:
            raise ValueError(f"n is {n}, but the grid of {self.name} is its {self.order} elements: .elements().")
        return self.elements()

    def contains(self, g: Tensor) -> Tensor:
        """Whether each row has every place once, bool (*)."""
        if g.shape[-1:] != (self.n,):
            return torch.zeros(g.shape[:-1], dtype=torch.bool, device=g.device)
        return (g.sort(dim=-1).values == torch.arange(self.n, device=g.device)).all(-1)

    def same(self, g: Tensor, h: Tensor) -> Tensor:
        """Whether rows are equal, bool of the broadcast shape."""
        return (g == h).all(-1)

    def irreps(self, frequency: int | None = None) -> tuple[Irrep, ...]:
        """One for each partition of n, longest rows first.

        Args:
            frequency: the largest n - (longest row); all by default.

        Raises:
            ValueError: the frequency is negative, or no whole number.
        """
        if frequency is not None:
            require_whole("frequency", frequency, 0, "call .irreps(0)")
        return tuple(map(_irrep, _partitions(self.n, frequency)))

    def irrep(self, name: str) -> Irrep:
        """The irreducible representation of that name.

        Raises:
            ValueError: there is none; the legal names are listed.

        Example:
            >>> Symmetric(4).irrep("(2,2)").size
            2
        """
        return _irrep(self._rows(name))

    def _rows(self, name: str) -> tuple[int, ...]:
        """The partition that a name stands for."""
        words = {"sign": (1,) * self.n, "standard": (self.n - 1, 1), "trivial": (self.n,)}
        rows = words.get(name) or tuple(map(int, re.findall(r"[1-9]\d*", name)))
        falls = list(rows) == sorted(rows, reverse=True)
        if not (rows and rows[-1] and falls and sum(rows) == self.n and _irrep(rows).name == name):
            legal = ", ".join(irrep.name for irrep in self.irreps(min(3, self.n - 1)))
            raise ValueError(
                f"{name!r} is no irreducible representation of {self.name}, which has {legal}"
                f"{', ...' if self.n > 4 else ''}: take one of these."
            )
        return rows

    def irrep_matrix(self, irrep: Irrep, g: Tensor) -> Tensor:
        """Young's orthogonal form, float64 (*, d, d).

        The columns stand for the standard tableaux of the partition. The swap of k and k + 1 sends the tableau t to
        t / r + sqrt(1 - 1/r^2) t', where t' is t with the two exchanged and r the axial distance from k to k + 1; any
        permutation is the product of the swaps that sort it.

        Args:
            irrep: one of `irreps`.
            g: permutations (*, n).

        Raises:
            ValueError: the irrep is of another group.
        """
        rows = self._rows(irrep.name)
        if _irrep(rows) != irrep:
            raise ValueError(
                f"{irrep!r} is of another group than {self.name}: take Symmetric({self.n}).irrep({irrep.name!r})."
            )
        swaps = _swaps(rows).to(g.device)
        places = list(g.unbind(-1))
        matrix = torch.eye(irrep.size, dtype=torch.float64, device=g.device).expand(*g.shape[:-1], -1, -1)
        for end in range(self.n - 1, 0, -1):
            for k in range(end):
                left, right = places[k], places[k + 1]
                matrix = torch.where((left > right)[..., None, None], swaps[k] @ matrix, matrix)
                places[k], places[k + 1] = torch.minimum(left, right), torch.maximum(left, right)
        return matrix


def permutation(n: int) -> Representation:
    """Permutations acting on n numbers, (rho(g) x)[g[i]] = x[i], split into trivial + standard.

    rho = Q (1 + standard) Q^T; the columns of Q are the constant vector and, for k = 1 .. n - 1, the vector with k
    ones, then -k, then zeros (Helmert's), each divided by its norm.

    Args:
        n: number of places, at least 1.

    Returns:
        Representation of `Symmetric(n)` of size n, functions on the places; the value at g is x[g[0]].

    Raises:
        ValueError: n is no positive whole number.

    Example:
        >>> rep = permutation(3)
        >>> [irrep.name for irrep in rep.irreps]
        ['trivial', 'standard']
        >>> (rep.matrix(torch.tensor([1, 2, 0])) @ torch.tensor([5.0, 6.0, 7.0]).double()).round(decimals=6)
        tensor([7., 5., 6.], dtype=torch.float64)
    """
    group = Symmetric(n)
    basis = torch.ones(n, n, dtype=torch.float64).triu(1) - torch.diag(torch.arange(n, dtype=torch.float64))
    basis[:, 0] = 1.0
    basis = basis / torch.linalg.vector_norm(basis, dim=0)
    origin = torch.eye(n, dtype=torch.float64)[0]
    return Representation(group, group.irreps(1), basis, f"permutation({n})", origin)


def _partitions(n: int, below: int | None = None) -> Iterator[tuple[int, ...]]:
    """The partitions of n into falling parts, longest first part first; with at most `below` in the later parts."""
    if n == 0:
        yield ()
    for rest in range(n if below is None else min(below + 1, n)):
        for parts in _partitions(rest):
            if rest == 0 or parts[0] <= n - rest:
                yield (n - rest, *parts)


@lru_cache(maxsize=256)
def _irrep(rows: tuple[int, ...]) -> Irrep:
    """The irrep of a partition; its size is n! over the product of the hook lengths."""
    n = sum(rows)
    columns = [sum(row > j for row in rows) for j in range(rows[0])]
    hooks = (rows[i] - j + columns[j] - i - 1 for i in range(len(rows)) for j in range(rows[i]))
    words = {(1,) * n: "sign", (n - 1, 1): "standard", (n,): "trivial"}
    words[(1, 1)] = "sign"
    name = words.get(rows, f"({','.join(map(str, rows))})")
    return Irrep(name, math.factorial(n) // math.prod(hooks), 1, frequency=n - rows[0])


def _tableaux(rows: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The standard tableaux of a shape, each as the row of 1, 2, ..., n, later rows first."""
    found: list[tuple[int, ...]] = [()]
    for _ in range(sum(rows)):
        longer = []
        for word in found:
            for row in reversed(range(len(rows))):
                filled = word.count(row)
                if filled < rows[row] and (row == 0 or filled < word.count(row - 1)):
                    longer.append((*word, row))
        found = longer
    return found


@lru_cache(maxsize=64)
def _swaps(rows: tuple[int, ...]) -> Tensor:
    """The matrices of the swaps of neighbours k, k + 1 in Young's orthogonal form, (n - 1, d, d)."""
    tableaux = _tableaux(rows)
    place = {word: number for number, word in enumerate(tableaux)}
    swaps = torch.zeros(sum(rows) - 1, len(tableaux), len(tableaux), dtype=torch.float64)
    for number, word in enumerate(tableaux):
        column = [word[:k].count(row) for k, row in enumerate(word)]
        for k in range(len(word) - 1):
            distance = (column[k + 1] - word[k + 1]) - (column[k] - word[k])
            swaps[k, number, number] = 1.0 / distance
            if abs(distance) > 1:
                other = place[(*word[:k], word[k + 1], word[k], *word[k + 2 :])]
                swaps[k, other, number] = math.sqrt(1.0 - 1.0 / distance**2)
    return swaps
