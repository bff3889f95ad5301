"""Tables in text files: one row for each image, in the images' order or beginning with their file names.

Cells are separated by commas, semicolons or tabs, whichever the first line holds; a first row that describes no image
is a header. A table of several columns beside a folder of images names its images: by path, by file name, or by file
name without its end, whatever is written, as long as it means one image.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from equigen.data.errors import DataError, listed
from equigen.data.source import reading

__all__ = ["Table", "read_table"]

_SEPARATORS = ("\t", ";", ",")


@dataclass(frozen=True)
class Table:
    """Cells of one row for each image, and the names of the columns.

    Args:
        names: of the columns, or None where the file has no header.
        rows: cells as text, one row for each image, all of one length.
    """

    names: tuple[str, ...] | None
    rows: list[list[str]]


def read_table(path: Path, total: int, items: Sequence[str] | None) -> Table:
    """Read a table and put its rows into the order of the images.

    Args:
        path: of a .csv, .tsv or .txt file in UTF-8.
        total: number of images.
        items: their names, or None where they have none.

    Raises:
        DataError: no text, rows of several lengths or too few or many, names that are unknown, twice or missing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "labels.csv"
        ...     _ = path.write_text("file,kind\\nb.png,round\\na,long\\n")
        ...     read_table(path, 2, ["a.png", "b.png"])
        Table(names=('kind',), rows=[['long'], ['round']])
    """
    rows = _cells(path)
    if items is not None and len(rows[0][1]) > 1:
        return _by_name(path, rows, items)
    header = len(rows) == total + 1 and not _is_number(rows[0][1][0])
    names = tuple(rows.pop(0)[1]) if header else None
    found = len(rows) - (len(rows) == total and _only_the_first_is_text(rows))
    if found != total:
        raise DataError(
            f"{path} has {found} rows for {total} images, but each image needs one: write a row for each, in order."
        )
    return Table(names, [cells for _, cells in rows])


def _only_the_first_is_text(rows: list[tuple[int, list[str]]]) -> bool:
    """Whether the first row is a header, although it is counted as an image's: words above nothing but numbers."""
    (_, first), *others = rows
    words = not any(map(_is_number, first))
    return words and len(others) > 1 and all(_is_number(cell) for _, cells in others for cell in cells)


def _cells(path: Path) -> list[tuple[int, list[str]]]:
    """Line numbers and cells of all rows that are not empty."""
    with reading(path, "a table of text in UTF-8"):
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        separator = next((mark for mark in _SEPARATORS if mark in first), ",")
        lines = csv.reader(text.splitlines(), delimiter=separator, strict=True)
        rows = [(lines.line_num, [cell.strip() for cell in cells]) for cells in lines]
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise DataError(f"{path} is empty, but a table needs a row for each image: write them.")
    for line, cells in rows:
        if len(cells) != len(rows[0][1]):
            raise DataError(
                f"{path} has {len(cells)} cells in line {line}, but {len(rows[0][1])} in line {rows[0][0]}: "
                "fill every cell."
            )
        if not all(cells):
            raise DataError(f"{path} has an empty cell in line {line}, column {cells.index('') + 1}: fill every cell.")
    return rows


def _by_name(path: Path, rows: list[tuple[int, list[str]]], items: Sequence[str]) -> Table:
    known = _aliases(items)
    names = None if _plain(rows[0][1][0]) in known else tuple(rows.pop(0)[1][1:])
    found: dict[int, tuple[int, list[str]]] = {}
    for line, (name, *cells) in rows:
        place = known.get(_plain(name))
        if place is None:
            why = "more than one image" if _plain(name) in known else f"none of the {len(items)} images"
            raise DataError(
                f"{path} names {name!r} in line {line}, which is {why}: begin each row with the image's "
                "path in the folder."
            )
        if place in found:
            raise DataError(
                f"{path} names {items[place]} in line {found[place][0]} and again in line {line}, but each image needs "
                "one row: remove one."
            )
        found[place] = (line, cells)
    if missing := [name for place, name in enumerate(items) if place not in found]:
        raise DataError(f"{path} has no row for {listed(missing)}, but each image needs one: add it.")
    return Table(names, [found[place][1] for place in range(len(items))])


def _aliases(items: Sequence[str]) -> dict[str, int | None]:
    """Ways to write an image -> its place; None where several are meant."""
    paths: dict[str, int | None] = {item: place for place, item in enumerate(items)}
    short: dict[str, int | None] = {}
    for place, item in enumerate(items):
        path = PurePosixPath(item)
        for name in {path.name, path.with_suffix("").as_posix(), path.stem} - {item}:
            short[name] = None if name in short else place
    return {**short, **paths}


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
