"""A kernel basis: from which filters the steerable filters of a layer are summed.

Filters are for `torch.nn.functional.conv2d` (a cross-correlation): pixel (i, j) of a k x k filter stands at

    x = j - c,   y = c - i,   c = (k - 1)/2,

x to the right and y up. A basis is a value: equal bases give the same filters, which are shared while they are kept:
the latest up to 1 MiB in all. Larger ones, which take milliseconds to make and would take more memory than a small
network, are made anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from functools import lru_cache

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.steerable.modes import outside_modes

__all__ = ["KernelBasis", "common_group", "pixel_places"]

_KEPT: OrderedDict[tuple[KernelBasis, Representation, Representation, int], tuple[Tensor, int]] = OrderedDict()
_KEPT_BYTES = 1 << 20


class KernelBasis(ABC):
    """Linearly independent filters K_b with K_b(g x) = rho_out(g) K_b(x) rho_in(g)^-1 for all g of the group.

    A subclass is a frozen dataclass that says how filters are built and how many there are.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.kernels.grid_basis import GridBasis
        >>> field = regular(Cyclic(4))
        >>> GridBasis().filters(field, field, kernel_size=5).shape, GridBasis().dimension(field, field, 5)
        (torch.Size([100, 4, 4, 5, 5]), 100)
    """

    def filters(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> Tensor:
        """The filters between two fields, none if the group allows none.

        Args:
            in_rep: of the input field, of size d_in.
            out_rep: of the output field, of size d_out.
            kernel_size: k, in pixels.

        Returns:
            float64 (n, d_out, d_in, k, k), each with the sum of squares d_out: on white input of unit variance, the
            channels of an output field have unit variance on average. It may be shared: it must not be written to.

        Raises:
            ValueError: the representations are of different groups, this basis does not know the group, or the
                kernel size is no positive whole number.
        """
        with outside_modes():
            self._checked(in_rep, out_rep, kernel_size)
            return _filters(self, in_rep, out_rep, kernel_size)

    def dimension(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> int:
        """How many filters there are, counted by characters: the mean of chi_out chi_in chi_kernel over the group.

        chi_kernel is the character of the functions of x from which the basis takes its kernels.

        Raises:
            ValueError: as `filters`.
        """
        with outside_modes():
            self._checked(in_rep, out_rep, kernel_size)
            return _counted(self, in_rep, out_rep, kernel_size)

    @abstractmethod
    def supports(self, group: PlaneGroup) -> str:
        """Empty if the basis has filters for this group, else why not and what to use instead."""

    @abstractmethod
    def _built(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> Tensor:
        """The filters at any scale."""

    @abstractmethod
    def _count(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> int:
        """Their number, from characters alone."""

    def _checked(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> None:
        group = common_group(in_rep, out_rep)
        if isinstance(kernel_size, bool) or not isinstance(kernel_size, int) or kernel_size < 1:
            raise ValueError(f"kernel_size is {kernel_size!r}, but a positive whole number is needed: kernel_size=3.")
        if why := self.supports(group):
            raise ValueError(why)


def common_group(in_rep: Representation, out_rep: Representation) -> PlaneGroup:
    """The group of the plane of which both are representations.

    Raises:
        ValueError: the groups differ, or do not act on the plane.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.groups.representation import irreducible
        >>> common_group(irreducible(SO2(), "1"), irreducible(SO2(), "2")).name
        'SO2'
    """
    group = in_rep.group
    if group != out_rep.group:
        raise ValueError(
            f"the fields have the groups {group.name} and {out_rep.group.name}, but a filter between them needs one: "
            "restrict them to a common subgroup."
        )
    if not isinstance(group, PlaneGroup):
        raise ValueError(
            f"the fields have the group {group.name}, which does not act on the plane, but filters need one that does: "
            "pass fields of Cyclic(4), Dihedral(4), SO2() or O2()."
        )
    return group


def pixel_places(kernel_size: int) -> Tensor:
    """Where the pixels of a filter stand, (x, y) with x to the right and y up, float64 (k, k, 2).

    Example:
        >>> pixel_places(3)[0, 2].tolist()
        [1.0, 1.0]
    """
    c = (kernel_size - 1) / 2
    along = torch.arange(kernel_size, dtype=torch.float64) - c
    return torch.stack(torch.meshgrid(along, -along, indexing="xy"), dim=-1)


@lru_cache(maxsize=1024)
def _counted(basis: KernelBasis, in_rep: Representation, out_rep: Representation, kernel_size: int) -> int:
    return basis._count(in_rep, out_rep, kernel_size)


def _filters(basis: KernelBasis, in_rep: Representation, out_rep: Representation, kernel_size: int) -> Tensor:
    key = (basis, in_rep, out_rep, kernel_size)
    if key in _KEPT:
        _KEPT.move_to_end(key)  # the one asked for last stands last
        return _KEPT[key][0]
    filters = basis._built(in_rep, out_rep, kernel_size)
    norms = torch.linalg.vector_norm(filters, dim=(1, 2, 3, 4))
    filters = filters.mul_((out_rep.size**0.5 / norms)[:, None, None, None, None])
    if filters.nbytes <= _KEPT_BYTES:
        _KEPT[key] = filters, filters.nbytes
        while sum(size for _, size in _KEPT.values()) > _KEPT_BYTES:
            _KEPT.popitem(last=False)
    return filters
