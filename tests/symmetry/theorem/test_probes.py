"""What elements between those of the grid are tested on, and what acts alike at every pixel."""

import math

import pytest
import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic
from equigen.groups.representation import irreducible
from equigen.random import Stream, normal
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import PointsAction
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.pixelwise import pixelwise_error
from equigen.symmetry.theorem.probes import SAMPLED, between_error, commuting, in_band, probed_elements

ALL = torch.cat((SO2().sample(3, seed=0), SO2().sample(1, seed=1)))
VECTOR = ImageAction(SO2(), FieldType(SO2(), "1x0e + 1x1"))


def images(side=16, channels=1):
    item = torch.arange(4)
    return normal((channels, side, side), seed=0, stream=Stream.METRIC, item=item, dtype=torch.float64)


def bounds(function, side):
    elements = probed_elements(ImageAction(SO2()))
    return between_error(function, in_band(images(side)), elements, SAMPLED)


@pytest.mark.parametrize(("side", "most"), [(8, 0.03), (16, 0.006), (28, 0.002)])
def test_the_identity_shows_next_to_nothing(side, most):
    found = between_error(lambda x: x, in_band(images(side)), probed_elements(ImageAction(SO2())))
    assert found.verdict == "at the floor"
    assert found.largest < most
    assert float(found.floor.max()) < most


@pytest.mark.parametrize("side", [8, 28])
def test_a_network_may_err_by_what_is_allowed_and_no_more(side):
    def lopsided(x, share):  # x + share (a vector of x that does not turn)
        return x + share * (x.roll(1, -1) - x.roll(-1, -1))

    once = bounds(lambda x: lopsided(x, 0.02), side).largest
    fitting = 0.02 * SAMPLED / once  # errors grow with the share, and only the last is beyond
    verdicts = [bounds(lambda x, s=share * fitting: lopsided(x, s), side).verdict for share in (0.8, 0.9, 1.15)]
    assert verdicts == ["at the floor", "at the floor", "broken"]
    assert 0.01 < once < 0.1


def test_six_percent_are_too_much_and_four_are_not():
    verdicts = []
    for share, error in ((0.02, 0.041), (0.03, 0.062)):
        found = bounds(lambda x, s=share: x + s * (x.roll(1, -1) - x.roll(-1, -1)), 28)
        assert found.largest == pytest.approx(error, rel=0.05)
        verdicts.append(found.verdict)
    assert verdicts == ["at the floor", "broken"]


def test_nothing_is_allowed_on_the_grid_nor_where_a_caller_allows_nothing():
    def lopsided(x):
        return x + 0.02 * (x.roll(1, -1) - x.roll(-1, -1))

    elements = probed_elements(ImageAction(SO2()))
    claims = commuting("it commutes with", lopsided, images(28), elements)
    assert [claim.verdict for claim in claims] == ["broken", "broken"]


@pytest.mark.parametrize(
    ("function", "verdict"),
    [
        (lambda x: 0.3 * x, "exact"),
        (lambda x: torch.cat((x, 2.0 * x)), "exact"),  # two maps of one batch
        (lambda x: x + torch.tensor([1.0, 0.0, 0.0]).double()[:, None, None], "exact"),  # along the scalar
        (lambda x: x + torch.tensor([0.0, 1e-9, 0.0]).double()[:, None, None], "broken"),  # along the vector
        (lambda x: x * torch.tensor([1.0, 1.0, 1.1]).double()[:, None, None], "broken"),
        (lambda x: torch.cat((x, x * torch.tensor([1.0, 1.0, 1.1]).double()[:, None, None])), "broken"),
        (lambda x: x.roll(1, 1), "broken"),  # channels exchanged
        (lambda x: x * torch.tensor([5.0, 1.0, 1.0]).double()[:, None, None], "exact"),
    ],
)
def test_numbers_at_a_pixel_are_judged_in_closed_form(function, verdict):
    found = pixelwise_error(function, images(8, 3), VECTOR, ALL)
    assert found.verdict == verdict
    assert not bool(found.floor.any())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x,
        lambda x: x.roll(1, -1),
        lambda x: x * torch.linspace(1, 1.001, 8, dtype=torch.float64),
        lambda x: x + x.mean((2, 3), keepdim=True),
        lambda x: x[:, :1],
        lambda x: x * torch.arange(4.0).reshape(4, 1, 1, 1).double(),  # another number for each item
        torch.zeros_like,
    ],
)
def test_what_differs_from_pixel_to_pixel_is_left_to_the_probes(function):
    assert pixelwise_error(function, images(8, 3), VECTOR, ALL) is None


def test_only_images_have_pixels():
    points = images(8)[:, 0, :, :2]
    assert pixelwise_error(lambda x: 2 * x, points, PointsAction(SO2()), ALL) is None


def test_flips_of_a_pseudoscalar_count():
    action = ImageAction(O2(), irreducible(O2(), "0o"))
    flip = torch.tensor([[0.3, 1.0]], dtype=torch.float64)
    assert pixelwise_error(lambda x: x + 1.0, images(8), action, flip).largest == pytest.approx(2 / 2)
    assert pixelwise_error(lambda x: 3 * x, images(8), action, flip).verdict == "exact"


def test_elements_are_spread_over_the_group():
    found = probed_elements(ImageAction(Cyclic(8)))
    assert sorted(round(math.degrees(float(g[0]))) for g in found.between) == [45, 135, 225, 315]
