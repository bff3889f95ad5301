"""Induction against its definition by cosets, written out, and against Frobenius reciprocity."""

import math

import pytest
import torch

from equigen.groups.function_spaces import cosets, quotient, regular
from equigen.groups.induction import induce
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible, trivial
from equigen.groups.restriction import restrict
from equigen.groups.schur import intertwiners
from tests.groups.every_representation import homomorphism_defect, kinds, places

PAIRS = [
    (Cyclic(1), Cyclic(5)),
    (Cyclic(2), Cyclic(8)),
    (Cyclic(3), Cyclic(6)),
    (Cyclic(1), Dihedral(3)),
    (Cyclic(4), Dihedral(4)),
    (Cyclic(2), Dihedral(4, axis=0.3)),
    (Dihedral(1, axis=math.pi / 4), Dihedral(4)),
    (Dihedral(2), Dihedral(6)),
    (Dihedral(1), Dihedral(5)),
    (SO2(), O2()),
]


def defined(rep, group, g):
    """(Ind rho)(g)_ij = rho(t_i^-1 g t_j) where that is in the subgroup, one entry after another."""
    turns = cosets(group, rep.group) if group.order else group.grid(1)
    out = torch.zeros(len(g), len(turns), rep.size, len(turns), rep.size, dtype=torch.float64)
    for n, one in enumerate(g):
        for i, to in enumerate(turns):
            for j, source in enumerate(turns):
                moved = group.compose(group.inverse(to), group.compose(one, source))
                if bool(rep.group.contains(moved)):
                    out[n, i, :, j, :] = rep.matrix(moved)
    return out.flatten(3, 4).flatten(1, 2)


@pytest.mark.parametrize(("subgroup", "group"), PAIRS, ids=str)
def test_induced_matrices_are_the_defined_ones(subgroup, group):
    g = group.generators() if group.order else places(group)
    for kind, rep in kinds(subgroup).items():
        if rep.size > 4 and "turned" not in kind:
            continue
        induced = induce(rep, group)
        torch.testing.assert_close(induced.matrix(g), defined(rep, group, g), rtol=0, atol=1e-13)
        assert homomorphism_defect(group, induced.matrix) < 1e-12


def test_a_planted_induction_from_another_irrep_is_seen():
    g = Dihedral(4).generators()
    wrong = induce(irreducible(Cyclic(4), "2e"), Dihedral(4)).matrix(g)
    assert float((wrong - defined(irreducible(Cyclic(4), "0e"), Dihedral(4), g)).abs().max()) > 0.5


@pytest.mark.parametrize(("subgroup", "group"), PAIRS[:-1], ids=str)
def test_the_trivial_one_induces_the_quotient(subgroup, group):
    g = group.elements()
    induced, expected = induce(trivial(subgroup), group), quotient(group, subgroup)
    assert torch.equal(induced.matrix(g), expected.matrix(g))
    torch.testing.assert_close(induced.origin, expected.origin, rtol=0, atol=1e-14)
    assert sorted(induced.irreps, key=str) == sorted(expected.irreps, key=str)


@pytest.mark.parametrize(("subgroup", "group"), PAIRS, ids=str)
def test_frobenius_reciprocity(subgroup, group):
    for irrep in group.irreps(None if group.order else 3):
        psi = irreducible(group, irrep.name)
        for kind in subgroup.irreps(None if subgroup.order else 3):
            rho = irreducible(subgroup, kind.name)
            assert len(intertwiners(psi, induce(rho, group))) == len(intertwiners(restrict(psi, subgroup), rho))


def test_functions_on_the_subgroup_become_functions_on_the_group():
    """The origin of Ind(regular) is cyclic, and its values move with the group: (rho(g) f)(h) = f(g^-1 h)."""
    group = Dihedral(4)
    rep = induce(regular(Cyclic(4)), group)
    rows = rep.matrix(group.elements()) @ rep.origin
    assert int(torch.linalg.matrix_rank(rows)) == rep.size
    at = group.compose(cosets(group, Cyclic(4))[:, None], Cyclic(4).elements()).flatten(0, 1)
    assert torch.equal(rep.matrix(at) @ rep.origin, torch.eye(8, dtype=torch.float64))  # coordinate (i, h): at t_i h
    x = torch.arange(8, dtype=torch.float64)
    g = group.elements()[[5]]
    there = (rep.matrix(group.compose(group.inverse(g), group.elements())) @ rep.origin) @ x
    torch.testing.assert_close(rows @ (rep.matrix(g)[0] @ x), there, rtol=0, atol=1e-13)


def test_what_cannot_be_induced_is_refused():
    rep = irreducible(Cyclic(4), "1")
    assert induce(rep, Cyclic(4)) is rep
    with pytest.raises(TypeError, match=r"'D4' is no group of the plane, .*: pass plane_group\('D4'\)\."):
        induce(rep, "D4")
    with pytest.raises(ValueError, match=r"induce\(C4, 1\) of C4000 has 2000 coordinates, but"):
        induce(rep, Cyclic(4000))
    with pytest.raises(ValueError, match=r"C4 is no subgroup of C6, but induce needs one"):
        induce(rep, Cyclic(6))
    with pytest.raises(ValueError, match=r"C4 has infinitely many cosets in SO2, .* quotient\(SO2, C4, 3\)"):
        induce(rep, SO2())
