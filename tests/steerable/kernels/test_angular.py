"""The closed form in the angle against the constraint solved numerically, for all pairs of irreps."""

from itertools import product

import pytest
import torch

from equigen.groups.change_of_basis import change_basis
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import direct_sum, irreducible
from equigen.groups.symmetric import Symmetric, permutation
from equigen.steerable.kernels.angular import AngularBasis, angular_basis
from tests.steerable.kernels.null_space import GROUPS, on_circle, same_span


def irreps(group, frequency=2):
    return [irreducible(group, str(irrep)) for irrep in group.irreps(None if group.order else frequency)]


def coefficients(basis, cutoff):
    """The kernels in 1, cos phi, sin phi, cos 2 phi, ..., a column each: what `null_space.on_circle` gives."""
    table = torch.zeros(len(basis.frequencies), 2 * cutoff + 1, *basis.cosine.shape[1:], dtype=torch.float64)
    for row, mu, cosine, sine in zip(table, basis.frequencies.tolist(), basis.cosine, basis.sine, strict=True):
        row[max(2 * abs(mu) - 1, 0)] += cosine
        if mu:
            row[2 * abs(mu)] += sine if mu > 0 else -sine
    return table.flatten(1).T


def solves(basis, in_rep, out_rep, cutoff):
    return same_span(coefficients(basis, cutoff), on_circle(in_rep, out_rep, cutoff))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_closed_form_is_the_null_space_for_all_pairs_of_irreps(group):
    cutoff = 4 if group.order else 5
    for in_rep, out_rep in product(irreps(group), repeat=2):
        assert solves(angular_basis(in_rep, out_rep, cutoff), in_rep, out_rep, cutoff), (in_rep.name, out_rep.name)


@pytest.mark.parametrize("group", [Cyclic(5), Dihedral(3), Dihedral(2, axis=0.2), O2()], ids=str)
def test_the_closed_form_is_the_null_space_in_any_coordinates(group):
    in_rep = direct_sum(irreps(group, 1))
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(in_rep.size, in_rep.size, generator=generator, dtype=torch.float64)).Q
    out_rep = change_basis(in_rep, turn)
    assert solves(angular_basis(in_rep, out_rep, 2), in_rep, out_rep, 2)
    assert not solves(angular_basis(in_rep, in_rep, 2), in_rep, out_rep, 2)


@pytest.mark.parametrize("fault", ["one left out", "no alias", "wrong parity", "wrong axis", "dependent"])
def test_planted_faults_are_found(fault):
    group = Dihedral(4, axis=0.3)
    in_rep, out_rep = irreducible(group, "1"), irreducible(group, "1")
    basis = angular_basis(in_rep, out_rep, 4)
    assert solves(basis, in_rep, out_rep, 4)
    if fault == "one left out":
        basis = AngularBasis(basis.frequencies[1:], basis.cosine[1:], basis.sine[1:])
    elif fault == "no alias":
        basis = angular_basis(irreducible(O2(), "1"), irreducible(O2(), "1"), 4)
    elif fault == "wrong parity":
        basis = AngularBasis(basis.frequencies, basis.sine, -basis.cosine)  # gamma by a quarter turn
    elif fault == "wrong axis":
        straight = irreducible(Dihedral(4), "1")
        basis = angular_basis(straight, straight, 4)
    else:
        basis = AngularBasis(basis.frequencies, basis.cosine[[0, 0, *range(2, len(basis.cosine))]], basis.sine)
    assert not solves(basis, in_rep, out_rep, 4)


@pytest.mark.parametrize(
    ("names", "count"), [(("1", "2"), 4), (("0e", "2"), 2), (("2", "0e"), 2), (("0e", "0e"), 1), (("3", "3"), 4)]
)
def test_numbers_under_all_rotations_are_those_of_the_table(names, count):
    in_rep, out_rep = (irreducible(SO2(), name) for name in names)
    assert len(angular_basis(in_rep, out_rep, 6).frequencies) == count


def test_no_kernel_leads_from_the_trivial_to_the_sign_under_all_reflections():
    assert len(angular_basis(irreducible(O2(), "0e"), irreducible(O2(), "0o"), 9).frequencies) == 0


@pytest.mark.parametrize(("cutoff", "frequencies"), [(0, {0}), (3, {0}), (4, {0, 4}), (11, {0, 4, 8})])
def test_frequencies_stop_at_the_cutoff(cutoff, frequencies):
    rep = irreducible(Cyclic(4), "2e")
    assert set(angular_basis(rep, rep, cutoff).frequencies.tolist()) == frequencies


def test_kernels_at_many_angles_are_those_at_each():
    rep = irreducible(Dihedral(5), "2")
    basis, phi = angular_basis(rep, rep, 6), torch.linspace(0, 6, 6).reshape(2, 3)
    assert basis.at(phi).shape == (len(basis.frequencies), 2, 2, 2, 3)
    torch.testing.assert_close(basis.at(phi)[..., 1, 2], basis.at(phi[1, 2]), rtol=0, atol=1e-15)


def test_representations_of_different_groups_and_of_none_of_the_plane_are_refused():
    with pytest.raises(ValueError, match=r"C4 and C8.*restrict them"):
        angular_basis(irreducible(Cyclic(4), "1"), irreducible(Cyclic(8), "1"), 2)
    with pytest.raises(ValueError, match="does not act on the plane"):
        angular_basis(permutation(3), permutation(3), 2)
    assert permutation(3).group == Symmetric(3)
