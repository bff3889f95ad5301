"""The kernel constraint as a linear system, solved without knowing the answer, beside the closed form.

On a circle a kernel of angular frequencies up to F is a sum K(phi) = sum_j C_j e_j(phi) over the 2F + 1 functions
e = (1, cos phi, sin phi, cos 2 phi, ...). A motion g = (a, f) takes the polar angle phi to a + (-1)^f phi, and e to
M(g) e, so that K(g x) = rho_out(g) K(x) rho_in(g)^-1 reads

    sum_j C_j M(g)_ji = rho_out(g) C_i rho_in(g)^-1       for every i:

as many equations as unknowns, for each g that generates the group. SO(2) is generated, up to closure, by one rotation
whose angle is no rational part of a turn: the golden section's here. The null space is found by singular values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation, irreducible
from equigen.steerable.kernels.angular import angular_basis

__all__ = ["Pair", "counted", "null_space", "pairs_of"]

_ZERO = 1e-9  # singular values below this are zero
_GOLDEN = math.tau * (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Pair:
    """The kernels on a circle between two irreducible representations of a group.

    Args:
        group: its name.
        source: the one that comes in.
        target: the one that goes out.
        closed: kernels of the closed form.
        solved: dimension of the null space of the constraint.
        counted: dimension by characters.
        gap: the smallest singular value that is not zero.
        apart: sine of the largest angle between the span of the closed form and the null space, 1 if their
            dimensions differ.
        violation: of the constraint by the closed form at random elements, the largest entry.
        frequencies: mu of the kernels of the closed form.
    """

    group: str
    source: str
    target: str
    closed: int
    solved: int
    counted: int
    gap: float
    apart: float
    violation: float
    frequencies: tuple[int, ...]


def pairs_of(group: PlaneGroup, highest: int, seed: int) -> list[Pair]:
    """Solve the constraint between all irreducible representations up to a frequency.

    Args:
        group: of the plane.
        highest: largest frequency of a representation; kernels have angular frequencies up to twice as many.
        seed: of the elements at which the closed form is checked.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> [(pair.closed, pair.solved, pair.counted) for pair in pairs_of(SO2(), 1, 0)]
        [(1, 1, 1), (2, 2, 2), (2, 2, 2), (4, 4, 4)]
    """
    irreps = [irreducible(group, irrep.name) for irrep in group.irreps(highest)]
    return [_pair(a, b, 2 * highest, seed) for b in irreps for a in irreps]


def counted(in_rep: Representation, out_rep: Representation, cutoff: int) -> int:
    """How many kernels there are by characters: the mean over the group of chi_out chi_in chi_e.

    chi_e(g) = 1 + 2 sum_{mu <= F} cos(mu a) at a rotation by a, and 1 at every reflection.

    Args:
        in_rep: of what comes in.
        out_rep: of what goes out, of the same group.
        cutoff: F.
    """
    group = _group(in_rep)
    elements = group.grid(group.rotations or in_rep.frequency + out_rep.frequency + cutoff + 1)
    waves = 2.0 * torch.cos(torch.arange(1, cutoff + 1)[:, None] * elements[:, 0]).sum(0)
    functions = 1.0 + waves * (1.0 - elements[:, 1])
    return round(float((out_rep.character(elements) * in_rep.character(elements) * functions).mean()))


def null_space(in_rep: Representation, out_rep: Representation, cutoff: int) -> tuple[Tensor, float]:
    """Solve the constraint on a circle by singular values.

    Args:
        in_rep: of what comes in, of size d_in.
        out_rep: of what goes out, of the same group, of size d_out.
        cutoff: F.

    Returns:
        Orthonormal solutions C, float64 (n, (2F + 1) d_out d_in), and the smallest singular value that is not zero.
    """
    equations = []
    for g in _generators(_group(in_rep)):
        moved = torch.kron(_moved(g, cutoff).T.contiguous(), torch.eye(out_rep.size * in_rep.size, dtype=torch.float64))
        mixed = torch.kron(
            torch.eye(2 * cutoff + 1, dtype=torch.float64), torch.kron(out_rep.matrix(g), in_rep.matrix(g))
        )
        equations.append(moved - mixed)
    _, values, rows = torch.linalg.svd(torch.cat(equations))
    left = values[values > _ZERO]
    return rows[values <= _ZERO], float(left.min()) if len(left) else math.inf


def _pair(in_rep: Representation, out_rep: Representation, cutoff: int, seed: int) -> Pair:
    group = _group(in_rep)
    closed = angular_basis(in_rep, out_rep, cutoff)
    written = _coefficients(closed.frequencies, closed.cosine, closed.sine, cutoff)
    solved, gap = null_space(in_rep, out_rep, cutoff)
    return Pair(
        group.name,
        in_rep.irreps[0].name,
        out_rep.irreps[0].name,
        len(written),
        len(solved),
        counted(in_rep, out_rep, cutoff),
        gap,
        _apart(written, solved),
        _violation(written, in_rep, out_rep, group.sample(8, seed=seed), cutoff),
        tuple(closed.frequencies.tolist()),
    )


def _apart(a: Tensor, b: Tensor) -> float:
    """The sine of the largest angle between two spans of rows; 1 if their dimensions differ."""
    if torch.linalg.matrix_rank(a) != len(b) if len(a) else len(b):
        return 1.0
    if not len(a):
        return 0.0
    basis = torch.linalg.qr(a.T).Q.T
    return float(torch.linalg.matrix_norm(basis - basis @ b.T @ b, 2))


def _violation(
    written: Tensor, in_rep: Representation, out_rep: Representation, elements: Tensor, cutoff: int
) -> float:
    """The largest entry of K(g x) - rho_out(g) K(x) rho_in(g)^-1, over kernels, elements and coefficients."""
    kernels = written.reshape(-1, 2 * cutoff + 1, out_rep.size, in_rep.size)
    worst = 0.0
    for g in elements:
        moved = torch.einsum("njoi,jk->nkoi", kernels, _moved(g, cutoff))
        mixed = out_rep.matrix(g) @ kernels @ in_rep.matrix(g).T
        worst = max(worst, float((moved - mixed).abs().max()) if len(kernels) else 0.0)
    return worst


def _coefficients(frequencies: Tensor, cosine: Tensor, sine: Tensor, cutoff: int) -> Tensor:
    """Kernels cosine cos(mu phi) + sine sin(mu phi), mu of either sign, as rows of coefficients C."""
    rows = torch.zeros(len(frequencies), 2 * cutoff + 1, *cosine.shape[1:], dtype=torch.float64)
    for row, mu, c, s in zip(rows, frequencies.tolist(), cosine, sine, strict=True):
        row[max(2 * abs(mu) - 1, 0)] += c
        if mu:
            row[2 * abs(mu)] += s * math.copysign(1.0, mu)
    return rows.flatten(1)


def _moved(g: Tensor, cutoff: int) -> Tensor:
    """M(g), (2F + 1, 2F + 1): what a motion makes of (1, cos phi, sin phi, cos 2 phi, ...)."""
    angle, sign = float(g[0]), 1.0 - 2.0 * float(g[1])
    moved = torch.eye(2 * cutoff + 1, dtype=torch.float64)
    for mu in range(1, cutoff + 1):
        c, s = math.cos(mu * angle), math.sin(mu * angle)
        block = torch.tensor([[c, -sign * s], [s, sign * c]], dtype=torch.float64)
        moved[2 * mu - 1 : 2 * mu + 1, 2 * mu - 1 : 2 * mu + 1] = block
    return moved


def _generators(group: PlaneGroup) -> Sequence[Tensor]:
    """Elements whose products fill the group, up to closure."""
    angle = _GOLDEN if group.rotations is None else math.tau / group.rotations
    turn = torch.tensor([angle, 0.0], dtype=torch.float64)
    return [turn, torch.tensor([2.0 * group.axis, 1.0], dtype=torch.float64)] if group.reflections else [turn]


def _group(representation: Representation) -> PlaneGroup:
    group = representation.group
    assert isinstance(group, PlaneGroup)
    return group
