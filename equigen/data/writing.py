"""Samples written for the user: pictures to look at, arrays with every digit of the numbers.

PNG: 8-bit data give 8-bit pictures and 16-bit data 16-bit ones, grey for 1 channel and RGB for 3. Data without a
black and a white level (floats, other integers) are stretched: one range, that of these samples, becomes 0 .. 255.
Images of 2, 4 or more channels show their channels side by side. What was done is noted in each file as its comment.
npy and npz: the user's type, range and layout. tif: the user's type and range, one image per file.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from equigen.data.encoding import FULL_SCALE, Encoding
from equigen.data.errors import DataError
from equigen.data.extras import require_package
from equigen.data.png import encode_png

__all__ = ["FORMATS", "write_samples"]

_Files = Iterator[tuple[str, bytes]]


def write_samples(
    x: Tensor,
    encoding: Encoding,
    folder: Path | str,
    *,
    formats: Sequence[str] = ("png", "npz"),
    beside: Mapping[str, Tensor] | None = None,
) -> list[Path]:
    """Write samples into a folder; each file is written aside and renamed, so that none is ever half there.

    Args:
        x: samples (N, C, H, W), as the model gives them.
        encoding: how the user's images are stored.
        folder: where to write; it is made if need be. Files of the same names are replaced.
        formats: of "png" (sample-00000.png, …), "tif" (sample-00000.tif, …), "npz" (samples.npz: images) and "npy"
            (samples.npy).
        beside: what the samples were drawn for, such as `labels`, `values`, `masks`, each (N, ...), written to the npz.

    Returns:
        The files, in the order written.

    Raises:
        DataError: an unknown format, samples that are not finite, or arrays of another length.
        OSError: the folder cannot be written; the files before stay, each of them whole.

    Example:
        >>> import torch
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     paths = write_samples(torch.zeros(2, 1, 8, 8), Encoding("uint8", "nhw"), folder)
        >>> [path.name for path in paths]
        ['sample-00000.png', 'sample-00001.png', 'samples.npz']
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise DataError(f"format is {unknown[0]!r}, but samples are written as {', '.join(FORMATS)}.")
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in (beside or {}).items()}
    for name, array in arrays.items():
        if array.shape[:1] != x.shape[:1]:
            raise DataError(
                f"{name} have shape {array.shape}, but there are {len(x)} samples: give one for each sample."
            )
    stored = encoding.encode(x)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [_replace(folder / name, data) for kind in formats for name, data in FORMATS[kind](stored, encoding, arrays)]


def _png(stored: np.ndarray, encoding: Encoding, beside: Mapping[str, np.ndarray]) -> _Files:
    x = encoding.decode(stored).movedim(1, -1).double().numpy()
    depth, low, high = "uint8", 0.0, 1.0
    comment = f"stored value {encoding.offset:g} is black, {encoding.offset + encoding.scale:g} is white"
    if encoding.has_white:
        depth = "uint16" if encoding.dtype == "uint16" else "uint8"
    else:
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)
        ends = (encoding.offset + encoding.scale * end for end in (low, high))
        comment = "stretched over these samples: stored value {:g} is black, {:g} is white".format(*ends)
    pixels = np.rint((x - low) / ((high - low) or 1.0) * FULL_SCALE[depth]).astype(depth)
    channels = pixels.shape[-1]
    if channels not in (1, 3):
        comment += f"; {channels} channels side by side"
    for place, image in enumerate(pixels):
        shown = image if channels == 3 else np.concatenate([image[..., c] for c in range(channels)], axis=1)
        yield f"sample-{place:05d}.png", encode_png(shown, comment)


def _npz(stored: np.ndarray, encoding: Encoding, beside: Mapping[str, np.ndarray]) -> _Files:
    file = io.BytesIO()
    np.savez_compressed(file, images=stored, **beside)  # pyright: ignore[reportArgumentType]
    yield "samples.npz", file.getvalue()


def _npy(stored: np.ndarray, encoding: Encoding, beside: Mapping[str, np.ndarray]) -> _Files:
    file = io.BytesIO()
    np.save(file, stored)
    yield "samples.npy", file.getvalue()


def _tif(stored: np.ndarray, encoding: Encoding, beside: Mapping[str, np.ndarray]) -> _Files:
    tifffile = require_package("tifffile", "sample-00000.tif")
    images = np.moveaxis(stored, 1, -1) if encoding.layout == "nchw" else stored
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    for place, image in enumerate(images):
        file, colour = io.BytesIO(), image.ndim == 3
        rgb = colour and image.shape[-1] == 3
        extra = (0,) * (image.shape[-1] - 1) if colour and not rgb else None  # channels of no stated meaning
        tifffile.imwrite(
            file,
            np.ascontiguousarray(image),
            photometric="rgb" if rgb else "minisblack",
            planarconfig="contig" if colour else None,
            extrasamples=extra,
            metadata=None,
            software=False,
        )
        yield f"sample-{place:05d}.tif", file.getvalue()


FORMATS: dict[str, Callable[[np.ndarray, Encoding, Mapping[str, np.ndarray]], _Files]] = {
    "png": _png,
    "tif": _tif,
    "npz": _npz,
    "npy": _npy,
}
"""Name of a format -> what writes it."""


def _replace(path: Path, data: bytes) -> Path:
    """Write aside, sync, rename: the file is whole or as it was, and readable by whom the user's umask lets read."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path
