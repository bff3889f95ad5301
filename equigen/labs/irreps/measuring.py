"""What the lab irreps measures: two constructions against one another, and lists of irreps that are spoiled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.groups.decomposition import decompose
from equigen.groups.fourier_transform import fourier
from equigen.groups.irrep import Irrep
from equigen.groups.schur import intertwiners
from equigen.labs.irreps.functions import Column, GroupFunctions, asked, columns_of, given, moved

__all__ = [
    "Agreement",
    "ColumnSpan",
    "LeftOut",
    "NearCopy",
    "SpoiledList",
    "agreement",
    "column_spans",
    "left_out",
    "near_copies",
    "numerical_rank",
    "spoiled",
]

_NOTHING = 1e-9  # a singular value below it, against the largest, counts as 0


@dataclass(frozen=True)
class Agreement:
    """The representation on values against that of the irreps, in the basis of the irreps' columns.

    Args:
        orthogonality: largest entry of Q^T Q - 1.
        error: largest entry of Q^T S(u) Q - (+ psi(u)) over elements u, in float64.
        error_float32: the same in float32.
        found: the irreps found in the matrices S(u), which were given no irreps.
        expected: those of the complete list.
    """

    orthogonality: float
    error: float
    error_float32: float
    found: Mapping[str, int]
    expected: Mapping[str, int]

    @property
    def stray(self) -> int:
        """By how much the two differ in the irrep that is counted worst, those that are not expected included."""
        names = {*self.found, *self.expected}
        return max(abs(self.found.get(name, 0) - self.expected.get(name, 0)) for name in names)


@dataclass(frozen=True)
class LeftOut:
    """What is lost with one irrep.

    Args:
        irrep: its name.
        size: d.
        endomorphisms: dimension of its commutant.
        held: functions that it spans, d times d over the dimension of the commutant.
        rank: of all columns but its own.
        error: of the best reconstruction of each given function, its mean square over that of the function.
        energy: what Parseval's identity says it is.
    """

    irrep: str
    size: int
    endomorphisms: int
    held: int
    rank: int
    error: Mapping[str, float]
    energy: Mapping[str, float]


@dataclass(frozen=True)
class ColumnSpan:
    """What the two columns of a two-dimensional irrep span.

    Args:
        irrep: its name.
        commutant: measured dimension of the matrices that commute with it.
        endomorphisms: that dimension by the theory.
        one: rank of its first column's two functions.
        both: rank of the four functions of both columns.
    """

    irrep: str
    commutant: int
    endomorphisms: int
    one: int
    both: int


@dataclass(frozen=True)
class NearCopy:
    """A complete list in which one function has nearly become another.

    Args:
        angle: between the two, in radians; 0 is a copy.
        rank: of the table.
        smallest: singular value.
        condition: number, the largest singular value over the smallest.
    """

    angle: float
    rank: int
    smallest: float
    condition: float

    @property
    def expected(self) -> float:
        """cot(angle / 2)."""
        return math.inf if self.angle == 0 else 1.0 / math.tan(0.5 * self.angle)


@dataclass(frozen=True)
class SpoiledList:
    """A list of irreps against the regular representation.

    Args:
        name: of the list.
        size: numbers in a vector of its coefficients.
        singular_values: of the table of its functions, the largest first.
        rank: of the table.
        turning: largest entry of S(u) A - A (+ psi(u)), A the table: whether its functions turn as they should.
        homomorphisms: dimension of the maps from the regular representation that commute, by characters.
        by_schur: the same by Schur's lemma.
        endomorphisms: dimension of the maps of the list to itself that commute, by characters.
        map_rank: largest rank of a map from the regular representation that commutes, measured.
        expected_rank: the smaller multiplicity of each irrep times its size, summed.
        lost: dimension of what that map sends to 0.
        missed: dimension of what it does not reach.
    """

    name: str
    size: int
    singular_values: Sequence[float]
    rank: int
    turning: float
    homomorphisms: float
    by_schur: int
    endomorphisms: float
    map_rank: int
    expected_rank: int
    lost: int
    missed: int


def numerical_rank(table: Tensor) -> int:
    """The number of singular values above 1e-9 of the largest.

    Example:
        >>> numerical_rank(torch.ones(3, 2))
        1
    """
    values = torch.linalg.svdvals(table)
    return int((values > _NOTHING * values[0]).sum()) if len(values) else 0


def agreement(functions: GroupFunctions, seed: int) -> Agreement:
    """The irreps' columns as a change of basis, and what it makes of the matrices on values."""
    group, complete = functions.group, functions.complete
    u = asked(functions, seed)
    basis, values = functions.table(complete), moved(functions, u)
    blocks = functions.representation(complete).matrix(u)
    error = (basis.mT @ values @ basis - blocks).abs().max()
    single = (basis.float().mT @ values.float() @ basis.float() - blocks.float()).abs().max()
    counted = Counter(irrep.name for irrep in decompose(group, lambda g: moved(functions, g), "values").irreps)
    expected = {irrep.name: len(columns_of(irrep)) for irrep in functions.irreps}
    return Agreement(
        float((basis.mT @ basis - torch.eye(basis.shape[1], dtype=basis.dtype)).abs().max()),
        float(error),
        float(single),
        {name: counted[name] for name in (*expected, *(name for name in counted if name not in expected))},
        expected,
    )


def left_out(functions: GroupFunctions, irrep: Irrep, seed: int) -> LeftOut:
    """The best that all other irreps can do, and the energy of this one."""
    rest = functions.table([one for one in functions.complete if one[0] != irrep])
    weight = irrep.size / irrep.endomorphisms
    error, energy = {}, {}
    for name, values in given(functions, seed).items():
        reached = rest @ torch.linalg.pinv(rest) @ values if rest.shape[1] else torch.zeros_like(values)
        whole = values.square().mean()
        error[name] = float((values - reached).square().mean() / whole)
        spectrum = fourier(functions.group, values, functions.frequency)
        energy[name] = float(weight * spectrum[irrep.name].square().sum() / whole)
    held = irrep.size * irrep.size // irrep.endomorphisms
    rank = numerical_rank(rest) if rest.shape[1] else 0
    return LeftOut(irrep.name, irrep.size, irrep.endomorphisms, held, rank, error, energy)


def column_spans(functions: GroupFunctions) -> list[ColumnSpan]:
    """For each two-dimensional irrep, its commutant and the ranks of its columns, both measured."""
    found = []
    for irrep in functions.irreps:
        if irrep.size == 2:
            both = functions.table([(irrep, 0), (irrep, 1)])
            psi = functions.group.irrep_matrix(irrep, functions.elements)
            eye = torch.eye(2, dtype=torch.float64)
            # psi M - M psi as a linear map of the entries of M, row by row
            law = torch.einsum("gij,kl->gikjl", psi, eye) - torch.einsum("ij,glk->gikjl", eye, psi)
            commutant = 4 - numerical_rank(law.reshape(-1, 4)) if float(law.abs().max()) > _NOTHING else 4
            one = numerical_rank(both[:, :2])
            found.append(ColumnSpan(irrep.name, commutant, irrep.endomorphisms, one, numerical_rank(both)))
    return found


def near_copies(functions: GroupFunctions) -> list[NearCopy]:
    """The last function of the complete list replaced by cos(angle) times the first plus sin(angle) times itself."""
    basis, found = functions.table(functions.complete), []
    if basis.shape[1] < 2:
        return []
    for angle in (1.0, 0.3, 0.1, 1e-2, 1e-3, 1e-4, 1e-6, 0.0):
        table = basis.clone()
        table[:, -1] = math.cos(angle) * basis[:, 0] + math.sin(angle) * basis[:, -1]
        values = torch.linalg.svdvals(table)
        smallest = float(values[-1])
        condition = float(values[0]) / smallest if smallest > 0 else math.inf
        found.append(NearCopy(angle, numerical_rank(table), smallest, condition))
    return found


def spoiled(functions: GroupFunctions, name: str, columns: Sequence[Column], seed: int) -> SpoiledList:
    """One list of irreps: its functions, and the maps that the regular representation has into it."""
    n, table, psi = functions.size, functions.table(columns), functions.representation(columns)
    u = asked(functions, seed)
    turning = (moved(functions, u) @ table - table @ psi.matrix(u)).abs().max()
    at = functions.elements
    values, blocks = moved(functions, at), psi.matrix(at)
    regular, own = (torch.diagonal(one, dim1=1, dim2=2).sum(-1) for one in (values, blocks))
    # Any matrix becomes one that commutes when it is averaged over the group; a random one, one of the largest rank.
    start = random.normal((psi.size, n), seed=seed, stream=random.Stream.PROBE, item=0, dtype=torch.float64)
    map_rank = numerical_rank((blocks @ start @ values.mT).mean(0))
    kinds = dict.fromkeys(psi.irreps)
    expected = sum(kind.size * min(len(columns_of(kind)), psi.multiplicity(kind)) for kind in kinds)
    return SpoiledList(
        name,
        psi.size,
        _singular_values(table),
        numerical_rank(table),
        float(turning),
        float((regular * own).mean()),
        len(intertwiners(functions.representation(functions.complete), psi)),
        float((own * own).mean()),
        map_rank,
        expected,
        n - map_rank,
        psi.size - map_rank,
    )


def _singular_values(table: Tensor) -> list[float]:
    """One for each column, the largest first."""
    more = max(0, table.shape[1] - len(table))
    return torch.linalg.svdvals(torch.cat((table, table.new_zeros(more, table.shape[1])))).tolist()
