"""Restrictions: the same matrices at the elements of every kind of subgroup."""

import math

import pytest
import torch

from equigen.groups.cyclic_vector import is_cyclic
from equigen.groups.folding import fold, fold_line
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import Representation, irreducible
from equigen.groups.restriction import restrict
from equigen.groups.symmetric import permutation
from tests.groups.all_groups import PLANE_GROUPS
from tests.groups.every_representation import kinds, places

PAIRS = [(group, sub) for group in PLANE_GROUPS.values() for sub in PLANE_GROUPS.values() if group.has_subgroup(sub)]


def defect(restricted, rep):
    g = places(restricted.group)
    return float((restricted.matrix(g) - rep.matrix(g)).abs().max())


def test_the_pairs_cover_axes_and_infinite_subgroups():
    names = {(group.name, sub.name) for group, sub in PAIRS}
    assert {("D4", "D1@45"), ("D8", "D2@45"), ("O2", "SO2"), ("O2", "D5"), ("SO2", "C16")} <= names
    assert (O2(), Dihedral(4, axis=0.3)) in PAIRS


@pytest.mark.parametrize(("group", "subgroup"), PAIRS, ids=str)
def test_every_irrep_keeps_its_matrices(group, subgroup):
    for irrep in group.irreps(None if group.order else 5):
        rep = irreducible(group, irrep.name)
        assert defect(restrict(rep, subgroup), rep) < 1e-13, irrep.name


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(6), Dihedral(4, axis=0.3), SO2(), O2()], ids=str)
def test_every_kind_keeps_its_matrices(group):
    subgroups = [Cyclic(2), *([Dihedral(1, axis=group.axis)] if group.reflections else [])]
    for subgroup in subgroups:
        for kind, rep in kinds(group).items():
            assert defect(restrict(rep, subgroup), rep) < 1e-13, kind


def test_a_planted_restriction_that_forgets_the_axis_is_seen():
    group, subgroup = O2(), Dihedral(4, axis=0.3)
    rep = irreducible(group, "3")
    blocks, columns = fold(subgroup, 3)
    forgetful = Representation(subgroup, blocks, columns, "forgetful")
    assert defect(restrict(rep, subgroup), rep) < 1e-14
    assert defect(forgetful, rep) > 0.1


def test_restriction_in_two_steps_is_restriction():
    rep = irreducible(O2(), "3")
    assert restrict(restrict(rep, Dihedral(8)), Cyclic(4)) == restrict(rep, Cyclic(4))
    assert restrict(rep, O2()) is rep


def test_a_diagonal_mirror_changes_the_sign_of_a_line():
    """cos(2 phi) is 1 at the mirror across 0, and -1 across 45 degrees."""
    line = irreducible(Dihedral(4), "2e")
    assert [str(irrep) for irrep in restrict(line, Dihedral(2)).irreps] == ["0e"]
    assert [str(irrep) for irrep in restrict(line, Dihedral(2, axis=math.pi / 4)).irreps] == ["0o"]


def test_an_origin_is_kept_where_values_on_the_subgroup_determine_all():
    functions = regular(SO2(), 3)
    assert restrict(functions, Cyclic(8)).origin is not None  # 8 values, 7 coordinates
    assert restrict(functions, Cyclic(7)).origin is not None
    assert restrict(functions, Cyclic(6)).origin is None  # 6 values
    assert restrict(regular(Dihedral(4)), Cyclic(4)).origin is None
    kept = restrict(functions, Cyclic(8))
    rows = kept.matrix(Cyclic(8).elements()) @ kept.origin
    assert torch.linalg.svdvals(rows)[-1] > 0.1


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_a_vector_is_cyclic_if_its_images_span_everything(name):
    group = PLANE_GROUPS[name]
    g = group.elements() if group.order else group.grid(16)
    verdicts = set()
    for rep in kinds(group).values():
        generator = torch.Generator().manual_seed(1)
        whole = torch.randn(rep.size, dtype=torch.float64, generator=generator)
        for vector in (whole, torch.eye(rep.size, dtype=torch.float64)[0]):
            coordinates = rep.change_of_basis.T @ vector
            spans = int(torch.linalg.matrix_rank(rep.matrix(g) @ vector, atol=1e-8)) == rep.size
            assert is_cyclic(rep.irreps, coordinates) == spans
            verdicts.add(spans)
    assert verdicts == {True, False}


def test_what_is_no_subgroup_is_refused():
    with pytest.raises(ValueError, match=r"C3 is no subgroup of C4, but restrict needs one"):
        restrict(regular(Cyclic(4)), Cyclic(3))
    with pytest.raises(TypeError, match=r"'C2' is no group of the plane, .*: pass plane_group\('C2'\)\."):
        restrict(regular(Cyclic(4)), "C2")
    with pytest.raises(ValueError, match=r"the group is S3, but restrict needs a group of the plane"):
        restrict(permutation(3), Cyclic(1))
    with pytest.raises(ValueError, match=r"frequency 1 was given, but C4 has no line at it: call fold"):
        fold_line(Cyclic(4), 1, 0)


@pytest.mark.parametrize("name", PLANE_GROUPS)
@pytest.mark.parametrize("parity", [0, 1])
def test_circular_harmonics_of_any_frequency_fold(name, parity):
    group = PLANE_GROUPS[name]
    g = places(group)
    flip = g[:, 1]
    phi = g[:, 0] - 2 * group.axis * flip
    for m in range(-5, 20):
        blocks, columns = fold(group, m, parity)
        cos, sin, sign = torch.cos(m * phi), torch.sin(m * phi), 1 - 2 * flip
        expected = torch.stack((cos, -sin * sign, sin, cos * sign), -1).unflatten(-1, (2, 2))
        expected = expected * (sign if parity and group.reflections else torch.ones_like(sign))[:, None, None]
        found = Representation(group, blocks, columns, "folded").matrix(g)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
