"""Representations of every plane group: homomorphisms, characters, duals, changes of basis, generators."""

import math

import pytest
import torch

from equigen.groups.change_of_basis import change_basis
from equigen.groups.duality import dual
from equigen.groups.function_spaces import cosets, quotient, regular
from equigen.groups.lie_generator import generator
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import Representation, direct_sum, irreducible, trivial
from tests.groups.all_groups import COMPACT_PLANE, FINITE_PLANE, PLANE_GROUPS
from tests.groups.every_representation import (
    homomorphism_defect,
    kinds,
    orthogonal,
    orthogonality_defect,
    places,
)


def haar(group, values):
    """The mean over the group of values at `places(group)`-like quadrature points: here on a grid fine enough."""
    points = group.elements() if group.order else group.grid(40)
    return values(points).mean(dim=0)


# --- laws of every kind


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_matrices_are_orthogonal_and_multiply_as_elements_do(name):
    group = PLANE_GROUPS[name]
    for kind, rep in kinds(group).items():
        assert homomorphism_defect(group, rep.matrix) < 1e-13, kind
        assert orthogonality_defect(group, rep.matrix) < 1e-13, kind
        torch.testing.assert_close(
            rep.matrix(group.identity()), torch.eye(rep.size, dtype=torch.float64), rtol=0, atol=1e-14
        )


def test_planted_matrices_that_do_not_multiply_are_seen():
    group = Dihedral(4)
    one = irreducible(group, "1")

    def unmirrored(g):  # forgets the flip
        return one.matrix(torch.stack((g[..., 0], torch.zeros_like(g[..., 1])), -1))

    assert homomorphism_defect(group, unmirrored) > 0.5
    assert orthogonality_defect(group, lambda g: 1.01 * one.matrix(g)) > 1e-3


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_batches_are_rows_and_dtype_follows_the_elements(name):
    group = PLANE_GROUPS[name]
    rep, g = kinds(group)["turned"], group.sample(6, seed=0)
    whole = rep.matrix(g.reshape(2, 3, 2))
    assert whole.shape == (2, 3, rep.size, rep.size)
    for i in range(6):
        torch.testing.assert_close(whole[i // 3, i % 3], rep.matrix(g[i]), rtol=0, atol=1e-15)
    single = rep.matrix(g.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), rep.matrix(g), rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_the_character_is_the_trace(name):
    group = PLANE_GROUPS[name]
    g = places(group)
    for rep in kinds(group).values():
        trace = torch.einsum("...ii", rep.matrix(g))
        torch.testing.assert_close(rep.character(g), trace, rtol=0, atol=1e-12)


def character_products(group, limit=3):
    """The Gram matrix of the characters of the irreducible representations, and their numbers of endomorphisms."""
    irreps = group.irreps(None if group.order else limit)
    reps = [irreducible(group, irrep.name) for irrep in irreps]
    gram = haar(
        group,
        lambda g: torch.stack(
            [a.character(g)[:, None] * torch.stack([b.character(g) for b in reps], 1) for a in reps], 1
        ),
    )
    return gram, torch.diag(torch.tensor([float(irrep.endomorphisms) for irrep in irreps]).double())


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_characters_are_orthogonal_with_the_endomorphisms_as_squared_norm(name):
    gram, expected = character_products(PLANE_GROUPS[name])
    torch.testing.assert_close(gram, expected, rtol=0, atol=1e-13)


def test_a_planted_wrong_number_of_endomorphisms_is_seen():
    gram, expected = character_products(Cyclic(5))
    assert float((gram - expected.clamp(max=1.0)).abs().max()) == pytest.approx(1.0)


@pytest.mark.parametrize("group", FINITE_PLANE, ids=str)
def test_the_regular_representation_holds_each_irrep_by_its_size_over_endomorphisms(group):
    rep = regular(group)
    assert rep.size == group.order
    for irrep in group.irreps():
        assert rep.multiplicity(irrep) == irrep.size // irrep.endomorphisms


@pytest.mark.parametrize("group", [Cyclic(6), Dihedral(6), Dihedral(4, axis=0.3), Dihedral(8)], ids=str)
def test_multiplicities_of_quotients_count_fixed_vectors(group):
    subgroups = [
        Cyclic(2),
        *([Dihedral(1, axis=group.axis), Dihedral(2, axis=group.axis)] if group.reflections else []),
    ]
    for subgroup in subgroups:
        rep = quotient(group, subgroup)
        assert rep.size == group.order // subgroup.order
        for irrep in group.irreps():
            fixed = group.irrep_matrix(irrep, subgroup.elements()).mean(dim=0)
            rank = int(torch.linalg.matrix_rank(fixed, atol=1e-9))
            assert rep.multiplicity(irrep) == rank // irrep.endomorphisms, (subgroup.name, irrep.name)


@pytest.mark.parametrize("group", [Cyclic(6), Dihedral(4), Dihedral(4, axis=0.3)], ids=str)
def test_quotients_permute_cosets(group):
    subgroup = Dihedral(1, axis=group.axis) if group.reflections else Cyclic(2)
    rep, representatives = quotient(group, subgroup), cosets(group, subgroup)
    assert rep.is_permutation
    moved = group.compose(group.elements()[:, None], representatives[None])
    inverse = group.inverse(representatives)
    expected = subgroup.contains(group.compose(inverse[None, :, None], moved[:, None, :])).double()
    assert torch.equal(rep.matrix(group.elements()), expected)


# --- functions on the group


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_the_origin_gives_values_that_move_with_the_group(name):
    """(rho(g) f)(h) = f(g^-1 h) with f(h) = (rho(h) v) . x."""
    group = PLANE_GROUPS[name]
    limit = None if group.order else 3
    for rep in (
        regular(group, limit),
        regular(group, 1),
        change_basis(regular(group, 1), orthogonal(regular(group, 1).size)),
    ):
        assert float(rep.origin.norm()) == pytest.approx(1.0, abs=1e-14)
        x = torch.randn(rep.size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        g, h = group.sample(10, seed=1), group.sample(10, seed=2)

        def value(place, x):
            return ((rep.matrix(place) @ rep.origin) * x).sum(-1)  # noqa: B023

        moved = value(h, (rep.matrix(g) @ x[:, None])[..., 0])
        torch.testing.assert_close(moved, value(group.compose(group.inverse(g), h), x), rtol=0, atol=1e-13)


# --- sums, duals, changes of basis


def test_sums_act_on_their_own_coordinates():
    group = Dihedral(4)
    summands = [irreducible(group, "2o"), regular(group), irreducible(group, "1")]
    g = group.elements()
    expected = torch.stack([torch.block_diag(*(rep.matrix(one) for rep in summands)) for one in g])
    torch.testing.assert_close(direct_sum(summands).matrix(g), expected, rtol=0, atol=1e-14)


def test_sums_of_two_groups_are_refused():
    with pytest.raises(ValueError, match=r"groups of the summands are C4, C2, .* restrict them to one"):
        direct_sum([trivial(Cyclic(4)), trivial(Cyclic(2))])


def dual_defect(group, rep, matrix):
    g = places(group)
    return float((matrix(g) - rep.matrix(group.inverse(g)).mT).abs().max())


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_the_dual_is_the_transposed_inverse(name):
    group = PLANE_GROUPS[name]
    for rep in kinds(group).values():
        assert dual_defect(group, rep, dual(rep).matrix) < 1e-13


def test_a_planted_dual_without_transpose_is_seen():
    rep = irreducible(SO2(), "2")
    assert dual_defect(SO2(), rep, lambda g: rep.matrix(g).mT) > 0.5


@pytest.mark.parametrize("group", [Cyclic(5), Dihedral(4), SO2(), O2()], ids=str)
def test_a_change_of_basis_conjugates(group):
    for rep in kinds(group).values():
        basis = orthogonal(rep.size, seed=5)
        changed = change_basis(rep, basis)
        g = places(group)
        torch.testing.assert_close(changed.matrix(g), basis @ rep.matrix(g) @ basis.T, rtol=0, atol=1e-13)
        assert change_basis(changed, basis.T) == rep
        assert rep.size == 1 or changed != rep


def test_a_change_of_basis_keeps_the_values_of_functions():
    group = Dihedral(4)
    rep, basis = regular(group), orthogonal(8, seed=5)
    changed = change_basis(rep, basis)
    values = changed.matrix(group.elements()) @ changed.origin @ basis  # of the functions e_0, e_1, ...
    torch.testing.assert_close(values, torch.eye(8).double(), rtol=0, atol=1e-13)


def test_a_change_that_is_not_orthogonal_is_refused():
    rep = regular(Cyclic(4))
    with pytest.raises(ValueError, match=r"basis is not orthogonal, .* torch.linalg.qr"):
        change_basis(rep, 2 * torch.eye(4))
    with pytest.raises(ValueError, match=r"shape \(3, 3\), but regular needs \(4, 4\)"):
        change_basis(rep, torch.eye(3))


# --- values


def test_equal_representations_are_equal_and_hash_alike():
    one, two = regular(Dihedral(4)), regular(Dihedral(4))
    assert one == two
    assert hash(one) == hash(two)
    renamed = Representation(one.group, one.irreps, one.change_of_basis, "other", one.origin)
    assert renamed == one
    assert regular(Dihedral(4), 1) != one
    assert trivial(Cyclic(4)) != trivial(Cyclic(2))
    assert Representation(one.group, one.irreps, one.change_of_basis, "regular") != one  # no origin


def test_a_basis_that_is_not_orthogonal_is_refused():
    group = Cyclic(4)
    with pytest.raises(ValueError, match="change_of_basis is not orthogonal"):
        Representation(group, (group.irrep("1"),), torch.tensor([[1.0, 1.0], [0.0, 1.0]]), "sheared")
    with pytest.raises(ValueError, match=r"shape \(3, 3\), but the blocks need \(2, 2\)"):
        Representation(group, (group.irrep("1"),), torch.eye(3), "wide")


def test_permutations_and_trivial_ones_are_recognised():
    group = Dihedral(4)
    assert regular(group).is_permutation
    assert quotient(group, Dihedral(1, axis=math.pi / 4)).is_permutation
    assert trivial(group).is_permutation
    assert trivial(group).is_trivial
    assert not irreducible(group, "0o").is_permutation  # it changes signs
    assert not irreducible(group, "1").is_permutation
    assert not regular(group, 1).is_permutation
    assert not regular(group).is_trivial


@pytest.mark.parametrize("group", [Cyclic(4), Dihedral(3), O2()], ids=str)
def test_invariants_are_all_vectors_left_alone(group):
    for rep in kinds(group).values():
        columns = rep.invariants()
        torch.testing.assert_close(rep.matrix(places(group)) @ columns, columns.expand(len(places(group)), -1, -1))
        mean = haar(group, rep.matrix)
        assert columns.shape[1] == round(float(torch.trace(mean)))
        torch.testing.assert_close(columns @ columns.T, mean, rtol=0, atol=1e-13)


# --- generators


def jacobian(rep):
    """d rho(rotation by a) / da at 0, by automatic differentiation."""

    def at(a):
        return rep.matrix(torch.stack((a, torch.zeros_like(a))))

    return torch.autograd.functional.jacobian(at, torch.zeros((), dtype=torch.float64))


@pytest.mark.parametrize("group", COMPACT_PLANE, ids=str)
def test_the_generator_is_the_jacobian_and_its_exponential_the_rotation(group):
    for rep in kinds(group).values():
        A = generator(rep)
        torch.testing.assert_close(A, jacobian(rep), rtol=0, atol=1e-13)
        turned = rep.matrix(torch.tensor([0.7, 0.0], dtype=torch.float64))
        torch.testing.assert_close(torch.linalg.matrix_exp(0.7 * A), turned, rtol=0, atol=1e-12)


def test_a_planted_generator_of_the_wrong_sense_is_seen():
    rep = irreducible(SO2(), "2")
    assert float((generator(rep).T - jacobian(rep)).abs().max()) == pytest.approx(4.0)


def test_a_finite_group_has_no_generator():
    with pytest.raises(ValueError, match=r"C8 has finitely many rotations, .* take SO2\(\) or O2\(\)"):
        generator(irreducible(Cyclic(8), "1"))


@pytest.mark.parametrize("group", COMPACT_PLANE, ids=str)
def test_matrices_are_differentiable_in_the_angle(group):
    rep = kinds(group)["turned"]
    angle = torch.tensor([0.3, 4.0], dtype=torch.float64, requires_grad=True)
    flip = torch.tensor([0.0, float(group.reflections)], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a: rep.matrix(torch.stack((a, flip), -1)), angle)
