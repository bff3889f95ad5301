"""Square images of one size: the largest centred square, scaled without distortion."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import interpolate

__all__ = ["resize_images"]

_CHUNK = 256


def resize_images(images: np.ndarray, side: int) -> np.ndarray:
    """Crop images to their largest centred square and scale it, bilinearly and antialiased.

    Images that have the size already are returned as they are. Integer types are rounded.

    Args:
        images: (N, H, W, C), any real type.
        side: new height and width in pixels.

    Returns:
        Array (N, side, side, C) of the same type.

    Example:
        >>> resize_images(np.full((2, 10, 20, 1), 7, dtype=np.uint8), 4)[1, :, :, 0].tolist()
        [[7, 7, 7, 7], [7, 7, 7, 7], [7, 7, 7, 7], [7, 7, 7, 7]]
    """
    count, height, width, channels = images.shape
    if height == width == side:
        return images
    square = min(height, width)
    top, left = (height - square) // 2, (width - square) // 2
    working = np.float64 if images.dtype.itemsize > 2 and images.dtype != np.float32 else np.float32
    out = np.empty((count, side, side, channels), dtype=images.dtype.newbyteorder("="))
    for first in range(0, count, _CHUNK):
        part = images[first : first + _CHUNK, top : top + square, left : left + square]
        x = torch.from_numpy(part.astype(working)).permute(0, 3, 1, 2).contiguous()
        x = interpolate(x, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        v = x.permute(0, 2, 3, 1).numpy()
        v = np.rint(v) if out.dtype.kind in "iu" else v
        with np.errstate(invalid="ignore", over="ignore"):  # what does not fit is refused by whoever decodes it
            out[first : first + _CHUNK] = v
    return out
