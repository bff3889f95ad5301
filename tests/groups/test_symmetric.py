"""Permutations: their order and action, known dimensions and characters, the split of n numbers into mean and rest."""

import math

import pytest
import torch

from equigen.groups.irrep import Irrep
from equigen.groups.symmetric import Symmetric, permutation


def matrix_of(g):
    """The permutation matrix by its definition: column i has its one in row g[i]."""
    n = len(g)
    matrix = torch.zeros(n, n, dtype=torch.float64)
    for i in range(n):
        matrix[g[i], i] = 1.0
    return matrix


def parity(g):
    """+1 or -1, by the number of inversions."""
    return (-1.0) ** sum(int(g[i] > g[j]) for j in range(len(g)) for i in range(j))


def characters(group, irrep, representatives):
    matrices = group.irrep_matrix(irrep, torch.tensor(representatives))
    return torch.diagonal(matrices, dim1=-2, dim2=-1).sum(-1).round(decimals=9).tolist()


def test_place_i_goes_to_place_g_of_i():
    group, rep = Symmetric(3), permutation(3)
    cycle = torch.tensor([1, 2, 0])
    assert (rep.matrix(cycle) @ torch.tensor([5.0, 6.0, 7.0]).double()).tolist() == [7.0, 5.0, 6.0]
    swap = torch.tensor([1, 0, 2])
    assert group.compose(cycle, swap).tolist() == [2, 1, 0]
    torch.testing.assert_close(matrix_of(cycle) @ matrix_of(swap), matrix_of(group.compose(cycle, swap)))


def test_elements_are_in_lexicographic_order():
    assert Symmetric(3).elements().tolist() == [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    assert Symmetric(4).name == "S4"
    assert torch.equal(Symmetric(3).grid(6), Symmetric(3).elements())


@pytest.mark.parametrize(
    ("n", "dimensions"),
    [(1, [1]), (2, [1, 1]), (3, [1, 2, 1]), (4, [1, 3, 2, 3, 1]), (5, [1, 4, 5, 6, 5, 4, 1])],
)
def test_dimensions_are_the_known_ones(n, dimensions):
    assert [irrep.size for irrep in Symmetric(n).irreps()] == dimensions


def test_dimensions_of_larger_groups_add_up():
    for n in (6, 7, 10):
        assert sum(irrep.size**2 for irrep in Symmetric(n).irreps()) == math.factorial(n)


def test_the_character_table_of_s4():
    """Classes e, (01), (01)(23), (012), (0123)."""
    group = Symmetric(4)
    classes = [[0, 1, 2, 3], [1, 0, 2, 3], [1, 0, 3, 2], [1, 2, 0, 3], [1, 2, 3, 0]]
    table = {irrep.name: characters(group, irrep, classes) for irrep in group.irreps()}
    assert table == {
        "trivial": [1, 1, 1, 1, 1],
        "standard": [3, 1, -1, 0, -1],
        "(2,2)": [2, 0, 2, -1, 0],
        "(2,1,1)": [3, -1, -1, 0, 1],
        "sign": [1, -1, 1, 1, -1],
    }


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_sign_is_the_parity_and_the_determinant(n):
    group = Symmetric(n)
    elements = group.elements()
    found = group.irrep_matrix(group.irrep("sign"), elements)[:, 0, 0]
    assert found.tolist() == [parity(g) for g in elements]
    torch.testing.assert_close(found, torch.linalg.det(permutation(n).matrix(elements)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 20])
def test_the_permutation_representation_permutes(n):
    g = Symmetric(n).elements() if n < 6 else Symmetric(n).sample(20, seed=0)
    rep = permutation(n)
    assert rep.is_permutation
    assert rep.is_trivial == (n == 1)
    expected = torch.stack([matrix_of(row) for row in g])
    torch.testing.assert_close(rep.matrix(g), expected, rtol=0, atol=0)
    blocks = rep.change_of_basis @ rep.blocks(g) @ rep.change_of_basis.T
    torch.testing.assert_close(blocks, expected, rtol=0, atol=1e-12)


def test_it_splits_into_mean_and_standard():
    names = [[irrep.name for irrep in permutation(n).irreps] for n in (1, 2, 3, 6)]
    assert names == [["trivial"], ["trivial", "sign"], ["trivial", "standard"], ["trivial", "standard"]]
    rep, x = permutation(5), torch.arange(5.0, dtype=torch.float64) ** 2
    coefficients = rep.change_of_basis.T @ x
    assert float(coefficients[0]) == pytest.approx(float(x.sum()) / math.sqrt(5), rel=1e-14)
    rest = rep.change_of_basis[:, 1:] @ coefficients[1:]
    torch.testing.assert_close(rest, x - x.mean(), rtol=0, atol=1e-13)
    torch.testing.assert_close(rep.invariants()[:, 0], torch.full((5,), 5**-0.5, dtype=torch.float64))


def test_the_control_another_basis_of_the_rest_permutes_nothing():
    """Standard's own basis matters: with two of Helmert's columns exchanged the matrices are no permutations."""
    rep = permutation(4)
    basis = rep.change_of_basis[:, [0, 2, 1, 3]]
    matrices = basis @ rep.blocks(Symmetric(4).elements()) @ basis.T
    assert float((matrices - matrices.round()).abs().max()) > 0.1


def test_the_value_at_a_permutation_is_where_it_sends_the_first_place():
    rep, x = permutation(4), torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    g = Symmetric(4).elements()
    torch.testing.assert_close((rep.matrix(g) @ rep.origin) @ x, x[g[:, 0]])


def test_large_groups_list_neither_elements_nor_irreps():
    group = Symmetric(100)
    assert [irrep.name for irrep in group.irreps(2)] == ["trivial", "standard", "(98,2)", "(98,1,1)"]
    assert [irrep.size for irrep in group.irreps(2)] == [1, 99, 4850, 4851]
    assert group.irrep("sign").size == 1
    assert bool(group.contains(group.sample(3, seed=0)).all())


def test_each_place_is_reached_as_often():
    counts = torch.stack([Symmetric(5).sample(5000, seed=1)[:, 2].eq(place).sum() for place in range(5)])
    assert float(((counts - 1000.0) ** 2 / 1000).sum()) < 18.5  # the quantile .999 of chi squared with 4 degrees


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: Symmetric(0), r"Symmetric\(3\)"),
        (lambda: permutation(0), r"Symmetric\(3\)"),
        (lambda: Symmetric(3.0), r"n is 3.0, but a whole number, 1 or more, was needed: call Symmetric\(3\)"),
        (lambda: Symmetric(True), r"Symmetric\(3\)"),
        (lambda: Symmetric(3).sample(2.5, seed=0), "n is 2.5, but a whole number"),
        (lambda: Symmetric(10).elements(), r"sample\(1000"),
        (lambda: Symmetric(3).grid(5), r"\.elements\(\)"),
        (lambda: Symmetric(3).irrep("0e"), "trivial, standard, sign"),
        (lambda: Symmetric(4).irrep("(2,3)"), r"\(2,2\)"),
        (lambda: Symmetric(4).irrep("(3,1)"), "standard"),
        (lambda: Symmetric(1).irrep("standard"), "trivial"),
        (lambda: Symmetric(3).irreps(-1), "0 or more"),
        (lambda: Symmetric(3).irrep_matrix(Irrep("standard", 3, 1, 1), torch.arange(3)), "another group"),
    ],
)
def test_a_mistake_is_answered_with_the_fix(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()
