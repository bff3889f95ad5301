"""A PNG file from an array: 8 or 16 bits, grey or RGB. (Pillow writes no 16-bit colour.)

Source: Portable Network Graphics specification, second edition, W3C 2003, chapters 5, 9 and 11.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

__all__ = ["encode_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2


def encode_png(pixels: np.ndarray, comment: str = "") -> bytes:
    """The bytes of a PNG file.

    Args:
        pixels: (H, W) or (H, W, 3), uint8 or uint16.
        comment: text (Latin-1) that is stored with the picture.

    Raises:
        ValueError: another shape or type.

    Example:
        >>> encode_png(np.zeros((8, 8), dtype=np.uint8))[:4]
        b'\\x89PNG'
    """
    if pixels.dtype not in (np.uint8, np.uint16) or not (pixels.ndim == 2 or pixels.shape[2:] == (3,)):
        raise ValueError(
            f"pixels are {pixels.shape} {pixels.dtype}, but a PNG holds (H, W) or (H, W, 3) of uint8 or uint16."
        )
    height, width = pixels.shape[:2]
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    scanlines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)  # each begins with its filter: none
    colour = _GREY if pixels.ndim == 2 else _RGB
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, colour, 0, 0, 0)
    text = _chunk(b"tEXt", b"Comment\0" + comment.encode("latin-1", "replace")) if comment else b""
    data = _chunk(b"IDAT", zlib.compress(scanlines.tobytes(), 6))
    return _SIGNATURE + _chunk(b"IHDR", header) + text + data + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
