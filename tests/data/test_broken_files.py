"""Bytes broken at random end in a set or in one sentence, whatever the format: nothing else is ever raised."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from equigen.data.errors import DataError
from equigen.data.loading import load
from tests.data.conftest import pixels, sentence_faults
from tests.data.test_idx import idx_bytes

TRIALS = {"tif": 1000, "h5": 1000}
FEW = 120


def whole_file(folder: Path, kind: str) -> Path:
    images = pixels(0, 6, 16, 16)
    path = folder / f"broken.{kind}"
    if kind == "npy":
        np.save(path, images)
    elif kind == "npz":
        np.savez_compressed(path, images=images, labels=np.arange(6))
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("images", data=images, chunks=(2, 16, 16), compression="gzip")
            file["labels"], file["class_names"] = np.arange(6), np.array(list("abcdef"), "S")
    elif kind == "tif":
        for place in range(2):
            tifffile.imwrite(folder / f"whole-{place}.tif", images[place])
        tifffile.imwrite(path, images[2], compression="zlib")
    elif kind == "tiff":
        tifffile.imwrite(path, images.astype(np.float32))
    elif kind == "gz":
        path.write_bytes(gzip.compress(idx_bytes(images)))
    else:
        for place in range(2):
            Image.fromarray(images[place]).save(folder / f"whole-{place}.png")
        Image.fromarray(images[2]).save(path)
    return path


def break_bytes(data: bytes, trial: int) -> bytes:
    """Flip bytes near the beginning or anywhere, cut, double a part, or overwrite a run."""
    random = np.random.default_rng(trial)
    out = bytearray(data)
    kind = trial % 5
    if kind < 2:
        reach = min(len(out), 120) if kind == 0 else len(out)
        for _ in range(int(random.integers(1, 5))):
            out[int(random.integers(reach))] = int(random.integers(256))
    elif kind == 2:
        del out[int(random.integers(len(out))) :]
    else:
        first = int(random.integers(len(out)))
        part = out[first : first + int(random.integers(1, 40))]
        out[first : first + (len(part) if kind == 3 else 0)] = bytes(len(part)) if kind == 3 else part
    return bytes(out)


@pytest.mark.parametrize("kind", ["npy", "npz", "gz", "png", "jpg", "tif", "tiff", "h5"])
def test_broken_bytes_end_in_a_set_or_a_sentence(tmp_path, kind):
    path = whole_file(tmp_path, kind)
    source = tmp_path if kind in ("png", "jpg", "tif") else path
    whole = path.read_bytes()
    messages, trials = [], TRIALS.get(kind, FEW)
    for trial in range(trials):
        path.write_bytes(break_bytes(whole, trial))
        try:
            load(source)
        except DataError as error:
            messages.append(str(error))
    assert [message for message in messages if sentence_faults(message)] == []
    assert len(messages) > trials // 5  # the damage is real
    path.write_bytes(whole)
    assert len(load(source)) >= 3
