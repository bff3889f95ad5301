"""Fetch one file over the network: checked against its SHA-256, written aside and renamed."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

__all__ = ["download"]

_TIMEOUT = 10.0  # seconds without an answer
_BLOCK = 1 << 16


def download(urls: Sequence[str], sha256: str, target: Path) -> None:
    """Write a file from the first of several addresses that gives the right bytes.

    Args:
        urls: addresses of the same file.
        sha256: its checksum, hexadecimal.
        target: where it is to lie; nothing is left there unless it is whole.

    Raises:
        OSError: no address gave it; the message gathers why.
    """
    reasons = []
    for url in urls:
        try:
            _fetch(url, sha256, target)
            return
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            reasons.append(f"{url}: {cause or type(error).__name__}")
    raise OSError("; ".join(reasons))


def _fetch(url: str, sha256: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        aside = Path(file.name)
        try:
            digest = hashlib.sha256()
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:
                while block := answer.read(_BLOCK):
                    digest.update(block)
                    file.write(block)
            if digest.hexdigest() != sha256:
                raise OSError("its checksum is not that of the original")
            file.flush()
            os.fsync(file.fileno())
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
