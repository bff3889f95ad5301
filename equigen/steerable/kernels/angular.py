"""How a steerable kernel depends on the polar angle, in closed form for all representations of the plane groups.

A kernel of a steerable convolution satisfies, for every element g of the group,

    k(g x) = rho_out(g) k(x) rho_in(g)^-1.

The constraint does not mix radii. Between irreducible representations of frequencies m (in) and n (out), with N
rotations, its solutions at one radius, as functions of the polar angle phi counted from the group's own axis, are
the upper left corners (n, m two-dimensional: the whole) of

    R(mu phi + gamma) diag(1, s),     mu = n - s m + t N,   t any integer (0 for SO(2) and O(2)),

with s = 1, and also s = -1 where both are two-dimensional. Groups of rotations take gamma = 0 and pi/2. With
reflections gamma = 0 where the two parities agree, else pi/2. Between two one-dimensional ones mu and -mu give the same
functions: mu >= 0, and sin 0 is left out. Through rho = Q (+ psi_i) Q^T the same holds for every representation:
k = Q_out k_irreps Q_in^T.

Source: M. Weiler, G. Cesa, General E(2)-Equivariant Steerable CNNs, NeurIPS 2019, appendix F.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.steerable.kernels.basis import common_group
from equigen.steerable.modes import outside_modes

__all__ = ["AngularBasis", "angular_basis"]

# (quarter turns, s) -> R diag(1, s)
_TURNED = {
    (turns, s): torch.tensor(rows, dtype=torch.float64, device="cpu") * torch.tensor([1.0, s], device="cpu")
    for turns, rows in enumerate((((1, 0), (0, 1)), ((0, -1), (1, 0)), ((-1, 0), (0, -1))))
    for s in (1, -1)
}


@dataclass(frozen=True, eq=False)
class AngularBasis:
    """Kernels on a circle: k_b(phi) = cosine_b cos(mu_b phi) + sine_b sin(mu_b phi), linearly independent.

    Args:
        frequencies: mu, int64 (n,), of either sign.
        cosine: float64 (n, d_out, d_in).
        sine: float64 (n, d_out, d_in).

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.groups.representation import irreducible
        >>> basis = angular_basis(irreducible(SO2(), "0e"), irreducible(SO2(), "1"), cutoff=2)
        >>> basis.frequencies.tolist(), basis.at(torch.tensor(0.0))[0].flatten().tolist()    # outwards
        ([1, 1], [1.0, 0.0])
    """

    frequencies: Tensor
    cosine: Tensor
    sine: Tensor

    def at(self, phi: Tensor) -> Tensor:
        """The kernels at polar angles `phi` (*), as (n, d_out, d_in, *), in float64."""
        angles = self.frequencies.double()[:, None] * phi.double().flatten()
        waves = torch.stack((torch.cos(angles), torch.sin(angles)), dim=1)
        return self.weighted(waves, slice(None)).reshape(*self.cosine.shape, *phi.shape)

    def weighted(self, waves: Tensor, chosen: slice | Tensor) -> Tensor:
        """The kernels `chosen`, with functions (chosen, 2, points) in place of cos(mu phi) and sin(mu phi).

        Returns:
            (chosen, d_out, d_in, points).
        """
        parts = torch.stack((self.cosine[chosen], self.sine[chosen]), dim=-1)
        return (parts.flatten(1, 2) @ waves).unflatten(1, parts.shape[1:3])


@lru_cache(maxsize=256)
def angular_basis(in_rep: Representation, out_rep: Representation, cutoff: int) -> AngularBasis:
    """All kernels on a circle between two representations of a plane group, of frequencies up to `cutoff`.

    Args:
        in_rep: what the kernel acts on, of size d_in.
        out_rep: what it gives, of size d_out, of the same group.
        cutoff: the largest |mu|.

    Returns:
        The basis; it is shared, and its tensors must not be written to.

    Raises:
        ValueError: the representations are of different groups, or not of one of the plane.

    Error: the constraint holds to 1e-15 (|mu| + 1) in float64.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> from equigen.groups.representation import irreducible
        >>> even, odd = (irreducible(Dihedral(4), name) for name in ("0e", "0o"))
        >>> angular_basis(even, odd, cutoff=4).sine.tolist()    # sin(4 phi) changes its sign under the flips
        [[[-1.0]]]
    """
    group = common_group(in_rep, out_rep)
    with outside_modes():
        solutions = list(_solutions(group, in_rep.irreps, out_rep.irreps, cutoff))
        turned = _corners(0, solutions, in_rep, out_rep), _corners(1, solutions, in_rep, out_rep)
        frequencies = torch.tensor([solution.mu for solution in solutions], dtype=torch.int64)
        turn = frequencies.double()[:, None, None] * group.axis  # cos and sin of mu (phi - axis), written out in mu phi
        cos, sin = torch.cos(turn), torch.sin(turn)
        return AngularBasis(frequencies, turned[0] * cos - turned[1] * sin, turned[0] * sin + turned[1] * cos)


class _Solution(NamedTuple):
    """The corner of R(mu phi + gamma) diag(1, s) that stands in one block of the direct sums of irreps."""

    rows: slice
    columns: slice
    mu: int
    s: int
    gamma: int  # in quarter turns


def _solutions(
    group: PlaneGroup, irreps_in: Sequence[Irrep], irreps_out: Sequence[Irrep], cutoff: int
) -> Iterator[_Solution]:
    for rows, psi_out in _placed(irreps_out):
        for columns, psi_in in _placed(irreps_in):
            lines = psi_out.size == psi_in.size == 1
            odd = (psi_out.parity + psi_in.parity) % 2
            for s in (1, -1) if psi_out.size == psi_in.size == 2 else (1,):
                for mu in _frequencies(
                    group, psi_out.frequency - s * psi_in.frequency, 0 if lines else -cutoff, cutoff
                ):
                    for gamma in (odd,) if group.reflections else (0, 1):
                        if not (lines and mu == 0 and gamma):
                            yield _Solution(rows, columns, mu, s, gamma)


def _placed(irreps: Sequence[Irrep]) -> Iterator[tuple[slice, Irrep]]:
    """Each of a direct sum, with its place there."""
    start = 0
    for psi in irreps:
        yield slice(start, start + psi.size), psi
        start += psi.size


def _frequencies(group: PlaneGroup, frequency: int, first: int, last: int) -> list[int]:
    """What equals the frequency at the rotations of the group, within bounds, the smallest in size first."""
    if group.rotations is None:
        return [frequency] if first <= frequency <= last else []
    return sorted((mu for mu in range(first, last + 1) if (mu - frequency) % group.rotations == 0), key=abs)


def _corners(turns: int, solutions: list[_Solution], in_rep: Representation, out_rep: Representation) -> Tensor:
    """R(gamma + quarter turns) diag(1, s) in its block, brought to the coordinates of the fields."""
    full = torch.zeros(len(solutions), out_rep.size, in_rep.size, dtype=torch.float64)
    for one, (rows, columns, _, s, gamma) in zip(full, solutions, strict=True):
        block = one[rows, columns]
        block.copy_(_TURNED[gamma + turns, s][: len(block), : block.shape[1]])
    return out_rep.change_of_basis @ full @ in_rep.change_of_basis.T
