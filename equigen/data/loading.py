"""`load`: from a name, a file or a folder to a data set.

The table `READERS` says which reader opens which kind of file; another kind is another reader and one more line.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from equigen.data.checking import SIDES
from equigen.data.companions import with_companions
from equigen.data.dataset import Condition, DataSet
from equigen.data.encoding import Layout
from equigen.data.errors import PICKLES, DataError
from equigen.data.named import NAMED
from equigen.data.pose import Poses
from equigen.data.preparing import prepare
from equigen.data.readers.folder import read_folder
from equigen.data.readers.h5 import read_h5
from equigen.data.readers.idx import read_idx
from equigen.data.readers.npy import read_npy
from equigen.data.readers.npz import read_npz
from equigen.data.readers.pictures import PICTURES
from equigen.data.readers.tiff import TIFF, read_tiff
from equigen.data.source import Request, Source

__all__ = ["READERS", "load"]

READERS: dict[str, Callable[[Path, Request], Source]] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".h5": read_h5,
    ".hdf5": read_h5,
    ".gz": read_idx,
    **dict.fromkeys(TIFF, read_tiff),
}
"""End of a file's name -> its reader."""

_KEYED = (".npz", ".h5", ".hdf5")
_POSES = ("none", "quarter-turns", "rotations")


def load(
    source: str | Path,
    *,
    layout: Layout | None = None,
    key: str | None = None,
    resize: int | None = None,
    data_dir: Path | str | None = None,
    limit: int | None = None,
    labels: str | Path | None = None,
    values: str | Path | None = None,
    masks: str | Path | None = None,
    condition: Condition = "none",
    pose: Literal["none", "quarter-turns", "rotations"] = "none",
    seed: int = 0,
) -> DataSet:
    """Load images as float32 (N, C, H, W), with all that is needed to write others in their form.

    A set whose numbers would take more than a quarter of the memory stays in its .npy, .h5 or TIFF file or its folder,
    and is decoded when it is asked for.

    Args:
        source: a name ("digits", "mnist", "fashion_mnist"), a folder of PNG, JPEG and TIFF files (classes from its
            subfolders), or a .npy, .npz, .h5 or gzipped idx file, or a TIFF file of many pages. A plain word is first
            taken as a name: write ./digits for a folder called so.
        layout: order of the array's axes, "nhw", "nhwc" or "nchw", where its shape does not decide.
        key: name of the array in a .npz or .h5 file.
        resize: crop all images to their largest centred square and scale it to this side, in pixels.
        data_dir: folder of the named sets that are not bundled.
        limit: take at most so many images, evenly spread over the set.
        labels: where the classes are: an entry of the file, or a path to a .csv, .txt, .npy or idx file.
        values: where numbers that describe each image are, in the same way.
        masks: where masks are, not 0 where pixels are valid: an entry, or a .npy or idx file or a picture.
        condition: what batches hand on as conditions.
        pose: put every image into a random pose that is its own: a quarter turn, or any angle.
        seed: of the poses.

    Raises:
        DataError: whatever cannot be used, in one sentence.

    Example:
        >>> digits = load("digits")
        >>> tuple(digits.x.shape), digits.x.min().item(), digits.x.max().item()
        ((1797, 1, 8, 8), 0.0, 1.0)
    """
    _require_whole("resize", resize, *SIDES)
    _require_whole("limit", limit, 2, None)
    if pose not in _POSES:
        raise DataError(f"pose is {pose!r}, but images are posed by one of: {', '.join(_POSES)}.")
    words = [None if word is None else str(word) for word in (labels, values, masks)]
    request = Request(key, resize, limit, *words)
    if isinstance(source, str) and source in NAMED:
        if key is not None:
            raise DataError(f"key is {key!r}, but {source} has one array of images: leave key (--key) out.")
        found, name = NAMED[source](None if data_dir is None else Path(data_dir)), source
        if Path(source).exists():
            found = replace(found, notes=(*found.notes, f"the set named {source}, not ./{source}, which exists too"))
    else:
        path = Path(source).expanduser()
        found, name = _reader(path, str(source), key)(path, request), path.resolve().stem
    found = with_companions(found, request, str(source))
    poses = None if pose == "none" else Poses(pose, seed)
    return prepare(found, name, str(source), request, layout, condition, poses)


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
    if suffix in PICKLES:
        raise DataError(
            f"{source} is a pickle or a torch checkpoint, which can run code when it is opened and never is: save the "
            "images by np.save(path, images) as .npy."
        )
    if suffix in PICTURES and suffix not in READERS:
        raise DataError(f"{source} is one image, but a set is needed: give the folder that holds the images.")
    if suffix not in READERS:
        kinds = f"a folder of {', '.join(PICTURES)} files, or a file that ends in {', '.join(READERS)}"
        raise DataError(f"{source} ends in {suffix or 'nothing'!r}, but data come as {kinds}: convert it.")
    return READERS[suffix]


def _require_whole(name: str, value: int | None, low: int, high: int | None) -> None:
    if value is None:
        return
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        upper = f" to {high}" if high is not None else " or more"
        raise DataError(f"{name} is {value!r}, but a whole number of {low}{upper} is needed: pass {name}=64.")
