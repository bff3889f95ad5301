"""One writer in a run folder at a time.

The lock is the system's own on the file `.lock` in the folder, which names its holder. It ends with the process that
holds it, so that none is ever left behind by a killed one. The file goes away with the lock. A file system without
locks does not stop anyone.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from equigen.training.errors import RunFolderError
from equigen.training.files import one_sentence

__all__ = ["LOCK", "locked"]

LOCK = ".lock"
"""Name of the file in the run folder."""

_BEYOND = 1 << 20  # the byte that is locked where locked bytes cannot be read
_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside the block no other process writes the run in this folder.

    Args:
        folder: is made if need be, and taken away again if it is empty after the block.

    Raises:
        RunFolderError: another process holds it, or the folder cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     with locked(Path(place) / "run"):
        ...         print((Path(place) / "run" / LOCK).is_file())
        ...     print((Path(place) / "run").exists())
        True
        False
    """
    with one_sentence(folder):
        made = _make(folder)
    try:
        handle = _take(folder)
        try:
            yield
        finally:
            with suppress(OSError):
                (folder / LOCK).unlink()
            os.close(handle)
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; which of them were not there, the deepest first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _take(folder: Path) -> int:
    """The open file of a lock that is now held."""
    path = folder / LOCK
    while True:
        with one_sentence(folder):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _hold(handle):
            holder = os.read(handle, 200).decode(errors="replace").strip()
            os.close(handle)
            raise RunFolderError(
                f"{folder} is being written by {holder or 'another process'}: wait until it is done, or choose another "
                "folder with --out."
            )
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {platform.node()}\n".encode())
                return handle
        os.close(handle)  # its holder took the file away between opening and locking: begin again


def _hold(handle: int) -> bool:
    """Take the system's lock on an open file; false if another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _BEYOND, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            os.lseek(handle, 0, os.SEEK_SET)
            return False
    return True
