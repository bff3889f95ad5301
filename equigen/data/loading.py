"""`load`: from a name, a file or a folder to a data set.

The table `READERS` says which reader opens which kind of file; another kind is another reader and one more line.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from equigen.data.dataset import DataSet
from equigen.data.encoding import Layout
from equigen.data.errors import DataError
from equigen.data.named import NAMED
from equigen.data.preparing import SIDES, prepare
from equigen.data.readers.folder import SUFFIXES, read_folder
from equigen.data.readers.idx import read_idx
from equigen.data.readers.npy import read_npy
from equigen.data.readers.npz import read_npz
from equigen.data.source import Request, Source

__all__ = ["READERS", "load"]

READERS: dict[str, Callable[[Path, Request], Source]] = {".npy": read_npy, ".npz": read_npz, ".gz": read_idx}
"""End of a file's name -> its reader."""

_KEYED = (".npz",)


def load(
    source: str | Path,
    *,
    layout: Layout | None = None,
    key: str | None = None,
    resize: int | None = None,
    data_dir: Path | str | None = None,
    limit: int | None = None,
) -> DataSet:
    """Load images as float32 (N, C, H, W), with all that is needed to write others in their form.

    Args:
        source: a name ("digits", "mnist", "fashion_mnist"), a folder of PNG and JPEG files (classes from its
            subfolders), or a .npy, .npz or gzipped idx file. A plain word is first taken as a name: write ./digits
            for a folder called so.
        layout: order of the array's axes, "nhw", "nhwc" or "nchw", where its shape does not decide.
        key: name of the array in a .npz file.
        resize: crop all images to their largest centred square and scale it to this side, in pixels.
        data_dir: folder of the named sets that are not bundled.
        limit: take at most so many images, evenly spread over the set.

    Raises:
        DataError: whatever cannot be used, in one sentence.

    Example:
        >>> digits = load("digits")
        >>> tuple(digits.x.shape), digits.x.min().item(), digits.x.max().item()
        ((1797, 1, 8, 8), 0.0, 1.0)
    """
    _require_whole("resize", resize, *SIDES)
    _require_whole("limit", limit, 2, None)
    request = Request(key, resize, limit)
    if isinstance(source, str) and source in NAMED:
        if key is not None:
            raise DataError(f"key is {key!r}, but {source} has one array of images: leave key (--key) out.")
        found = NAMED[source](None if data_dir is None else Path(data_dir))
        if Path(source).exists():
            found = replace(found, notes=(*found.notes, f"the set named {source}, not ./{source}, which exists too"))
        return prepare(found, source, source, request, layout)
    path = Path(source).expanduser()
    read = _reader(path, str(source), key)
    return prepare(read(path, request), path.resolve().stem, str(source), request, layout)


def _reader(path: Path, source: str, key: str | None) -> Callable[[Path, Request], Source]:
    if not source or not path.exists():
        near = difflib.get_close_matches(source, NAMED, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"give a path, or one of {', '.join(NAMED)}"
        raise DataError(f"{source!r} is no file, no folder and no named set of images: {fix.rstrip('?')}.")
    suffix = path.suffix.lower()
    if key is not None and (path.is_dir() or suffix not in _KEYED):
        raise DataError(f"key is {key!r}, but {source} has no named arrays: leave key (--key) out.")
    if path.is_dir():
        return read_folder
    if not path.is_file():
        raise DataError(f"{source} is neither a file nor a folder, but images are read from these: give such a path.")
    if suffix in SUFFIXES:
        raise DataError(f"{source} is one image, but a set is needed: give the folder that holds the images.")
    if suffix not in READERS:
        kinds = f"a folder of {', '.join(SUFFIXES)} files, or a file that ends in {', '.join(READERS)}"
        raise DataError(f"{source} ends in {suffix or 'nothing'!r}, but data come as {kinds}: convert it.")
    return READERS[suffix]


def _require_whole(name: str, value: int | None, low: int, high: int | None) -> None:
    if value is None:
        return
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        upper = f" to {high}" if high is not None else " or more"
        raise DataError(f"{name} is {value!r}, but a whole number of {low}{upper} is needed: pass {name}=64.")
