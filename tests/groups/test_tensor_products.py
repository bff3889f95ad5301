"""Tensor products against the Kronecker product of their factors."""

import pytest
import torch

from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import Representation, irreducible, trivial
from equigen.groups.tensor_products import clebsch_gordan, tensor_product
from tests.groups.all_groups import PLANE_GROUPS
from tests.groups.every_representation import kinds, places


def kronecker(a, b, g):
    return torch.einsum("nij,nkl->nikjl", a.matrix(g), b.matrix(g)).reshape(len(g), a.size * b.size, -1)


def defect(product, a, b):
    g = places(a.group)
    return float((product.matrix(g) - kronecker(a, b, g)).abs().max())


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_all_pairs_of_irreps_decompose(name):
    group = PLANE_GROUPS[name]
    reps = [irreducible(group, irrep.name) for irrep in group.irreps(None if group.order else 3)]
    for a in reps:
        for b in reps:
            assert defect(tensor_product(a, b), a, b) < 1e-13, (a.name, b.name)


@pytest.mark.parametrize("group", [Cyclic(1), Cyclic(6), Dihedral(3), Dihedral(4, axis=0.3), SO2(), O2()], ids=str)
def test_other_kinds_decompose(group):
    found = kinds(group)
    for a, b in [("regular", "turned"), ("turned", "regular up to 1"), ("sum", "product")]:
        assert defect(tensor_product(found[a], found[b]), found[a], found[b]) < 1e-12, (a, b)


def test_planted_wrong_coefficients_are_seen():
    group = Dihedral(4)
    a, b = irreducible(group, "1"), irreducible(group, "1")
    kinds_, columns = clebsch_gordan(group, *a.irreps, *b.irreps)
    assert defect(Representation(group, kinds_, columns, "right"), a, b) < 1e-14
    for change in (columns[[1, 0, 2, 3]], columns[:, [1, 0, 2, 3]]):
        assert defect(Representation(group, kinds_, change, "wrong"), a, b) > 0.5


@pytest.mark.parametrize(
    ("group", "a", "b", "expected"),
    [
        (SO2(), "2", "1", ["1", "3"]),
        (SO2(), "1", "1", ["0e", "0e", "2"]),
        (O2(), "2", "2", ["0e", "0o", "4"]),
        (O2(), "0o", "3", ["3"]),
        (Cyclic(4), "1", "2e", ["1"]),
        (Cyclic(5), "2", "2", ["0e", "0e", "1"]),
        (Dihedral(6), "2", "1", ["1", "3e", "3o"]),
        (Dihedral(4), "2o", "0o", ["2e"]),
    ],
    ids=str,
)
def test_known_series(group, a, b, expected):
    product = tensor_product(irreducible(group, a), irreducible(group, b))
    assert [irrep.name for irrep in product.irreps] == expected


def test_an_origin_is_kept_only_where_values_determine_the_coordinates():
    group = SO2()
    functions = regular(group, 2)
    assert tensor_product(functions, trivial(group)).origin is not None
    assert tensor_product(functions, functions).origin is None  # 25 coordinates, functions of frequency 4 have 9
    assert tensor_product(functions, irreducible(group, "1")).origin is None


def test_products_too_large_are_refused():
    with pytest.raises(ValueError, match=r"of C36 has 1296 coordinates, but representations have up to 1024"):
        tensor_product(regular(Cyclic(36)), regular(Cyclic(36)))


def test_factors_of_two_groups_are_refused():
    with pytest.raises(ValueError, match=r"a represents C4 and b represents C8, .* restrict"):
        tensor_product(regular(Cyclic(4)), regular(Cyclic(8)))


def test_a_transposed_change_of_basis_is_taken_as_it_is():
    """torch.kron refuses some layouts."""
    a = regular(Dihedral(3))
    turned = Representation(a.group, a.irreps, a.change_of_basis.T, "turned")
    b = irreducible(a.group, "1")
    assert defect(tensor_product(turned, b), turned, b) < 1e-13
    assert defect(tensor_product(b, turned), b, turned) < 1e-13
