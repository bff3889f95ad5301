"""Which basis a layer takes if none is named."""

from __future__ import annotations

from equigen.groups.plane import PlaneGroup
from equigen.steerable.kernels.basis import KernelBasis
from equigen.steerable.kernels.grid_basis import GridBasis
from equigen.steerable.kernels.ring_basis import RingBasis

__all__ = ["default_basis"]


def default_basis(group: PlaneGroup) -> KernelBasis:
    """The complete basis where the group maps the pixel grid onto itself, rings elsewhere.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> default_basis(Cyclic(4)), default_basis(Cyclic(8))
        (GridBasis(), RingBasis(cutoff=None, width=0.6))
    """
    return RingBasis() if GridBasis().supports(group) else GridBasis()
