"""The lab equivariance: its instruments against closed forms, its conclusions, and faults that turn them round."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from equigen.labs.digits_in_poses import posed_digits
from equigen.labs.equivariance.chapters import chapters
from equigen.labs.equivariance.concluding import Found, concluded, paragraph
from equigen.labs.equivariance.continuous_digits import ContinuousDigits, continuous_digits
from equigen.labs.equivariance.finer import finer_filter, finer_invariants
from equigen.labs.equivariance.lab import Equivariance
from equigen.labs.equivariance.measuring import bilinear, distances, drift, orbit, turning
from equigen.labs.equivariance.roster import REFERENCE, ROSTER, built, resampled, settled
from equigen.labs.equivariance.sizes import LAYERS, cells, hidden_by_a_mean, one_pixel
from equigen.labs.equivariance.splitting import aliasing, border, some_angles, split
from equigen.report.document import Document, render_document
from equigen.steerable.conv import SteerableConv2d
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
    assert float(one.without["border"].mean()) < 0.5 * float(one.whole.mean())
    assert float(one.shears.mean()) < 0.1 * float(one.linear.mean())


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
    assert on_map > 0.1
    assert 1e-9 < after_mean < 0.05 * on_map


@pytest.fixture(scope="module")
def found(data, reference, digits, taken_apart):
    """What the lab would have found, of fewer networks."""
    angles = torch.tensor([0.0, 0.4, math.pi / 2, 2.0], dtype=torch.float64)
    pictures, turnings = orbit(digits, angles), []
    for trained in (False, True):
        for name in ("plain", "C4", REFERENCE):
            network = reference if name == REFERENCE else settled(built(KINDS[name], 4, seed=0), data.train)
            turnings.append(turning(network, digits, pictures, angles, name, trained))
    few = {8: torch.full((3,), 0.1), 16: torch.tensor([1e-3, 2e-3, 3e-3]), 32: torch.full((3,), 1e-4)}
    sampled = {"elu": few, "relu": {n: 3 * v for n, v in few.items()}, "silu": few}
    smooth = {name: torch.full((3,), 1e-3) for name in ("SO(2) norm", "SO(2) gated")}
    double = copy.deepcopy(reference).double()
    sizes = [one_pixel(double, digits.at(0.0, margin=margin)) for margin in (0, 0.5, 16, 16.5)]
    splits = [taken_apart, type(taken_apart)(**{**vars(taken_apart), "trained": True})]
    edge = border(reference, digits, some_angles(1))
    return Found(turnings, splits, smooth, sampled, edge, cells(sizes=(29, 30)), sizes, (0.4, 1e-3))


def verdict(found, words):
    (one,) = [one for one in concluded(found) if words in one.claim]
    return one.verdict


def changed(found, **parts):
    return Found(**{**vars(found), **parts})


def test_the_answer_stands(found):
    text = paragraph(found, concluded(found))
    assert text.startswith("No, except at quarter turns. At quarter turns all steerable networks are exact")
    assert verdict(found, "untrained SO(2) network is invariant") == "no"
    assert verdict(found, "in float64") == verdict(found, "in float32") == "yes"
    assert verdict(found, "plain network moves more than SO(2)") == "yes"
    assert verdict(found, "untrained: the border does more") == "yes"
    assert verdict(found, "untrained: with all three removed") == "yes"
    assert verdict(found, "at 29 pixels") == "yes"
    assert verdict(found, "at 30 pixels") == "no"
    assert verdict(found, "the rule says") == "yes"


def test_faults_turn_the_conclusions(found):
    turned = [type(one)(**{**vars(one), "quarter64": 1e-3, "error": 0 * one.error}) for one in found.turnings]
    worse = changed(found, turnings=turned)
    assert verdict(worse, "in float64") == "no"
    assert verdict(worse, "the trained SO(2) network is invariant") == "yes"
    assert "Not even quarter turns are exact" in paragraph(worse, concluded(worse))
    assert verdict(worse, "plain network moves more") == "no"
    wrong = [type(one)(**{**vars(one), "planned": not one.planned}) for one in found.cells[:1]]
    assert verdict(changed(found, cells=[*wrong, *found.cells[1:]]), "the rule says") == "no"
    one = found.splits[0]
    swapped = {"border": one.alone["pixels"], "pixels": one.alone["border"], "samples": one.alone["samples"]}
    other = type(one)(**{**vars(one), "alone": swapped, "nothing": one.whole})
    parts = changed(found, splits=[other, found.splits[1]])
    assert verdict(parts, "untrained: the border does more") == "no"
    assert verdict(parts, "untrained: with all three removed") == "no"
    loud = {"SO(2) norm": torch.full((3,), 0.2), "SO(2) gated": torch.full((3,), 1e-3)}
    assert verdict(changed(found, smooth=loud), "norm activation leaves") == "no"


def test_the_page_is_written(found):
    page = render_document(Document("question", [], ["answer"], chapters(found, steps=1, seed=0)))
    for words in ("One pixel more", "Where it comes from", "What this does not show", "BlurPool on 26"):
        assert words in page


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="multiple of 4: take 32"):
        Equivariance(angles=30)
    with pytest.raises(ConfigError, match="images"):
        Equivariance(images=1)
