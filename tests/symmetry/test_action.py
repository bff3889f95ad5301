"""The axioms of an action, for every action; and each action against what it means."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.symmetric import Symmetric
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import ExactAction, LinearAction, PermutationAction, PointsAction
from equigen.symmetry.elements import elements_of
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.rotation import disk_mask
from tests.symmetry.all_actions import ALL_ACTIONS, Acted
from tests.symmetry.waves import Waves, relative

each = pytest.mark.parametrize("acted", ALL_ACTIONS, ids=str)
DRAWN = 6


def composition_fault(acted: Acted) -> float:
    """The largest of ||(g h) x - g (h x)|| / ||x|| over drawn pairs."""
    action, x, group = acted.action, acted.x, acted.action.group
    first, second = group.sample(DRAWN, seed=0), group.sample(DRAWN, seed=1)
    pairs = zip(first, second, strict=True)
    return max(float((action(group.compose(g, h), x) - action(g, action(h, x))).norm() / x.norm()) for g, h in pairs)


@each
def test_products_act_one_after_the_other(acted):
    assert composition_fault(acted) <= acted.within


@each
def test_the_identity_does_nothing(acted):
    assert relative(acted.action(acted.action.group.identity(), acted.x), acted.x) <= 1e-15


@each
def test_going_back_undoes(acted):
    action = acted.action
    for g in action.group.sample(DRAWN, seed=2):
        assert relative(action.back(g, action(g, acted.x)), acted.x) <= acted.within


@each
def test_one_element_each_is_one_after_the_other(acted):
    x, g = acted.x, acted.action.group.sample(len(acted.x), seed=3)
    if x.ndim == 4 and x.shape[-1] != x.shape[-2] and isinstance(acted.action, ImageAction):
        g = g[:1].expand_as(g)  # one frame
    together, back = acted.action(g, x), acted.action.back(g, acted.action(g, x))
    for k in range(len(x)):
        assert relative(together[k : k + 1], acted.action(g[k], x[k : k + 1])) <= 1e-14
    assert relative(back, x) <= acted.within


@each
def test_exact_elements_are_exact_and_commute_with_the_window(acted):
    action, x = acted.action, acted.x
    for g in elements_of(action.group):
        assert action.exact_at(g).shape == ()
        if bool(action.exact_at(g)):
            assert relative(action.back(g, action(g, x)), x) <= 1e-14
            assert relative(action(g, action.window(x)), action.window(action(g, x))) <= 1e-14


@each
def test_the_dtype_is_that_of_the_data(acted):
    g = acted.action.group.sample(1, seed=4)[0]
    found = acted.action(g, acted.x.float())
    assert found.dtype == torch.float32
    assert relative(found.double(), acted.action(g, acted.x)) <= 2e-6


# --- planted faults


@dataclass(frozen=True)
class Inverted(ExactAction):
    """Moves by g^-1: products act in the wrong order."""

    group: PlaneGroup

    def __call__(self, g, x):
        return PointsAction(self.group)(self.group.inverse(g), x)


@dataclass(frozen=True)
class Halfway(ExactAction):
    """Turns by half the angle in [0, 2 pi)."""

    group: PlaneGroup

    def __call__(self, g, x):
        return PointsAction(SO2())(g * 0.5, x)


@pytest.mark.parametrize("planted", [Inverted(Dihedral(5)), Halfway(SO2())], ids=repr)
def test_what_is_no_action_is_found(planted):
    points = next(acted.x for acted in ALL_ACTIONS if isinstance(acted.action, PointsAction))
    assert composition_fault(Acted(planted, points)) > 0.1


# --- what each action means


@pytest.mark.parametrize(("angle", "flip"), [(0.0, 1.0), (0.5, 0.0), (2.0, 1.0), (math.pi / 2, 1.0), (5.5, 0.0)])
def test_images_of_scalars_and_of_vectors_turn_as_functions_do(angle, flip):
    waves, g = Waves.of_band(0.25, 2.75), torch.tensor([angle, flip], dtype=torch.float64)
    truth = waves.moved(angle, flip)
    assert relative(ImageAction(O2())(g, waves.image(28, 28)), truth.image(28, 28)) <= 5e-6
    slope, vectors = waves.gradient(28, 28), ImageAction(O2(), irreducible(O2(), "1"))
    assert relative(vectors(g, slope), truth.gradient(28, 28)) <= 2e-5
    unmixed = ImageAction(O2())(g, slope)  # the planted fault: channels left alone
    assert relative(unmixed, truth.gradient(28, 28)) > 0.1


def test_points_turn_with_the_pictures():
    g = torch.tensor([1.1, 1.0], dtype=torch.float64)
    waves = Waves.of_band(0.3, 2.0)
    assert torch.allclose(PointsAction(O2())(g, waves.c[None])[0], waves.moved(1.1, 1.0).c, atol=1e-14)


def test_permutations_are_matrix_products():
    acted = next(acted for acted in ALL_ACTIONS if str(acted) == "PermutationAction-S4-4x4")
    for g in Symmetric(4).elements():
        P = torch.zeros(4, 4, dtype=torch.float64)
        P[g, torch.arange(4)] = 1.0
        assert torch.equal(acted.action(g, acted.x), P @ acted.x @ P.T)
        assert torch.equal(PermutationAction(Symmetric(4))(g, acted.x), P @ acted.x)


def test_the_derivative_by_the_angle_passes_through():
    waves, action = Waves.of_band(0.25, 2.75), ImageAction(O2(), irreducible(O2(), "1"))
    weight = waves.moved(0.2).gradient(28, 28)
    g = torch.tensor([0.4, 1.0], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad((action(g, waves.gradient(28, 28)) * weight).sum(), g)
    step = torch.tensor([1e-5, 0.0], dtype=torch.float64)
    up, down = ((action(g.detach() + s, waves.gradient(28, 28)) * weight).sum() for s in (step, -step))
    assert float(found[0]) == pytest.approx(float((up - down) / 2e-5), rel=1e-6)


def test_only_groups_beyond_quarter_turns_need_the_disk():
    x = torch.ones(1, 1, 8, 8)
    for group in (Cyclic(1), Cyclic(4), Dihedral(4), Dihedral(1, axis=math.pi / 4)):
        assert torch.equal(ImageAction(group).window(x), x)
    for group in (Cyclic(3), Cyclic(8), Dihedral(1, axis=0.1), SO2(), O2()):
        assert torch.equal(ImageAction(group).window(x)[0, 0], disk_mask(8, 8, rim=4.0))
        large = ImageAction(group).window(torch.ones(1, 1, 20, 28))
        assert torch.equal(large[0, 0], disk_mask(20, 28, rim=8.0))


def test_default_elements():
    assert torch.equal(elements_of(Dihedral(3)), Dihedral(3).elements())
    turns = elements_of(SO2())
    assert torch.equal(turns[:4], SO2().grid(4))
    assert torch.equal(elements_of(O2())[:16], turns)
    assert torch.equal(elements_of(O2())[16:, 0], turns[:, 0])
    assert bool((elements_of(O2())[16:, 1] == 1).all())
    for n in (*range(1, 65), 96, 128, 360):  # some of them are far from every multiple of a turn's n-th part
        part = turns[:, 0] * n / math.tau
        assert float((part - part.round()).abs().max()) > 0.05


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ImageAction("C4"), r"'C4' is no group of the plane, .*: pass plane_group\('C4'\)"),
        (
            lambda: ImageAction("C4", irreducible(Cyclic(4), "1")),
            r"'C4' is no group of the plane, .*: pass plane_group\('C4'\)",
        ),
        (lambda: PointsAction("O2"), r"'O2' is no group of the plane, .*: pass plane_group\('O2'\)"),
        (lambda: ImageAction(Symmetric(3)), r"Symmetric\(n=3\) is no group of the plane"),
        (lambda: LinearAction("regular"), r"representation is 'regular', but one with its group was needed"),
        (lambda: PermutationAction("S3"), r"group is 'S3', .*: pass Symmetric\(3\)"),
        (lambda: PermutationAction(Cyclic(3)), r"pass Symmetric\(3\)"),
    ],
)
def test_a_name_does_not_act(call, words):
    with pytest.raises(TypeError, match=words):
        call()


D4 = FieldType(Dihedral(4), "1xregular")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ImageAction(Cyclic(4))(torch.tensor([0.3, 0.0]), torch.zeros(1, 1, 4, 4)), "must be of C4"),
        (lambda: ImageAction(Cyclic(4))(torch.tensor([0.0, 1.0]), torch.zeros(1, 1, 4, 4)), "must be of C4"),
        (lambda: ImageAction(SO2())(torch.zeros(3, 2), torch.zeros(2, 1, 4, 4)), "(2, 2)"),
        (lambda: ImageAction(SO2())(torch.zeros(3), torch.zeros(2, 1, 4, 4)), "g has shape (3,)"),
        (lambda: ImageAction(SO2())(torch.zeros(2), torch.zeros(2, 4, 4)), "(B, C, H, W)"),
        (lambda: ImageAction(Dihedral(4), D4)(torch.zeros(2), torch.zeros(2, 7, 4, 4)), "(B, 8, H, W)"),
        (lambda: ImageAction(SO2(), D4), "let a subgroup of D4 act"),
        (lambda: LinearAction(D4)(torch.zeros(2), torch.zeros(2, 7)), "(B, ..., 8)"),
        (lambda: PointsAction(SO2())(torch.zeros(2), torch.zeros(2, 3)), "(B, ..., 2)"),
        (lambda: PermutationAction(Symmetric(3))(torch.arange(3), torch.zeros(2, 4)), "(B, 3, ...)"),
        (lambda: PermutationAction(Symmetric(3), axes=2)(torch.arange(3), torch.zeros(2, 3)), "(B, 3, 3, ...)"),
        (lambda: PermutationAction(Symmetric(3), axes=3), "axes=1 or axes=2"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert words in str(caught.value)
