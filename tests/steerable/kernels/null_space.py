"""The kernel constraint solved numerically, from matrices of the representations and coordinates of points alone."""

import math

import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from tests.groups.all_groups import plane_matrix

GROUPS = [
    *(Cyclic(n) for n in range(1, 9)),
    *(Dihedral(n) for n in range(1, 9)),
    Dihedral(1, axis=math.pi / 4),
    Dihedral(2, axis=math.pi / 4),
    Dihedral(4, axis=0.3),
    Dihedral(5, axis=0.1),
    SO2(),
    O2(),
]
ON_GRID = [
    Cyclic(1),
    Cyclic(2),
    Cyclic(4),
    Dihedral(1),
    Dihedral(1, axis=math.pi / 4),
    Dihedral(1, axis=math.pi / 2),
    Dihedral(1, axis=3 * math.pi / 4),
    Dihedral(2),
    Dihedral(2, axis=math.pi / 4),
    Dihedral(4),
]


def generating(group):
    """Elements of which the products are the group, or dense in it."""
    if group.order:
        return torch.cat((group.identity()[None], group.generators()))
    return torch.tensor([[1.0, 0.0], [0.7, 1.0]] if group.reflections else [[1.0, 0.0]], dtype=torch.float64)


def null_space(rows):
    """Orthonormal columns that span what `rows` send to 0; the singular values must leave no doubt of their number."""
    _, values, vectors = torch.linalg.svd(rows, full_matrices=rows.shape[0] < rows.shape[1])
    values = torch.cat((values, values.new_zeros(len(vectors) - len(values))))
    assert not ((values > 1e-10) & (values < 1e-3)).any()
    return vectors[values <= 1e-10].T


def waves(phi, cutoff):
    """1, cos phi, sin phi, cos 2 phi, ..., (2 cutoff + 1, *)."""
    return torch.stack(
        [torch.ones_like(phi)] + [f(k * phi) for k in range(1, cutoff + 1) for f in (torch.cos, torch.sin)]
    )


def conjugation(in_rep, out_rep, element):
    """K -> rho_out(g) K rho_in(g)^-1 on the entries (o, i) in a row."""
    return torch.kron(out_rep.matrix(element), in_rep.matrix(element))


def on_circle(in_rep, out_rep, cutoff):
    """All coefficients (2 cutoff + 1, d_out, d_in) of kernels on a circle that satisfy the constraint, as columns."""
    phi = torch.arange(2 * cutoff + 2, dtype=torch.float64) * math.tau / (2 * cutoff + 2) + 0.1
    here, rows = waves(phi, cutoff), []
    identity = torch.eye(out_rep.size * in_rep.size, dtype=torch.float64)
    points = torch.stack((torch.cos(phi), torch.sin(phi)), dim=-1)
    for element in generating(in_rep.group):
        x, y = (plane_matrix(element) @ points.T).unbind(0)
        there = waves(torch.atan2(y, x), cutoff)
        conjugate = conjugation(in_rep, out_rep, element)
        rows += [
            torch.kron(b, identity) - torch.kron(a, conjugate)
            for a, b in zip(here.T[:, None], there.T[:, None], strict=True)
        ]
    return null_space(torch.cat(rows))


def on_pixels(in_rep, out_rep, kernel_size):
    """All filters (d_out, d_in, k, k) that satisfy the constraint at the pixels, as columns."""
    c = (kernel_size - 1) / 2
    places = [(j - c, c - i) for i in range(kernel_size) for j in range(kernel_size)]
    entries = out_rep.size * in_rep.size
    rows = []
    for element in generating(in_rep.group):
        moved = (plane_matrix(element) @ torch.tensor(places, dtype=torch.float64).T).T
        distances = torch.cdist(moved, torch.tensor(places, dtype=torch.float64))
        there = (distances < 1e-6).double()  # (k^2, k^2): row p has its 1 at g p
        conjugate = conjugation(in_rep, out_rep, element)
        identity = torch.eye(entries, dtype=torch.float64)
        rows.append(torch.kron(identity, there) - torch.kron(conjugate, torch.eye(kernel_size**2, dtype=torch.float64)))
    return null_space(torch.cat(rows))


def same_span(columns, orthonormal):
    """Whether independent columns span exactly what orthonormal ones span."""
    if columns.shape != orthonormal.shape:
        return False
    if not columns.shape[1]:
        return True
    columns = columns / columns.norm(dim=0)
    inside = (columns - orthonormal @ (orthonormal.T @ columns)).abs().max() < 1e-9
    return bool(inside and torch.linalg.svdvals(columns).min() > 1e-6)
