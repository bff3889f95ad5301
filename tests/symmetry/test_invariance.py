"""The p-values are exact: their size is the level, whatever the number of items, and real poses are found."""

from __future__ import annotations

import math

import pytest
import torch

from equigen import data
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.random import Stream, normal, uniform
from equigen.symmetry.action import PermutationAction, PointsAction
from equigen.symmetry.disk_coefficients import DiskAction, disk_coefficients
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.invariance import InvarianceTest, invariance_test
from equigen.symmetry.rotation import rotate
from tests.symmetry.waves import Waves

TURNS = ImageAction(Cyclic(4))


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").x.double()


def p_values(items, action, repeats=150, n=12):
    """p-values of sets of items, each item moved by an element of its own, with 19 draws each."""
    found = []
    for seed in range(repeats):
        x = items[(torch.arange(n) + n * seed) % len(items)]
        x = action(action.group.sample(n, seed=seed + 1000), x)
        found.append(invariance_test(x, action, draws=19, seed=seed, shares=()).p_value)
    return torch.tensor(found, dtype=torch.float64)


def test_size_is_the_level_for_digits_in_quarter_turns(digits):
    p = p_values(digits, TURNS)
    for level in (0.05, 0.25, 0.5):  # three standard errors of 150 sets
        assert abs(float((p <= level + 1e-9).double().mean()) - level) <= 3 * math.sqrt(level * (1 - level) / 150)


def test_planted_sets_that_are_turned_as_a_whole_have_another_size(digits):
    found = []
    for seed in range(20):  # one element for all items: each item is uniform on its orbit, but not independently
        x = TURNS(Cyclic(4).sample(1, seed=seed)[0], digits[16 * seed : 16 * seed + 16])
        found.append(invariance_test(x, TURNS, draws=19, seed=seed, shares=()).p_value)
    assert sum(p <= 0.05 for p in found) >= 10


def test_upright_digits_are_found_in_sets_of_32(digits):
    found = [
        invariance_test(digits[32 * k : 32 * k + 32], TURNS, draws=39, shares=(), seed=k).p_value for k in range(8)
    ]
    assert max(found) <= 0.05


def test_a_quarter_of_256_digits_upright_is_found_often(digits):
    found = []
    for seed in range(12):
        x = digits[torch.arange(256) + 100 * seed]
        moved = TURNS(Cyclic(4).sample(256, seed=seed), x)
        upright = uniform((), seed=seed, stream=Stream.LAW, item=torch.arange(256)) < 0.25
        x = torch.where(upright.reshape(-1, 1, 1, 1), x, moved)
        found.append(invariance_test(x, TURNS, draws=39, seed=seed, shares=()).p_value)
    assert sum(p <= 0.05 for p in found) >= 6


def test_the_power_that_is_told_grows_with_the_share_and_with_the_items(digits):
    moved = TURNS(Cyclic(4).sample(128, seed=5), digits[:128])
    few, many = (invariance_test(moved[:n], TURNS, draws=99, shares=(0.0, 0.3, 1.0)) for n in (24, 128))
    assert few.power[0] <= 0.2
    assert many.power[0] <= 0.2
    assert few.power[1] < many.power[1]
    assert many.power[2] == 1.0
    assert many.smallest_detectable <= few.smallest_detectable


def test_the_power_told_is_what_such_sets_show(digits):
    share, n = 0.5, 32
    moved = TURNS(Cyclic(4).sample(n, seed=9), digits[:n])
    told = invariance_test(moved, TURNS, draws=99, shares=(share,)).power[0]
    assert told >= 0.5
    rejected = 0
    for seed in range(30):
        x = digits[torch.arange(n) + n * (seed + 1)]
        upright = uniform((), seed=seed, stream=Stream.LAW, item=torch.arange(n)) < share
        x = torch.where(upright.reshape(-1, 1, 1, 1), x, TURNS(Cyclic(4).sample(n, seed=seed), x))
        rejected += invariance_test(x, TURNS, draws=19, seed=seed, shares=()).p_value <= 0.05
    assert abs(rejected / 30 - told) <= 0.4  # upright is not quite the pose that agrees best


def test_items_that_are_their_own_turns_tie_and_are_never_told():
    ring = torch.ones(8, 1, 4, 4) * torch.arange(1.0, 9.0).reshape(-1, 1, 1, 1)
    found = invariance_test(ring, TURNS, draws=19)
    assert found.p_value == 1.0
    assert set(found.power) == {0.0}
    assert found.smallest_detectable == math.inf
    assert "nothing would have been found" in found.sentence()


@pytest.mark.parametrize(
    ("action", "shape"),
    [(PointsAction(SO2()), (5, 2)), (PointsAction(O2()), (3, 2)), (PermutationAction(Symmetric(6)), (6, 2))],
    ids=["SO2", "O2", "S6"],
)
def test_other_actions_keep_the_size_and_find_a_shift(action, shape):
    z = normal(shape, seed=3, stream=Stream.LAW, item=torch.arange(400), dtype=torch.float64)
    p = p_values(z, action, repeats=40, n=12)
    assert float((p <= 0.05).double().mean()) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 40)
    ramp = torch.arange(float(z[0].numel())).reshape(shape)
    assert invariance_test(z[:64] + ramp, action, draws=99, shares=()).p_value == 0.01


def pictures(n, seed):
    return torch.cat([Waves.of_band(0.2, 2.75, seed + k).image(16, 16) for k in range(n)]).reshape(n, 1, 16, 16)


def test_rotated_pictures_are_not_told_and_upright_ones_are(digits):
    upright = torch.nn.functional.pad(digits[:64], (2, 2, 2, 2))
    action, found = ImageAction(SO2()), []
    for seed in range(8):
        x = torch.nn.functional.pad(digits[64 * seed : 64 * seed + 64], (2, 2, 2, 2))
        x = rotate(x, SO2().sample(64, seed=seed)[:, 0])
        found.append(invariance_test(x, action, draws=39, seed=seed, shares=()).p_value)
    assert sum(p <= 0.05 for p in found) <= 2
    assert sum(found) / 8 > 0.2
    assert invariance_test(upright, action, draws=99, shares=()).p_value == 0.01


@pytest.mark.parametrize("g", Dihedral(4).elements(), ids=[str(k) for k in range(8)])
def test_coefficients_move_as_pictures_do_on_the_grid(g, digits):
    moved = disk_coefficients(ImageAction(Dihedral(4))(g, digits[:4]))
    assert float((DiskAction(Dihedral(4))(g, disk_coefficients(digits[:4])) - moved).abs().max()) < 1e-12


def test_coefficients_move_as_pictures_do_between():
    x, action = pictures(3, 7), ImageAction(O2())
    for g in O2().grid(5)[[1, 8]]:
        here, there = DiskAction(O2())(g, disk_coefficients(x)), disk_coefficients(action(g, x))
        assert float((here - there).norm() / here.norm()) < 0.06
        wrong = DiskAction(O2())(g + torch.tensor([0.3, 0.0]), disk_coefficients(x))
        assert float((wrong - there).norm() / here.norm()) > 0.2


def test_a_degree_that_pixels_do_not_tell_is_refused():
    with pytest.raises(ValueError, match="degree is 8"):
        disk_coefficients(torch.zeros(1, 1, 8, 8), degree=8)
    with pytest.raises(ValueError, match="images"):
        disk_coefficients(torch.zeros(1, 8, 8))
    with pytest.raises(ValueError, match="disk_coefficients"):
        DiskAction(SO2())(SO2().identity(), torch.zeros(1, 1, 2, 5))


@pytest.mark.parametrize("how", [{"draws": 0}, {"level": 0.0}, {"level": 1.0}])
def test_what_cannot_be_tested_is_refused(how):
    with pytest.raises(ValueError, match=r"one draw|a level"):
        invariance_test(torch.zeros(4, 3, 2), PointsAction(Cyclic(4)), **how)
    with pytest.raises(ValueError, match="two items"):
        invariance_test(torch.zeros(1, 3, 2), PointsAction(Cyclic(4)))


def test_it_repeats_itself_and_leaves_global_noise_alone(digits):
    state = torch.random.get_rng_state()
    one, two, other = (invariance_test(digits[:16], TURNS, draws=19, seed=seed) for seed in (0, 0, 1))
    assert one == two != other
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_smallest_share_is_that_from_which_all_larger_ones_are_found():
    found = InvarianceTest("C4", 9, 19, 0.5, 0.0, 0.1, (0.1, 0.2, 0.4, 0.8), (0.9, 0.3, 0.8, 1.0))
    assert found.smallest_detectable == 0.4
