"""The denoiser: what commutes is exact at every level, what does not is named by its layer or its level."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import SO2, Cyclic
from equigen.random import Stream, fork, normal
from equigen.spaces.euclidean import Euclidean
from equigen.steerable.field_type import FieldType
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.certificate import CertifiedLevel
from equigen.symmetry.theorem.denoiser import certified_denoiser, level_times
from equigen.symmetry.theorem.denoiser_claims import denoiser_claims
from equigen.symmetry.theorem.probes import in_band, probed_elements
from tests.symmetry.certified import Shifted
from tests.symmetry.theorem.models import C4, by_function, by_layers, images, plain


def certified(model: DiffusionModel, group: PlaneGroup = C4, x: torch.Tensor | None = None, **how: bool):
    exact, single = (copy.deepcopy(model).to(dtype).eval() for dtype in (torch.float64, torch.float32))
    with torch.no_grad():
        data = images() if x is None else x
        return certified_denoiser(exact, single, probed_elements(ImageAction(group)), data, seed=0, condition={}, **how)


def verdicts(found) -> list[str]:
    return [claim.verdict for claim in found.premise.claims]


def test_a_steerable_network_is_exact_level_by_level_and_layer_by_layer():
    found = certified(by_layers("C4"))
    assert verdicts(found) == ["exact"] * 4
    assert len(found.levels) == 8 * 3
    assert all(one.on_grid and one.error < 1e-14 and 1e-9 < (one.rounding or 0.0) < 1e-5 for one in found.levels)
    assert [layer.kind for layer in found.layers] == ["SteerableConv2d", "Pointwise", "SteerableConv2d"]
    assert [layer.verdict for layer in found.layers] == ["exact"] * 3
    assert certified(by_layers("C4"), layers=False).layers == ()


@pytest.mark.parametrize("by", [1e-3, 1e-8])
def test_a_planted_broken_layer_is_named(by):
    found = certified(by_layers("C4", Shifted(FieldType(C4, "2xregular"), by)))
    wrong = [claim for claim in found.premise.claims if not claim.holds]
    assert [claim.where for claim in wrong if claim.where] == ["2", "2"]
    assert found.premise.verdict == "broken"
    assert len(wrong) == (3 if by == 1e-3 else 2)  # float32 cannot tell 1e-8 from rounding


def test_a_plain_network_is_broken_and_a_larger_group_is_too():
    found = certified(plain())
    assert found.premise.verdict == "broken"
    assert found.premise.claims[1].measured > 0.1
    assert not certified(by_layers("C2")).premise.holds  # which keeps half turns alone
    assert certified(by_layers("C2"), Cyclic(2)).premise.holds


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * torch.linspace(0.0, 1e-6, 6, dtype=x.dtype),
        lambda x: x + 1e-6 * torch.arange(6, dtype=x.dtype),
        lambda x: nn.functional.pad(x, (1, 0, 0, 0))[..., :-1],
        lambda x: nn.functional.interpolate(nn.functional.max_pool2d(x, 3, 2), size=6),
        lambda x: (
            nn.functional.conv2d(x.bfloat16(), torch.ones(1, 1, 3, 3).bfloat16() / 7, padding=1).to(x.dtype).cumsum(-1)
        ),
    ],
    ids=["scaled by pixel", "position", "one-sided padding", "odd pooling", "sums along rows"],
)
def test_what_breaks_the_symmetry_between_layers_is_found(function):
    found = certified(by_function(function))
    assert found.premise.verdict == "broken"
    assert "degrees at a relative noise of" in found.premise.claims[1].where


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x**3,
        lambda x: x.mean((-2, -1), keepdim=True) * torch.ones_like(x),
        lambda x: nn.functional.avg_pool2d(x, 3, 1, 1),
        lambda x: x.clamp(-1.0, 1.0),
    ],
    ids=["powers", "means", "pooling", "clamping of pixels"],
)
def test_what_keeps_it_is_exact(function):
    assert verdicts(certified(by_function(function))) == ["exact"] * 3


def test_a_denoiser_that_draws_is_told():
    def dropped(x):
        return nn.functional.dropout(x, 0.5)

    with fork(seed=0, stream=Stream.DROPOUT):
        found = certified(by_function(dropped))
    assert found.premise.claims[0].statement == "it gives the same a second time"
    assert verdicts(found)[:2] == ["broken", "broken"]


def test_float32_that_is_mostly_rounding_is_not_told_apart():
    def lossy(x):
        return (x + 1e7) - 1e7 if x.dtype == torch.float32 else x

    found = certified(by_function(lossy))
    assert verdicts(found)[1:] == ["exact", "not told apart"]

    def wrong(x):
        return x + 0.1 * torch.arange(6, dtype=x.dtype) if x.dtype == torch.float32 else x

    assert verdicts(certified(by_function(wrong)))[1:] == ["exact", "not told apart"]


def test_between_the_grid_a_round_filter_is_at_the_floor_and_a_square_one_is_not():
    x = in_band(images(16), 0.3)

    def blurred(x):
        return in_band(x, 0.4)

    def along_rows(x):
        return x.roll(1, -1).abs()

    space = Euclidean(1, 16, 16)
    found = certified(by_function(blurred, space=space), SO2(), x)
    assert found.premise.verdict == "at the floor"
    between = [one for one in found.levels if not one.on_grid]
    assert len(between) == 8 * 4
    assert all(one.single is None and one.floor > 0 for one in between)
    assert certified(by_function(along_rows, space=space), SO2(), x).premise.verdict == "broken"

    def crossed(x):  # commutes with quarter turns, and with no others
        return torch.stack([(x - x.roll(by, axis)).abs() for by in (-2, 2) for axis in (-2, -1)]).sum(0)

    control = certified(by_function(crossed, space=space), SO2(), x)
    assert verdicts(control)[1:] == ["exact", "exact", "broken"]


def test_levels_reach_from_one_end_of_the_schedule_to_the_other():
    model = by_function(torch.zeros_like)
    schedule = model.denoiser.schedule
    assert level_times(model)[[0, -1]].tolist() == pytest.approx([schedule.t_min, schedule.t_max])
    found = certified(model)
    ratios = [b.noise / a.noise for a, b in zip(found.levels[:-3:3], found.levels[3::3], strict=True)]
    assert ratios == pytest.approx([(schedule.t_max / schedule.t_min) ** (1 / 7)] * 7)


class Single(Denoiser):
    """A denoiser that commutes with C4 and has a norm, or all of it, in float32; `lopsided` breaks it by so much."""

    schedule = EDM()

    def __init__(self, whole: bool, lopsided: float = 0.0) -> None:
        super().__init__()
        self.whole, self.lopsided = whole, lopsided

    def forward(self, x_t, t, **condition):
        y = (x_t / (1.0 + t.reshape(-1, 1, 1, 1) ** 2).sqrt()).to(torch.float32 if self.whole else x_t.dtype)
        y = y + self.lopsided * y.roll(1, -1)
        size = y.float().square().mean((1, 2, 3), keepdim=True).add(1.0).rsqrt()
        return (y * size.to(y.dtype)).to(x_t.dtype)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("lopsided", "verdict"), [(0.0, "not told apart"), (1e-5, "broken")])
def test_what_passes_through_float32_inside_is_not_told_apart(whole, lopsided, verdict):
    model = DiffusionModel(Euclidean(1, 8, 8), Single(whole, lopsided))
    action = ImageAction(Cyclic(4))
    x = normal((1, 8, 8), seed=0, stream=Stream.METRIC, item=torch.arange(8), dtype=torch.float64)
    found = certified_denoiser(model, model, probed_elements(action), x, seed=0, condition={})
    claim = found.premise.claims[1]
    assert claim.verdict == verdict
    assert (claim.where == "it passes through float32 inside") == (verdict == "not told apart")
    assert 1e-9 < found.rough < 1e-6


def test_float64_throughout_has_no_steps():
    model = DiffusionModel(Euclidean(1, 8, 8), Gaussian(torch.zeros(1, 8, 8), Isotropic(1.0)).denoiser(EDM()))
    x = normal((1, 8, 8), seed=0, stream=Stream.METRIC, item=torch.arange(8), dtype=torch.float64)
    found = certified_denoiser(model, model, probed_elements(ImageAction(Cyclic(4))), x, seed=0, condition={})
    assert found.rough == 0.0


def test_the_claim_shows_the_row_of_its_verdict():
    level = CertifiedLevel("18 degrees", False, 1.0, 0.1, 0.1, 0.2001, "not told apart", None, None)
    nearer = replace(level, error=0.036, bound=0.0728, verdict="at the floor")
    further = replace(level, error=0.19, bound=0.2, verdict="at the floor")
    elements = probed_elements(ImageAction(SO2()))
    for rows in ([level, nearer, further], [further, level, nearer]):
        claim = denoiser_claims(rows, elements, (), 0.0, [], 0.0)[-1]
        assert (claim.measured, claim.bound, claim.verdict) == (0.1, 0.2001, "not told apart")


def test_rounding_alone_is_not_blamed_on_float32_inside():
    row = CertifiedLevel("90 degrees", True, 1.0, 2e-9, 0.0, 4e-9, "not told apart", 1e-3, 1e-2)
    for rough, where in ((0.0, ""), (1e-7, "it passes through float32 inside")):
        claim = denoiser_claims([row], probed_elements(ImageAction(Cyclic(4))), (), 0.0, [], rough)[1]
        assert (claim.verdict, claim.where) == ("not told apart", where)
