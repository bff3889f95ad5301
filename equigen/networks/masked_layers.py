"""Convolution and group norm of images of which some pixels are not valid: those pixels influence nothing.

Before a convolution they are zero, as what lies beyond the border is; the norm takes its mean and variance over the
valid pixels. So an image in the corner of a larger canvas, with a mask of its own rectangle, gives what it gives alone.
A mask is bool (B, 1, H, W), True where a pixel is valid; without one these are torch's own layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MaskedConv2d", "MaskedGroupNorm", "coarser", "require_mask"]


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees zeros in place of invalid pixels.

    Example:
        >>> layer = MaskedConv2d(1, 1, 3, padding=1, bias=False)
        >>> x, mask = torch.tensor([[[[2.0, torch.nan]]]]), torch.tensor([[[[True, False]]]])
        >>> bool((layer(x, mask) == layer(torch.tensor([[[[2.0, 0.0]]]]))).all())
        True
    """

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, out, H', W') from (B, in, H, W) and the mask of its pixels."""
        return super().forward(input if mask is None else torch.where(mask, input, 0.0))


class MaskedGroupNorm(nn.GroupNorm):
    """A group norm with the mean and the variance of the valid pixels.

    At invalid pixels it returns its bias: a finite number, whatever stood there.

    Example:
        >>> x, mask = torch.tensor([[[[1.0, 3.0, torch.nan]]]]), torch.tensor([[[[True, True, False]]]])
        >>> MaskedGroupNorm(1, 1, eps=0.0)(x, mask).tolist()
        [[[[-1.0, 1.0, 0.0]]]]
    """

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, H, W) from (B, C, H, W) and the mask of its pixels."""
        if mask is None:
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, torch.float32)).unflatten(1, (self.num_groups, -1))
        valid, axes = mask[:, None], (2, 3, 4)
        count = valid.sum(axes, keepdim=True).clamp(min=1) * x.shape[2]
        mean = torch.where(valid, x, 0.0).sum(axes, keepdim=True) / count
        centred = torch.where(valid, x - mean, 0.0)
        variance = centred.square().sum(axes, keepdim=True) / count
        weight, bias = (p.unflatten(0, (self.num_groups, -1))[..., None, None] for p in (self.weight, self.bias))
        y = torch.addcmul(bias, centred, weight * torch.rsqrt(variance + self.eps))
        return y.flatten(1, 2).to(input.dtype)


def coarser(mask: Tensor, factor: int = 2) -> Tensor:
    """The mask at half the sides, rounded up: a pixel is valid if any of the four that it stands for is.

    These four are what nearest upsampling makes of the pixel, and what a convolution with stride 2 sees of them.

    Args:
        mask: bool (B, 1, H, W).
        factor: pixels of a side that one pixel stands for, if not 2.

    Example:
        >>> coarser(torch.tensor([[[[True, True, False, False, True]]]])).tolist()
        [[[[True, False, True]]]]
    """
    return functional.max_pool2d(mask.float(), factor, ceil_mode=True) > 0.0


def require_mask(mask: Tensor, x: Tensor) -> None:
    """Refuse a mask that is not one of these images.

    Args:
        mask: bool (B, 1, H, W) is needed.
        x: images (B, C, H, W).

    Raises:
        ValueError: another shape or type.
    """
    needed = (x.shape[0], 1, *x.shape[2:])
    if mask.dtype != torch.bool or tuple(mask.shape) != needed:
        raise ValueError(
            f"structure is {mask.dtype} of shape {tuple(mask.shape)}, but images {tuple(x.shape)} need a bool mask "
            f"{needed}, True where a pixel is valid: structure = valid[:, None] > 0."
        )
