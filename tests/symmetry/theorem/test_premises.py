"""Action, prior, noise and scale: what is sound passes, and each planted fault is found by its premise alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.symmetric import Symmetric
from equigen.random import Stream
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.space import BoundSpace
from equigen.symmetry.action import Action, LinearAction, PermutationAction, PointsAction
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.moments import independent_claim, normal_claim
from equigen.symmetry.theorem.premises import action_premise, noise_premise, prior_premise, scale_premise
from equigen.symmetry.theorem.probes import in_band, probed_elements
from tests.symmetry.theorem.models import C4, images

SOUND = [
    (ImageAction(C4), Euclidean(1, 6, 6)),
    (ImageAction(Dihedral(4), irreducible(O2(), "1")), Euclidean(2, 6, 6)),
    (ImageAction(Cyclic(2)), Euclidean(1, 4, 6)),
    (LinearAction(regular(Dihedral(3))), Euclidean(6)),
    (PointsAction(O2()), Centred(5, 2)),
    (PermutationAction(Symmetric(4)), Euclidean(4, 3)),
    (PermutationAction(Symmetric(12)), Euclidean(12, 2)),
]


def data(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(4, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("action", "space"), SOUND, ids=lambda one: type(one).__name__)
def test_sound_parts_are_exact(action, space):
    elements, bound, x = probed_elements(action), space.at(), data(space.shape)
    premises = [
        action_premise(elements, bound, x),
        prior_premise(elements, bound, EDM(), 1.0, bound.project(x), seed=0),
        noise_premise(elements, bound, EDM(), bound.project(x), seed=0),
        scale_premise(elements, Scale(torch.tensor(0.0), torch.tensor(2.0)), x),
    ]
    assert [premise.verdict for premise in premises] == ["exact"] * 4
    assert [premise.name for premise in premises] == ["action", "prior", "noise", "scale"]


@dataclass(frozen=True)
class Spoiled(Action):
    """An action after which something is done."""

    inner: Action
    how: str

    def __call__(self, g, x):
        y = self.inner(g, x)
        if self.how == "stretches":
            return y if bool(self.group.same(g, self.group.identity())) else 1.01 * y
        if self.how == "bends":
            return y + 0.01 * y.abs()
        if self.how == "shifts":
            return y.roll(1, -1)
        return self.inner(self.group.inverse(g), x) if self.how == "reverses" else y + 0.01

    def back(self, g, x):
        return self.inner.back(g, x)

    def exact_at(self, g):
        return self.inner.exact_at(g)

    def window(self, x):
        return x


@pytest.mark.parametrize(
    ("how", "claim"),
    [
        ("stretches", "acts by isometries"),
        ("bends", "acts linearly"),
        ("shifts", "acts as a group, g (h x) = (g h) x"),
        ("lifts", "maps the space onto itself"),
    ],
)
def test_each_way_of_not_acting_is_told(how, claim):
    space = Centred(5, 2)
    inner = PointsAction(C4)
    x = space.at().project(data(space.shape))
    found = action_premise(probed_elements(Spoiled(C4, inner, how)), space.at(), x)
    assert f"C4 {claim}" in [one.statement for one in found.claims if one.verdict == "broken"]


def test_left_and_right_actions_are_told_apart_where_the_group_does_not_commute():
    inner = LinearAction(regular(Dihedral(3)))
    found = action_premise(probed_elements(Spoiled(Dihedral(3), inner, "reverses")), Euclidean(6).at(), data((6,)))
    assert [one.statement for one in found.claims if not one.holds] == ["D3 acts as a group, g (h x) = (g h) x"]


class Patterned(BoundSpace):
    """Images whose noise of one stream is spoiled."""

    def __init__(self, how: str, stream: Stream) -> None:
        self.base, self.how, self.stream = Euclidean(1, 6, 6).at(), how, stream
        self.shape = self.base.shape

    def project(self, x):
        return x

    @property
    def ndof(self):
        return self.base.ndof

    def noise(self, *, stream: Stream, step: int | torch.Tensor = 0, **address: Any) -> torch.Tensor:
        z = self.base.noise(stream=stream, step=step * 0 if self.how == "repeats" else step, **address)
        ramp = torch.linspace(-1.0, 1.0, 6, dtype=z.dtype)
        if stream != self.stream:
            return z
        smooth = in_band(z.flatten(0, -4), 0.9).reshape(z.shape)  # of a block of steps
        spoiled = {"wider to one side": z * (1 + 0.2 * ramp), "pattern": z + 0.1 * ramp, "smooth": smooth}
        return spoiled.get(self.how, z)


@pytest.mark.parametrize("how", ["wider to one side", "pattern", "smooth"])
def test_noise_that_is_not_isotropic_is_found_in_its_own_stream(how):
    elements, x = probed_elements(ImageAction(C4)), images()
    for stream, wrong in ((Stream.PRIOR, "prior"), (Stream.SOLVER, "noise")):
        space = Patterned(how, stream)
        found = [
            prior_premise(elements, space, EDM(), 1.0, x, seed=0),
            noise_premise(elements, space, EDM(), x, seed=0),
        ]
        assert {one.name: one.holds for one in found} == {"prior": wrong != "prior", "noise": wrong != "noise"}


class Bent(BoundSpace):
    """A space whose noise has the moments of a standard normal, from one step and draw on."""

    def __init__(self, base: BoundSpace, how: str, step: int = 0, draw: int = 0) -> None:
        self.base, self.how, self.address, self.shape = base, how, (step, draw), base.shape

    def project(self, x):
        return self.base.project(x)

    @property
    def ndof(self):
        return self.base.ndof

    def noise(self, *, step: int | torch.Tensor = 0, draw: int = 0, **address: Any) -> torch.Tensor:
        z = self.base.noise(step=step, draw=draw, **address)
        if step < self.address[0] or draw < self.address[1]:
            return z
        if self.how == "sphere":
            return z * (self.ndof.to(z) / z.flatten(1).square().sum(1)).sqrt().reshape(-1, *[1] * (z.ndim - 1))
        return z.sign() if self.how == "sign" else (2.0 * torch.special.ndtr(z) - 1.0) * 3.0**0.5


@pytest.mark.parametrize(
    ("how", "space"),
    [
        ("sign", Euclidean(1, 6, 6)),
        ("uniform", Euclidean(2)),
        ("uniform", Euclidean(3, 16, 16)),
        ("sphere", Centred(5, 2)),
        ("sphere", Euclidean(3, 16, 16)),
    ],
)
def test_noise_with_the_moments_of_a_normal_that_is_none_is_found(how, space):
    sound, bent = (normal_claim("", one, stream=Stream.PRIOR, seed=0) for one in (space.at(), Bent(space.at(), how)))
    assert (sound.verdict, bent.verdict) == ("exact", "broken")


@pytest.mark.parametrize("place", [{"draw": 1}, {"step": 2}])
def test_later_steps_and_second_draws_are_tested(place):
    space = Bent(Euclidean(1, 6, 6).at(), "sign", **place)
    assert normal_claim("", space, stream=Stream.SOLVER, seed=0).verdict == "broken"


def test_noise_that_is_drawn_twice_is_not_independent():
    space = Patterned("repeats", Stream.SOLVER)
    found = noise_premise(probed_elements(ImageAction(C4)), space, EDM(), images(), seed=0)
    assert [one.statement.split(" (")[0] for one in found.claims if not one.holds] == [
        "draws are independent of the past"
    ]


def test_the_moments_of_true_noise_are_rejected_as_rarely_as_they_should():
    space = Euclidean(3).at()
    found = [normal_claim("", space, stream=Stream.PRIOR, seed=seed) for seed in range(20)]
    assert all(one.verdict == "exact" for one in found)
    # The largest of 12 numbers like |N(0, 1)| stands near 1.8, and not near 0 nor far beyond it.
    assert 1.2 < sum(one.measured for one in found) / len(found) < 2.6
    two = ((Stream.PRIOR, 0), (Stream.SOLVER, 0))
    assert independent_claim("", space, seed=1, draws=two).verdict == "exact"


def test_a_schedule_with_numbers_for_each_pixel_is_found():
    class Uneven(EDM):
        def sigma(self, t):
            return super().sigma(t) * (1.0 + torch.linspace(0.0, 1e-6, 6, dtype=torch.float64))

    elements, x, space = probed_elements(ImageAction(C4)), images(), Euclidean(1, 6, 6).at()
    schedule = Uneven()
    broken = prior_premise(elements, space, schedule, 1.0, x, seed=0)
    assert [one.statement for one in broken.claims if not one.holds] == ["its standard deviation commutes with C4"]


def test_a_scale_by_pixel_and_a_shift_of_vectors_are_found():
    class ByPixel(Scale):
        def to_model(self, x):
            return x * (1.0 + torch.linspace(0.0, 1e-6, 6, dtype=x.dtype))

    none = Scale(torch.tensor(0.0), torch.tensor(1.0))
    assert scale_premise(probed_elements(ImageAction(C4)), none, images()).holds
    found = scale_premise(probed_elements(ImageAction(C4)), ByPixel(none.shift, none.factor), images())
    assert [one.holds for one in found.claims] == [False, True]
    vectors = probed_elements(ImageAction(C4, irreducible(C4, "1")))
    shifted = Scale(torch.tensor([0.1, 0.0]), torch.ones(2))
    stretched = Scale(torch.zeros(2), torch.tensor([1.0, 1.1]))
    assert not scale_premise(vectors, shifted, images(channels=2)).holds
    assert not scale_premise(vectors, stretched, images(channels=2)).holds
    assert scale_premise(vectors, none, images(channels=2)).holds


def test_between_the_grid_the_action_is_at_its_floor_and_numbers_are_exact():
    elements, x = probed_elements(ImageAction(SO2())), images(16)
    space = Euclidean(1, 16, 16).at()
    acting = action_premise(elements, space, x)
    assert acting.verdict == "at the floor"
    assert max(claim.bound for claim in acting.claims) < 0.02
    for premise in (
        prior_premise(elements, space, EDM(), 1.0, x, seed=0),
        noise_premise(elements, space, EDM(), x, seed=0),
        scale_premise(elements, Scale(torch.tensor([0.2]), torch.tensor([2.0])), x),
    ):
        assert premise.verdict == "exact", premise
