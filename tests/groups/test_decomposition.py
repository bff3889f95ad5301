"""Decomposition of every kind of representation of every group, by reconstruction."""

import pytest
import torch

from equigen.groups.decomposition import decompose, orthogonaliser
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.symmetric import permutation
from tests.groups.all_groups import ALL_GROUPS, PLANE_GROUPS
from tests.groups.every_representation import kinds, orthogonal, orthogonality_defect, places, well_conditioned


def reconstruction_defect(rep, matrix):
    return float((rep.matrix(places(rep.group)) - matrix(places(rep.group))).abs().max())


def conjugated(rep, change):
    return lambda g: change @ rep.matrix(g) @ change.inverse()


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_every_kind_is_reconstructed(name):
    group = PLANE_GROUPS[name]
    for kind, rep in kinds(group).items():
        hidden = conjugated(rep, orthogonal(rep.size, seed=2))
        found = decompose(group, hidden, kind)
        assert reconstruction_defect(found, hidden) < 1e-12, kind
        assert sorted(irrep.name for irrep in found.irreps) == sorted(irrep.name for irrep in rep.irreps), kind


@pytest.mark.parametrize("name", sorted(set(ALL_GROUPS) - set(PLANE_GROUPS)))
def test_permutations_of_places_are_reconstructed(name):
    group = ALL_GROUPS[name]
    rep = permutation(group.n)
    found = decompose(group, rep.matrix, "places")
    assert reconstruction_defect(found, rep.matrix) < 1e-12
    assert found.irreps == rep.irreps


def test_irreps_come_in_the_order_of_the_group():
    found = decompose(Dihedral(4), regular(Dihedral(4)).matrix, "values")
    assert [irrep.name for irrep in found.irreps] == ["0e", "0o", "1", "1", "2e", "2o"]


@pytest.mark.parametrize("frequency", [0, 1, 40, 300])
def test_the_frequency_of_a_compact_group_is_found(frequency):
    rep = irreducible(SO2(), str(frequency) if frequency else "0e")
    assert decompose(SO2(), rep.matrix, "hidden").irreps == rep.irreps


@pytest.mark.parametrize("group", [Cyclic(3), Cyclic(8), Dihedral(4), Dihedral(5, axis=0.1), SO2(), O2()], ids=str)
def test_after_a_skewed_change_of_basis_the_orthogonaliser_is_needed_and_helps(group):
    rep = kinds(group)["product"]
    skewed = conjugated(rep, well_conditioned(rep.size))
    with pytest.raises(ValueError, match=r"not orthogonal, .* orthogonaliser\(group, matrix\)"):
        decompose(group, skewed, "skewed")
    W = orthogonaliser(group, skewed)
    straight = conjugated(type("Skewed", (), {"matrix": staticmethod(skewed)}), W)
    assert orthogonality_defect(group, skewed) > 0.1
    assert orthogonality_defect(group, straight) < 1e-12
    found = decompose(group, straight, "straight")
    assert reconstruction_defect(found, straight) < 1e-11
    assert sorted(found.irreps, key=str) == sorted(rep.irreps, key=str)


def test_the_orthogonaliser_of_orthogonal_matrices_is_the_identity():
    rep = regular(Dihedral(3))
    torch.testing.assert_close(orthogonaliser(Dihedral(3), rep.matrix), torch.eye(6).double(), rtol=0, atol=1e-13)


def halved(g):  # turns by half the angle: goes round twice
    cos, sin = torch.cos(g[..., 0] / 2), torch.sin(g[..., 0] / 2)
    return torch.stack((cos, -sin, sin, cos), -1).unflatten(-1, (2, 2))


def mirrored_wrongly(g):  # the reflection is not at the axis of the group
    return irreducible(O2(), "1").matrix(g)


def reversed_order(g):  # rho(g^-1), which multiplies the other way round
    return irreducible(Dihedral(3), "1").matrix(g).mT


@pytest.mark.parametrize(
    ("group", "matrix"), [(SO2(), halved), (Cyclic(4), halved), (Dihedral(3), reversed_order)], ids=("SO2", "C4", "D3")
)
def test_planted_matrices_that_do_not_multiply_are_refused(group, matrix):
    with pytest.raises(ValueError, match=r"do not multiply as the elements of .* equal to matrix\(group.compose"):
        decompose(group, matrix, "planted")


def test_the_largest_frequency_is_named():
    line = irreducible(SO2(), "2047")
    assert [irrep.name for irrep in decompose(SO2(), line.matrix, "fast").irreps] == ["2047"]
    with pytest.raises(ValueError, match=r"as the elements of SO2, or have frequencies above 2047, but"):
        decompose(SO2(), irreducible(SO2(), "2049").matrix, "faster")


def test_an_irrep_about_another_axis_is_turned_not_refused():
    found = decompose(Dihedral(5, axis=0.1), mirrored_wrongly, "plane")
    assert [irrep.name for irrep in found.irreps] == ["1"]
    assert reconstruction_defect(found, mirrored_wrongly) < 1e-13


def test_single_precision_is_refused_and_whole_numbers_are_taken():
    group = Cyclic(4)
    rep = regular(group)
    with pytest.raises(ValueError, match=r"are torch.float32, .* compute them in float64"):
        decompose(group, lambda g: rep.matrix(g).float(), "single")
    assert len(decompose(group, lambda g: rep.matrix(g).long(), "whole").irreps) == 3


def test_bad_shapes_and_matrices_without_inverse_are_refused():
    with pytest.raises(ValueError, match=r"at 4 elements have shape \(2, 2\), but \(4, d, d\)"):
        decompose(Cyclic(4), lambda g: torch.eye(2).double(), "one")
    with pytest.raises(ValueError, match="not invertible"):
        orthogonaliser(Cyclic(4), lambda g: torch.diag(torch.tensor([1, 0])).expand(len(g), 2, 2))


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    decompose(O2(), regular(O2(), 2).matrix, "values")
    assert torch.equal(torch.rand(3), expected)
