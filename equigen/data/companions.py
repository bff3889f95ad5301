"""What is known of each image beside its pixels: classes, values and masks, from the file itself or from one beside it.

Entries of the file with the usual names are taken by themselves. What the user names is an entry of the file where it
has one of that name, else a path: .npy, gzipped idx, or a table in text (.csv, .tsv, .txt); a mask may be an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from equigen.data.archive import Archive
from equigen.data.errors import DataError, listed
from equigen.data.memory import require_memory
from equigen.data.readers.header import read_header
from equigen.data.readers.idx import read_idx_array
from equigen.data.readers.pictures import PICTURES, read_picture
from equigen.data.source import Request, Source, reading
from equigen.data.table import Table, read_table

__all__ = ["with_companions"]

_TABLES = (".csv", ".tsv", ".txt")
_CLASSES = 1 << 16  # more are no classes
_Found = np.ndarray | Table


def with_companions(source: Source, request: Request, where: str) -> Source:
    """The source with the classes, values and masks that the user or the file names.

    Args:
        source: what a reader returned.
        request: `labels`, `values` and `masks` are looked at.
        where: what the source is called in errors.

    Raises:
        DataError: something that is named is not there, is no such thing, or does not fit the images.
    """
    used: list[str] = []
    for name, word, take in (
        ("labels", request.labels, _with_labels),
        ("values", request.values, _with_values),
        ("masks", request.masks, _with_masks),
    ):
        if word is not None:
            found, called = _named(source, name, word, where)
            source = take(source, found, called)
            used.append(word)
        elif source.archive is not None and name in source.archive.entries and name != source.key:
            source = _by_itself(source, source.archive, name, take, where)
    if source.archive is None:
        return source
    known = {source.key, "labels", "values", "masks", "class_names", "value_names", *used}
    others = [name for name in source.archive.entries if name not in known]
    left = (f"left out of the file: {listed(others)}",) if others else ()
    return replace(source, notes=(*source.notes, *left))


def _by_itself(source: Source, archive: Archive, name: str, take: Callable[..., Source], where: str) -> Source:
    """Take an entry with a usual name; what cannot be what it is called is left out with a note."""
    entry = archive.entries[name]
    kinds, axes = {"labels": ("iuSU", (1,)), "values": ("fiu", (1, 2)), "masks": ("biu", (2, 3, 4))}[name]
    if entry.dtype.kind not in kinds or len(entry.shape) not in axes:
        what = {"labels": "class numbers", "values": "numbers of each image", "masks": "masks"}[name]
        return replace(source, notes=(*source.notes, f"{name} {entry} are no {what} and were left out"))
    return take(source, archive.read(name), f"{where}[{name!r}]")


def _named(source: Source, name: str, word: str, where: str) -> tuple[_Found, str]:
    """What the user named, and what it is called in errors."""
    archive = source.archive
    if archive is not None and word in archive.entries:
        return archive.read(word), f"{where}[{word!r}]"
    path = Path(word).expanduser()
    if not path.is_file():
        there = f"an entry of {where} ({listed(list(archive.entries))})" if archive is not None else "an entry"
        raise DataError(f"{name} is {word!r}, which is neither {there} nor a file: give {name}=path (--{name} path).")
    suffix = path.suffix.lower()
    if suffix in _TABLES and name != "masks":
        return read_table(path, source.total, source.items), str(path)
    if suffix == ".npy":
        return _read_npy(path), str(path)
    if suffix == ".gz":
        return read_idx_array(path), str(path)
    if suffix in PICTURES and name == "masks":
        return read_picture(path)[..., 0], str(path)
    kinds = [".npy", ".gz", *(PICTURES if name == "masks" else _TABLES)]
    raise DataError(f"{name} is {word!r}, but {name} are read from files that end in {', '.join(kinds)}: convert it.")


def _read_npy(path: Path) -> np.ndarray:
    with reading(path, "a .npy file"):
        with path.open("rb") as file:
            require_memory(read_header(file, str(path))[0], str(path))
        return np.load(path, allow_pickle=False)


def _with_labels(source: Source, found: _Found, called: str) -> Source:
    if isinstance(found, Table):
        if len(found.rows[0]) != 1:
            raise DataError(
                f"{called} has {len(found.rows[0])} columns of classes, but labels need one: keep only the class."
            )
        found = np.array([cells[0] for cells in found.rows])
        if all(cell.isdecimal() and cell.isascii() and len(cell) < 10 for cell in found.tolist()):
            found = found.astype(np.int64)
    _require_rows(found, source, called, "labels")
    if found.ndim != 1 or found.dtype.kind not in "iubSU":
        raise DataError(
            f"{called} holds {found.shape} {found.dtype.name}, but labels are whole numbers or texts, one for each "
            "image: pass numbers that are no classes as values (--values)."
        )
    if found.dtype.kind in "SU":
        texts, numbers = np.unique(found, return_inverse=True)
        return replace(source, labels=numbers.astype(np.int64), class_names=_texts(texts))
    names = _entry_names(source, "class_names")
    known = len(names) if names is not None else _CLASSES
    low, high = int(found.min()), int(found.max())
    if low < 0 or high >= known:
        needed = f"0 .. {known - 1}, one for each class name" if names is not None else f"0 .. {known - 1}"
        raise DataError(f"{called} has class numbers from {low} to {high}, but they must be {needed}: mend labels.")
    return replace(source, labels=found.astype(np.int64), class_names=names or tuple(map(str, range(high + 1))))


def _with_values(source: Source, found: _Found, called: str) -> Source:
    names = None
    if isinstance(found, Table):
        names = found.names
        found = _numbers(found, called)
    else:
        names = _entry_names(source, "value_names")
    _require_rows(found, source, called, "values")
    if found.ndim not in (1, 2) or found.dtype.kind not in "fiub" or 0 in found.shape:
        raise DataError(
            f"{called} holds {found.shape} {found.dtype.name}, but values are (N,) or (N, k) numbers: "
            "write one row for each image."
        )
    with np.errstate(over="ignore"):
        values = found.reshape(len(found), -1).astype(np.float32)
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0].tolist()
        number = found.reshape(len(found), -1)[row, column]
        raise DataError(
            f"{called} holds {number} for image {row}, but values must be finite in float32: mend it, or write nan "
            "where it is not known."
        )
    if np.isnan(values).all(0).any():
        column = int(np.isnan(values).all(0).argmax())
        raise DataError(f"{called} gives no number in column {column}, but values need some: leave that column out.")
    count = values.shape[1]
    if names is not None and len(names) != count:
        raise DataError(
            f"{called} has {count} values for each image, but {len(names)} value_names: write one for each."
        )
    default = ("value",) if count == 1 else tuple(f"value {place}" for place in range(count))
    names = names or default
    flat = np.nanmin(values, 0) == np.nanmax(values, 0)
    notes = [f"{name} is the same for every image" for name, same in zip(names, flat, strict=True) if same]
    return replace(source, values=values, value_names=names, notes=(*source.notes, *notes))


def _numbers(table: Table, called: str) -> np.ndarray:
    out = np.empty((len(table.rows), len(table.rows[0])))
    for row, cells in enumerate(table.rows):
        for column, cell in enumerate(cells):
            try:
                out[row, column] = float(cell)
            except ValueError as error:
                raise DataError(f"{called} holds {cell!r}, but values are numbers: mend it, or pass labels.") from error
    return out


def _with_masks(source: Source, found: Any, called: str) -> Source:
    """Masks as bool (total, H, W) or (H, W)."""
    if found.dtype.kind not in "biuf" or (found.dtype.kind == "f" and not np.isfinite(found).all()):
        raise DataError(f"{called} holds {found.dtype.name} values, but masks are 0 or not 0: save them as bool.")
    if found.ndim == 4 and 1 in (found.shape[1], found.shape[-1]):
        found = found[:, 0] if found.shape[1] == 1 else found[..., 0]
    if found.ndim not in (2, 3):
        raise DataError(f"{called} has shape {found.shape}, but masks are (H, W) or (N, H, W): reshape them.")
    if found.ndim == 3:
        _require_rows(found, source, called, "masks")
    return replace(source, masks=found != 0)


def _require_rows(found: np.ndarray, source: Source, called: str, name: str) -> None:
    if found.ndim == 0 or len(found) != source.total:
        count = len(found) if found.ndim else "no"
        raise DataError(
            f"{called} holds {count} {name} for {source.total} images, but each image needs one: write both again."
        )


def _entry_names(source: Source, name: str) -> tuple[str, ...] | None:
    archive = source.archive
    if archive is None or name not in archive.entries or archive.entries[name].dtype.kind not in "SU":
        return None
    return _texts(archive.read(name))


def _texts(names: np.ndarray) -> tuple[str, ...]:
    return tuple(n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names.ravel().tolist())
