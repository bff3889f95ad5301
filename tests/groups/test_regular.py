"""Spaces of functions on the plane groups: how elements move, which irreps they hold, what the origin reads off."""

import math

import pytest
import torch

from equigen.groups.function_spaces import cosets, quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import Representation
from tests.groups.all_groups import FINITE_PLANE, PLANE_GROUPS, frequency

FINITE = {group.name: group for group in FINITE_PLANE}
PAIRS = {
    f"{group.name}/{subgroup.name}": (group, subgroup)
    for group in FINITE_PLANE
    for subgroup in FINITE_PLANE
    if group.has_subgroup(subgroup)
}
COMPACT_PAIRS = [
    (SO2(), Cyclic(1)),
    (SO2(), Cyclic(3)),
    (SO2(), SO2()),
    (O2(), Cyclic(1)),
    (O2(), Cyclic(2)),
    (O2(), Dihedral(1)),
    (O2(), Dihedral(1, axis=0.4)),
    (O2(), Dihedral(3, axis=0.2)),
    (O2(), SO2()),
    (O2(), O2()),
]


def moved(group, g, elements):
    """The places (m, n) of the products g_i h_j in a list of elements, found by comparing."""
    products = group.compose(g[:, None], elements)
    return group.same(products[:, :, None], elements).int().argmax(-1)


def permutations_of(places):
    """Matrices that send e_j to e_{places[j]}, (m, n, n)."""
    return torch.nn.functional.one_hot(places, places.shape[-1]).mT.double()


def moves_values(group, rep, elements):
    """rho(g) e_h = e_gh on the given elements, one of each coset: raises AssertionError otherwise."""
    g = group.elements()
    torch.testing.assert_close(rep.matrix(g), permutations_of(moved(group, g, elements)), rtol=0, atol=0)
    assert rep.is_permutation


@pytest.mark.parametrize("name", FINITE)
def test_regular_moves_functions(name):
    """(rho(g) f)(h) = f(g^-1 h), in the documented order of elements."""
    group, rep = FINITE[name], regular(FINITE[name])
    elements = group.elements()
    moves_values(group, rep, elements)
    f = torch.randn(group.order, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for g in elements:
        back = moved(group, group.inverse(g)[None], elements)[0]
        torch.testing.assert_close(rep.matrix(g) @ f, f[back], rtol=0, atol=0)
    blocks = rep.change_of_basis @ rep.blocks(elements) @ rep.change_of_basis.T
    torch.testing.assert_close(blocks, rep.matrix(elements), rtol=0, atol=1e-13)


def test_the_control_another_order_of_elements_is_seen():
    """Were the reflections listed as rotations after them, s R(a) and not R(a) s, the matrices would differ."""
    group = Dihedral(5)
    elements = group.elements()
    mirror = elements[5].expand(5, 2)
    other = torch.cat((elements[:5], group.compose(mirror, elements[:5])))
    with pytest.raises(AssertionError):
        moves_values(group, regular(group), other)


def test_the_order_is_rotations_then_the_same_after_the_reflection():
    group = Dihedral(3, axis=0.2)
    expected = [[0.0, 0.0], [math.tau / 3, 0.0], [2 * math.tau / 3, 0.0]]
    expected += [[angle + 0.4, 1.0] for angle, _ in expected]
    torch.testing.assert_close(group.elements(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=5e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 16])
def test_regular_holds_the_known_irreps(n):
    """C_n holds every real irrep once, D_n one-dimensional ones once and two-dimensional ones twice."""
    for group in (Cyclic(n), Dihedral(n)):
        rep = regular(group)
        for irrep in group.irreps():
            assert rep.multiplicity(irrep) == irrep.size // irrep.endomorphisms
    assert regular(Cyclic(n)).multiplicity(Cyclic(n).irrep("0e")) == 1


@pytest.mark.parametrize("n", [3, 4, 5, 8])
def test_the_change_of_basis_of_rotations_is_the_real_fourier_basis(n):
    """Columns 1/sqrt n; sqrt(2/n) cos and sin of 2 pi k j/n; (-1)^j/sqrt n: up to sign."""
    a = torch.arange(n, dtype=torch.float64) * (math.tau / n)
    known = [torch.full((n,), n**-0.5, dtype=torch.float64)]
    for k in range(1, (n + 1) // 2):
        known += [math.sqrt(2 / n) * torch.cos(k * a), math.sqrt(2 / n) * torch.sin(k * a)]
    if n % 2 == 0:
        known.append(torch.cos(n * a / 2) / math.sqrt(n))
    overlap = (torch.stack(known) @ regular(Cyclic(n)).change_of_basis).abs()
    torch.testing.assert_close(overlap, torch.eye(n, dtype=torch.float64), rtol=0, atol=1e-13)


def moves_cosets(group, subgroup, rep):
    """The matrices permute the cosets g H as products do; the count of each irrep is that of its fixed vectors."""
    first = cosets(group, subgroup)
    assert rep.size == len(first) == group.order // subgroup.order
    g = group.elements()
    products = group.compose(g[:, None], first)
    related = group.compose(group.inverse(first), products[:, :, None])  # first^-1 g h at [g, h, first]
    places = subgroup.contains(related).int().argmax(-1)
    torch.testing.assert_close(rep.matrix(g), permutations_of(places), rtol=0, atol=0)
    for irrep in group.irreps():
        character = torch.diagonal(group.irrep_matrix(irrep, subgroup.elements()), dim1=-2, dim2=-1).sum(-1)
        assert rep.multiplicity(irrep) == round(float(character.mean()) / irrep.endomorphisms)
    assert rep.multiplicity(group.irreps()[0]) == 1


@pytest.mark.parametrize("name", FINITE)
def test_quotients_move_cosets(name):
    for group, subgroup in PAIRS.values():
        if group.name == name:
            moves_cosets(group, subgroup, quotient(group, subgroup))


def test_the_control_the_quotient_by_another_mirror_is_seen():
    """Of D2 the mirrors of the two axes are not conjugate: the cosets of one do not move as those of the other."""
    group = Dihedral(2)
    with pytest.raises(AssertionError):
        moves_cosets(group, Dihedral(1), quotient(group, Dihedral(1, axis=math.pi / 2)))


def spaces():
    for group in PLANE_GROUPS.values():
        for top in {0, 1, 3, frequency(group, 5)}:
            yield group, Cyclic(1), top
    for group, subgroup in [*PAIRS.values()][::5]:
        yield group, subgroup, None
        yield group, subgroup, 2
    for group, subgroup in COMPACT_PAIRS:
        yield group, subgroup, 4


SPACES = {f"{group.name}/{subgroup.name} up to {top}": (group, subgroup, top) for group, subgroup, top in spaces()}


def reads_values(group, rep, subgroup):
    """f(u^-1 g) is the value of rho(u) x at g, f is constant on cosets, and the value has the variance of x."""
    x = torch.randn(rep.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    u, g, h = group.sample(6, seed=1), group.sample(6, seed=2), subgroup.sample(6, seed=3)

    def value(elements, field):
        return (rep.matrix(elements) @ rep.origin * field).sum(-1)

    shifted = value(g, torch.einsum("gij,j->gi", rep.matrix(u), x))
    torch.testing.assert_close(shifted, value(group.compose(group.inverse(u), g), x), rtol=0, atol=1e-12)
    torch.testing.assert_close(value(group.compose(g, h), x), value(g, x), rtol=0, atol=1e-12)
    torch.testing.assert_close((rep.matrix(g) @ rep.origin).norm(dim=-1), torch.ones(6).double(), rtol=0, atol=1e-12)
    rows = rep.matrix(group.elements() if group.order else group.grid(16)) @ rep.origin
    frame = rows.T @ rows / len(rows)  # different vectors stand for different functions, with equal weight
    torch.testing.assert_close(frame, torch.eye(rep.size, dtype=torch.float64) / rep.size, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SPACES)
def test_the_origin_reads_values(name):
    group, subgroup, top = SPACES[name]
    rep = quotient(group, subgroup, top)
    reads_values(group, rep, subgroup)
    assert top is None or rep.frequency <= top
    if top is not None and not rep.is_permutation:
        torch.testing.assert_close(rep.change_of_basis, torch.eye(rep.size, dtype=torch.float64), rtol=0, atol=0)


@pytest.mark.parametrize("fault", ["no weights", "another coset", "an irrep too many"])
def test_the_control_a_false_origin_is_seen(fault):
    group, subgroup = Dihedral(5), Dihedral(1)
    rep = quotient(group, subgroup, 2)
    origin, irreps = rep.origin.clone(), rep.irreps
    if fault == "no weights":
        origin = origin.sign() * origin.abs().clamp(max=0.3)
    elif fault == "another coset":
        origin = rep.matrix(group.elements()[1]) @ origin
    else:
        irreps, origin = (*irreps, irreps[0]), torch.cat((origin, origin[:1]))
    eye = torch.eye(len(origin), dtype=torch.float64)
    with pytest.raises(AssertionError):
        reads_values(group, Representation(group, irreps, eye, "false", origin / origin.norm()), subgroup)


def test_sizes_of_band_limited_spaces():
    assert [regular(SO2(), k).size for k in range(4)] == [1, 3, 5, 7]
    assert [regular(O2(), k).size for k in range(4)] == [2, 6, 10, 14]
    assert [quotient(O2(), Dihedral(1), k).size for k in range(4)] == [1, 3, 5, 7]  # functions on the circle
    assert regular(Cyclic(8), 4).size == regular(Cyclic(8)).size == 8
    assert quotient(SO2(), Cyclic(2), 5).irreps == tuple(SO2().irrep(name) for name in ("0e", "2", "4"))
    assert [irrep.name for irrep in quotient(O2(), SO2(), 3).irreps] == ["0e", "0o"]


def test_a_space_is_written_in_one_way():
    """A frequency that leaves nothing out gives the values themselves, which layers of values take."""
    for group in (Cyclic(4), Cyclic(5), Dihedral(3), Dihedral(1, axis=0.3)):
        for top in (group.rotations // 2, group.rotations, 10**9):
            assert regular(group, top) == regular(group)
            assert str(regular(group, top)) == "regular"
    assert quotient(Cyclic(8), Cyclic(2), 4) == quotient(Cyclic(8), Cyclic(2))
    assert quotient(Dihedral(3), Cyclic(3), 0) == quotient(Dihedral(3), Cyclic(3))  # two lines, both of frequency 0
    assert str(quotient(Dihedral(3), Cyclic(3), 0)) == "quotient(C3)"
    limited = [regular(Cyclic(16), 3), regular(Cyclic(8), 3), quotient(Cyclic(8), Cyclic(2), 3)]
    assert [(str(rep), rep.size, rep.is_permutation) for rep in limited] == [
        ("regular(3)", 7, False),
        ("regular(3)", 7, False),
        ("quotient(C2, 3)", 3, False),
    ]


@pytest.mark.parametrize("name", PAIRS)
def test_cosets_are_listed_by_their_first_elements(name):
    group, subgroup = PAIRS[name]
    elements = group.elements()
    related = subgroup.contains(group.compose(group.inverse(elements)[:, None], elements))  # g^-1 h in H
    firsts = related.int().argmax(dim=1) == torch.arange(len(elements))
    torch.testing.assert_close(cosets(group, subgroup), elements[firsts], rtol=0, atol=0)


def test_the_largest_spaces_are_made_at_once():
    rep = regular(Cyclic(256))
    g = Cyclic(256).elements()[1]
    assert torch.equal(rep.matrix(g), torch.eye(256, dtype=torch.float64).roll(1, 0))
    assert regular(Cyclic(10_000), 3).size == 7
    assert quotient(Cyclic(2000), Cyclic(1000)).size == 2


@pytest.mark.parametrize("call", [regular, lambda name: cosets(name, Cyclic(2)), lambda name: quotient(name, O2())])
def test_a_name_is_no_group(call):
    with pytest.raises(TypeError, match=r"'D2@45' is no group of the plane, .*: pass plane_group\('D2@45'\)\."):
        call("D2@45")
    with pytest.raises(TypeError, match=r"'C2' is no group of the plane, .*: pass plane_group\('C2'\)\."):
        quotient(Cyclic(4), "C2")


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: regular(SO2()), r"regular\(3\)"),
        (lambda: quotient(O2(), Dihedral(1)), r"quotient\(D1, 3\)"),
        (lambda: quotient(Cyclic(4), Cyclic(3)), "subgroup"),
        (lambda: quotient(Cyclic(4), Dihedral(1)), "subgroup"),
        (lambda: quotient(Cyclic(4), SO2()), "subgroup"),
        (lambda: regular(O2(), -1), "from 0 to 1024"),
        (lambda: regular(Cyclic(4), -1), "0 or more"),
        (lambda: regular(Cyclic(4), 2.0), r"frequency is 2.0, but a whole number, .*: write regular\(3\)"),
        (lambda: regular(SO2(), 10**9), r"frequency is 1000000000, but .*from 0 to 1024.*: write regular\(3\)"),
        (lambda: quotient(O2(), Dihedral(1), 10**9), r"from 0 to 1024.*: write quotient\(D1, 3\)"),
        (lambda: regular(SO2(), 512), r"regular\(512\) of SO2 has 1025 coordinates, but .* up to 1024: take a lower"),
        (lambda: regular(Cyclic(1025)), "regular of C1025 has 1025 coordinates"),
        (lambda: regular(Cyclic(2000), 600), "of C2000 has 1201 coordinates"),
        (lambda: cosets(SO2(), Cyclic(2)), r"\.grid\(n\)"),
        (lambda: cosets(Cyclic(4), Cyclic(3)), "subgroup"),
    ],
)
def test_a_mistake_is_answered_with_the_fix(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()
