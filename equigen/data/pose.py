"""Every image in a pose of its own: drawn once for each place in the set, whatever the batch, the limit or the process.

Quarter turns are those of `numpy.rot90`, counterclockwise as the image is looked at, and move numbers without
changing one. Rotations are counterclockwise by an angle uniform in [0, 2 pi) about the centre of the frame, by the
cubic spline through the pixels; what lies outside the image is the median of its border pixels, channel by channel,
and no number leaves the range of its image.

With a mask, invalid pixels take the mean of their valid neighbours before the spline sees them, so that they influence
nothing; a rotated pixel is valid where half or more of what it is interpolated from is valid, and nothing outside is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from equigen.data.spline import resample
from equigen.random import Stream, integers, uniform

__all__ = ["Poses", "rotated"]

_REACH = 4  # pixels around a mask that are filled from their neighbours; the spline's weights beyond are below 1 %
_NUMBERS = 1 << 16  # that are worked on at once: they stay in the processor's cache


@dataclass(frozen=True)
class Poses:
    """The poses of a set's images.

    Args:
        kind: "quarter-turns" or "rotations".
        seed: the poses are a pure function of it and of an image's number in the set.

    Example:
        >>> turned, _ = Poses("quarter-turns", seed=0)(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([2]))
        >>> turned.flatten().tolist()
        [1.0, 3.0, 0.0, 2.0]
    """

    kind: Literal["quarter-turns", "rotations"]
    seed: int = 0

    @property
    def note(self) -> str:
        """What was done to the images, as one clause."""
        how = {
            "quarter-turns": "turned by 0, 1, 2 or 3 quarter turns",
            "rotations": "rotated about its centre by any angle (cubic splines, outside the median of its border)",
        }[self.kind]
        return f"every image was {how}, drawn for it once (seed {self.seed})"

    def turns(self, item: Tensor) -> Tensor:
        """Quarter turns of images by their numbers in the set: int64 (B,) in 0 .. 3."""
        return integers(4, (), seed=self.seed, stream=Stream.POSE, item=item)

    def angles(self, item: Tensor) -> Tensor:
        """Angles of images by their numbers in the set: float64 (B,) in [0, 2 pi)."""
        drawn = uniform((), seed=self.seed, stream=Stream.POSE, item=item, draw=1, dtype=torch.float64)
        return math.tau * drawn

    def __call__(self, x: Tensor, item: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Images in their poses, and their masks.

        Args:
            x: images (B, C, H, W).
            item: their numbers in the set, int64 (B,).
            valid: their masks, bool (B, 1, H, W).

        Returns:
            Both of the same shapes; invalid pixels are 0.
        """
        if self.kind == "quarter-turns":
            turns = self.turns(item)
            return _turned(x, turns), None if valid is None else _turned(valid, turns)
        angles, out, seen = self.angles(item), torch.empty_like(x), None if valid is None else torch.empty_like(valid)
        size = max(1, _NUMBERS // max(x[:1].numel(), 1))
        for first in range(0, len(x), size):
            part = slice(first, first + size)
            if valid is None or seen is None:
                out[part] = rotated(x[part], angles[part])
            else:
                nothing = torch.zeros(len(x[part]), 1, dtype=torch.float64)
                seen[part] = resample(valid[part].double(), angles[part], nothing, linear=True) >= 0.5
                turned = rotated(_filled(x[part], valid[part]), angles[part])
                out[part] = torch.where(seen[part], turned, 0.0)
        return out, seen


def _turned(x: Tensor, turns: Tensor) -> Tensor:
    out = x.clone()
    for k in (1, 2, 3):
        chosen = turns == k
        out[chosen] = torch.rot90(x[chosen], k, (-2, -1))
    return out


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Images rotated counterclockwise about the centre of their frame, as the module says.

    Args:
        x: (B, C, H, W).
        angles: in radians, float64 (B,).

    Returns:
        float32, of the same shape.

    Example:
        >>> x = torch.arange(9.0).reshape(1, 1, 3, 3)
        >>> rotated(x, torch.tensor([math.pi / 2], dtype=torch.float64))[0, 0].round().tolist()
        [[2.0, 5.0, 8.0], [1.0, 4.0, 7.0], [0.0, 3.0, 6.0]]
    """
    border = torch.cat([x[..., 0, :], x[..., -1, :], x[..., :, 0], x[..., :, -1]], dim=-1).double()
    low, high = x.double().amin((-2, -1), keepdim=True), x.double().amax((-2, -1), keepdim=True)
    out = resample(x.double(), angles, border.median(-1).values)
    return out.clamp(low, high).float()


def _filled(x: Tensor, valid: Tensor) -> Tensor:
    """Invalid pixels near valid ones get the mean of these, ring by ring; the rest the middle of the valid range."""
    low = torch.where(valid, x.double(), torch.inf).amin((-2, -1), keepdim=True)
    high = torch.where(valid, x.double(), -torch.inf).amax((-2, -1), keepdim=True)
    x, known = torch.where(valid, x.double(), 0.0), valid.double()
    for _ in range(_REACH):
        total, count = _around(x * known), _around(known)
        ring = (known == 0) & (count > 0)
        x = torch.where(ring, total / count.clamp(min=1.0), x)
        known = torch.where(ring, 1.0, known)
    return torch.where(known > 0, x, (low + high) / 2)


def _around(x: Tensor) -> Tensor:
    """Sums over the 3 x 3 neighbours, added in one order whatever the batch."""
    wide = torch.nn.functional.pad(x, (1, 1, 1, 1))
    rows = wide[..., :-2, :] + wide[..., 1:-1, :] + wide[..., 2:, :]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
