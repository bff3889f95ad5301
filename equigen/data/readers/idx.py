"""Reader of gzipped idx files, the format of MNIST: a magic number, big-endian sizes, then the numbers.

Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, "The IDX file format".
"""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from equigen.data.errors import DataError
from equigen.data.memory import require_memory
from equigen.data.source import Request, Source, reading

__all__ = ["FILES", "read_idx", "read_idx_array", "read_idx_folder"]

FILES: dict[str, str] = {
    "train images": "train-images-idx3-ubyte.gz",
    "train labels": "train-labels-idx1-ubyte.gz",
    "test images": "t10k-images-idx3-ubyte.gz",
    "test labels": "t10k-labels-idx1-ubyte.gz",
}
"""The four files of a set, by part."""

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx_array(path: Path) -> np.ndarray:
    """The array of a gzipped idx file.

    Raises:
        DataError: not gzipped, not idx, truncated, or longer than its header says.
    """
    with reading(path, "a gzipped idx file"), gzip.open(path, "rb") as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
            raise DataError(
                f"{path} does not begin like an idx file (its first bytes are {magic.hex(' ') or 'missing'}), but .gz "
                "files are read as idx: unpack it first if it is another format."
            )
        shape = struct.unpack(f">{magic[3]}I", file.read(4 * magic[3]))
        require_memory(shape, str(path))
        dtype = np.dtype(_TYPES[magic[2]])
        size = math.prod(shape) * dtype.itemsize
        data = file.read(size)
        extra = len(file.read(1))
    if len(data) != size or extra:
        raise DataError(
            f"{path} holds {'more' if extra else len(data)} bytes where its header {shape} promises {size}: "
            "replace it by a whole one."
        )
    return np.frombuffer(data, dtype).reshape(shape)


def read_idx(path: Path, request: Request) -> Source:
    """Read the images of one gzipped idx file, without labels.

    Raises:
        DataError: the file is broken or holds no images.
    """
    images = read_idx_array(path)
    if images.ndim != 3:
        raise DataError(f"{path} holds an array of shape {images.shape}, but images need (N, H, W): pass that file.")
    return Source(images, layout="nhw")


def read_idx_folder(folder: Path) -> Source:
    """Read the four files of a set: training images, then its own test images, with their classes.

    Raises:
        DataError: a file is missing or broken, or labels and images do not fit.
    """
    arrays = {part: read_idx_array(folder / name) for part, name in FILES.items()}
    for part in ("train", "test"):
        images, labels = arrays[f"{part} images"], arrays[f"{part} labels"]
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{folder} holds {part} images of shape {images.shape} and labels of shape {labels.shape}, but "
                "(N, H, W) and (N,) are needed: replace the files by whole ones."
            )
    train, test = arrays["train images"], arrays["test images"]
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        raise DataError(
            f"{folder} holds train images of shape {train.shape} and test images of shape {test.shape}, but both need "
            "one size and type: replace the files by those of one set."
        )
    labels = np.concatenate([arrays["train labels"], arrays["test labels"]])
    return Source(np.concatenate([train, test]), layout="nhw", labels=labels, held_out=len(test))
