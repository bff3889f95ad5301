"""Images as coefficients on the disk, where every rotation and reflection is exact: products of irreps, not pixels.

With Zernike's polynomials R_n^m, n - m even and not negative, orthonormal on the disk of radius 1,

    f(r, theta) = sum over n, m of  N_nm R_n^m(r) (c_nm cos(m theta) + s_nm sin(m theta)),

a picture that turns by the angle a has coefficients that turn by m a, and one that is flipped upside down has -s:

    c' = c cos(m a) - s sin(m a),        s' = c sin(m a) + s cos(m a).

Pixels become coefficients by least squares over those in the largest disk of the frame; quarter turns and flips of the
pixels then are those of the coefficients, up to rounding, and other rotations of band-limited pictures nearly so.

Source: F. Zernike, 1934; A. Bhatia, E. Wolf, On the circle polynomials of Zernike and related orthogonal sets, 1954.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.groups.representation import Representation
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import ExactAction

__all__ = ["DiskAction", "disk_coefficients"]

_MOST = 12  # degree above which nothing is kept unless it is asked for: 91 numbers a channel


@dataclass(frozen=True)
class DiskAction(ExactAction):
    """Coefficients on the disk turn and flip with the picture that they stand for, and channels are mixed.

    Args:
        group: of the plane; coefficients are (B, C, 2, K), those of cosines before those of sines, as
            `disk_coefficients` gives them.
        channels: what mixes the channels; None leaves them as they are.

    Raises:
        TypeError: no group of the plane acts, but its name, say.

    Error: float rounding, at every angle.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> x = torch.arange(64.0, dtype=torch.float64).reshape(1, 1, 8, 8)
        >>> turned = DiskAction(SO2())(SO2().grid(4)[1], disk_coefficients(x))
        >>> bool((turned - disk_coefficients(torch.rot90(x, 1, (-2, -1)))).abs().max() < 1e-10)
        True
    """

    group: PlaneGroup
    channels: Representation | FieldType | None = None

    def __post_init__(self) -> None:
        require_plane_group(self.group)

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        """The coefficients of the pictures moved."""
        self._check(g, x)
        degree = _degree_of(x)
        angle, flip = (part.reshape(-1, 1, 1).to(x) for part in (g[..., 0], g[..., 1]))
        order = torch.tensor([m for _, m in _orders(degree)], dtype=x.dtype, device=x.device)
        turn = order * angle
        cos, sin = torch.cos(turn), torch.sin(turn)
        even, odd = x[:, :, 0], x[:, :, 1] * (1.0 - 2.0 * flip)
        moved = torch.stack((even * cos - odd * sin, even * sin + odd * cos), 2)
        if self.channels is None:
            return moved
        return (self.channels.matrix(g).to(x) @ moved.flatten(2)).reshape(x.shape)


def disk_coefficients(x: Tensor, degree: int | None = None) -> Tensor:
    """The Zernike coefficients of images, those nearest to them in the disk.

    Args:
        x: images (B, C, H, W), real.
        degree: the largest n; None: half the smaller side, at most 12. Above that pixels sample the rim so
            coarsely that pictures between quarter turns differ by it.

    Returns:
        (B, C, 2, K), K = (degree // 2 + 1)(degree - degree // 2 + 1) pairs of a cosine's and a sine's coefficient, the
        sine's 0 where m = 0.

    Raises:
        ValueError: no images, or a degree that their pixels do not tell apart.

    Error: none but rounding for polynomials of the degree. What lies above it is lost: of digits of 8 x 8 a third of
        the energy about their mean.

    Example:
        >>> wide = torch.ones(1, 1, 8, 8, dtype=torch.float64)
        >>> found = disk_coefficients(wide, degree=2)          # the constant is one coefficient, sqrt(pi)
        >>> found.shape, round(found[0, 0, 0, 0].item(), 4), bool(found.flatten()[1:].abs().max() < 1e-12)
        (torch.Size([1, 1, 2, 4]), 1.7725, True)
    """
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(f"x is {x.dtype} of shape {tuple(x.shape)}, but images (B, C, H, W) are needed: x[:, None].")
    side = min(x.shape[-2:])
    degree = min(side // 2, _MOST) if degree is None else degree
    if not 0 <= degree < side:
        raise ValueError(f"degree is {degree}, but {side} pixels tell 0 to {side - 1}: degree={min(side // 2, _MOST)}.")
    inside, basis = _sampled(x.shape[-2], x.shape[-1], degree)
    found = x.flatten(2).double().cpu()[..., inside] @ torch.linalg.pinv(basis).mT
    kept = torch.tensor([k for k, (_, m, odd) in enumerate(_columns(degree)) if m or not odd])
    whole = found.new_zeros((*found.shape[:2], len(_columns(degree))))
    whole[..., kept] = found
    return whole.reshape(*x.shape[:2], 2, -1).to(x)


def _orders(degree: int) -> list[tuple[int, int]]:
    """(n, m) of the polynomials up to a degree."""
    return [(n, m) for n in range(degree + 1) for m in range(n % 2, n + 1, 2)]


def _columns(degree: int) -> list[tuple[int, int, bool]]:
    """(n, m, whether a sine) of all coefficients, in their order."""
    return [(n, m, odd) for odd in (False, True) for n, m in _orders(degree)]


def _degree_of(x: Tensor) -> int:
    """The degree of coefficients (B, C, 2, K)."""
    pairs = x.shape[-1] if x.ndim == 4 and x.shape[-2] == 2 else 0
    degree = next((n for n in range(64) if len(_orders(n)) == pairs), None)
    if degree is None:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but the action is on coefficients (B, C, 2, K): disk_coefficients(images)."
        )
    return degree


def _sampled(height: int, width: int, degree: int) -> tuple[Tensor, Tensor]:
    """Which pixels lie in the disk, (H W) bool, and the polynomials at them, float64 (pixels, coefficients)."""
    across = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    up = (height - 1) / 2 - torch.arange(height, dtype=torch.float64)
    radius = torch.sqrt(across.square() + up[:, None].square()) / (min(height, width) / 2)
    angle = torch.atan2(up[:, None].expand_as(radius), across.expand_as(radius))
    inside = (radius <= 1.0).flatten()
    r, theta = radius.flatten()[inside], angle.flatten()[inside]
    columns = []
    for n, m, odd in _columns(degree):
        if odd and not m:
            continue
        wave = torch.sin(m * theta) if odd else torch.cos(m * theta)
        columns.append(math.sqrt((2 - (m == 0)) * (n + 1) / math.pi) * _radial(n, m, r) * wave)
    return inside, torch.stack(columns, 1)


def _radial(n: int, m: int, r: Tensor) -> Tensor:
    """R_n^m at radii."""
    total = torch.zeros_like(r)
    for k in range((n - m) // 2 + 1):
        choice = math.comb(n - k, k) * math.comb(n - 2 * k, (n - m) // 2 - k)
        total = total + (-1) ** k * choice * r ** (n - 2 * k)
    return total
