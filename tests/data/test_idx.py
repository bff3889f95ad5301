from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.data.readers.idx import FILES, read_idx_array
from tests.data.conftest import pixels

TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, TYPES[array.dtype.str[1:]], array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_set(folder: Path, train: int = 6, test: int = 2) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "train images": pixels(0, train, 8, 9),
        "train labels": pixels(1, train) % 10,
        "test images": pixels(2, test, 8, 9),
        "test labels": pixels(3, test) % 10,
    }
    for part, name in FILES.items():
        (folder / name).write_bytes(gzip.compress(idx_bytes(arrays[part]), mtime=0))
    return arrays


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_comes_back(tmp_path, kind):
    array = (pixels(0, 3, 4, 5) // 2).astype(kind)
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(array)))
    found = read_idx_array(tmp_path / "a.gz")
    assert (found == array).all()
    assert found.dtype.newbyteorder("=") == array.dtype


def test_a_folder_of_the_four_files_is_a_set_with_its_own_test_part(tmp_path):
    arrays = write_set(tmp_path / "mine")
    found = load(tmp_path / "mine")
    train, test = found.split(seed=0)
    assert (train.encoding.encode(train.x) == arrays["train images"]).all()
    assert (test.encoding.encode(test.x) == arrays["test images"]).all()
    assert train.labels is not None
    assert test.labels is not None
    assert (train.labels.numpy() == arrays["train labels"]).all()
    assert (test.labels.numpy() == arrays["test labels"]).all()


def test_limit_keeps_the_share_of_the_test_part(tmp_path):
    write_set(tmp_path / "mine", train=60, test=20)
    found = load(tmp_path / "mine", limit=8)
    assert (len(found), found.held_out) == (8, 2)
    few = load(tmp_path / "mine", limit=2)
    assert (len(few), few.held_out) == (2, None)


def test_one_file_of_images(tmp_path, refused):
    write_set(tmp_path)
    assert len(load(tmp_path / FILES["train images"])) == 6
    refused(tmp_path / FILES["train labels"], "(N, H, W)")


def test_broken_files_are_refused(tmp_path, refused):
    write_set(tmp_path)
    path = tmp_path / FILES["train images"]
    whole = path.read_bytes()
    plain = gzip.decompress(whole)
    faults = {
        "truncated gzip": (whole[:-20], "cannot be read as a gzipped idx file"),
        "no gzip": (plain, "cannot be read"),
        "empty": (b"", "missing"),
        "short array": (gzip.compress(plain[:-5]), "promises 432"),
        "long array": (gzip.compress(plain + b"x"), "promises 432"),
        "other magic": (gzip.compress(b"\x01\x00\x08\x03" + plain[4:]), "01 00 08 03"),
        "short header": (gzip.compress(plain[:10]), "cannot be read"),
        "absurd size": (gzip.compress(plain[:4] + b"\xff" * 12 + plain[16:]), "GiB"),
        "bad checksum": (whole[:-8] + b"\0\0\0\0" + whole[-4:], "cannot be read"),
    }
    for name, (content, word) in faults.items():
        path.write_bytes(content)
        assert str(path) in refused(tmp_path, word), name
    path.write_bytes(whole)
    assert len(load(tmp_path)) == 8


def test_parts_that_do_not_fit_are_refused(tmp_path, refused):
    write_set(tmp_path)
    labels = tmp_path / FILES["train labels"]
    whole = labels.read_bytes()
    labels.write_bytes(gzip.compress(idx_bytes(pixels(0, 5))))
    refused(tmp_path, "(6, 8, 9)", "(5,)")
    labels.write_bytes(whole)
    (tmp_path / FILES["test images"]).write_bytes(gzip.compress(idx_bytes(pixels(0, 2, 9, 9))))
    refused(tmp_path, "(2, 9, 9)")


def test_read_of_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_idx_array(tmp_path / "none.gz")
