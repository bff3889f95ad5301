"""Digits as functions on the plane: pictures of the same digit at any angle and on any grid, without interpolation.

A digit of 8 x 8 pixels, framed by two pixels of zeros, has one trigonometric interpolant f of period 12. It is a
function of the plane, cut to a disk by a factor that depends on the radius alone,

    F(p) = f(p) m(|p|),      (R F)(p) = f(R^-1 p) m(|p|),

so that a rotated picture is a list of values of F at turned points. Nothing is interpolated from pixels, and the error
of a network on such pictures is the network's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.data.loading import load

__all__ = ["FRAME", "RADIUS", "ContinuousDigits", "continuous_digits"]

FRAME = 29
"""Pixels on a side of a picture, which show the 12 of a framed digit."""
RADIUS = 12.5
"""Of the disk outside which a picture is zero, in pixels."""

_PADDING = 2
_RIM = 2.0


@dataclass(frozen=True, eq=False)
class ContinuousDigits:
    """Some digits as functions on the plane.

    Args:
        samples: float64 (B, n, n), the framed digits.
        labels: int64 (B,).
        magnified: how much larger than usual they are drawn; above 1.1 they reach over the border of the frame.
        radius: of the disk in pixels; infinity for none.

    Example:
        >>> digits = continuous_digits(2)
        >>> upright, turned = digits.at(0.0), digits.at(math.pi / 2)
        >>> upright.shape, bool(torch.allclose(turned, upright.rot90(1, (2, 3)), atol=1e-12))
        (torch.Size([2, 1, 29, 29]), True)
    """

    samples: Tensor
    labels: Tensor
    magnified: float = 1.0
    radius: float = RADIUS

    def at(self, angle: float, *, margin: float = 0, finer: int = 1) -> Tensor:
        """The digits turned by an angle, read at the pixels of a frame.

        Args:
            angle: radians, counterclockwise.
            margin: pixels added to the frame on every side, a multiple of 1/2.
            finer: points per pixel along an axis; they reach from the first pixel's centre to the last's.

        Returns:
            float64 (B, 1, s, s), s = finer (FRAME + 2 margin - 1) + 1.

        Error: that of float64, 1e-14; the picture at a + pi/2 is the picture at a turned.
        """
        last = finer * round(FRAME - 1 + 2 * margin)
        along = (torch.arange(last + 1, dtype=torch.float64) - last / 2) / finer
        x, y = torch.meshgrid(along, -along, indexing="xy")
        cos, sin = math.cos(angle), math.sin(angle)
        n = self.samples.shape[-1]
        scale = n / FRAME / self.magnified
        right, up = scale * (cos * x + sin * y), scale * (cos * y - sin * x)
        inside = 1.0 if math.isinf(self.radius) else _disk(torch.hypot(x, y), self.radius)
        # beyond its own frame the periodic function begins again: there the picture is empty
        inside = inside * ((right.abs() <= n / 2) & (up.abs() <= n / 2))
        columns, rows = _dirichlet(right, n), _dirichlet(-up, n)
        read = torch.einsum("xyr,brc,xyc->bxy", rows, self.samples, columns)
        return (read * inside)[:, None]


def continuous_digits(count: int, seed: int = 0) -> ContinuousDigits:
    """The first held-out digits of the bundled set.

    Args:
        count: how many, up to 450.
        seed: of the split; `equigen.labs.digits_in_poses.posed_digits` of the same seed trains on the others.
    """
    held_out = load("digits").split(seed=seed)[1].subset(slice(0, count))
    assert held_out.labels is not None
    samples = torch.nn.functional.pad(held_out.x[:].double()[:, 0], (_PADDING,) * 4)
    return ContinuousDigits(samples, held_out.labels)


def _disk(radius: Tensor, largest: float) -> Tensor:
    """1 up to the rim, then down to 0 at the largest radius as cos^2."""
    return torch.sin(0.5 * math.pi * ((largest - radius) / _RIM).clamp(0.0, 1.0)).square()


def _dirichlet(place: Tensor, n: int) -> Tensor:
    """The trigonometric interpolant's weights of n samples, n even, at places from the middle: (*, n)."""
    phase = 2.0 * math.pi / n * (place[..., None] - (torch.arange(n, dtype=torch.float64) - (n - 1) / 2))
    waves = torch.ones_like(phase)
    for k in range(1, n // 2 + 1):
        waves += (1.0 if 2 * k == n else 2.0) * torch.cos(k * phase)
    return waves / n
