"""Finer grids for images: the trigonometric polynomial through the pixels, read at more places of the same frame.

A row of n pixels, with centres u_j = j - (n - 1)/2, has one interpolant of period n without frequencies above n/2 and,
where n is even, without the wave cos(pi v), which is 0 at all centres,

    f(v) = sum_j x_j D(v - u_j),      D(t) = (1/n) sum_{|k| <= n/2} w_k cos(2 pi k t / n),

w_k = 1, and 1/2 at k = +-n/2 where n is even. It is read at m places that divide the same frame, v_i = (i - (m - 1)/2)
n/m. This is zero-padding of the Fourier coefficients, with the phase of a shift by (n/m - 1)/2 pixels that keeps the
middle of the frame where it is. Since D is even, reading backwards is reading the row reversed; columns are treated as
rows are; so a quarter turn or a flip before equals one after.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["upsampled"]


def upsampled(x: Tensor, size: int) -> Tensor:
    """Read square images on a finer grid of the same frame, by zero-padding of their Fourier coefficients.

    The frame is taken as periodic: what touches its border goes on at the opposite one. Frame the images by two pixels
    of zeros (of the colour of their border) first: torch.nn.functional.pad(x, (2, 2, 2, 2)).

    Args:
        x: (B, C, n, n), real.
        size: pixels on a side of the result, n or more.

    Returns:
        (B, C, size, size), of the same dtype and device: the interpolant at the centres of the new pixels, which lie
        n/size old pixels apart. Nothing of it lies above n/size of the new grid's highest frequency. Values leave the
        range of the image where neighbours differ much: the bundled digits, in [0, 1], reach from -.6 to 1.4.

    Raises:
        TypeError: images that are not floating-point numbers.
        ValueError: no batch of square images, or a size below theirs.

    Error: none but rounding for images without frequencies of n/2 or more; at n/2 only the part that the pixels see
        comes back, sin(pi v) and not cos(pi v) in centred pixels v. Quarter turns and flips commute with it up to
        rounding. Computed in float64 for float64, else in float32.

    Example:
        >>> wave = torch.cos(2 * torch.pi * (torch.arange(4) - 1.5) / 4).expand(1, 1, 4, 4)
        >>> upsampled(wave, 6)[0, 0, 0].mul(1000).round().int().tolist()
        [-866, 0, 866, 866, 0, -866]
    """
    _require(x, size)
    working = torch.promote_types(x.dtype, torch.float32)
    reading = _reading(x.shape[-1], size).to(device=x.device, dtype=working)
    return (reading @ x.to(working) @ reading.mT).to(x.dtype)


def _reading(n: int, m: int) -> Tensor:
    """The matrix (m, n) of D(v_i - u_j), float64."""
    old = torch.arange(n, dtype=torch.float64) - (n - 1) / 2
    new = (torch.arange(m, dtype=torch.float64) - (m - 1) / 2) * (n / m)
    phase = 2.0 * math.pi / n * (new[:, None] - old)
    kernel = torch.ones_like(phase)
    for k in range(1, n // 2 + 1):
        kernel += (1.0 if 2 * k == n else 2.0) * torch.cos(k * phase)
    return kernel / n


def _require(x: Tensor, size: int) -> None:
    if not x.is_floating_point():
        raise TypeError(f"x is {x.dtype}, but images are interpolated in floating point: upsampled(x.float(), {size}).")
    if x.ndim != 4 or x.shape[-2] != x.shape[-1]:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but square images (B, C, n, n) are needed: pad the shorter side by zeros."
        )
    if size < x.shape[-1]:
        raise ValueError(
            f"size is {size} and the images have {x.shape[-1]} pixels on a side, but they can only become larger: "
            f"take size={x.shape[-1]} or more."
        )
