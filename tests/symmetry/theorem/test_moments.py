"""Noise is told from noise that is not normal, or depends on other noise, at the level that is promised."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from equigen.random import Stream
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.space import BoundSpace
from equigen.symmetry.theorem.moments import DRAWN, independent_claim, normal_claim

IMAGES = Euclidean(1, 4, 4).at()


class Depending(BoundSpace):
    """A space in which the noise of one place, (stream, step, draw), is made from that of another."""

    def __init__(self, made: Callable[[Tensor, Tensor], Tensor], place, other, base: BoundSpace = IMAGES) -> None:
        self.made, self.place, self.other, self.base, self.shape = made, place, other, base, base.shape

    def project(self, x):
        return self.base.project(x)

    @property
    def ndof(self):
        return self.base.ndof

    def noise(self, *, stream, step=0, draw=0, **address):
        z = self.base.noise(stream=stream, step=step, draw=draw, **address)
        if (stream, draw) != (self.place[0], self.place[2]):
            return z
        w = self.base.noise(stream=self.other[0], step=self.other[1], draw=self.other[2], **address)
        hit = torch.as_tensor(step).reshape(-1, *[1] * w.ndim) == self.place[1]
        return torch.where(hit, self.made(z, w), z).reshape(z.shape)


PRIOR = (Stream.PRIOR, 0, 0)
PLACES = [
    ((Stream.SOLVER, 18, 0), (Stream.SOLVER, 2, 0)),
    ((Stream.SOLVER, 18, 1), PRIOR),
    ((Stream.SOLVER, 2, 0), (Stream.SOLVER, 1, 1)),
    ((Stream.SOLVER, 0, 1), (Stream.SOLVER, 0, 0)),
]


@pytest.mark.parametrize(("place", "other"), PLACES)
def test_every_pair_of_what_a_sampler_draws_is_tested(place, other):
    assert independent_claim("", Depending(lambda z, w: w, place, other), seed=0).verdict == "broken"


def test_noise_that_depends_on_other_noise_is_as_normal_as_before():
    space = Depending(lambda z, w: w, *PLACES[3])
    assert independent_claim("", Depending(lambda z, w: z, *PLACES[3]), seed=0).verdict == "exact"
    assert normal_claim("", space, stream=Stream.SOLVER, seed=0).verdict == "exact"


def test_places_that_are_left_out_are_not_looked_at():
    repeated = Depending(lambda z, w: w, *PLACES[0])
    assert independent_claim("", repeated, seed=0, draws=DRAWN[:4]).verdict == "exact"


def lengths(z: Tensor) -> Tensor:
    return z.flatten(z.ndim - 3).norm(dim=-1)[..., None, None, None]


DEPENDENT = {
    "a random sign": lambda z, w: w * z[..., :1, :1, :1].sign(),
    "signs of each number": lambda z, w: w.abs() * z.sign(),
    "lengths": lambda z, w: z * lengths(w) / lengths(z),
    "a little of all numbers": lambda z, w: 0.06 * w + (1 - 0.06**2) ** 0.5 * z,
    "one number": lambda z, w: torch.cat((w.expand_as(z)[..., :1], z[..., 1:]), -1),
}


@pytest.mark.parametrize("how", DEPENDENT)
def test_each_kind_of_dependence_is_found(how):
    space = Depending(DEPENDENT[how], (Stream.SOLVER, 1, 0), PRIOR)
    assert independent_claim("", space, seed=0).verdict == "broken"


@pytest.mark.parametrize("space", [IMAGES, Centred(4, 2).at(), Euclidean(2).at()], ids=["images", "centred", "plane"])
def test_independent_noise_errs_as_the_largest_of_so_many_normals(space):
    found = [independent_claim("", space, seed=seed) for seed in range(4)]
    assert {one.verdict for one in found} == {"exact"}
    # The bound is where one of all tests goes once in a million; the largest is one in their number.
    tests = 1e-6 / (2.0 * float(torch.special.ndtr(-torch.tensor(found[0].bound, dtype=torch.float64))))
    expected = -float(torch.special.ndtri(torch.tensor(0.5 / tests, dtype=torch.float64)))
    assert abs(sum(one.measured for one in found) / len(found) - expected) < 0.7
    assert tests > 36 * sum(space.shape)


class OneForAll(Depending):
    """A space that gives the noise of one step where a block of steps is asked for."""

    def noise(self, *, step=0, **address):
        return self.base.noise(step=0, **address)


def test_a_block_of_steps_that_is_none_is_broken():
    found = independent_claim("", OneForAll(torch.add, PRIOR, PRIOR), seed=0)
    assert (found.verdict, found.holds) == ("broken", False)
