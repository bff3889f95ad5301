"""How the user's numbers become the model's and back: dtype, full scale and axis order.

With v the stored number and x the model's,

    x = (v - offset) / scale,        v = offset + scale x.

8-bit images have scale 255 and 16-bit images 65535, so that x lies in [0, 1]; other numbers are taken as they are
(scale 1). Items of x always have shape (C, H, W).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from equigen.data.errors import DataError, listed

__all__ = ["DTYPES", "FULL_SCALE", "Encoding", "Layout", "require_dtype"]

Layout = Literal["nhw", "nhwc", "nchw"]
"""Order of the axes of stored images: items (n), rows (h), columns (w), channels (c)."""

FULL_SCALE: dict[str, float] = {"uint8": 255.0, "uint16": 65535.0}
"""The stored number that becomes 1, for the types that have one."""

DTYPES: tuple[str, ...] = (
    *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
)
"""Types of stored numbers that are read and written."""

_EXACT = 1 << 24  # float32 holds every integer up to here
_CHUNK = 1024  # items whose float64 copy exists at once


def require_dtype(dtype: np.dtype, where: str) -> str:
    """The name of a type of numbers that can be read, in this machine's byte order.

    Raises:
        DataError: objects, strings, complex numbers, booleans and other types that are no real numbers.

    Example:
        >>> require_dtype(np.dtype(">u2"), "a.npy")
        'uint16'
    """
    name = dtype.newbyteorder("=").name
    if name in DTYPES:
        return name
    fix = {
        "O": "objects are stored as pickles, which are never opened: save plain numbers of one shape, "
        'np.save(path, np.stack(images).astype("float32"))',
        "b": 'save them as images.astype("uint8") * 255',
        "c": "save their real and imaginary parts as two channels",
    }.get(dtype.kind, 'save them as images.astype("float32")')
    raise DataError(f"{where} holds {name} values, but images are {', '.join(DTYPES)}: {fix}.")


@dataclass(frozen=True, init=False)
class Encoding:
    """How images are stored: their type, what their numbers mean, and the order of their axes.

    Args:
        dtype: type of the stored numbers, one of `DTYPES`.
        layout: order of the stored axes.
        scale: the stored difference that becomes 1; None takes that of the type (255, 65535, else 1).
        offset: the stored number that becomes 0.

    Raises:
        DataError: an unknown type or layout, or a scale that is not positive.

    Example:
        >>> eight_bit = Encoding("uint8", "nhw")
        >>> x = eight_bit.decode(np.full((2, 4, 4), 51, dtype=np.uint8))
        >>> x.shape, round(x.max().item(), 6), int(eight_bit.encode(x).max())
        (torch.Size([2, 1, 4, 4]), 0.2, 51)
    """

    dtype: str
    layout: Layout
    scale: float
    offset: float

    def __init__(
        self, dtype: str = "float32", layout: Layout = "nchw", scale: float | None = None, offset: float = 0.0
    ) -> None:
        if dtype not in DTYPES:
            raise DataError(f"dtype is {dtype!r}, but an encoding needs one of {', '.join(DTYPES)}.")
        if layout not in get_args(Layout):
            raise DataError(f"layout is {layout!r}, but an encoding needs one of {', '.join(get_args(Layout))}.")
        scale = FULL_SCALE.get(dtype, 1.0) if scale is None else float(scale)
        if not (0.0 < scale < math.inf and abs(offset) < math.inf):
            raise DataError(
                f"scale is {scale} and offset {offset}, but an encoding needs a finite scale above 0 and a finite "
                "offset: leave them out for the usual ones."
            )
        for name, value in {"dtype": dtype, "layout": layout, "scale": scale, "offset": float(offset)}.items():
            object.__setattr__(self, name, value)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The smallest and largest stored number that `encode` writes; None where the type is a float."""
        if self.dtype.startswith("float"):
            return None
        limits = np.iinfo(self.dtype)
        if self.scale == 1.0:
            return float(limits.min), float(limits.max)
        return max(self.offset, float(limits.min)), min(self.offset + self.scale, float(limits.max))

    @property
    def has_white(self) -> bool:
        """Whether stored numbers run from a black to a white level, so that a picture needs no other range."""
        return self.bounds is not None and self.scale != 1.0

    def decode(self, array: np.ndarray, where: str = "array") -> Tensor:
        """Stored numbers as the model's.

        Args:
            array: images in this layout, of this type (any byte order).
            where: what the array is called in errors.

        Returns:
            float32 tensor (N, C, H, W). Numbers beyond float32 become infinite.

        Raises:
            DataError: other axes or another type, or integers above 2^24, which float32 cannot hold exactly.
        """
        if array.ndim != len(self.layout):
            raise DataError(
                f"{where} has shape {array.shape}, but layout {self.layout!r} needs {len(self.layout)} axes: "
                f"build the encoding with the array's own layout."
            )
        if require_dtype(array.dtype, where) != self.dtype:
            raise DataError(f"{where} holds {array.dtype.name} values, but this encoding reads {self.dtype}.")
        if array.dtype.kind in "iu" and array.dtype.itemsize > 2 and array.size and _max_size(array) > _EXACT:
            raise DataError(
                f"{where} holds {self.dtype} values up to {_max_size(array)}, but float32 holds integers exactly up to "
                '2**24: divide them first, or save them as images.astype("float32").'
            )
        moved = array[:, None] if self.layout == "nhw" else array
        moved = np.moveaxis(array, -1, 1) if self.layout == "nhwc" else moved
        x = np.empty(moved.shape, dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused by whoever decodes it
            for first in range(0, len(moved), _CHUNK):
                part = slice(first, first + _CHUNK)
                shifted = moved[part] if self.offset == 0.0 else moved[part].astype(np.float64) - self.offset
                np.divide(shifted, self.scale, out=x[part], dtype=np.float32, casting="same_kind")
        return torch.from_numpy(x)

    def encode(self, x: Tensor) -> np.ndarray:
        """The model's numbers in the user's type, range and layout; integer types are clipped and rounded.

        Integers that have a full scale are clipped to it, others to the limits of their type. Floats are neither
        clipped nor rounded.

        Args:
            x: images (N, C, H, W).

        Returns:
            Array in this layout and type.

        Raises:
            DataError: a value that is not finite or does not fit, or several channels for a layout without them.
        """
        if x.ndim != 4 or (self.layout == "nhw" and x.shape[1] != 1):
            needed = "(N, 1, H, W)" if self.layout == "nhw" else "(N, C, H, W)"
            raise DataError(f"x has shape {tuple(x.shape)}, but layout {self.layout!r} is written from {needed}.")
        v = x.detach().cpu().double().numpy() * self.scale + self.offset
        if self.bounds is not None:
            v = np.rint(np.clip(v, *self.bounds)) if np.isfinite(v).all() else v
        with np.errstate(over="ignore"):
            fits = np.isfinite(v.astype(self.dtype)) & np.isfinite(v) if self.bounds is None else np.isfinite(v)
        if not fits.all():
            bad = np.argwhere(~fits)[0]
            raise DataError(
                f"sample {bad[0]} holds {v[tuple(bad)]:g} at (channel, row, column) = {tuple(map(int, bad[1:]))}, but "
                f"{self.dtype} needs finite numbers that fit: train longer, or sample with more steps."
            )
        v = v.astype(self.dtype)
        if self.layout == "nhw":
            return v[:, 0]
        return np.ascontiguousarray(np.moveaxis(v, 1, -1)) if self.layout == "nhwc" else v

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `Encoding.from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Encoding:
        """The encoding that `to_dict` described.

        Raises:
            DataError: a key that is no part of an encoding.

        Example:
            >>> Encoding.from_dict(Encoding("uint16", "nhwc").to_dict()).scale
            65535.0
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise DataError(f"encoding has the keys {listed(unknown)}, but it knows {', '.join(known)}.")
        return cls(**values)


def _max_size(array: np.ndarray) -> int:
    return max(abs(int(array.min())), abs(int(array.max())))
