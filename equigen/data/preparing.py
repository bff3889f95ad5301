"""From a reader's source to a data set: axes recognised, sizes and values checked, numbers decoded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.data.encoding import Encoding, Layout, require_dtype
from equigen.data.errors import DataError
from equigen.data.layout import image_shape, recognise
from equigen.data.memory import require_memory
from equigen.data.resizing import resize_images
from equigen.data.source import Request, Source, spread
from equigen.spaces.euclidean import Euclidean

__all__ = ["SIDES", "prepare"]

SIDES = (2, 4096)
"""Smallest and largest side of an image, in pixels."""

_CHUNK = 1024
_LOST = 1e-4  # rounding, in standard deviations of the data, that is not put up with
_SMALLEST_SPREAD = 1e-30  # squares of smaller numbers vanish in float32


def prepare(source: Source, name: str, where: str, request: Request, layout: Layout | None) -> DataSet:
    """Check a source and decode it.

    Args:
        source: what a reader returned.
        name: of the set.
        where: what it is called in errors, such as its path.
        request: what the user asked for; readers may have carried out part of it.
        layout: the user's word on the axes.

    Raises:
        DataError: whatever makes the images unusable.
    """
    dtype = require_dtype(source.images.dtype, where)
    if source.layout is not None and layout is not None:
        raise DataError(f"layout is {layout!r}, but {where} says itself how its axes lie: leave layout (--layout) out.")
    layout = source.layout or recognise(source.images.shape, layout, where)
    chosen = spread(len(source.images), request.limit)
    if len(chosen) < 2:
        count = f"{len(chosen)} image{'' if len(chosen) == 1 else 's'}"
        raise DataError(f"{where} gives {count}, but a model of their distribution needs 2 or more: add images.")
    images = source.images if len(chosen) == len(source.images) else source.images[chosen]
    images = _resized(images, layout, request.resize)
    shape = image_shape(images.shape, layout)
    _require_sides(shape, where)
    require_memory((len(images), *shape), where)
    offset = _offset(images)
    encoding = Encoding(dtype, layout, source.scale, offset)
    x = encoding.decode(images, where)
    _require_values(x, where, lambda place: source.items[place] if source.items else f"image {chosen[place]}")
    relative = [f"numbers are taken relative to {offset!r}, where float32 would round them"] if offset else []
    own_test = len(source.images) - (source.held_out or 0)
    return DataSet(
        x,
        Euclidean(*shape),
        name,
        encoding,
        labels=_labels(source, chosen, where),
        class_names=source.class_names,
        held_out=int((chosen >= own_test).sum()) or None,
        notes=(*source.notes, *relative),
    )


def _offset(images: np.ndarray) -> float:
    """What is subtracted from float64 numbers whose variation float32 would round away; 0 where it would not."""
    if images.dtype.kind != "f" or images.dtype.itemsize < 8 or not np.isfinite(images).all():
        return 0.0
    largest = max(float(images.max()), -float(images.min()))
    if largest > float(np.finfo(np.float32).max):
        return 0.0  # refused when it is decoded
    rounding = float(np.spacing(np.float32(largest)))
    return float(images.mean()) if rounding > _LOST * float(images.std()) > 0.0 else 0.0


def _resized(images: np.ndarray, layout: Layout, side: int | None) -> np.ndarray:
    if side is None:
        return images
    axis = {"nhw": None, "nhwc": -1, "nchw": 1}[layout]
    if axis is None:
        return resize_images(images[..., None], side)[..., 0]
    return np.moveaxis(resize_images(np.moveaxis(images, axis, -1), side), -1, axis)


def _require_sides(shape: tuple[int, int, int], where: str) -> None:
    channels, height, width = shape
    low, high = SIDES
    if channels < 1 or not (low <= min(height, width) and max(height, width) <= high):
        raise DataError(
            f"{where} holds images of {height}x{width} pixels and {channels} channels, but sides of {low} to {high} "
            "and a channel are needed: pass resize=64 (--resize 64) or another layout."
        )


def _require_values(x: Tensor, where: str, item: Callable[[int], str]) -> None:
    """Refuse numbers that are not finite, and images that do not differ."""
    first, constant, same = x[0], True, True
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK]
        finite = part.isfinite()
        if not finite.all():
            bad, *place = (~finite).nonzero()[0].tolist()
            raise DataError(
                f"{where} holds {part[(bad, *place)].item()} in {item(start + bad)} at (channel, row, column) = "
                f"{tuple(place)}, but numbers must be finite in float32: remove that image or mend the pixel."
            )
        constant = constant and bool((part == first.flatten()[0]).all())
        same = same and bool((part == first).all())
    if constant or same:
        what = "the same number in every pixel" if constant else "the same image again and again"
        raise DataError(f"{where} holds {what}, but a model needs data that vary: check how the images were saved.")
    spread = float(x.max()) - float(x.min())
    if spread < _SMALLEST_SPREAD:
        raise DataError(
            f"{where} holds numbers that differ by at most {spread:.3g}, but float32 arithmetic needs differences of "
            f"{_SMALLEST_SPREAD:g} or more: multiply the images by a constant."
        )


def _labels(source: Source, chosen: np.ndarray, where: str) -> Tensor | None:
    if source.labels is None:
        return None
    labels = torch.from_numpy(source.labels[chosen].astype(np.int64))
    known = len(source.class_names) if source.class_names is not None else None
    if labels.min() < 0 or (known is not None and labels.max() >= known):
        needed = f"0 .. {known - 1}, one for each class name" if known is not None else "0 or more"
        raise DataError(
            f"{where} has class numbers from {labels.min()} to {labels.max()}, but they must be {needed}: mend labels."
        )
    return labels
