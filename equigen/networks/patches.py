"""Images as squares of pixels: patch x patch pixels become channels of one position, and back.

Source: W. Shi et al., Real-time single image and video super-resolution using an efficient sub-pixel convolutional
neural network, CVPR 2016, equation 4 (the way back).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["from_patches", "to_patches"]


def to_patches(x: Tensor, patch: int, mask: Tensor | None = None) -> Tensor:
    """(B, C patch^2, ceil(H / patch), ceil(W / patch)) from images (B, C, H, W).

    Args:
        x: images; sides that are no multiples are filled up with zeros at the bottom and on the right.
        patch: pixels of a side.
        mask: bool (B, 1, H, W); invalid pixels become zero.

    Example:
        >>> to_patches(torch.arange(6.0).reshape(1, 1, 2, 3), 2).flatten().tolist()      # [0 1; 3 4] and [2 .; 5 .]
        [0.0, 2.0, 1.0, 0.0, 3.0, 5.0, 4.0, 0.0]
    """
    if patch == 1:
        return x
    x = x if mask is None else torch.where(mask, x, 0.0)
    height, width = x.shape[-2:]
    return functional.pixel_unshuffle(functional.pad(x, (0, -width % patch, 0, -height % patch)), patch)


def from_patches(x: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Images (B, C, height, width) from (B, C patch^2, ceil(height / patch), ceil(width / patch)).

    Example:
        >>> x = torch.arange(15.0).reshape(1, 1, 3, 5)
        >>> bool((from_patches(to_patches(x, 2), 2, 3, 5) == x).all())
        True
    """
    return x if patch == 1 else functional.pixel_shuffle(x, patch)[..., :height, :width]
