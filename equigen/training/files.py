"""Files that are either whole or not there: written aside, synced, renamed.

A failure of the disk (full, read-only, gone) becomes one sentence; what was there before is untouched.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from equigen.training.errors import RunFolderError

__all__ = ["PARTIAL", "discard", "discard_quietly", "one_sentence", "sync_folder", "write_synced", "write_whole"]

PARTIAL = ".partial"  # ending of what is not whole yet; its name also begins with a dot

_FIX = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of the quota",
    errno.EFBIG: "raise the limit on file sizes",
    errno.EACCES: "choose a folder that you may write",
    errno.EPERM: "choose a folder that you may write",
    errno.EROFS: "choose a folder that you may write",
    errno.ENOTDIR: "choose a path whose parents are folders",
    errno.EEXIST: "choose another path",
    errno.ENAMETOOLONG: "choose a shorter path",
}


@contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Turn a failure of the operating system inside the block into one sentence about `path`.

    Raises:
        RunFolderError: in place of an OSError, or of what safetensors makes of one.

    Example:
        >>> with one_sentence(Path("runs/a")):
        ...     raise OSError(errno.ENOSPC, "No space left on device")
        Traceback (most recent call last):
        ...
        equigen.training.errors.RunFolderError: runs/a cannot be written (No space left on device): free some space.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = getattr(error, "errno", None) or 0
        reason = getattr(error, "strerror", None) or str(error)
        fix = _FIX.get(number, "look after the disk, or choose another folder with --out")
        raise RunFolderError(f"{path} cannot be written ({reason}): {fix}.") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it lies on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at one instant: a reader sees the old content or the new one.

    Raises:
        RunFolderError: it cannot be written; the old content is untouched.
    """
    aside = path.with_name(f".{path.name}{PARTIAL}")
    with one_sentence(path):
        try:
            write_synced(aside, content)
            os.replace(aside, path)
        except BaseException:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def discard(path: Path) -> None:
    """Remove a file or a folder, a folder in such a way that no half of it is ever seen under its name."""
    if path.is_dir() and not path.is_symlink():
        aside = path.with_name(f".{path.name.lstrip('.')}.discarded{PARTIAL}")
        discard_quietly(aside)
        os.replace(path, aside)
        discard_quietly(aside)
    else:
        path.unlink(missing_ok=True)


def discard_quietly(path: Path) -> None:
    """Remove what was never whole; what cannot be removed now is left for the next time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
