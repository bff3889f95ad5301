"""Images that stay in their file: decoded when they are asked for, the same bit for bit as a set in memory.

`Images` stands where a tensor of images would: it has a length, a shape and a type, and indexing gives a tensor. What
walks over a set goes through `parts`, which gives a few images at a time of either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from equigen.data.encoding import Encoding
from equigen.data.layout import image_shape
from equigen.data.pose import Poses
from equigen.data.resizing import resize_images

__all__ = ["Images", "Stored", "parts", "rows_of"]

_NUMBERS = 1 << 20  # of images that are decoded at once: 4 MiB of float32
_ITEMS = 1024


class Stored(Protocol):
    """Images as they lie in a file; an array, or what reads its rows when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole array."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Of the stored numbers."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        """The images at some places (int64, any order), in memory."""
        ...


@dataclass(frozen=True, eq=False)
class Images:
    """Images (N, C, H, W) in their file, float32 when they are looked at.

    Args:
        stored: where they lie.
        places: of these images in it, int64 (N,).
        encoding: what the stored numbers mean.
        where: what the file is called in errors.
        numbers: of these images in their set, int64 (N,): what their poses are drawn by.
        side: that every image is cropped and scaled to, in pixels.
        valid: masks before any pose, bool (N, 1, H, W); what they exclude is 0.
        poses: that the images are put in.

    Example:
        >>> stored = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8)
        >>> images = Images(stored, np.arange(3), Encoding("uint8", "nhw"), "a.npy", np.arange(3))
        >>> images.shape, len(images), round(images[[2, 0]][0, 0, 0, 0].item() * 255)
        (torch.Size([3, 1, 8, 8]), 3, 128)
    """

    stored: Stored
    places: np.ndarray
    encoding: Encoding
    where: str
    numbers: np.ndarray
    side: int | None = None
    valid: Tensor | None = None
    poses: Poses | None = None

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)."""
        channels, height, width = image_shape(self.stored.shape, self.encoding.layout)
        sides = (height, width) if self.side is None else (self.side, self.side)
        return torch.Size((len(self.places), channels, *sides))

    @property
    def stored_sides(self) -> tuple[int, int]:
        """Height and width of the images before they are cropped and scaled."""
        return image_shape(self.stored.shape, self.encoding.layout)[1:]

    @property
    def ndim(self) -> int:
        """4."""
        return 4

    @property
    def dtype(self) -> torch.dtype:
        """float32."""
        return torch.float32

    @property
    def device(self) -> torch.device:
        """The processor: images come from a file."""
        return torch.device("cpu")

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: Tensor | Sequence[int] | slice) -> Tensor:
        """Images at some places, in the order given: a new float32 tensor (B, C, H, W).

        Raises:
            DataError: the file can no longer be read.
        """
        chosen = np.arange(len(self))[_index(rows)]
        out = torch.empty((len(chosen), *self.shape[1:]))
        size = _at_once(self.shape)
        for first in range(0, len(chosen), size):
            some = chosen[first : first + size]
            out[first : first + size] = self._decoded(some)
        return out

    def select(self, rows: Tensor | Sequence[int] | slice) -> Images:
        """Some of the images, in the order given; nothing is read."""
        index = _index(rows)
        valid = None if self.valid is None else rows_of(self.valid, torch.as_tensor(np.arange(len(self))[index]))
        return replace(self, places=self.places[index], numbers=self.numbers[index], valid=valid)

    def _decoded(self, some: np.ndarray) -> Tensor:
        stored = np.asarray(self.stored[self.places[some]])
        x = self.encoding.decode(_resized(stored, self.encoding, self.side), self.where)
        valid = None if self.valid is None else rows_of(self.valid, torch.as_tensor(some))
        if valid is not None:
            x = torch.where(valid, x, 0.0)
        return x if self.poses is None else self.poses(x, torch.as_tensor(self.numbers[some]), valid)[0]


def parts(x: Tensor | Images) -> Iterator[tuple[slice, Tensor]]:
    """The items of a set a few at a time, in their order, with their places.

    Example:
        >>> [(rows.start, len(part)) for rows, part in parts(torch.zeros(1500, 1, 8, 8))]
        [(0, 1024), (1024, 476)]
    """
    size = _at_once(x.shape)
    for first in range(0, len(x), size):
        rows = slice(first, min(first + size, len(x)))
        yield rows, x[rows]


def rows_of(x: Tensor, rows: Tensor) -> Tensor:
    """Rows of a tensor; one row that stands for all stays one in memory.

    Example:
        >>> rows_of(torch.zeros(1, 2).expand(5, 2), torch.tensor([4, 4, 1])).stride()
        (0, 1)
    """
    if len(x) and x.stride(0) == 0:
        return x[:1].expand(len(rows), *x.shape[1:])
    return x[rows]


def _index(rows: Tensor | Sequence[int] | slice) -> slice | np.ndarray:
    return rows if isinstance(rows, slice) else torch.as_tensor(rows, dtype=torch.int64).cpu().numpy()


def _at_once(shape: Sequence[int]) -> int:
    return max(1, min(_ITEMS, _NUMBERS // max(math.prod(shape[1:]), 1)))


def _resized(stored: np.ndarray, encoding: Encoding, side: int | None) -> np.ndarray:
    if side is None:
        return stored
    axis = {"nhw": None, "nhwc": -1, "nchw": 1}[encoding.layout]
    if axis is None:
        return resize_images(stored[..., None], side)[..., 0]
    return np.moveaxis(resize_images(np.moveaxis(stored, axis, -1), side), -1, axis)
