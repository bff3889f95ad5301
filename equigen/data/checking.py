"""What makes images unusable, found part by part: sides, numbers that are not finite, data that do not vary, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from equigen.data.errors import DataError
from equigen.data.images import Images, parts, rows_of
from equigen.data.memory import require_memory
from equigen.data.resizing import resize_images

__all__ = ["SIDES", "require_sides", "require_values", "valid_pixels"]

SIDES = (2, 4096)
"""Smallest and largest side of an image, in pixels."""

_SMALLEST_SPREAD = 1e-30  # squares of smaller numbers vanish in float32


def require_sides(shape: Sequence[int], where: str) -> None:
    """Refuse images (N, C, H, W) that are too small or too large for any network here.

    Raises:
        DataError: naming the sides.
    """
    _, channels, height, width = shape
    low, high = SIDES
    if channels < 1 or not (low <= min(height, width) and max(height, width) <= high):
        raise DataError(
            f"{where} holds images of {height}x{width} pixels and {channels} channels, but sides of {low} to {high} "
            "and a channel are needed: pass resize=64 (--resize 64) or another layout."
        )


def require_values(x: Tensor | Images, valid: Tensor | None, where: str, item: Callable[[int], str]) -> None:
    """Refuse numbers that are not finite, and images that do not differ; only valid pixels count.

    Args:
        x: images (N, C, H, W), 0 where they are invalid.
        valid: masks (N, 1, H, W), or None.
        where: what the images are called.
        item: the name of an image by its place.

    Raises:
        DataError: naming the first number, or what is the same everywhere.
    """
    first, low, high, same = None, torch.inf, -torch.inf, True
    for rows, part in parts(x):
        finite = part.isfinite()
        if not finite.all():
            bad, *place = (~finite).nonzero()[0].tolist()
            raise DataError(
                f"{where} holds {part[(bad, *place)].item()} in {item(rows.start + bad)} at (channel, row, column) = "
                f"{tuple(place)}, but numbers must be finite in float32: remove that image or mend the pixel."
            )
        seen = part
        if valid is not None:
            seen = part[rows_of(valid, torch.arange(rows.start, rows.stop)).expand_as(part)]
        low, high = min(low, seen.min().item()), max(high, seen.max().item())
        first = part[0].clone() if first is None else first
        same = same and bool((part == first).all())
    if low == high or same:
        what = "the same number in every pixel" if low == high else "the same image again and again"
        raise DataError(f"{where} holds {what}, but a model needs data that vary: check how the images were saved.")
    if high - low < _SMALLEST_SPREAD:
        raise DataError(
            f"{where} holds numbers that differ by at most {high - low:.3g}, but float32 arithmetic needs differences "
            f"of {_SMALLEST_SPREAD:g} or more: multiply the images by a constant."
        )


def valid_pixels(masks: np.ndarray | None, images: Images, where: str) -> tuple[Tensor | None, list[str]]:
    """The masks of some images, in their size, and what to say of them.

    Masks of the stored size go through the crop and scaling of their images; a pixel stays valid where all that it is
    made of is. One mask for all images stays one in memory.

    Args:
        masks: bool (total, H, W) or (H, W).
        images: whose masks they are.
        where: what the images are called.

    Returns:
        bool (N, 1, H, W), True where a pixel is valid, and notes.

    Raises:
        DataError: another size, or an image without a valid pixel.
    """
    if masks is None:
        return None, []
    count, _, height, width = images.shape
    chosen = masks[None] if masks.ndim == 2 else masks[images.numbers]
    if chosen.shape[1:] != (height, width):
        if images.side is None or chosen.shape[1:] != images.stored_sides:
            raise DataError(
                f"{where} has masks of {'x'.join(map(str, chosen.shape[1:]))} pixels, but its images have "
                f"{height}x{width}: give masks of their size."
            )
        scaled = resize_images(chosen[..., None].astype(np.float32), images.side)[..., 0]
        chosen = scaled > 1.0 - 1e-6
    require_memory((len(chosen) // 4, height, width), where)
    valid = torch.from_numpy(np.ascontiguousarray(chosen))[:, None]
    empty = (~valid.flatten(1).any(1)).nonzero().flatten().tolist()
    if empty:
        which = "every image" if masks.ndim == 2 else f"image {images.numbers[empty[0]]}"
        raise DataError(
            f"{where} has a mask that leaves {which} without a valid pixel, but each needs one: a mask is not 0 where "
            "pixels are valid."
        )
    share = 100.0 * float(valid.float().mean())
    return valid.expand(count, 1, height, width), [f"masks: {share:.3g} % of the pixels are valid, the others are 0"]
