"""Change of basis: the same representation in other orthonormal coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.groups.representation import Representation

__all__ = ["change_basis"]


def change_basis(representation: Representation, basis: Tensor, name: str | None = None) -> Representation:
    """The representation g -> B rho(g) B^T on the coordinates y = B x.

    Args:
        representation: on d coordinates x.
        basis: B, orthogonal, (d, d).
        name: of the result; the name is for people, and no text is read as it.

    Returns:
        The same blocks with B Q in place of Q, and an `origin` v as B v.

    Raises:
        ValueError: B has another shape or is not orthogonal.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic
        >>> values = regular(Cyclic(4))
        >>> coefficients = change_basis(values, values.change_of_basis.T, "coefficients")
        >>> bool(torch.allclose(coefficients.change_of_basis, torch.eye(4).double()))
        True
    """
    size = representation.size
    if basis.shape != (size, size):
        shape = tuple(basis.shape)
        raise ValueError(f"basis has shape {shape}, but {representation} needs ({size}, {size}): pass B of that shape.")
    basis = basis.detach().to("cpu", torch.float64)
    if (basis.T @ basis - torch.eye(size, dtype=torch.float64)).abs().max().item() > 1e-10:
        raise ValueError("basis is not orthogonal, but it has to be: orthonormalise it, torch.linalg.qr(basis).Q.")
    origin = None if representation.origin is None else basis @ representation.origin
    rotated = basis @ representation.change_of_basis
    name = name or f"change_basis({representation.name})"
    return Representation(representation.group, representation.irreps, rotated, name, origin)
