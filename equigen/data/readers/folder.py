"""Reader of a folder of images: one class for each subfolder, or no classes.

All images become one array. Grey images beside colour ones become colour (R = G = B, nothing is lost); sizes and bit
depths that differ are refused with the file that differs, unless the user asks to resize.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from equigen.data.errors import DataError, listed
from equigen.data.memory import require_memory
from equigen.data.readers.idx import FILES, read_idx_folder
from equigen.data.readers.images import ImageHeader, read_image, read_image_header
from equigen.data.resizing import resize_images
from equigen.data.source import Request, Source, spread

__all__ = ["SUFFIXES", "read_folder"]

SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg")
"""Names of the images that are read, in any case."""

_UNREAD = (".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".heic", ".avif", ".ppm", ".pgm")  # images all the same
_HIDDEN = (".", "__MACOSX")


def read_folder(folder: Path, request: Request) -> Source:
    """Read the images of a folder and its subfolders, in the order of their paths.

    A folder that holds the four files of an idx set is read as that set.

    Raises:
        DataError: no image, an image that cannot be read, images of several kinds, or images both beside and inside
            subfolders.
    """
    if all((folder / name).is_file() for name in FILES.values()):
        return read_idx_folder(folder)
    files, others = _walk(folder)
    labels, class_names = _classes(folder, files)
    chosen = spread(len(files), request.limit)
    files, labels = [files[i] for i in chosen], None if labels is None else labels[chosen]
    headers = [read_image_header(file) for file in files]
    notes = _require_one_kind(folder, files, headers, request.resize)
    if others:
        notes.append(f"no images, left out: {listed(others)}")
    return Source(
        _pixels(files, headers, request.resize),
        layout="nhwc",
        labels=labels,
        class_names=class_names,
        items=[file.relative_to(folder).as_posix() for file in files],
        notes=tuple(notes),
    )


def _walk(folder: Path) -> tuple[list[Path], list[str]]:
    """Images, and the names of other files, both in the order of their paths; hidden files are no files."""
    files, others = [], []
    for path in sorted(_files(folder)):
        suffix = path.suffix.lower()
        if suffix in _UNREAD:
            raise DataError(f"{path} is an image of a kind that is not read: save it as PNG or remove it.")
        if suffix in SUFFIXES:
            files.append(path)
        else:
            others.append(path.relative_to(folder).as_posix())
    if not files:
        there = f"only {listed(others)}" if others else "nothing"
        raise DataError(f"{folder} holds {there}, but a folder of images needs {', '.join(SUFFIXES)} files: add some.")
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


def _pixels(files: Sequence[Path], headers: Sequence[ImageHeader], resize: int | None) -> np.ndarray:
    height, width = (resize, resize) if resize else (headers[0].height, headers[0].width)
    shape = (len(files), height, width, max(header.channels for header in headers))
    require_memory(shape, str(files[0].parent))
    pixels = np.empty(shape, headers[0].dtype)
    for place, file in enumerate(files):
        image = read_image(file)[None]
        pixels[place] = resize_images(image, resize) if resize else image  # one channel is broadcast to three
    return pixels
