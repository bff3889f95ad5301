"""Plane rotations of images: quarter turns exactly, every other angle by three shears in Fourier space.

A rotation is a product of three shears, which move whole rows or whole columns:

    R(a) = X(-tan(a/2)) Y(sin a) X(-tan(a/2)),        X(t) = [[1, t], [0, 1]],   Y(s) = [[1, 0], [s, 1]],

and a row is moved by any real distance d by multiplying its Fourier coefficients by exp(-2 pi i k d). The nearest
quarter turn is made first, so that the shears never turn by more than 45 degrees.

Convention: x runs to the right, y up, row 0 stands on top, the centre is the middle of the frame; angles in radians,
counterclockwise as looked at. (R f)(p) = f(R^-1 p): the picture turns with the angle.

Source: M. Unser, P. Thevenaz, L. Yaroslavsky, Convolution-based interpolation for fast, high-quality rotation of
images, 1995; K. Larkin, M. Oldfield, H. Klemm, Fast Fourier method for the accurate rotation of sampled
images, 1997.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["disk_mask", "is_quarter_turn", "rotate", "rotate_back"]

_QUARTER = math.pi / 2


def rotate(x: Tensor, angle: float | Tensor) -> Tensor:
    """Rotate images about the middle of their frame; what leaves the frame is lost, what enters it is zero.

    Differentiable in the images and, where it is a tensor, in the angle (at quarter turns too).

    Args:
        x: (B, ..., H, W), real.
        angle: () or (B,), radians, counterclockwise; a Python number counts as a constant.

    Returns:
        Images of the same dtype. The frame turns with the nearest quarter turn: (H, W) for angles nearer to 0 or pi,
        (W, H) for angles nearer to pi/2 or 3 pi/2; rotate(x, a + pi/2) is rotate(rot90 of x, a).

    Raises:
        TypeError: images or angles that are not floating-point numbers.
        ValueError: shapes other than these; angles that are not finite; angles whose frames differ, in one batch of
            rectangular images.

    Error: none at multiples of pi/2 (within 8 units in the last place of the angle). Elsewhere, relative to a wave
        of one frequency under a Gaussian window that vanishes towards the rim, the worst of all angles (those near 45
        degrees) and of all directions of the wave (those near 20 degrees from an axis), in float64:

            frequency (1 is Nyquist's)    0       .25     .5      .7
            28 x 28, window of 2.75       1e-6    2e-6    5e-4    8e-2
            64 x 64, window of 6          3e-7    4e-7    4e-7    5e-5

        The last of 28 x 28 is due to the window, which is itself .12 of Nyquist's frequency wide. Float32 adds 4e-7,
        half precision is computed in it. White noise keeps .96 of its variance on the disk.

    Example:
        >>> x = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
        >>> rotate(x, math.pi / 2)[0, 0].tolist()
        [[0.0, 0.0], [1.0, 0.0]]
        >>> x = torch.exp(-torch.linspace(-3, 3, 16)[:, None] ** 2 - torch.linspace(-3, 3, 16) ** 2)[None]
        >>> bool((rotate(x, 0.3) - x).abs().max() < 1e-3)
        True
    """
    angles = torch.as_tensor(angle, dtype=torch.float64) if not isinstance(angle, Tensor) else angle
    _require(x, angles)
    turns, rest = _split(angles)
    turned = _quarter_turns(x, turns)
    exact = is_quarter_turn(angles)
    if x.numel() == 0 or (not _differentiated(angles) and bool(exact.all())):
        return turned
    working = torch.promote_types(x.dtype, torch.float32)
    sheared = _shear_three_times(turned.to(working), rest.to(device=x.device, dtype=working)).to(x.dtype)
    # At a quarter turn the value is that of the permutation, the derivatives are those of the shears.
    whole = turned.detach() + (sheared - sheared.detach())
    exact = exact.to(x.device).reshape(-1, *(1,) * (x.ndim - 1)) if exact.ndim else exact.to(x.device)
    return torch.where(exact, whole, sheared)


def rotate_back(x: Tensor, angle: float | Tensor) -> Tensor:
    """Rotate by minus an angle, by shears in another order than `rotate` takes.

    Shears undo shears, with whatever they aliased: rotate(rotate(x, a), -a) hides three quarters of the error on white
    noise at 45 degrees. This function goes back through columns, rows, columns, so that coming back
    errs for itself.

    Args:
        x: (B, ..., H, W), real.
        angle: () or (B,), radians, as it was given to `rotate`.

    Returns:
        Images of the same dtype, in the frame from which `rotate` would have come.

    Raises:
        TypeError, ValueError: as `rotate`.

    Error: of going and coming back, relative to that of going alone: the median over angles is .7 to 1.4 in bands
        up to .7 of Nyquist; less within some degrees of quarter turns.

    Example:
        >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> rotate_back(rotate(x, math.pi / 2), math.pi / 2)[0, 0].tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    angle = angle if isinstance(angle, Tensor) else torch.as_tensor(angle, dtype=torch.float64)
    quarters = _QUARTER * torch.round(angle.detach().double() / _QUARTER)
    # A picture is transposed by a reflection, under which angles change their sign and rows become columns.
    rest = (angle.double() - quarters).to(angle.dtype)
    return rotate(rotate(x.mT, rest).mT, -quarters)


def is_quarter_turn(angle: Tensor) -> Tensor:
    """Tell the multiples of pi/2, within 8 units in the last place of the angle's dtype (of pi at least).

    Args:
        angle: (*), radians.

    Returns:
        (*), bool.

    Example:
        >>> is_quarter_turn(torch.tensor([0.0, math.pi / 2, 0.8, 7 * math.pi])).tolist()
        [True, True, False, True]
    """
    angle = angle.detach()
    rest = angle.double() - _QUARTER * torch.round(angle.double() / _QUARTER)
    return rest.abs() <= 8.0 * torch.finfo(angle.dtype).eps * angle.double().abs().clamp(min=math.pi)


def disk_mask(
    height: int,
    width: int,
    *,
    rim: float = 2.0,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Keep the largest disk of a frame: the part that no rotation carries out of it.

    1 up to some pixels from the rim, then down to 0 at the rim r = min(H, W)/2 as cos^2: a sharp rim would itself be
    what interpolation gets wrong.

    Args:
        height: H, of the frame.
        width: W.
        rim: over which it goes down, in pixels.
        dtype: of the result; torch's default where it is None.
        device: of the result.

    Returns:
        (H, W), in [0, 1], unchanged by quarter turns and flips of a square frame.

    Error: of turning the mask itself between quarter turns, relative, the worst angle, on 28 x 28 pixels: 2e-2 at a
        rim of 2, 4e-3 at 4, 1e-3 at 8.

    Example:
        >>> disk_mask(5, 5).mul(100).round().int().tolist()
        [[0, 4, 15, 4, 0], [4, 57, 85, 57, 4], [15, 85, 100, 85, 15], [4, 57, 85, 57, 4], [0, 4, 15, 4, 0]]
    """
    x, y = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2 for size in (width, height))
    radius = torch.sqrt(x.square() + y[:, None].square())
    inside = ((min(height, width) / 2 - radius) / rim).clamp(0.0, 1.0)
    return torch.sin(_QUARTER * inside).square().to(dtype=dtype or torch.get_default_dtype(), device=device)


def _require(x: Tensor, angle: Tensor) -> None:
    """Refuse what is no batch of images, and angles that do not fit it."""
    if not x.is_floating_point() or not angle.is_floating_point():
        raise TypeError(
            f"x is {x.dtype} and angle {angle.dtype}, but images are rotated in floating point: "
            "rotate(x.float(), angle.double())."
        )
    if x.ndim < 3:
        raise ValueError(f"x has shape {tuple(x.shape)}, but images come as (B, ..., H, W): rotate(x[None], angle).")
    if angle.shape not in ((), x.shape[:1]):
        raise ValueError(
            f"angle has shape {tuple(angle.shape)}, but {x.shape[0]} images take one angle () or one each, "
            f"({x.shape[0]},)."
        )
    if not bool(torch.isfinite(angle).all()):
        raise ValueError(f"angle is {angle.tolist()}, but pictures turn by a finite angle in radians: rotate(x, 0.5).")


def _differentiated(angle: Tensor) -> bool:
    """Whether something may ask for a derivative by the angle, backward or forward."""
    return angle.requires_grad or torch.autograd.forward_ad.unpack_dual(angle).tangent is not None


def _split(angle: Tensor) -> tuple[list[int], Tensor]:
    """The numbers of quarter turns, one or one per image, and the angles that are left, in [-pi/4, pi/4]."""
    turns = torch.round(angle.detach().double() / _QUARTER)
    rest = angle.double() - _QUARTER * turns
    return [int(turn) for turn in turns.reshape(-1).tolist()], rest


def _quarter_turns(x: Tensor, turns: list[int]) -> Tensor:
    """The images turned by their numbers of quarter turns."""
    if len(set(turns)) < 2:
        return torch.rot90(x, turns[0] if turns else 0, (-2, -1))
    if x.shape[-2] != x.shape[-1] and len({turn % 2 for turn in turns}) > 1:
        raise ValueError(
            f"images of {x.shape[-2]} x {x.shape[-1]} are turned by angles of both frames, near 0 and near pi/2, but a "
            "batch has one frame: rotate the two kinds of angles one after the other."
        )
    return torch.stack([torch.rot90(image, turn, (-2, -1)) for image, turn in zip(x, turns, strict=True)])


def _shear_three_times(x: Tensor, angle: Tensor) -> Tensor:
    """The images turned by angles in [-pi/4, pi/4], on a frame of twice the size in between."""
    height, width = x.shape[-2:]
    angle = angle.reshape(-1, *(1,) * (x.ndim - 1)) if angle.ndim else angle
    column = torch.arange(2 * width, dtype=x.dtype, device=x.device) - (width // 2 + (width - 1) / 2)
    row = (height - 1) / 2 - torch.arange(height, dtype=x.dtype, device=x.device)
    along_rows = torch.tan(angle / 2) * row[:, None]
    x = torch.nn.functional.pad(x, (width // 2, width - width // 2))
    x = _shift(x, along_rows, 2 * width)
    x = torch.nn.functional.pad(x.mT, (height // 2, height - height // 2))
    x = _shift(x, torch.sin(angle) * column[:, None], 2 * height)
    x = x[..., height // 2 : height // 2 + height].mT
    x = _shift(x, along_rows, 2 * width)
    return x[..., width // 2 : width // 2 + width]


def _shift(x: Tensor, distance: Tensor, size: int) -> Tensor:
    """Read each row of x (..., n, size) at its places plus a distance (..., n, 1), as a periodic signal."""
    frequency = torch.fft.rfftfreq(size, dtype=x.dtype, device=x.device)
    phase = 2.0 * math.pi * distance * frequency
    return torch.fft.irfft(torch.fft.rfft(x) * torch.complex(torch.cos(phase), torch.sin(phase)), n=size)
