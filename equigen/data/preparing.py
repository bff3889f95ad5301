"""From a reader's source to a data set: axes recognised, sizes and values checked, numbers decoded or left for later.

Every set goes one way: `Images` decodes a few items at a time. A set that fits is decoded once and kept; a larger one
whose file gives single rows is checked part by part and decoded when it is asked for.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from equigen.data.checking import require_sides, require_values, valid_pixels
from equigen.data.dataset import Condition, DataSet
from equigen.data.encoding import Encoding, Layout, require_dtype
from equigen.data.errors import DataError
from equigen.data.images import Images, parts, rows_of
from equigen.data.layout import recognise
from equigen.data.memory import is_large, require_memory
from equigen.data.pose import Poses
from equigen.data.source import Request, Source, spread
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked

__all__ = ["prepare"]

_LOST = 1e-4  # rounding, in standard deviations of the data, that is not put up with
_CHUNK = 1 << 20  # stored numbers that are looked at in float64 at once


def prepare(
    source: Source,
    name: str,
    where: str,
    request: Request,
    layout: Layout | None,
    condition: Condition = "none",
    poses: Poses | None = None,
) -> DataSet:
    """Check a source and decode it.

    Args:
        source: what a reader returned, with its companions.
        name: of the set.
        where: what it is called in errors, such as its path.
        request: what the user asked for; readers may have carried out part of it.
        layout: the user's word on the axes.
        condition: which of what is known of the images batches hand on.
        poses: that the images are put in.

    Raises:
        DataError: whatever makes the images unusable.
    """
    images, lazy = _images(source, where, request, layout), False
    _require_square(images, poses, where)
    if source.on_demand and is_large(images.shape):
        lazy = True
    else:
        require_memory(images.shape, where)
    numbers = images.numbers
    valid, said = valid_pixels(source.masks, images, where)
    images = replace(images, encoding=_centred(images), valid=valid)
    x = images if lazy else images[:]
    require_values(x, valid, where, lambda place: _item(source, int(numbers[place])))
    x, structure = _posed(images, x, valid, poses, where)
    own_test = source.total - (source.held_out or 0)
    notes = [*source.notes, *said, *_changes(images, lazy), *([poses.note] if poses is not None else [])]
    return DataSet(
        x,
        (Euclidean if structure is None else Masked)(*images.shape[1:]),
        name,
        images.encoding,
        labels=None if source.labels is None else torch.from_numpy(source.labels[numbers].astype(np.int64)),
        class_names=source.class_names,
        held_out=int((numbers >= own_test).sum()) or None,
        values=None if source.values is None else torch.from_numpy(source.values[numbers].astype(np.float32)),
        value_names=source.value_names,
        structure=structure,
        condition=condition,
        notes=tuple(notes),
    )


def _images(source: Source, where: str, request: Request, layout: Layout | None) -> Images:
    """The images asked for, none of them decoded."""
    dtype = require_dtype(source.images.dtype, where)
    if source.layout is not None and layout is not None:
        raise DataError(f"layout is {layout!r}, but {where} says itself how its axes lie: leave layout (--layout) out.")
    layout = source.layout or recognise(source.images.shape, layout, where)
    places = spread(len(source.images), request.limit)
    if len(places) < 2:
        count = f"{len(places)} image{'' if len(places) == 1 else 's'}"
        raise DataError(f"{where} gives {count}, but a model of their distribution needs 2 or more: add images.")
    numbers = places if source.taken is None else source.taken[places]
    encoding = Encoding(dtype, layout, source.scale)
    images = Images(source.images, places, encoding, where, numbers, side=request.resize)
    require_sides(images.shape, where)
    return images


def _require_square(images: Images, poses: Poses | None, where: str) -> None:
    height, width = images.shape[2:]
    if poses is not None and poses.kind == "quarter-turns" and height != width:
        side = min(height, width)
        raise DataError(
            f"{where} holds images of {height}x{width} pixels, but quarter turns need square ones: pass resize={side} "
            f"(--resize {side})."
        )


def _item(source: Source, number: int) -> str:
    return source.items[number] if source.items else f"image {number}"


def _changes(images: Images, lazy: bool) -> list[str]:
    """What a user should know of how the numbers were taken."""
    offset = images.encoding.offset
    said = [f"numbers are taken relative to {offset!r}, where float32 would round them"] if offset else []
    return said + ["larger than a quarter of the memory: read from the file as needed"] * lazy


def _centred(images: Images) -> Encoding:
    """The encoding with an offset for float64 numbers whose variation float32 would round away."""
    stored, places, encoding = images.stored, images.places, images.encoding
    if stored.dtype.kind != "f" or stored.dtype.itemsize < 8:
        return encoding
    size = max(1, _CHUNK // max(math.prod(stored.shape[1:]), 1))
    count, mean, square, largest = 0, 0.0, 0.0, 0.0
    for first in range(0, len(places), size):
        part = np.asarray(stored[places[first : first + size]])
        part = part[np.isfinite(part)]  # what is not finite is refused when it is decoded, unless a mask excludes it
        if not part.size:
            continue
        largest = max(largest, float(part.max()), -float(part.min()))
        if largest > float(np.finfo(np.float32).max):
            return encoding  # refused when it is decoded
        here, count = float(part.mean()), count + part.size
        square += float(part.var()) * part.size + (here - mean) ** 2 * part.size * (count - part.size) / count
        mean += (here - mean) * part.size / count
    if not count:
        return encoding
    rounding = float(np.spacing(np.float32(largest)))
    lost = rounding > _LOST * math.sqrt(square / count) > 0.0
    return Encoding(encoding.dtype, encoding.layout, encoding.scale, mean if lost else 0.0)


def _posed(
    images: Images, x: Tensor | Images, valid: Tensor | None, poses: Poses | None, where: str
) -> tuple[Tensor | Images, Tensor | None]:
    """The images in their poses, in memory or when they are asked for, and their masks."""
    if poses is None:
        return x, valid
    numbers = torch.from_numpy(images.numbers)
    structure = None if valid is None else torch.empty(valid.shape, dtype=torch.bool)
    if isinstance(x, Tensor) or structure is not None:
        for rows, part in parts(x):
            mask = None if valid is None else rows_of(valid, torch.arange(rows.start, rows.stop))
            turned, seen = poses(part, numbers[rows], mask)
            if isinstance(x, Tensor):
                x[rows] = turned
            if structure is not None and seen is not None:
                structure[rows] = seen
    if structure is not None and not bool(structure.flatten(1).any(1).all()):
        raise DataError(
            f"{where} has masks with so few valid pixels that rotation leaves an image without one, but each image "
            'needs one: mend the masks, or pass pose="quarter-turns" (--pose quarter-turns).'
        )
    return (replace(x, poses=poses) if isinstance(x, Images) else x), structure
