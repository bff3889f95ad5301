"""The lab equivariance: its instruments against closed forms, and faults that they find."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import pytest
import torch

from equigen.groups.plane_groups import SO2
from equigen.labs.digits_in_poses import posed_digits
from equigen.labs.equivariance import splitting
from equigen.labs.equivariance.continuous_digits import ContinuousDigits, continuous_digits
from equigen.labs.equivariance.finer import finer_filter, finer_invariants
from equigen.labs.equivariance.lab import Equivariance
from equigen.labs.equivariance.measuring import (
    bilinear,
    distances,
    drift,
    mean_error,
    orbit,
    over_trainings,
    turning,
)
from equigen.labs.equivariance.roster import REFERENCE, ROSTER, ROUND, built, resampled, settled
from equigen.labs.equivariance.sizes import LAYERS, cells, hidden_by_a_mean, one_pixel
from equigen.labs.equivariance.splitting import (
    SOURCES,
    aliasing,
    border,
    smooth_only,
    some_angles,
    split,
)
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.blur import BlurPool
from equigen.symmetry.rotation import rotate
from equigen.training.errors import ConfigError

KINDS = {kind.name: kind for kind in ROSTER}


@pytest.fixture(scope="module")
def data():
    return posed_digits(train=64, test=1)


@pytest.fixture(scope="module")
def reference(data):
    return settled(built(KINDS[REFERENCE], 7, seed=0), data.train)


@pytest.fixture(scope="module")
def digits():
    return continuous_digits(3)


@pytest.fixture(scope="module")
def taken_apart(reference, digits):
    return split(reference, digits, some_angles(1), trained=False)


def test_a_turned_digit_is_the_digit_at_turned_points(digits):
    """A picture of one wave: the interpolant is the wave itself, and turning it is turning its direction."""
    j = torch.arange(12, dtype=torch.float64) - 5.5
    wave = torch.cos(2 * math.pi * 2 * j / 12).expand(1, 12, 12)
    one = ContinuousDigits(wave, torch.zeros(1, dtype=torch.int64), radius=9.0)
    v = torch.arange(29, dtype=torch.float64) - 14
    x, y = torch.meshgrid(v, -v, indexing="xy")
    radius = torch.hypot(x, y)
    for angle in (0.0, 0.4, 2.0):
        along = (math.cos(angle) * x + math.sin(angle) * y) * 12 / 29
        inside = torch.sin(0.5 * math.pi * ((9.0 - radius) / 2.0).clamp(0, 1)) ** 2
        expected = torch.cos(2 * math.pi * 2 * along / 12) * inside
        assert torch.allclose(one.at(angle)[0, 0], expected, atol=1e-12)
    assert float((one.at(0.4) - one.at(-0.4)).abs().max()) > 0.5  # the planted fault: turned the wrong way


def test_frames_and_grids_hold_the_same_digit(digits):
    x = digits.at(0.7)
    assert torch.equal(x, digits.at(0.7, margin=3)[..., 3:-3, 3:-3])
    assert torch.allclose(x, digits.at(0.7, finer=2)[..., ::2, ::2], atol=1e-12)
    assert digits.at(0.7, margin=0.5).shape[-1] == 30
    assert torch.allclose(digits.at(0.7 + math.pi / 2), x.rot90(1, (2, 3)), atol=1e-12)
    assert float((rotate(x, 0.3) - digits.at(1.0)).norm() / x.norm()) < 0.02
    assert 0.02 < float((bilinear(x, 0.3) - digits.at(1.0)).norm() / x.norm()) < 0.1


def test_distances_are_those_of_unrelated_digits_at_the_square_root_of_two():
    still = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) + 100.0
    moved = torch.randn(4000, 3, generator=torch.Generator().manual_seed(1)) + 100.0
    root_mean_square = float(distances(moved[None], still).square().mean().sqrt())
    assert root_mean_square == pytest.approx(math.sqrt(2), rel=0.03)
    assert float(distances(still[None] + 1e-3, still).mean()) == pytest.approx(1e-3, rel=0.05)


def test_a_finer_filter_holds_the_filter_on_pixels(reference):
    for conv in [layer for layer in reference.trunk if isinstance(layer, SteerableConv2d)][:2]:
        same, rim = finer_filter(conv, 1), 2
        assert torch.allclose(same[..., rim:-rim, rim:-rim], conv.filter(), atol=1e-6)
        twice, middle = finer_filter(conv, 2), conv.kernel_size // 2
        offset = twice.shape[-1] // 2 - 2 * middle
        inside = twice[..., offset : twice.shape[-1] - offset : 2, offset : twice.shape[-1] - offset : 2]
        away = torch.ones(conv.kernel_size, conv.kernel_size, dtype=torch.bool)
        away[middle, middle] = False
        assert torch.allclose(4 * inside[..., away], conv.filter()[..., away], atol=1e-6)


@torch.no_grad()
def test_a_finer_grid_holds_the_network(reference, digits):
    x = digits.at(0.3).float()
    whole = reference.invariants(reference.trunk(x)).flatten(1)
    assert torch.allclose(finer_invariants(reference, 1)(x), whole, atol=1e-5)
    fine = finer_invariants(reference, 2)(digits.at(0.3, finer=2).float())
    assert 0.5 < float(fine.norm() / whole.norm()) < 2.0
    with pytest.raises(TypeError, match="no kernels between pixels"):
        finer_filter(next(m for m in built(KINDS["C4"], 4, 0).modules() if isinstance(m, SteerableConv2d)), 2)


@torch.no_grad()
def test_other_samples_share_the_weights(reference, digits):
    many, x = resampled(reference, 64), digits.at(0.3).float()
    assert resampled(many, 16)(x).sub(reference(x)).abs().max() == 0
    assert many(x).sub(reference(x)).abs().max() > 0


def test_what_is_exact_at_quarter_turns_and_what_is_not(data, digits):
    angles = torch.tensor([0.0, 0.3], dtype=torch.float64)
    pictures, found = orbit(digits, angles), {}
    for name in ("plain", "C4"):
        network = settled(built(KINDS[name], 4, seed=0), data.train)
        found[name] = turning(network, digits, pictures, angles, name, trained=False)
    assert found["C4"].quarter64 < 1e-11 < found["C4"].quarter32 < 1e-5
    assert found["plain"].quarter64 == pytest.approx(found["plain"].quarter32, rel=1e-3)
    assert found["plain"].quarter64 > 0.01
    assert found["C4"].mean > 0.01  # it promises nothing at other angles
    broken = settled(built(KINDS["C4"], 4, seed=0), data.train)
    # the planted fault: the frame is read more strongly to the right
    broken.trunk.layers[0].register_forward_pre_hook(lambda _, x: x[0] * torch.linspace(1, 2, 29).to(x[0]))
    assert turning(broken, digits, pictures, angles, "C4", trained=False).quarter64 > 1e-3


def test_the_sources_are_taken_apart(taken_apart):
    one = taken_apart
    assert float(one.alone["border"].mean()) > 2 * float(one.alone["pixels"].mean())
    assert float(one.nothing.mean()) < 0.1 * float(one.whole.mean())
    assert float(one.nothing.mean()) < 0.8 * float(one.alone["blurs"].mean())
    assert float(one.without["border"].mean()) < 0.5 * float(one.whole.mean())
    assert float(one.shears.mean()) < 0.1 * float(one.linear.mean())


def test_every_experiment_removes_what_it_says(reference, digits, monkeypatch):
    """The error is replaced by the sum of the marks of the sources that were left."""
    marks = dict(zip(SOURCES, (1.0, 2.0, 4.0, 8.0), strict=True))

    def told(function, pictures):
        samples, finer, blurs = function
        margin, points = pictures.tolist()
        assert finer == points
        left = {"border": margin == 0, "pixels": finer == 1, "samples": samples == 16, "blurs": blurs}
        assert margin in (0, splitting.MARGIN)
        return torch.full((2, 1), sum((marks[name] for name in SOURCES if left[name]), 0.0))

    def setting(network, finer, round_blurs=False):
        return network.samples, finer, not round_blurs

    monkeypatch.setattr(splitting, "drift", told)
    monkeypatch.setattr(splitting, "finer_invariants", setting)
    monkeypatch.setattr(splitting, "orbit", lambda *_, margin=0, finer=1: torch.tensor([margin, finer]))
    monkeypatch.setattr(splitting, "_added", lambda *_: torch.zeros(1))
    one = split(reference, digits, some_angles(1), trained=False)
    assert (float(one.whole), float(one.nothing)) == (15.0, 0.0)
    for name in SOURCES:
        assert float(one.alone[name]) == marks[name]
        assert float(one.without[name]) == 15.0 - marks[name]
    assert float(smooth_only(reference, digits, some_angles(1))) == marks["samples"]


def test_a_point_mass_keeps_its_weight_on_every_grid(reference):
    """In the middle stand a mass M and rings R: M + R on pixels, M + R/4 between, M + R/16 between these."""
    conv = next(layer for layer in reference.trunk if isinstance(layer, SteerableConv2d) and layer.kernel_size == 5)
    middles = []
    for finer in (1, 2, 4):
        dense = finer_filter(conv, finer).double()
        middles.append(dense[..., dense.shape[-2] // 2, dense.shape[-1] // 2])
    mass = (4 * middles[1] - middles[0]) / 3
    assert float(mass.norm()) > 0.1 * float(middles[0].norm())
    assert torch.allclose(mass, (16 * middles[2] - middles[0]) / 15, atol=1e-6)


@pytest.mark.parametrize("finer", [1, 2])
def test_a_round_blur_widens_a_gaussian_by_its_variance(finer):
    along = torch.arange(-20 * finer, 20 * finer + 1, dtype=torch.float64) / finer

    def gaussian(variance, at):
        line = torch.exp(-(at**2) / (2 * variance)) / variance**0.5
        return (line[:, None] * line)[None, None]

    layers = [BlurPool(FieldType(SO2(), "1x0e"), 5)]
    network = SimpleNamespace(trunk=layers, invariants=lambda x: x)
    found = finer_invariants(network, finer, round_blurs=True)(gaussian(2.0, along))  # binomial 1 4 6 4 1: variance 1
    assert torch.allclose(found, gaussian(3.0, along[::2]).flatten(1), atol=1e-6)
    window = finer_invariants(network, finer)(gaussian(2.0, along))
    assert 1e-4 < float((window - found).abs().max()) < 0.05  # the window is another one, of the same variance


def test_the_floors_are_those_of_the_angles_of_the_curve(reference, digits):
    angles = torch.tensor([0.0, 0.4], dtype=torch.float64)
    one = turning(reference, digits, orbit(digits, angles), angles, REFERENCE, trained=False)
    assert one.floor_angles.tolist() == [0.4]
    with torch.no_grad():
        still, exact = digits.at(0.0).float(), reference(digits.at(0.4).float())
        for turn, found in ((rotate, one.floor), (bilinear, one.linear)):
            spread = distances(reference(turn(still, 0.4))[None] - exact + reference(still), reference(still))
            assert torch.allclose(found, spread, rtol=1e-3, atol=1e-6)
    assert float(one.floor.mean()) < 0.1 * float(one.linear.mean())


def test_a_round_border_moves_less(data, reference, digits):
    angles = torch.tensor([0.0, 0.4, 2.0], dtype=torch.float64)
    pictures = orbit(digits, angles)
    assert [kind.name for kind in ROSTER if built(kind, 4, 0).disk] == [ROUND]
    found = [turning(reference, digits, pictures, angles, REFERENCE, trained=False)]
    network = settled(built(KINDS[ROUND], 7, seed=0), data.train)
    found.append(turning(network, digits, pictures, angles, ROUND, trained=False))
    assert found[1].mean < 0.6 * found[0].mean
    assert found[1].quarter64 < 1e-11


def test_errors_hold_networks_and_digits_and_are_wide_for_few():
    networks, few = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0.0, 1.0, 3.0, 4.0]])
    assert over_trainings(networks + few) == (
        pytest.approx(float((networks + few).mean())),
        pytest.approx(math.hypot(mean_error(networks[:, 0]), mean_error(few[0]))),
    )
    assert mean_error(networks[:, 0]) > 2 * float(networks.std()) / 3**0.5
    assert over_trainings(few)[1] == math.inf


def test_the_split_finds_a_planted_source(reference, digits):
    """Filters that are made coarser are found among the pixels, not at the border."""
    angles, worse = some_angles(1), copy.deepcopy(reference)
    whole = drift(finer_invariants(reference, 1), orbit(digits, angles, margin=32).float())[1:].mean()
    convs = [layer for layer in worse.trunk if isinstance(layer, SteerableConv2d)]
    plain = convs[1].filter().detach()
    convs[1].filter = lambda: plain * (1 + 0.3 * torch.arange(5) / 5)  # columns weigh differently
    found = drift(lambda x: worse.invariants(worse.trunk(x)).flatten(1), orbit(digits, angles, margin=32).float())
    assert float(found[1:].mean()) > 2 * float(whole)


def test_aliasing_falls_with_the_samples_and_faster_for_smooth_functions(data, digits):
    found = {}
    for name in ("SO(2) ReLU 16", "SO(2) SiLU 16"):
        network = settled(built(KINDS[name], 7, seed=0), data.train)
        found[name] = {n: float(v.mean()) for n, v in aliasing(network, digits, some_angles(2), (8, 16, 32)).items()}
        assert found[name][8] > found[name][16] > found[name][32]
    smooth, corner = found["SO(2) SiLU 16"], found["SO(2) ReLU 16"]
    assert smooth[32] < 1e-3 * smooth[8] < corner[32]


def test_room_and_a_disk_are_both_needed(reference, digits):
    found = border(reference, digits, some_angles(1))
    assert float(found.error[-1].mean()) < 0.4 * float(found.error[0].mean())
    both = float(found.overfull[True, True].mean())
    assert all(both < 0.5 * float(v.mean()) for key, v in found.overfull.items() if not all(key))


def test_the_rule_of_sizes_holds_and_a_wrong_rule_would_be_seen():
    some = cells(("convolution 3, stride 2, padding 1", "mean over 2 x 2", "blur 5, stride 2", "Downsample"), (29, 30))
    assert [one.planned for one in some] == [True, False, False, True, True, False, True, True]
    assert all(one.planned == (one.error <= 1e-11) for one in some)
    assert min(one.error for one in some if not one.planned) > 0.1
    assert len(LAYERS) == 10


def test_one_pixel_breaks_one_layer_and_a_mean_hides_it(data, digits):
    network = settled(built(KINDS["C4"], 4, seed=0), data.train).double()
    exact, broken = (one_pixel(network, digits.at(0.0, margin=margin)) for margin in (0, 0.5))
    assert exact.size == 29
    assert exact.logits < 1e-11
    assert exact.broken == []
    assert [step.kind for step in broken.broken] == ["BlurPool"]
    assert broken.logits > 1e-3
    assert broken.broken[0].own > 0.1
    assert all(step.own < 1e-12 for step in broken.steps if step.planned)
    on_map, after_mean = hidden_by_a_mean(digits.at(0.0, margin=0.5))
    assert on_map.shape == after_mean.shape == (3,)
    assert float(on_map.min()) > 0.1
    assert 1e-9 < float(after_mean.max()) < 0.05 * float(on_map.min())


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="multiple of 4: take 32"):
        Equivariance(angles=30)
    with pytest.raises(ConfigError, match="images"):
        Equivariance(images=1)
