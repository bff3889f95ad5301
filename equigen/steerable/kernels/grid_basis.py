"""The complete basis on the pixel grid: all filters that quarter turns and flips keep, without band limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from equigen.groups.group import Group
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.steerable.kernels.basis import KernelBasis
from equigen.steerable.modes import outside_modes

__all__ = ["GridBasis"]


@dataclass(frozen=True)
class GridBasis(KernelBasis):
    """All filters that satisfy the constraint at the pixels; for C1, C2, C4, D1, D2 and D4 on the grid's own axes.

    Quarter turns and flips map the grid onto itself, and act on the entries of a filter by permuting them and changing
    signs. Each orbit of entries gives one filter, whose entries on the orbit are equal up to sign and 0 elsewhere,
    unless some element maps an entry onto itself with the other sign. Different filters have no entry in common.
    Representations in whose own coordinates the group does not act so, but in those of their irreps, have
    Q_out K Q_in^T.

    Error: none, but for the rounding of sqrt(d_out / entries); 1e-15 through a change of basis.

    Source: T. Cohen, M. Welling, Group Equivariant Convolutional Networks, ICML 2016, section 7 (filters of C4 and D4
    by indexing); T. Cohen, M. Welling, Steerable CNNs, ICLR 2017 (other representations).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.groups.representation import irreducible
        >>> scalar, sign = (irreducible(Cyclic(4), name) for name in ("0e", "2e"))
        >>> GridBasis().filters(scalar, sign, 2)[0, 0, 0].tolist()    # a quarter turn changes the sign
        [[0.5, -0.5], [-0.5, 0.5]]
    """

    def supports(self, group: PlaneGroup) -> str:
        """Empty for subgroups of D4 on the grid's axes."""
        inside = _inside(group)
        if inside == group:
            return ""
        return (
            f"GridBasis() was given fields of {group.name}, which does not map the pixel grid onto itself, but needs a "
            f"group that does: pass RingBasis(), or restrict the fields to {inside.name}."
        )

    def _built(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> Tensor:
        places = _moved_pixels(in_rep.group, kernel_size)
        out_image, out_sign, out_basis = _signed_permutations(out_rep)
        in_image, in_sign, in_basis = _signed_permutations(in_rep)
        shape = (out_rep.size, in_rep.size, kernel_size**2)
        # Entry (o, i, p) goes to (rho_out o, rho_in i, g p), with the product of the signs.
        images = (out_image[:, :, None] * shape[1] + in_image[:, None, :])[..., None] * shape[2] + places[:, None, None]
        signs = (out_sign[:, :, None] * in_sign[:, None, :])[..., None].expand(images.shape)
        images, signs = images.flatten(1), signs.flatten(1)
        entries = torch.arange(images.shape[1])
        cancelled = ((images == entries) & (signs < 0)).any(dim=0)
        first = (images.amin(dim=0) == entries) & ~cancelled
        filters = torch.zeros(int(first.sum()), len(entries), dtype=torch.float64)
        filters.scatter_(1, images[:, first].T, signs[:, first].T)
        filters = filters.unflatten(1, shape)
        if out_basis is not None:
            filters = torch.einsum("ab,nbip->naip", out_basis, filters)
        if in_basis is not None:
            filters = torch.einsum("noip,ji->nojp", filters, in_basis)
        return filters.unflatten(-1, (kernel_size, kernel_size))

    def _count(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> int:
        elements = in_rep.group.elements()
        fixed = (_moved_pixels(in_rep.group, kernel_size) == torch.arange(kernel_size**2)).sum(dim=1)
        return round((out_rep.character(elements) * in_rep.character(elements) * fixed).mean().item())


@lru_cache(maxsize=64)
def _inside(group: PlaneGroup) -> PlaneGroup:
    with outside_modes():
        return group.on_grid()


@lru_cache(maxsize=128)
def _moved_pixels(group: Group, kernel_size: int) -> Tensor:
    """Where each element moves each pixel, as numbers of pixels in rows from the top, int64 (g, k^2)."""
    moves = []
    for angle, flip in group.elements().tolist():
        # The image that is made by moving pixel p to g p has the number p at the place g p.
        numbers = torch.arange(kernel_size**2).reshape(kernel_size, kernel_size)
        numbers = torch.rot90(numbers.flip(0) if flip else numbers, round(angle / (math.pi / 2)), (0, 1))
        moves.append(torch.argsort(numbers.flatten()))
    return torch.stack(moves)


@lru_cache(maxsize=128)
def _signed_permutations(rep: Representation) -> tuple[Tensor, Tensor, Tensor | None]:
    """Where each element sends each coordinate and with which sign, (g, d) each; and the basis of these coordinates.

    The coordinates are the field's own if its matrices permute and change signs (then the basis is None), else those
    of the irreps, in which all groups on the grid do so.
    """
    elements = rep.group.elements()
    matrices, basis = rep.matrix(elements), None
    if (matrices - torch.round(matrices)).abs().max() > 1e-9:
        matrices, basis = rep.blocks(elements), rep.change_of_basis
    matrices = torch.round(matrices)
    return matrices.abs().argmax(dim=-2), matrices.sum(dim=-2), basis
