"""The measured error against errors computed by hand, and verdicts on functions whose symmetry is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.symmetric import Symmetric
from equigen.random import Stream, normal
from equigen.symmetry.action import LinearAction, PermutationAction, PointsAction, TrivialAction
from equigen.symmetry.error import EquivarianceError, equivariance_error, rounding
from equigen.symmetry.image_action import ImageAction
from equigen.testing import assert_equivariant
from tests.symmetry.waves import Waves

SCALARS, VECTORS = ImageAction(O2()), ImageAction(O2(), irreducible(O2(), "1"))
SQUARE, NOTHING = ImageAction(Dihedral(4)), TrivialAction(Cyclic(2))
ANGLES = torch.tensor([[0, 0], [20, 0], [45, 0], [90, 0], [130, 0], [180, 1], [215, 1]], dtype=torch.float64)
ANGLES[:, 0] *= math.pi / 180


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return normal(shape, seed=seed, stream=Stream.LAW, dtype=torch.float64)


def pictures(band: float = 0.3) -> torch.Tensor:
    return torch.cat([Waves.of_band(band, 3.0, seed).image(28, 28) for seed in range(3)])


def convolve(x, *kernels):
    weight = torch.stack(kernels)[:, None].to(x)
    return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)


def places():
    x = torch.arange(-5.0, 6.0, dtype=torch.float64)
    return x.expand(11, 11), -x[:, None].expand(11, 11)


def bell():
    x, y = places()
    return torch.exp(-(x**2 + y**2) / 2) / math.tau


def smoothed(x):
    return convolve(x, bell())


def slope(x):
    return convolve(x, places()[0] * bell(), places()[1] * bell())


def lopsided(x):
    return convolve(x, torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]]))


def laplacian(x):
    return convolve(x, torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]))


# --- the definition


def test_the_error_is_the_one_written_down():
    x, g = noise(4, 1, 5, 5), Dihedral(4).elements()
    weight = noise(5, 5, seed=1)
    found = equivariance_error(lambda x: x * weight, x, SQUARE, SQUARE)
    for k in range(8):  # four quarter turns, then each of them after a flip
        gx, gfx = (torch.rot90(z.flip(-2) if k >= 4 else z, k, (-2, -1)) for z in (x, x * weight))
        apart = (gx * weight - gfx).flatten(1).norm(dim=1)
        size = (x * weight).flatten(1).norm(dim=1)
        assert float(found.error[k]) == pytest.approx(float(apart.norm() / size.norm()), abs=1e-14)
        assert float(found.worst[k]) == pytest.approx(float((apart / size).max()), abs=1e-14)
    assert found.verdicts == ("exact",) + 7 * ("broken",)
    assert found.largest == float(found.error.max()) > 0.5
    assert torch.equal(found.elements, g)
    assert not bool(found.floor.any())


def test_the_floor_is_what_the_function_that_does_nothing_loses():
    x = pictures(0.6)
    found = equivariance_error(lambda x: x, x, SCALARS, SCALARS, ANGLES)
    windowed = SCALARS.window(x)
    assert found.verdict != "broken"
    for k, g in enumerate(ANGLES):
        there = SCALARS.back(g, SCALARS(g, windowed))
        lost = SCALARS.window(there - windowed).norm() / SCALARS.window(windowed).norm()
        assert 0.99 * lost <= float(found.floor[k]) <= 3 * lost
        assert (float(found.floor[k]) == 0.0) == bool(SCALARS.exact_at(g))


# --- functions whose symmetry is known


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_exact_where_exactness_is_possible(dtype):
    x = noise(3, 1, 9, 9).to(dtype)
    for function in (laplacian, smoothed, torch.relu, lambda x: functional.avg_pool2d(x, 3)):
        found = equivariance_error(function, x, SQUARE, SQUARE)
        assert found.verdict == "exact"
        assert found.largest <= (1e-15 if dtype == torch.float64 else 1e-6)
    assert (
        equivariance_error(slope, x, SQUARE, ImageAction(Dihedral(4), irreducible(Dihedral(4), "1"))).verdict == "exact"
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("function", "action_out"),
    [(smoothed, SCALARS), (slope, VECTORS), (lambda x: smoothed(x).square().mean((2, 3)), TrivialAction(O2()))],
    ids=["smoothed", "slope", "invariant"],
)
def test_isotropic_filters_are_at_the_floor(function, action_out, dtype):
    found = equivariance_error(function, pictures().to(dtype), SCALARS, action_out, ANGLES)
    assert "broken" not in found.verdicts
    assert [found.verdicts[k] for k in (0, 3, 5)] == ["exact"] * 3
    assert found.largest <= 1e-3


@pytest.mark.parametrize(
    ("function", "action_out", "least"),
    [
        (lopsided, SCALARS, 0.05),
        (slope, ImageAction(O2(), irreducible(O2(), "2")), 0.1),  # the wrong frequency
        (lambda x: slope(x).flip(1), VECTORS, 0.1),  # x and y exchanged
        (lambda x: smoothed(x).roll(1, -1), SCALARS, 0.05),
        (lambda x: smoothed(x) * torch.linspace(1, 1.05, 28, dtype=x.dtype), SCALARS, 3e-4),
        (lambda x: smoothed(x).mean(2), TrivialAction(O2()), 0.05),
    ],
    ids=["lopsided", "frequency", "exchanged", "moved", "graded", "rows"],
)
def test_planted_faults_are_broken(function, action_out, least):
    found = equivariance_error(function, pictures(), SCALARS, action_out, ANGLES)
    assert found.verdicts[0] == "exact"
    assert all(verdict == "broken" for verdict in found.verdicts[1:5])
    assert float(found.error[1:].min()) > least


def test_a_filter_of_the_grid_is_exact_at_quarter_turns_and_broken_between():
    found = equivariance_error(laplacian, pictures(), SCALARS, SCALARS, ANGLES)
    assert found.verdicts == ("exact", "broken", "broken", "exact", "broken", "exact", "broken")


def test_a_network_of_a_large_batch_is_judged_as_each_item():
    """One item of 64 that is treated differently is lost in the batch's norm, but not in the worst item."""
    x = noise(64, 1, 6, 6)
    x[0] *= 1e-6
    found = equivariance_error(lambda x: torch.where(x.abs() < 1e-5, x.cumsum(-1), x), x, SQUARE, SQUARE)
    assert float(found.worst.max()) > 0.1 > 1e-5 > found.largest


def test_other_groups_and_spaces():
    points = noise(3, 5, 2)
    centred = lambda x: x - x.mean(1, keepdim=True)  # noqa: E731
    assert equivariance_error(centred, points, PointsAction(O2()), PointsAction(O2())).verdict == "exact"
    norms = lambda x: x.norm(dim=-1)  # noqa: E731
    assert equivariance_error(norms, points, PointsAction(O2()), TrivialAction(O2())).verdict == "exact"
    nodes, edges = PermutationAction(Symmetric(4)), PermutationAction(Symmetric(4), axes=2)
    assert equivariance_error(lambda A: A @ A.sum(-1, keepdim=True), noise(2, 4, 4), edges, nodes).verdict == "exact"
    found = equivariance_error(lambda A: A.cumsum(1).sum(2), noise(2, 4, 4), edges, nodes)
    assert found.verdict == "broken"
    assert "[0, 1, 2, 3]" in str(found)


def test_half_precision_is_judged_by_its_own_rounding():
    x = noise(2, 1, 8, 8).float()
    rounded = lambda x: smoothed(x.bfloat16())  # noqa: E731
    found = equivariance_error(lambda x: rounded(x) + rounded(x).roll(1, -1) * 1e-2, x, SQUARE, SQUARE)
    assert found.exact == rounding(torch.bfloat16)
    assert equivariance_error(smoothed, x, SQUARE, SQUARE).exact == rounding(torch.float32)


# --- verdicts and their edges


def judged(error, floor, exact=1e-12):
    one = torch.tensor(error, dtype=torch.float64)
    elements = torch.zeros(len(one), 2, dtype=torch.float64)
    return EquivarianceError(elements, one, one, torch.tensor(floor, dtype=torch.float64), exact)


def test_verdicts():
    found = judged([1e-12, 1.1e-12, 0.2, 0.21, math.nan, math.inf], [0.0, 0.0, 0.1, 0.1, 0.1, 0.1])
    assert found.verdicts == ("exact", "broken", "at the floor", "broken", "broken", "broken")
    assert found.verdict == "broken"
    assert judged([0.0, 0.1], [0.0, 0.1]).verdict == "at the floor"
    assert judged([0.0], [0.1]).verdict == "exact"
    assert math.isnan(found.largest)
    found = judged([1e-13, 0.2, 0.5], [0.3, 0.11, 0.2])
    assert found.verdicts == ("exact", "not told apart", "broken")
    assert judged([0.1, 0.2], [0.1, 0.11]).verdict == "not told apart"
    assert "not told apart 0 degrees" in str(found)


@pytest.mark.parametrize("n", [12, 16, 24, 32, 36, 48, 64])
@pytest.mark.parametrize("group", [SO2(), O2()], ids=str)
def test_many_equally_spread_rotations_do_not_pass_for_all(group, n):
    """A function with an n-fold symmetry is exact under C_n or D_n, and broken under SO(2) or O(2)."""
    angle = torch.arange(n, dtype=torch.float64) * (math.tau / n)
    rays = torch.stack((angle.cos(), angle.sin()))
    star, points = lambda p: (p @ rays).amax(-1), noise(5, 1, 2)
    finite = Dihedral(n) if group.reflections else Cyclic(n)
    assert equivariance_error(star, points, PointsAction(finite), TrivialAction(finite)).verdict == "exact"
    assert equivariance_error(star, points, PointsAction(group), TrivialAction(group)).verdict == "broken"


def test_numbers_that_are_none_are_broken():
    found = equivariance_error(lambda x: x / (x > x.flip(-1)), noise(2, 1, 4, 4), SQUARE, SQUARE)
    assert found.verdict == "broken"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: equivariance_error(torch.relu, noise(1, 1, 4, 4), SCALARS, SQUARE), ValueError, "elements=..."),
        (
            lambda: equivariance_error(torch.relu, noise(1, 1, 4, 4), SQUARE, SQUARE, torch.zeros(2)),
            ValueError,
            "g[None]",
        ),
        (
            lambda: equivariance_error(torch.relu, noise(1, 1, 4, 4), SQUARE, SQUARE, torch.zeros(0, 2)),
            ValueError,
            "rows",
        ),
        (lambda: equivariance_error(torch.zeros_like, noise(1, 1, 4, 4), SQUARE, SQUARE), ValueError, "zeros only"),
        (
            lambda: equivariance_error(lambda x: functional.avg_pool2d(x, (1, 2)), noise(1, 1, 4, 4), SQUARE, SQUARE),
            ValueError,
            "whose frame is square",
        ),
        (
            lambda: equivariance_error(torch.relu, torch.ones(1, 2, dtype=torch.int64), NOTHING, NOTHING),
            TypeError,
            "x.float()",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


# --- the assertion


def test_the_assertion_passes_what_is_equivariant_and_gives_the_error():
    x = noise(2, 1, 8, 8)
    assert assert_equivariant(smoothed, x, SQUARE, SQUARE) <= 1e-15
    assert assert_equivariant(laplacian, x, SQUARE, SQUARE, within=1e-13) <= 1e-13
    assert 0 < assert_equivariant(smoothed, pictures(), SCALARS, SCALARS, ANGLES) < 1e-3
    vectors = LinearAction(irreducible(SO2(), "3"))
    assert assert_equivariant(lambda v: v * v.norm(dim=-1, keepdim=True), noise(3, 2), vectors, vectors) <= 1e-14


@pytest.mark.parametrize("within", [None, 1e-3, 1e-13])
def test_the_assertion_refuses_what_is_not(within):
    with pytest.raises(AssertionError, match="broken: largest error"):
        assert_equivariant(lopsided, noise(2, 1, 8, 8), SQUARE, SQUARE, within=within)


def test_the_assertion_refuses_what_is_at_the_floor_if_less_is_asked():
    with pytest.raises(AssertionError, match="within 1e-09: at the floor"):
        assert_equivariant(smoothed, pictures(), SCALARS, SCALARS, ANGLES, within=1e-9)


def test_the_assertion_refuses_a_floor_that_tells_nothing():
    x = noise(4, 1, 16, 16)
    corners = torch.linspace(-1, 1, 16, dtype=x.dtype).square()
    for function in (lambda x: x, lambda x: x * (1 + corners * corners[:, None])):  # the second commutes with D4 only
        with pytest.raises(AssertionError, match="give pictures of a lower band, or exact elements: not told apart"):
            assert_equivariant(function, x, SCALARS, SCALARS)
    assert assert_equivariant(lambda x: x, x, SCALARS, SCALARS, SO2().grid(4)) == 0.0


def test_the_assertion_refuses_numbers_that_are_none():
    with pytest.raises(AssertionError, match="nan"):
        assert_equivariant(lambda x: x / (x > x.flip(-1)), noise(2, 1, 4, 4), SQUARE, SQUARE, within=1e9)
