"""Every kind of representation of a plane group, and the laws that are measured on them, as errors."""

import torch

from equigen.groups.change_of_basis import change_basis
from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.groups.representation import direct_sum, irreducible
from equigen.groups.tensor_products import tensor_product
from tests.groups.all_groups import frequency


def orthogonal(size, seed=0):
    """A random orthogonal matrix, the same for the same seed."""
    noise = torch.randn(size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.linalg.qr(noise).Q


def well_conditioned(size, seed=0):
    """A random invertible matrix that is far from orthogonal, with singular values from 1/2 to 2."""
    return orthogonal(size, seed) @ torch.diag(torch.logspace(-1, 1, size, 2.0).double()) @ orthogonal(size, seed + 1)


def places(group, n=12):
    """All elements of a finite group, else some, the identity and a reflection among them."""
    if group.order is not None:
        return group.elements()
    return torch.cat((group.grid(4), group.sample(n, seed=7)))


def homomorphism_defect(group, matrix):
    """The largest |rho(g) rho(h) - rho(g h)|."""
    g, h = group.sample(30, seed=3), group.sample(30, seed=4)
    return float((matrix(g) @ matrix(h) - matrix(group.compose(g, h))).abs().max())


def orthogonality_defect(group, matrix):
    """The largest |rho^T rho - 1|."""
    values = matrix(places(group))
    return float((values.mT @ values - torch.eye(values.shape[-1], dtype=values.dtype)).abs().max())


def kinds(group):
    """Representations of one group by kind."""
    limit = frequency(group)
    found = {f"irrep {irrep}": irreducible(group, irrep.name) for irrep in group.irreps(frequency(group))}
    found["regular"] = regular(group, limit)
    found["regular up to 1"] = regular(group, 1)
    if group.rotations is None or group.rotations % 2 == 0:
        found["quotient by half a turn"] = quotient(group, Cyclic(2), limit)
    if group.reflections:
        found["quotient by a reflection"] = quotient(group, Dihedral(1, axis=group.axis), limit)
    largest = group.irreps(1)[-1].name
    found["sum"] = direct_sum([irreducible(group, largest), irreducible(group, "0e"), irreducible(group, largest)])
    found["product"] = tensor_product(irreducible(group, largest), found["regular up to 1"])
    found["turned"] = change_basis(found["product"], orthogonal(found["product"].size))
    return found
