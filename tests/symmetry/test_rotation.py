"""Rotation of images against pictures whose rotation is known, and against permutations of pixels."""

from __future__ import annotations

import math
from statistics import median

import pytest
import torch
from torch.nn import functional

from equigen.random import Stream, normal
from equigen.symmetry.rotation import disk_mask, is_quarter_turn, rotate, rotate_back
from tests.symmetry.waves import Waves, pixels, relative

SIZES = [(8, 8), (9, 9), (6, 9), (1, 4)]
DEGREES = [3, 20, 44, 46, 77, 100, 130, 170, 200, 260, 300, 350]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return normal(shape, seed=seed, stream=Stream.LAW, dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_quarter_turns_move_pixels_and_nothing_else(size, dtype):
    x = noise(2, 3, *size).to(dtype)
    for turns in range(-5, 10):
        wanted = torch.rot90(x, turns, (-2, -1))
        for angle in (turns * math.pi / 2, torch.tensor(turns * math.pi / 2)):
            assert torch.equal(rotate(x, angle), wanted)
            assert torch.equal(rotate_back(wanted, angle), x)
    assert not torch.equal(rotate(x, 0.2), x)


def bilinear(x, angle):
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, -s, 0.0], [s, c, 0.0]], dtype=x.dtype).expand(len(x), 2, 3)
    grid = functional.affine_grid(turn, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def worst_of_angles(turn, band, size, w):
    waves = Waves.of_band(band, w)
    found = [(turn(waves.image(*size), math.radians(degrees)), math.radians(degrees)) for degrees in DEGREES]
    return max(relative(y, waves.moved(angle).image(*y.shape[-2:])) for y, angle in found)


@pytest.mark.parametrize("size", [(28, 28), (29, 29), (28, 34)])
@pytest.mark.parametrize(("band", "within"), [(0.0, 3e-6), (0.25, 5e-6), (0.5, 3e-4), (0.7, 6e-2)])
def test_pictures_of_one_band_turn_as_their_formula_does(size, band, within):
    assert worst_of_angles(rotate, band, size, 2.75) <= within


@pytest.mark.parametrize(("band", "within"), [(0.25, 6e-7), (0.5, 6e-7), (0.7, 2e-5)])
def test_larger_pictures_err_less(band, within):
    assert worst_of_angles(rotate, band, (64, 64), 6.0) <= within


@pytest.mark.parametrize(
    ("size", "w", "errors"),
    [
        (28, 2.75, {0.0: 1e-6, 0.25: 2e-6, 0.5: 5e-4, 0.7: 8e-2}),
        (64, 6.0, {0.0: 3e-7, 0.25: 4e-7, 0.5: 4e-7, 0.7: 5e-5}),
    ],
)
@pytest.mark.parametrize("band", [0.0, 0.25, 0.5, 0.7])
def test_the_documented_error_is_the_worst_of_angles_and_directions(size, w, errors, band):
    worst, within = 0.0, errors[band]
    for degrees in range(0, 180, 3) if band else [0]:
        turn = math.radians(degrees)
        k = math.pi * band * torch.tensor([[math.cos(turn), math.sin(turn)]], dtype=torch.float64)
        for phase in (0.0, math.pi / 2)[: 2 if band else 1]:
            waves = Waves(k, torch.zeros_like(k), torch.tensor([phase], dtype=torch.float64), w)
            for angle in (-0.78, -0.6, 0.6, 0.78):
                truth = waves.moved(angle).image(size, size)
                worst = max(worst, relative(rotate(waves.image(size, size), angle), truth))
    assert within / 3 <= worst <= within


def test_an_empty_batch_stays_empty():
    assert rotate(torch.zeros(0, 1, 4, 4), 0.3).shape == (0, 1, 4, 4)
    assert rotate(torch.zeros(0, 1, 4, 6), math.pi / 2).shape == (0, 1, 6, 4)
    assert rotate(torch.zeros(0, 1, 4, 4), torch.zeros(0)).shape == (0, 1, 4, 4)
    assert rotate_back(torch.zeros(0, 1, 4, 4), torch.zeros(0)).shape == (0, 1, 4, 4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, a: rotate(x, -a),
        bilinear,
        lambda x, a: rotate(x, a).roll(1, -1),
        lambda x, a: rotate(functional.pad(x, (0, 1, 0, 1)), a)[..., :-1, :-1],
    ],
    ids=["clockwise", "bilinear", "one pixel aside", "half a pixel aside"],
)
def test_wrong_rotations_are_seen(wrong):
    assert worst_of_angles(wrong, 0.25, (28, 28), 2.75) >= 1e-2


def test_float32_and_half_precision():
    x = Waves.of_band(0.25, 6.0).image(64, 64)
    exact = rotate(x, 0.5)
    for dtype, within in ((torch.float32, 2e-6), (torch.float16, 2e-3), (torch.bfloat16, 1e-2)):
        y = rotate(x.to(dtype), 0.5)
        assert y.dtype == dtype
        assert relative(y.double(), exact) <= within


def test_white_noise_keeps_its_variance():
    x, disk = noise(32, 1, 28, 28), disk_mask(28, 28, dtype=torch.float64)
    kept = (rotate(x, 0.6) * disk).square().sum() / (x * disk).square().sum()
    smoothed = (bilinear(x, 0.6) * disk).square().sum() / (x * disk).square().sum()
    assert 0.93 < kept < 1.0
    assert smoothed < 0.6


def test_the_frame_turns_with_the_nearest_quarter():
    x = noise(1, 1, 6, 9)
    shapes = [tuple(rotate(x, math.radians(d)).shape[-2:]) for d in (0, 44, 46, 90, 134, 136, -46)]
    assert shapes == [(6, 9), (6, 9), (9, 6), (9, 6), (9, 6), (6, 9), (9, 6)]


def test_turning_a_quarter_first_and_flips():
    x = noise(2, 1, 7, 10)
    assert torch.allclose(rotate(torch.rot90(x, 1, (-2, -1)), 0.4), rotate(x, 0.4 + math.pi / 2), atol=1e-13)
    assert torch.allclose(rotate(x.flip(-2), -0.4), rotate(x, 0.4).flip(-2), atol=1e-13)


def test_one_angle_each():
    x, angles = noise(5, 2, 8, 8), torch.tensor([0.0, 0.3, math.pi / 2, 2.0, -1.0], dtype=torch.float64)
    together = rotate(x, angles)
    for k, angle in enumerate(angles.tolist()):
        assert torch.allclose(together[k : k + 1], rotate(x[k : k + 1], angle), atol=1e-13)
    assert torch.equal(together[2], torch.rot90(x[2], 1, (-2, -1)))


def test_no_leading_axis_is_special():
    x = noise(2, 3, 4, 8, 8)
    assert torch.allclose(rotate(x, 0.7)[:, 1, 2], rotate(x[:, 1, 2], 0.7), atol=1e-14)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, in forward mode
@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, 2.3])
def test_derivatives_by_picture_and_angle(angle):
    a = torch.tensor([angle, 0.1], dtype=torch.float64, requires_grad=True)
    x = noise(2, 1, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(rotate, (x, a), check_forward_ad=True)
    assert torch.autograd.gradcheck(lambda x: rotate(x, a.detach()), (x,))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, in forward mode
def test_the_derivative_at_zero_is_the_generator():
    waves = Waves.of_band(0.3, 3.5)
    x, slope, p = waves.image(32, 32), waves.gradient(32, 32)[0], pixels(32, 32)
    generator = p[..., 1] * slope[0] - p[..., 0] * slope[1]  # d/da f(R(-a) p) at a = 0
    zero = torch.zeros((), dtype=torch.float64)
    value, found = torch.func.jvp(lambda a: rotate(x, a), (zero,), (torch.ones_like(zero),))[:2]
    assert torch.equal(value, x)
    assert relative(found[0, 0], generator) <= 1e-4
    assert relative(-found[0, 0], generator) > 1.0  # the planted fault: the other sense


def test_going_back_errs_for_itself():
    waves = Waves.of_band(0.5, 2.75)
    x, there, back, undone = waves.image(28, 28), [], [], []
    for degrees in range(10, 360, 25):
        angle = math.radians(degrees)
        y = rotate(x, angle)
        there.append(relative(y, waves.moved(angle).image(28, 28)))
        back.append(relative(rotate_back(y, angle), x))
        undone.append(relative(rotate(y, -angle), x))
    ratio = median(b / t for b, t in zip(back, there, strict=True))
    assert 0.5 <= ratio <= 2.0
    y = rotate(noise(4, 1, 28, 28) * disk_mask(28, 28), 0.75)
    x = noise(4, 1, 28, 28) * disk_mask(28, 28)
    assert relative(rotate(y, -0.75), x) < 0.2 < 0.5 < relative(rotate_back(y, 0.75), x)


def test_going_back_finds_the_frame():
    x = Waves.of_band(0.2, 2.5).image(24, 34)
    angles = torch.tensor([1.2, 2.0], dtype=torch.float64)
    assert rotate(x, 1.2).shape[-2:] == (34, 24)
    assert relative(rotate_back(rotate(x, 1.2), 1.2), x) <= 1e-4
    together = rotate_back(rotate(x.repeat(2, 1, 1, 1), angles), angles)
    assert relative(together, x.repeat(2, 1, 1, 1)) <= 1e-4


def test_quarter_turns_are_told_by_their_dtype():
    turns = torch.arange(-20, 21) * (math.pi / 2)
    assert bool(is_quarter_turn(turns).all())
    assert bool(is_quarter_turn(torch.arange(-20, 21).double() * (math.pi / 2)).all())
    assert not bool(is_quarter_turn(turns.double() + 1e-5).any())
    assert not bool(is_quarter_turn(turns + 1e-4).any())


@pytest.mark.parametrize("size", [(16, 16), (17, 17), (12, 18)])
def test_the_disk(size):
    disk, radius = disk_mask(*size, dtype=torch.float64), pixels(*size).norm(dim=-1)
    assert bool((disk[radius >= min(size) / 2] == 0).all())
    assert bool((disk[radius <= min(size) / 2 - 2] == 1).all())
    assert bool(((disk >= 0) & (disk <= 1)).all())
    assert torch.equal(disk.flip(-1), disk)
    assert torch.equal(disk.flip(-2), disk)
    if size[0] == size[1]:
        assert torch.equal(torch.rot90(disk), disk)
    assert disk_mask(*size).dtype == torch.get_default_dtype()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: rotate(torch.zeros(1, 4, 4, dtype=torch.int64), 0.1), TypeError, "x.float()"),
        (lambda: rotate(torch.zeros(1, 4, 4), torch.tensor(1)), TypeError, "angle.double()"),
        (lambda: rotate(torch.zeros(4, 4), 0.1), ValueError, "x[None]"),
        (lambda: rotate(torch.zeros(3, 1, 4, 4), torch.zeros(2)), ValueError, "(3,)"),
        (lambda: rotate(torch.zeros(2, 1, 4, 6), torch.tensor([0.0, 1.6])), ValueError, "one frame"),
        (lambda: rotate(torch.zeros(1, 1, 4, 4), math.nan), ValueError, "a finite angle in radians: rotate(x, 0.5)"),
        (lambda: rotate(torch.zeros(2, 1, 4, 4), torch.tensor([0.0, math.inf])), ValueError, "finite angle"),
        (lambda: rotate_back(torch.zeros(1, 1, 4, 4), math.nan), ValueError, "finite angle"),
    ],
)
def test_what_cannot_be_rotated_is_refused(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
