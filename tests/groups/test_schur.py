"""Intertwiners against the null space of their linear equation, computed numerically."""

import pytest
import torch

from equigen.groups.function_spaces import regular
from equigen.groups.irrep import Irrep
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible, trivial
from equigen.groups.schur import commutant, endomorphisms, intertwiners
from equigen.groups.symmetric import Symmetric, permutation
from tests.groups.all_groups import PLANE_GROUPS
from tests.groups.every_representation import kinds


def null_space(a, b, elements):
    """Orthonormal rows vec(T) of the maps T with T a(g) = b(g) T at some elements, by singular values."""
    left = torch.eye(b.size, dtype=torch.float64)
    right = torch.eye(a.size, dtype=torch.float64)
    equations = [torch.kron(left, a.matrix(g).T.contiguous()) - torch.kron(b.matrix(g), right) for g in elements]
    _, values, rows = torch.linalg.svd(torch.cat(equations), full_matrices=True)
    return rows[int((values > 1e-9).sum()) :]


def defects(basis, a, b, elements):
    """How far a basis is from commuting, from orthonormal, and from spanning all there is."""
    rows, all_of_them = basis.flatten(1), null_space(a, b, elements)
    commuting = (basis[:, None] @ a.matrix(elements) - b.matrix(elements) @ basis[:, None]).abs().sum()
    orthonormal = (rows @ rows.T - torch.eye(len(rows), dtype=torch.float64)).abs().sum()
    spanning = (rows.T @ rows - all_of_them.T @ all_of_them).abs().sum()
    return float(commuting), float(orthonormal), float(spanning)


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_intertwiners_are_all_maps_that_commute(name):
    group = PLANE_GROUPS[name]
    found = kinds(group)
    generic = group.sample(3, seed=5) if group.order is None else group.elements()[[1 % group.order, -1]]
    names = [key for key in found if found[key].size <= 8]
    for one, two in zip(names, [*names[1:], names[0]], strict=True):
        for a, b in [(found[one], found[two]), (found[one], found[one])]:
            assert max(defects(intertwiners(a, b), a, b, generic)) < 1e-9, (one, two)


def test_planted_faults_are_seen():
    group = Cyclic(4)
    rep, g = regular(group), group.elements()
    whole = endomorphisms(rep)
    assert max(defects(whole, rep, rep, g)) < 1e-12
    assert defects(whole[:-1], rep, rep, g)[2] > 0.5  # a map is missing
    assert defects(2 * whole, rep, rep, g)[1] > 0.5
    assert defects(whole + 0.01 * torch.eye(4).double()[0], rep, rep, g)[0] > 1e-3


def test_permutations_have_the_two_maps_of_deep_sets():
    """The identity and the mean over the places (Zaheer et al., Deep Sets, 2017, lemma 3)."""
    rep = permutation(5)
    basis = endomorphisms(rep)
    assert len(basis) == 2
    span = torch.stack((torch.eye(5).double(), torch.ones(5, 5).double())).flatten(1)
    assert int(torch.linalg.matrix_rank(torch.cat((span, basis.flatten(1))))) == 2
    assert len(intertwiners(rep, irreducible(Symmetric(5), "sign"))) == 0


def test_unequal_irreps_have_no_map():
    assert intertwiners(irreducible(O2(), "1"), irreducible(O2(), "2")).shape == (0, 2, 2)
    assert intertwiners(trivial(O2()), irreducible(O2(), "0o")).shape == (0, 1, 1)


def test_groups_have_to_agree():
    with pytest.raises(ValueError, match=r"a represents D4 and b represents C4, .* restrict\(a, subgroup\)"):
        intertwiners(regular(Dihedral(4)), regular(Cyclic(4)))


def test_a_commutant_that_is_not_known_is_refused():
    assert len(commutant(SO2().irrep("3"))) == 2
    with pytest.raises(ValueError, match="has 4 endomorphisms in 4 dimensions"):
        commutant(Irrep("spinor", 4, 4))
