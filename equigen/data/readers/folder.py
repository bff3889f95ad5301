"""Reader of a folder of images: one class for each subfolder, or no classes.

Files are opened when their images are needed. Grey images beside colour ones become colour (R = G = B, nothing is
lost); sizes and bit depths that differ are refused with the file that differs, unless the user asks to resize.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from equigen.data.errors import PICKLES, DataError, listed
from equigen.data.readers.idx import FILES, read_idx_folder
from equigen.data.readers.images import ImageHeader
from equigen.data.readers.pictures import PICTURES, read_picture, read_picture_header
from equigen.data.resizing import resize_images
from equigen.data.source import Request, Source, spread

__all__ = ["Pictures", "read_folder"]

_UNREAD = (".bmp", ".gif", ".webp", ".jp2", ".heic", ".avif", ".ppm", ".pgm")  # images all the same
_HIDDEN = (".", "__MACOSX")


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size in their files, (N, H, W, C): opened when they are asked for."""

    files: Sequence[Path]
    shape: tuple[int, ...]
    dtype: np.dtype
    resize: int | None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place, row in enumerate(rows.tolist()):
            image = read_picture(self.files[row])[None]
            out[place] = resize_images(image, self.resize) if self.resize else image  # one channel becomes three
        return out


def read_folder(folder: Path, request: Request) -> Source:
    """Find the images of a folder and its subfolders, in the order of their paths.

    A folder that holds the four files of an idx set is read as that set.

    Raises:
        DataError: no image, an image that cannot be read, images of several kinds, or images both beside and inside
            subfolders.
    """
    if all((folder / name).is_file() for name in FILES.values()):
        return read_idx_folder(folder)
    files, others = _walk(folder, [request.labels, request.values, request.masks])
    labels, class_names = _classes(folder, files)
    taken = spread(len(files), request.limit)
    chosen = [files[i] for i in taken]
    headers = [read_picture_header(file) for file in chosen]
    notes = _require_one_kind(folder, chosen, headers, request.resize)
    if others:
        notes.append(f"no images, left out: {listed(others)}")
    height, width = (request.resize,) * 2 if request.resize else (headers[0].height, headers[0].width)
    shape = (len(chosen), height, width, max(header.channels for header in headers))
    return Source(
        Pictures(chosen, shape, np.dtype(headers[0].dtype), request.resize),
        layout="nhwc",
        labels=labels,
        class_names=class_names,
        items=[file.relative_to(folder).as_posix() for file in files],
        taken=taken,
        on_demand=True,
        notes=tuple(notes),
    )


def _walk(folder: Path, words: Sequence[str | None]) -> tuple[list[Path], list[str]]:
    """Images, and the names of other files, both in the order of their paths; hidden files are no files.

    What the user names as labels, values or masks is neither.
    """
    files, others = [], []
    named = {Path(word).expanduser().resolve() for word in words if word is not None}
    for path in sorted(_files(folder)):
        suffix = path.suffix.lower()
        if path.resolve() in named:
            continue
        if suffix in _UNREAD:
            raise DataError(f"{path} is an image of a kind that is not read: save it as PNG or remove it.")
        if suffix in PICTURES:
            files.append(path)
        else:
            others.append(path.relative_to(folder).as_posix())
    if not files:
        there = f"only {listed(others)}" if others else "nothing"
        unopened = any(name.lower().endswith(PICKLES) for name in others)
        why = " (pickles and torch checkpoints, which can run code, are never opened)" if unopened else ""
        raise DataError(f"{folder} holds {there}{why}, but images need {', '.join(PICTURES)} files: add some.")
    return files, others


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder that is not hidden; links to folders are followed unless they lead back up."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be listed ({str(error.strerror).lower()}): make it readable.")

    for root, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        above = Path(root).resolve()
        folders[:] = [f for f in folders if not (f.startswith(_HIDDEN) or above.is_relative_to((above / f).resolve()))]
        for path in (Path(root) / name for name in names if not name.startswith(_HIDDEN)):
            if path.is_file() or path.is_symlink():
                yield path


def _classes(folder: Path, files: list[Path]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    tops = [file.relative_to(folder).parts[:-1][:1] for file in files]
    if not any(tops):
        return None, None
    if not all(tops):
        loose = files[tops.index(())]
        raise DataError(
            f"{loose} lies beside the subfolder {next(t[0] for t in tops if t)!r}, but images lie either in one folder "
            "or all in subfolders, one for each class: move it into one."
        )
    names = tuple(sorted({top[0] for top in tops}))
    return np.array([names.index(top[0]) for top in tops], dtype=np.int64), names


def _require_one_kind(
    folder: Path, files: Sequence[Path], headers: Sequence[ImageHeader], resize: int | None
) -> list[str]:
    """Refuse the first file that differs from most; return what was changed without loss."""
    _require_common(files, headers, lambda h: h.dtype, "values", "convert it")
    if resize is None:
        side = min(min(h.height, h.width) for h in headers)
        fix = f"pass resize={side} (--resize {side}) to crop and scale all, or remove it"
        _require_common(files, headers, lambda h: f"{h.height}x{h.width}", "pixels", fix)
    grey = sum(h.channels == 1 for h in headers)
    return [f"{grey} of {len(headers)} images were grey and became RGB"] if 0 < grey < len(headers) else []


def _require_common(
    files: Sequence[Path], headers: Sequence[ImageHeader], kind: Callable[[ImageHeader], Any], unit: str, fix: str
) -> None:
    kinds = Counter(map(kind, headers))
    ((common, count),) = kinds.most_common(1)
    for file, header in zip(files, headers, strict=True):
        if kind(header) != common:
            raise DataError(
                f"{file} has {kind(header)} {unit}, but {count} of the {len(files)} images have {common}: {fix}."
            )
