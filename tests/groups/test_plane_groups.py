"""The groups of the plane: names, subgroups, the pixel grid, exact angles, and what is refused."""

import math

import pytest
import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral, plane_group, require_plane_group
from tests.groups.all_groups import FINITE_PLANE, PLANE_GROUPS, plane_matrix

FINITE = {group.name: group for group in FINITE_PLANE}


def is_read_back(group, read=plane_group):
    again = read(group.name)
    assert again == group
    assert str(group) == group.name
    assert hash(again) == hash(group)


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_names_are_read_back(name):
    is_read_back(PLANE_GROUPS[name])
    assert PLANE_GROUPS[name].name == name


def test_names_by_hand():
    groups = (Cyclic(4), Dihedral(1, axis=math.pi / 4), Dihedral(2, axis=math.pi / 4), SO2(), O2())
    assert [group.name for group in groups] == ["C4", "D1@45", "D2@45", "SO2", "O2"]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_axis_counts_modulo_the_angle_between_mirrors(n):
    group = Dihedral(n, axis=0.3)
    for turns in (-2, -1, 1, 5):
        assert Dihedral(n, axis=0.3 + turns * math.pi / n) == group
    assert Dihedral(n, axis=math.pi / n) == Dihedral(n)
    assert Dihedral(n, axis=math.pi / n - 1e-15) == Dihedral(n)
    assert Dihedral(n, axis=0.3 + math.pi / (2 * n)) != group


def test_a_dihedral_group_reflects_across_its_axis():
    """The reflection of Dihedral(n, axis=c) leaves the direction c alone, and its irreps turn it into diag(1, -1)."""
    for n, axis in ((1, 0.7), (3, 0.2), (4, 0.1)):
        group = Dihedral(n, axis=axis)
        mirror = group.generators()[-1]
        direction = torch.tensor([math.cos(axis), math.sin(axis)], dtype=torch.float64)
        torch.testing.assert_close(plane_matrix(mirror) @ direction, direction)
        for irrep in group.irreps():
            signs = [1.0, -1.0] if irrep.size == 2 else [1.0 - 2 * irrep.parity]
            found = group.irrep_matrix(irrep, mirror)
            torch.testing.assert_close(found, torch.diag(torch.tensor(signs, dtype=torch.float64)), rtol=0, atol=1e-14)


def knows_subgroups(group):
    """A subgroup is a group whose elements are elements; it multiplies as the larger group does."""
    for other in FINITE_PLANE:
        elements = other.elements()
        inside = bool(group.contains(elements).all())
        assert group.has_subgroup(other) == inside, other.name
        if inside:
            products = group.compose(elements[:, None], elements)
            assert bool(other.same(products, other.compose(elements[:, None], elements)).all()), other.name
    assert not group.has_subgroup(SO2())
    assert SO2().has_subgroup(group) == (not group.reflections)
    assert O2().has_subgroup(group)


@pytest.mark.parametrize("name", FINITE)
def test_subgroups_are_those_whose_elements_are_elements(name):
    knows_subgroups(FINITE[name])


def test_subgroups_by_hand():
    assert Cyclic(8).has_subgroup(Cyclic(4))
    assert not Cyclic(8).has_subgroup(Cyclic(3))
    assert Dihedral(4).has_subgroup(Dihedral(1, axis=math.pi / 4))
    assert not Dihedral(2).has_subgroup(Dihedral(1, axis=math.pi / 4))
    assert not Dihedral(3).has_subgroup(Dihedral(1, axis=math.pi / 2))
    assert O2().has_subgroup(SO2())
    assert not SO2().has_subgroup(O2())


def keeps_pixels(g, size):
    """Whether a map sends the centres of size x size pixels onto themselves, measured on the points."""
    line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    points = torch.cartesian_prod(line, line)
    image = points @ plane_matrix(g).mT
    return bool((torch.cdist(image, points).amin(-1) < 1e-6).all())


def knows_the_grid(group, size):
    """`on_grid()` holds exactly those elements that keep the pixels."""
    elements = group.elements() if group.order else group.grid(24)
    kept = torch.stack([g for g in elements if keeps_pixels(g, size)])
    found = group.on_grid()
    assert found.order == len(kept)
    assert bool(found.contains(kept).all())


@pytest.mark.parametrize("name", PLANE_GROUPS)
@pytest.mark.parametrize("size", [4, 5])
def test_on_the_grid_are_those_that_keep_pixels(name, size):
    knows_the_grid(PLANE_GROUPS[name], size)


def plant(base, **methods):
    """A group of the class `base` in which some methods are replaced."""
    return type(f"Faulty{base.__name__}", (base,), methods)


FAULTS = {
    "an axis that is left out": lambda: is_read_back(
        Dihedral(1, axis=1.0), lambda name: plane_group(name.split("@")[0])
    ),
    "subgroups by order alone": lambda: knows_subgroups(
        plant(Cyclic, has_subgroup=lambda self, other: other.order is not None and self.order % other.order == 0)(4)
    ),
    "subgroups without a look at the axis": lambda: knows_subgroups(
        plant(Dihedral, has_subgroup=lambda self, other: bool(other.rotations and self.n % other.rotations == 0))(4)
    ),
    "a grid without flips": lambda: knows_the_grid(plant(Dihedral, on_grid=lambda self: Cyclic(4))(4), 4),
    "a grid with every mirror": lambda: knows_the_grid(plant(Dihedral, on_grid=lambda self: self)(8), 5),
    "a grid of half turns": lambda: knows_the_grid(plant(Cyclic, on_grid=lambda self: Cyclic(2))(4), 5),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    with pytest.raises(AssertionError):
        FAULTS[name]()


def test_on_the_grid_by_hand():
    found = [
        group.on_grid().name for group in (Cyclic(8), Cyclic(6), Dihedral(4, axis=0.3), Dihedral(2, axis=0.3), O2())
    ]
    assert found == ["C4", "C2", "C4", "C2", "D4"]
    assert Dihedral(8).on_grid() == Dihedral(4)
    assert Dihedral(1, axis=math.pi / 4).on_grid() == Dihedral(1, axis=math.pi / 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("group", [Cyclic(7), Dihedral(5, axis=0.1), Dihedral(16)], ids=str)
def test_products_do_not_drift(group, dtype):
    """The angles of a finite group stay on its own angles, so that a thousand products are as good as one."""
    g = group.elements()[1].to(dtype)
    product = group.identity().to(dtype)
    for _ in range(1000):
        product = group.compose(product, g)
    expected = group.elements()[1000 % group.rotations].to(dtype)
    torch.testing.assert_close(product, expected, rtol=0, atol=4 * torch.finfo(dtype).eps)


def test_the_control_unsnapped_angles_drift():
    product = torch.zeros((), dtype=torch.float32)
    step = torch.tensor(math.tau / 7, dtype=torch.float32)
    for _ in range(1000):
        product = torch.remainder(product + step, math.tau)
    assert abs(float(product) - (1000 % 7) * math.tau / 7) > 1e-5


@pytest.mark.parametrize("group", [Cyclic(4), Cyclic(16), Dihedral(4), Dihedral(8)], ids=str)
def test_matrices_of_quarter_turns_are_exact(group):
    quarters = Dihedral(4).elements() if group.reflections else Cyclic(4).elements()
    for dtype in (torch.float32, torch.float64):
        for irrep in group.irreps():
            if irrep.frequency != 1:
                continue
            found = group.irrep_matrix(irrep, quarters.to(dtype))
            assert torch.equal(found, plane_matrix(quarters).round().to(dtype))


def test_matrices_follow_the_angle():
    """The derivative of R(k a) at 0 is k times the quarter turn; the sign of it for reflections is that of s."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    for group in (SO2(), O2()):
        for k in (1, 3):

            def matrix(angle, group=group, k=k):
                return group.irrep_matrix(group.irrep(str(k)), torch.stack((angle, torch.zeros_like(angle))))

            found = torch.autograd.functional.jacobian(matrix, torch.zeros((), dtype=torch.float64))
            torch.testing.assert_close(found, k * turn)


def test_angles_lie_in_one_turn():
    for name, group in PLANE_GROUPS.items():
        g = group.sample(50, seed=0)
        for element in (g, group.inverse(g), group.compose(g, g), group.compose(group.inverse(g), g)):
            assert bool((element[..., 0] >= 0).all() & (element[..., 0] < math.tau).all()), name
            assert bool(((element[..., 1] == 0) | (element[..., 1] == 1)).all()), name


def quarter():
    return Cyclic(4).elements()[1]


def eighth():
    return Cyclic(8).elements()[1]


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: Cyclic(0), r"Cyclic\(4\)"),
        (lambda: Cyclic(2.0), r"Cyclic\(4\)"),
        (lambda: Cyclic(True), r"Cyclic\(4\)"),
        (lambda: Dihedral(-1), r"Dihedral\(4\)"),
        (lambda: Dihedral(2, axis=math.inf), "axis=0.0"),
        (lambda: SO2().elements(), r"\.grid\(n\)"),
        (lambda: O2().generators(), r"\.grid\(n\)"),
        (lambda: Cyclic(4).grid(3), "divisor of 4"),
        (lambda: SO2().grid(0), "n >= 1"),
        (lambda: SO2().irreps(), r"\.irreps\(frequency\)"),
        (lambda: Cyclic(4).irreps(-1), r"\.irreps\(0\)"),
        (lambda: Cyclic(4).irrep("0"), "0e, 1, 2e"),
        (lambda: Cyclic(4).irrep("0o"), "0e, 1, 2e"),
        (lambda: Cyclic(4).irrep("2"), "0e, 1, 2e"),
        (lambda: Cyclic(4).irrep("3"), "0e, 1, 2e"),
        (lambda: Dihedral(3).irrep("1e"), "0e, 0o, 1:"),
        (lambda: SO2().irrep("x"), r"0e, 1, 2, 3, \.\.\."),
        (lambda: SO2().irreps(2.5), r"frequency is 2.5, but a whole number, 0 or more, was needed"),
        (lambda: SO2().grid(2.5), "n is 2.5, but a whole number, 1 or more, was needed: take n >= 1"),
        (lambda: Cyclic(4).grid(True), "n is True, but a whole number"),
        (lambda: Cyclic(4).sample(2.5, seed=0), r"n is 2.5, but a whole number, 0 or more, .*C4 gives \.sample\(16"),
        (lambda: O2().sample(-1, seed=0), "n is -1, but a whole number"),
        (lambda: Cyclic(10_001), "from 1 to 10000, was needed"),
        (lambda: plane_group("D999999999"), "from 1 to 10000, was needed"),
        (lambda: plane_group("C" + "9" * 5000), "n is 9+, but .*from 1 to 10000, was needed"),
        (lambda: Cyclic(4).compose(quarter(), eighth()), "h holds rows that are no elements of C4"),
        (lambda: Cyclic(4).compose(eighth(), quarter()), "g holds rows that are no elements of C4"),
        (lambda: Dihedral(4).inverse(eighth()), "g holds rows that are no elements of D4"),
        (lambda: Cyclic(4).inverse(Dihedral(1).elements()), "g holds rows that are no elements of C4"),
        (lambda: require_plane_group("D2@45"), r"'D2@45' is no group of the plane, .*: pass plane_group\('D2@45'\)\."),
        (lambda: require_plane_group("square"), r"'square' is no group of the plane, .*: pass plane_group\('C4'\)\."),
        (lambda: require_plane_group(4), r"4 is no group of the plane, .*: pass plane_group\('C4'\)\."),
        (lambda: plane_group("C0"), "write C4"),
        (lambda: plane_group("C4@45"), "write C4"),
        (lambda: plane_group("SO3"), "write C4"),
        (
            lambda: Cyclic(4).irrep_matrix(Cyclic(4).irrep("1"), Cyclic(8).elements()),
            r"no elements of C4: take them from \.elements",
        ),
    ],
)
def test_a_mistake_is_answered_with_the_fix(mistake, words):
    with pytest.raises((ValueError, TypeError), match=words):
        mistake()
