"""Finer grids: waves are read where they are, quarter turns commute, and what was planted is caught."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from equigen.symmetry.rotation import disk_mask, rotate, rotate_back
from equigen.symmetry.upsampling import upsampled

SIZES = [(8, 29), (7, 29), (8, 32), (7, 28), (12, 29), (5, 5), (6, 6), (1, 3), (9, 18)]


def noise(n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(2, 3, n, n, generator=torch.Generator().manual_seed(n), dtype=dtype)


def shifted_padding(x: Tensor, size: int) -> Tensor:
    """The fault: coefficients padded with zeros without the phase, so that the first pixel stays where it is."""
    n = x.shape[-1]
    spectrum = torch.fft.fftshift(torch.fft.fft2(x), dim=(-2, -1))
    low = size // 2 - n // 2
    wide = pad(spectrum, (low, size - n - low, low, size - n - low))
    return torch.fft.ifft2(torch.fft.ifftshift(wide, dim=(-2, -1))).real * (size / n) ** 2


def turning_error(upsample, n: int, size: int, elements: str = "turns") -> float:
    x = noise(n)
    moves = {
        "turns": [lambda x, k=k: torch.rot90(x, k, (-2, -1)) for k in (1, 2, 3)],
        "flips": [lambda x: x.flip(-1), lambda x: x.mT],
    }[elements]
    y = upsample(x, size)
    return max(float((upsample(move(x), size) - move(y)).abs().max()) for move in moves)


@pytest.mark.parametrize(("n", "size"), SIZES)
@pytest.mark.parametrize("elements", ["turns", "flips"])
def test_quarter_turns_and_flips_commute(n, size, elements):
    assert turning_error(upsampled, n, size, elements) < 1e-13


def test_padding_that_forgets_the_phase_is_caught():
    assert turning_error(shifted_padding, 8, 29) > 0.1


@pytest.mark.parametrize(("n", "size"), SIZES)
def test_waves_of_the_frame_are_read_where_they_are(n, size):
    old, new = ((torch.arange(m, dtype=torch.float64) - (m - 1) / 2) / m for m in (n, size))

    def wave(place: Tensor, k: int, l: int) -> Tensor:  # noqa: E741
        return torch.cos(math.tau * (k * place[:, None] + l * place) + 0.3)

    for k in range((n - 1) // 2 + 1):
        for l in range(-((n - 1) // 2), (n - 1) // 2 + 1):  # noqa: E741
            found = upsampled(wave(old, k, l)[None, None], size)[0, 0]
            assert torch.allclose(found, wave(new, k, l), atol=1e-12)


@pytest.mark.parametrize(("n", "size"), [(4, 9), (8, 29)])
def test_at_the_highest_frequency_the_part_that_the_pixels_see_comes_back(n, size):
    old, new = (torch.arange(m, dtype=torch.float64) * (n / m) + 0.5 * n / m - 0.5 * n for m in (n, size))

    def read(wave) -> tuple[Tensor, Tensor]:
        return upsampled(wave(math.pi * old).expand(1, 1, n, n), size)[0, 0, 0], wave(math.pi * new)

    found, expected = read(torch.sin)
    assert torch.allclose(found, expected, atol=1e-12)
    found, lost = read(torch.cos)
    assert float(found.abs().max()) < 1e-12
    assert float(lost.abs().max()) > 0.99


def test_at_aligned_places_it_is_zero_padding_of_the_coefficients():
    # An odd multiple of an odd size keeps every old centre among the new ones.
    x = noise(7)
    found = upsampled(x, 21)
    assert torch.allclose(found[..., 1::3, 1::3], x, atol=1e-13)
    spectrum = torch.fft.fft2(found)
    kept = torch.fft.fftfreq(21, 1 / 21).abs() <= 3
    assert spectrum[..., ~kept, :].abs().max() < 1e-11
    assert spectrum[..., :, ~kept].abs().max() < 1e-11


def test_the_mean_is_kept_and_the_same_size_changes_nothing():
    x = noise(8)
    assert torch.allclose(upsampled(x, 29).mean((-2, -1)), x.mean((-2, -1)), atol=1e-14)
    assert torch.allclose(upsampled(x, 8), x, atol=1e-14)


def test_framed_images_rotate_almost_without_error_and_those_repeated_pixel_by_pixel_do_not():
    x = noise(8).abs()

    def cost(y: Tensor) -> float:
        window = disk_mask(*y.shape[-2:], dtype=y.dtype)
        y = window * y
        return float((window * (rotate_back(rotate(y, 0.7), 0.7) - y)).norm() / y.norm())

    assert cost(upsampled(pad(x, (2, 2, 2, 2)), 30)) < 0.01
    assert cost(pad(x.repeat_interleave(3, -1).repeat_interleave(3, -2), (3, 3, 3, 3))) > 0.03


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_dtype_is_kept(dtype):
    found = upsampled(noise(8, torch.float32).to(dtype), 16)
    assert found.dtype == dtype
    exact = upsampled(noise(8, torch.float32).to(dtype).double(), 16)
    assert float((found.double() - exact).abs().max()) < 8 * torch.finfo(dtype).eps


def test_it_is_differentiable():
    x = noise(4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: upsampled(x, 6), x)


@pytest.mark.parametrize(
    ("x", "size", "error", "words"),
    [
        (torch.zeros(1, 1, 4, 4, dtype=torch.int64), 8, TypeError, r"upsampled\(x.float\(\), 8\)"),
        (torch.zeros(1, 4, 4), 8, ValueError, "square images"),
        (torch.zeros(1, 1, 4, 5), 8, ValueError, "pad the shorter side"),
        (torch.zeros(1, 1, 4, 4), 3, ValueError, "size=4 or more"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(x, size, error, words):
    with pytest.raises(error, match=words):
        upsampled(x, size)
