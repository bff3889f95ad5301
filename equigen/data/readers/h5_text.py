"""Texts of variable length in an HDF5 file, read by a process of its own.

On a damaged heap of texts the HDF5 library can run in circles for ever; a process can be given up, a call cannot.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from equigen.data.errors import DataError

__all__ = ["PATIENCE", "read_texts"]

PATIENCE = 60.0
"""Seconds after which the reading process is given up."""

_PROGRAM = """
import json, sys, h5py
with h5py.File(sys.argv[1], "r") as file:
    json.dump(file[sys.argv[2]].asstr(errors="replace")[()].tolist(), sys.stdout)
"""


def read_texts(path: Path, name: str) -> np.ndarray:
    """An array of texts, as numpy's own fixed-length texts.

    Raises:
        DataError: they cannot be read.
    """
    command = [sys.executable, "-P", "-c", _PROGRAM, str(path), name]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
        return np.array(json.loads(done.stdout), dtype=np.str_)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise DataError(
            f"{path}[{name!r}] holds texts that cannot be read: write the file again, with texts of one length, "
            'names.astype("S").'
        ) from error
