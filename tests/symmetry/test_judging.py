"""The bounds of a certificate, each pinned from both sides by networks whose error is known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.steerable.field_type import FieldType
from equigen.symmetry.certificate import Certificate, CertifiedElement, Claim
from equigen.symmetry.certifying import certify
from equigen.symmetry.channel_energy import energy_layers
from equigen.symmetry.foreign import certify_module
from equigen.symmetry.held_result import HeldResult
from equigen.symmetry.judging import Judged, judged, require_moved, worst_elements
from tests.symmetry.certified import images

C4 = Cyclic(4)
SIDES = (0.97, 1.03)  # of a bound
X = images(8, 4)
SIZE = float((X - X.mean()).norm())


class Of(nn.Module):
    """A function as a module, told whether it is run in float32."""

    def __init__(self, function: Callable[[Tensor, bool], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, x.dtype == torch.float32)


def shift(x: Tensor) -> Tensor:
    return x.roll(1, -1)


def apart(function: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """max over quarter turns of ||f(g x) - g f(x)||."""
    turns = [(function(x.rot90(k, (2, 3))) - function(x).rot90(k, (2, 3))).norm() for k in (1, 2, 3)]
    return float(torch.stack(turns).max())


def off(error: float) -> float:
    """eps for which x + eps * shift(x) is off by so much, relative to x about its mean."""
    return error * SIZE / apart(shift, X)


def whole(found: Certificate, precision: str) -> Claim:
    return next(one for one in found.claims if one.statement.endswith(precision) and "of the whole" in one.statement)


def test_the_tools_of_these_tests_say_what_they_should():
    assert apart(torch.relu, X) == 0.0
    assert apart(lambda x: x + off(1e-3) * shift(x), X) / SIZE == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("side", SIDES)
def test_an_error_of_maps_is_exact_up_to_its_bound_and_broken_beyond(precision, bound, side):
    found = certify_module(Of(lambda x, single: x + off(side * bound) * shift(x)), C4, (1, 8, 8), x=X)
    claim = whole(found, precision)
    assert claim.bound == bound
    assert claim.measured == pytest.approx(side * bound, rel=0.01)
    assert claim.verdict == ("exact" if side < 1 else "broken")


@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("side", SIDES)
def test_so_is_an_error_of_numbers_that_have_to_stay(precision, bound, side):
    def numbers(x: Tensor, eps: float) -> Tensor:
        return torch.stack((x.square().sum((1, 2, 3)), eps * x[:, 0, 0, :4].sum(-1)), 1)

    said, tilt = numbers(X, 0.0), numbers(X, 1.0)[:, 1]
    moved = torch.stack([numbers(X.rot90(k, (2, 3)), 1.0)[:, 1] - tilt for k in (1, 2, 3)]).norm(dim=1).max()
    eps = side * bound * float((said - said.mean()).norm() / moved)
    network = Of(lambda x, single: numbers(x, eps))
    for found in (certify(network, C4, X), certify_module(network, C4, (1, 8, 8), x=X)):
        claim = whole(found, precision)
        assert claim.bound == bound
        # The squares are summed in another order once they are moved, so that some rounding comes on top.
        assert claim.measured == pytest.approx(side * bound, rel=0.02)
        assert claim.verdict == ("exact" if side < 1 else "broken")


@pytest.mark.parametrize(("rounded", "verdict"), [(2.4e-4, "exact"), (2.6e-4, "not told apart")])
def test_float32_tells_nothing_where_four_times_its_rounding_is_a_thousandth(rounded, verdict):
    factor = rounded * SIZE / float(X.norm())
    found = certify_module(Of(lambda x, single: x * (1 + factor * single)), C4, (1, 8, 8), x=X)
    assert found.rounding == pytest.approx(rounded, rel=1e-3)
    assert whole(found, "float32").verdict == verdict
    assert whole(found, "float32").bound == pytest.approx(min(4 * rounded, 1e-3), rel=1e-3)


@pytest.mark.parametrize(
    ("rounded", "error", "verdict"),
    [
        (0.01, 0.97 * 0.04 * 2**-29, "exact"),
        (0.01, 1.03 * 0.04 * 2**-29, "broken"),
        (0.02, 0.97e-10, "exact"),
        (0.02, 1.03e-10, "not told apart"),
        (0.02, 0.97 * 0.08 * 2**-29, "not told apart"),
        (0.02, 1.03 * 0.08 * 2**-29, "broken"),
    ],
)
def test_float64_is_held_to_the_rounding_that_float32_shows(rounded, error, verdict):
    factor, eps = rounded * SIZE / float(X.norm()), off(error)
    network = Of(lambda x, single: x * (1 + factor * single) + eps * shift(x))
    assert whole(certify_module(network, C4, (1, 8, 8), x=X), "float64").verdict == verdict


@pytest.mark.parametrize("side", SIDES)
def test_a_network_says_the_same_of_all_images_to_a_millionth(side):
    squares = (torch.arange(8.0, dtype=torch.float64) - 3.5).square()
    fixed = (squares[:, None] + squares)[None, None]  # a picture that every turn leaves alone
    eps = side * 1e-6 * float((fixed - fixed.mean()).expand_as(X).norm() / (X - X.mean(0)).norm())
    network = Of(lambda x, single: fixed.to(x) + eps * x)
    found = certify_module(network, C4, (1, 8, 8), x=X)
    assert found.contrast == pytest.approx(side * 1e-6, rel=1e-3)
    assert whole(found, "float64").verdict == ("not told apart" if side < 1 else "exact")


@pytest.mark.parametrize("side", SIDES)
def test_an_item_comes_out_alone_up_to_the_same_bound(side):
    # (x_k + eps m) alone is x_k + eps x_k: off by eps ||x - m||.
    eps = side * 1e-12 * SIZE / float((X - X.mean(0)).norm())
    found = certify_module(Of(lambda x, single: x + eps * x.mean(0)), C4, (1, 8, 8), x=X)
    (claim,) = (one for one in found.claims if "alone" in one.statement)
    assert claim.measured == pytest.approx(side * 1e-12, rel=0.01)
    assert claim.verdict == ("exact" if side < 1 else "broken")


@pytest.mark.parametrize("side", SIDES)
def test_the_energy_of_a_layer_is_kept_to_the_same_bound(side):
    def energy(x: Tensor, eps: float) -> Tensor:
        return (x + eps * shift(x)).square()

    slope = apart(lambda x: 2 * x * shift(x), X)
    eps = side * 1e-12 * float(X.square().norm()) / slope
    assert apart(lambda x: energy(x, 1e-6), X) == pytest.approx(1e-6 * slope, rel=1e-3)
    (layer,) = energy_layers(network := nn.Sequential(Of(lambda x, _: x + eps * shift(x))), network, C4, X, X)
    assert layer.error == pytest.approx(side * 1e-12, rel=0.01)
    assert layer.verdict == ("exact" if side < 1 else "broken")


@pytest.mark.parametrize("amplitude", [0.1, 10.0])
def test_a_tenth_and_ten_times_the_images_are_put_to_the_test(amplitude):
    size = amplitude * float(X.abs().amax())

    def only_there(x: Tensor, single: bool) -> Tensor:
        return x + shift(x) * (0.99 * size < float(x.abs().amax()) < 1.01 * size)

    found = certify_module(Of(only_there), C4, (1, 8, 8), x=X)
    assert [claim.statement.split(", ")[-1] for claim in found.claims if not claim.holds] == [
        f"at {amplitude:g} times the images"
    ]


def test_other_elements_break_at_twice_their_floor():
    field, x = FieldType(SO2(), "1x0e"), images(12, 2)

    def claim(eps: float) -> Claim:
        def function(x: Tensor) -> Tensor:
            return x + eps * shift(x)

        said = function(x)
        held = HeldResult("it", SO2(), field, field, True, function, function, x, x, said, said)
        (found,) = (one for one in held.claims() if "other elements" in one.statement)
        floors = [2 * row.floor for row in held.elements() if not row.on_grid]
        assert any(found.bound == pytest.approx(floor, rel=1e-12) for floor in floors)
        return found

    low, high = 0.0, 4.0
    assert claim(low).verdict != "broken"
    assert claim(high).verdict == "broken"
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if claim(middle).verdict == "broken" else (middle, high)
    for found in (claim(low), claim(high)):
        assert found.measured == pytest.approx(found.bound, rel=0.01)


@pytest.mark.parametrize("side", SIDES)
def test_images_have_to_move_by_a_thousandth(side):
    a, b = images(8, 2), images(8, 2).flip(0)
    still, turning = (
        torch.stack([sign**k * one.rot90(k, (2, 3)) for k in range(4)]).sum(0) for sign, one in ((1, a), (-1, b))
    )
    # (still + eps turning) turned by 90 degrees is still - eps turning.
    x = still + side * 1e-3 / 2 * float(still.norm() / turning.norm()) * turning
    if side < 1:
        with pytest.raises(ValueError, match=r"turned by 90 degrees they change by less than 0\.001"):
            require_moved(x, C4)
    else:
        with pytest.raises(ValueError, match="turned by 180 degrees"):
            require_moved(x, C4)
        require_moved(x + 0.01 * images(8, 2), C4)
    require_moved(x, Cyclic(1))
    with pytest.raises(ValueError, match="after a flip"):
        require_moved(images(8, 2) + images(8, 2).flip(2), Dihedral(1))
    with pytest.raises(ValueError, match="not finite"):
        require_moved(images(8, 2) * torch.nan, C4)


def test_every_error_is_judged_by_one_rule():
    found = judged(None, torch.float64, 0.02, mute=False)
    assert (found.exact, found.rounding, found.mute) == (1e-10, pytest.approx(0.08 * 2**-29), False)
    assert [found.judge(error) for error in (1e-10, 1.01e-10, 1.6e-10)] == ["exact", "not told apart", "broken"]
    mute = judged(None, torch.float64, 0.0, mute=True)
    assert [mute.judge(error) for error in (1e-12, 1.01e-12)] == ["not told apart", "broken"]
    assert judged(None, torch.float32, 0.02, mute=False).mute
    assert not judged(None, torch.float64, 0.02, mute=False).mute
    assert Judged(None, 0.0, 0.0, False).judge(float("nan")) == "broken"


def row(error: float, verdict: str, single: str = "", angle: float = 90.0) -> CertifiedElement:
    return CertifiedElement(angle, False, True, error, 0.0, verdict, None, single)


def test_of_an_element_the_worst_verdict_counts_before_the_largest_error():
    rows = [row(0.1, "at the floor"), row(1e-9, "broken"), row(0.3, "not told apart"), row(0.0, "exact", angle=0.0)]
    assert worst_elements(rows) == (rows[1], rows[3])
    rows = [row(1e-13, "exact", "exact"), row(1e-15, "exact", "broken")]
    assert worst_elements(rows) == worst_elements(rows[::-1]) == (rows[1],)
