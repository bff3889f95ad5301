"""Networks of anybody as functions of images: what they are given, what they give, and what is refused."""

from __future__ import annotations

import warnings
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import SO2, Cyclic
from equigen.symmetry.called import called, copies, require_told, settled
from equigen.symmetry.certificate import Certificate, Claim
from equigen.symmetry.foreign import certify_module
from tests.symmetry.certified import images
from tests.symmetry.of import Of

C4, X = Cyclic(4), images(8, 4)


Pair = namedtuple("Pair", ("mean", "score"))


@dataclass
class Output:
    sample: Tensor
    rest: Tensor | None = None


def sums(x: Tensor) -> Tensor:
    return x.square().sum((1, 2, 3))


def bad(x: Tensor) -> Tensor:
    return x[:, 0, 3, :3]


def of(found: Certificate, words: str) -> list[Claim]:
    return [claim for claim in found.claims if words in claim.statement]


# --- several results


WRAPPED = {
    "a tuple": (lambda x, y: (x, y), "(result 2 of 2)"),
    "a nested list": (lambda x, y: [[x], [y]], "(result 2 of 2)"),
    "a dictionary": (lambda x, y: {"map": x, "score": y}, "(result 2 of 2, score)"),
    "a dictionary of lists": (lambda x, y: {"map": x, "heads": {"score": [y]}}, "(result 2 of 2, heads.score)"),
    "a named tuple": (lambda x, y: Pair(x, y), "(result 2 of 2, score)"),
    "a dataclass": (lambda x, y: Output(x, y), "(result 2 of 2, rest)"),
    "with nothing": (lambda x, y: (x, None, y), "(result 2 of 2)"),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_every_result_is_held_to_the_group_wherever_it_stands(name):
    wrap, second = WRAPPED[name]
    sound = certify_module(Of(lambda x: wrap(x, sums(x))), C4, (1, 8, 8))
    assert sound.holds
    assert [one.statement.split(" of ")[0] for one in of(sound, second)] == ["invariance"] * 4
    assert [one.statement.split(" of ")[0] for one in of(sound, "result 1 of 2")] == ["equivariance"] * 4
    broken = certify_module(Of(lambda x: wrap(x, bad(x))), C4, (1, 8, 8))
    assert not broken.holds
    assert {claim.verdict for claim in of(broken, second)} == {"broken"}
    assert {claim.verdict for claim in of(broken, "result 1 of 2")} == {"exact"}
    assert second in broken.sentence()
    assert [one.verdict for one in broken.elements] == ["exact", "broken", "broken", "broken"]


def test_the_worst_counts_wherever_it_is():
    for order in ((bad, sums), (sums, bad)):
        found = certify_module(Of(lambda x, order=order: tuple(one(x) for one in order)), SO2(), (1, 16, 16))
        assert not found.holds
        assert {one.verdict for one in found.elements if one.angle} == {"broken"}
    shared = certify_module(Of(lambda x: (x, x - x.mean(0))), C4, (1, 8, 8))
    assert [one.statement for one in shared.claims if not one.holds] == [
        "an item comes out alone as in its batch, float64"
    ]
    constant = certify_module(Of(lambda x: (x, 0 * x + 1.0)), C4, (1, 8, 8))
    assert not constant.holds
    assert constant.sentence().endswith("is off by 0, but this result is the same for all images.")


def test_what_is_seen_outside_of_the_disk_alone_tells_nothing_of_other_angles():
    corners = Of(lambda x: (x[:, :, ::15, ::15] ** 2).sum((2, 3)))
    found = certify_module(corners, SO2(), (1, 16, 16))
    assert [claim.verdict for claim in found.claims if claim.promised][:3] == ["exact", "exact", "not told apart"]
    assert not found.holds


def test_one_number_an_image_is_a_result():
    assert certify_module(Of(sums), C4, (1, 8, 8)).holds
    assert not certify_module(Of(lambda x: x[:, 0, 0, 0]), C4, (1, 8, 8)).holds


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (lambda x: x.mean(), ValueError, r"gives \(\) for 4 images"),
        (lambda x: {"y": x, "loss": x.mean()}, ValueError, r"gives \(\) \(result 2 of 2, loss\) for 4 images"),
        (lambda x: (x, x.argmax(-1)), TypeError, r"gives torch\.int64, but tensors of real numbers"),
        (lambda x: {"y": x, "at": (x, 3)}, TypeError, "gives int as at, but"),
        (lambda x: x.to(torch.complex64), TypeError, r"gives torch\.complex64"),
        (lambda x: (), ValueError, "gives 0 tensors, but one or more"),
        (lambda x: None, ValueError, "gives 0 tensors"),
        (lambda x: (x,) * (1 + (float(x[0, 0, 0, 0]) > 0)), ValueError, "after . before, .* the same for all images"),
    ],
)
def test_what_cannot_be_compared_is_refused(result, error, words):
    with pytest.raises(error, match=words):
        certify_module(Of(result), C4, (1, 8, 8), x=X)


# --- results with a number for each pixel


def of_shape(*shape: int) -> Tensor:
    return torch.arange(float(torch.Size(shape).numel())).reshape(shape)


@pytest.mark.parametrize("shape", [(4, 64, 3), (4, 3, 64), (4, 64), (4, 192), (4, 8, 8), (4, 8, 8, 3), (4, 2, 5, 8, 8)])
def test_what_could_have_to_turn_or_to_stay_is_refused_with_both_mends(shape):
    y = of_shape(*shape)
    with pytest.raises(ValueError, match="could have to turn or to stay") as refused:
        require_told(y, torch.zeros(4, 3, 8, 8))
    mends = str(refused.value).split("reshape it to ")[1].rstrip(".").split(", or to numbers that stay, ")
    maps, numbers = (eval(mend.removeprefix("maps, "), {"y": y, "len": len}) for mend in mends)
    assert maps.shape[2:] == (8, 8)
    assert numbers.shape == (4, y[0].numel(), 1, 1)
    require_told(maps, torch.zeros(4, 3, 8, 8))
    require_told(numbers, torch.zeros(4, 3, 8, 8))
    with pytest.raises(ValueError, match="could have to turn or to stay"):
        certify_module(Of(lambda x: x.repeat(1, 3, 1, 1).mean() + y.to(x)), C4, (3, 8, 8))


def test_tokens_become_the_maps_that_they_were():
    y = of_shape(2, 3, 2, 5)
    for written, mend in (
        (y.flatten(2).mT, "mT.reshape(len(y), -1, 2, 5)"),
        (y.flatten(2), "reshape(len(y), -1, 2, 5)"),
        (y.permute(0, 2, 3, 1), "permute(0, 3, 1, 2)"),
    ):
        with pytest.raises(ValueError, match="could have to turn") as refused:
            require_told(written, torch.zeros(2, 1, 2, 5))
        assert f"y.{mend}," in str(refused.value)
        assert torch.equal(eval(f"written.{mend.replace('len(y)', '2')}", {"written": written}), y)


@pytest.mark.parametrize(
    "shape",
    [
        (4, 10),
        (4, 3),
        (4, 16),
        (4, 3, 8, 8),
        (4, 8, 8, 8),
        (4, 3, 4, 4),
        (4, 15, 3),
        (4, 1, 3),
        (4, 64, 1, 1),
        (4, 2, 3, 1, 1),
    ],
)
def test_maps_and_numbers_are_taken_as_they_are(shape):
    require_told(torch.zeros(shape), torch.zeros(4, 3, 8, 8))


@pytest.mark.parametrize(
    ("write", "mend"),
    [
        (lambda y: y.flatten(2).mT, "mT.reshape(len(y), -1, 4, 4)"),
        (lambda y: y.flatten(2), "reshape(len(y), -1, 4, 4)"),
        (lambda y: y.permute(0, 2, 3, 1), "permute(0, 3, 1, 2)"),
        (lambda y: y[:, :, None], "reshape(len(y), -1, 4, 4)"),
        (lambda y: y[:, None].movedim(2, -1), "movedim(-1, 1).reshape(len(y), -1, 4, 4)"),
        (lambda y: y.permute(0, 2, 3, 1)[..., None], "flatten(3).permute(0, 3, 1, 2)"),
    ],
)
def test_coarse_tokens_and_maps_are_refused_with_the_maps_that_they_were(write, mend):
    def maps(x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(torch.cat([x, x.square(), x.abs()], 1), 4)

    with pytest.raises(ValueError, match="could have to turn or to stay") as refused:
        certify_module(Of(lambda x: write(maps(x))), C4, (1, 16, 16))
    assert f"maps, y.{mend}, or to numbers that stay" in str(refused.value)
    y = write(maps(X.repeat(1, 1, 2, 2)))
    assert torch.equal(eval(f"y.{mend}", {"y": y, "len": len}), maps(X.repeat(1, 1, 2, 2)))


def test_tokens_that_may_be_read_in_two_ways_are_given_both():
    with pytest.raises(ValueError, match="could have to turn") as refused:
        require_told(torch.zeros(2, 16, 4), torch.zeros(2, 1, 16, 16))
    assert "maps, y.mT.reshape(len(y), -1, 4, 4) or y.reshape(len(y), -1, 2, 2), or" in str(refused.value)


def test_maps_that_are_not_square_are_refused_where_they_would_have_to_turn():
    network = Of(lambda x: nn.functional.avg_pool2d(x, (2, 1)))
    with pytest.raises(ValueError, match=r"as many rows as columns.*numbers that stay, y\.reshape"):
        certify_module(network, C4, (1, 8, 8))
    assert certify_module(network, Cyclic(2), (1, 8, 8)).holds
    assert certify_module(Of(lambda x: x[..., 1:-1, 1:-1]), C4, (1, 6, 8)).holds  # of another aspect than the image


def test_images_of_one_pixel_have_no_maps():
    require_told(torch.zeros(4, 1), torch.zeros(4, 1, 1, 1))


# --- what is called


def test_times_go_from_the_first_to_the_last():
    given: list[Tensor] = []

    class At(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            given.append(t)
            return x

    function = called(At(), X)
    assert given[-1].tolist() == pytest.approx([0.001, 0.001 + 0.998 / 3, 0.001 + 1.996 / 3, 0.999], abs=1e-15)
    assert given[-1].dtype == torch.float64
    function.alone(X)
    assert torch.equal(torch.cat(given[1:]), given[0])


@pytest.mark.parametrize("fault", [RuntimeError, AssertionError, ZeroDivisionError, KeyError])
def test_whatever_a_network_raises_becomes_one_sentence(fault):
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise fault("no such row\nand more")

    with pytest.raises(ValueError, match=r"Failing refuses images \(4, 1, 8, 8\) of torch.float64 \(.*no such row"):
        called(Failing(), X)


@pytest.mark.parametrize(("drift", "passes"), [(0.97e-12, True), (1.03e-12, False)])
def test_a_second_time_means_the_same_up_to_rounding(drift, passes):
    class Drifting(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x * (1 + drift * (self.calls - 1))

    network = nn.Sequential(Drifting())
    if passes:
        assert torch.equal(settled(network, lambda x: (x, network(x)), X)[1], X)
    else:
        with pytest.raises(ValueError, match=r"a second time, by 0 \(Drifting\)"):
            settled(network, lambda x: (x, network(x)), X)


def test_copies_leave_the_network_alone():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).train()
    double, single = copies(network)
    assert [next(one.parameters()).dtype for one in (double, single)] == [torch.float64, torch.float32]
    assert [one.training for one in (double, single, network)] == [False, False, True]
    assert (network[0].weight.requires_grad, network[0].weight.dtype) == (True, torch.float32)


class Parted(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, factor: float = 2.0) -> Tensor:
        return factor * self.layer(x)


@pytest.mark.parametrize("make", [torch.jit.script, lambda one: torch.jit.trace(one, torch.ones(1, 1, 8, 8))])
def test_torchscript_is_certified_as_a_whole(make):
    for layer, holds in ((nn.Conv2d(1, 2, 1), True), (nn.Conv2d(1, 2, 3, padding=1), False)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch's own on TorchScript
            network = make(Parted(layer))
        for module, layers in ((network, 0), (nn.Sequential(network, nn.SiLU()), 1)):
            found = certify_module(module, C4, (1, 8, 8))
            assert found.holds == holds
            assert len(found.layers) == layers + (not holds and layers)
            assert all(weight.requires_grad for weight in network.parameters())
