"""HDF5: found by itself or by key, with what is stored beside the images, read a few rows at a time."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

import equigen.data.readers.h5_text as h5_text
from equigen.data.images import Images
from equigen.data.loading import load
from equigen.data.readers.h5 import read_h5
from equigen.data.source import Request
from tests.data.conftest import pixels


@pytest.fixture
def images() -> np.ndarray:
    return pixels(0, 6, 9, 8)


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def test_the_only_array_of_images_is_found_wherever_it_lies(tmp_path, images):
    found = load(write(tmp_path / "a.h5", raw__cells=images, weights=np.zeros(3)))
    assert (found.encoding.encode(found.x) == images).all()
    assert found.notes == ("left out of the file: weights",)
    assert len(load(write(tmp_path / "a.hdf5", a=images))) == 6


def test_a_key_chooses_and_a_missing_one_names_what_is_there(tmp_path, images, refused):
    path = write(tmp_path / "a.h5", one=images, two=images[::-1])
    refused(path, "one (6, 9, 8) uint8", "two (6, 9, 8) uint8", "--key one")
    refused(path, "no array 'three'", "one (6, 9, 8) uint8", key="three")
    assert (load(path, key="two").x[:, 0].numpy() == images[::-1] / np.float32(255)).all()


@pytest.mark.parametrize("fixed", [True, False])
def test_what_lies_beside_the_images(tmp_path, images, fixed):
    names = np.array(["round", "long"], "S") if fixed else ["round", "long"]
    path = write(
        *(tmp_path / "a.h5",),
        images=images,
        labels=[1, 0, 1, 1, 0, 0],
        class_names=names,
        values=np.arange(12.0).reshape(6, 2),
        value_names=np.array(["mass", "age"], "S"),
        masks=np.ones((9, 8), bool),
    )
    found = load(path, limit=3, condition="value")  # images 0, 2, 4
    assert found.class_names == ("round", "long")
    assert found.labels.tolist() == [1, 1, 0]  # type: ignore[union-attr]
    assert found.value_names == ("mass", "age")
    assert found.values.tolist() == [[0, 1], [4, 5], [8, 9]]  # type: ignore[union-attr]
    assert found.structure.shape == (3, 1, 9, 8)  # type: ignore[union-attr]


def test_rows_come_in_the_order_asked_for_and_more_than_once(tmp_path, images):
    rows = read_h5(write(tmp_path / "a.h5", images=images), Request()).images
    for asked in ([5, 0, 0, 3, 4], [2], [], list(range(6))):
        assert (rows[np.array(asked, dtype=np.int64)] == images[asked]).all()


def test_a_large_file_is_read_on_demand(tmp_path, images, monkeypatch):
    path = write(tmp_path / "a.h5", images=images)
    whole = load(path)
    monkeypatch.setattr("equigen.data.memory.SHARE", 0.0)
    large = load(path)
    assert isinstance(large.x, Images)
    assert torch.equal(large.batch(4, seed=0, step=2).x, whole.batch(4, seed=0, step=2).x)


def test_arrays_that_were_never_written_and_other_files_are_refused(tmp_path, refused):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (10**9, 1000, 1000), "u1", chunks=(1, 1000, 1000))
    refused(tmp_path / "a.h5", "(1000000000, 1000, 1000)", "bytes")
    refused(write(tmp_path / "b.h5"), "no arrays")
    refused(write(tmp_path / "c.h5", images=np.zeros(3)), "(N, H, W)")
    for name, content in {"empty": b"", "text": b"hello"}.items():
        (tmp_path / f"{name}.h5").write_bytes(content)
        refused(tmp_path / f"{name}.h5", f"{name}.h5")


def test_a_reading_process_that_runs_in_circles_is_given_up(tmp_path, images, refused, monkeypatch):
    path = write(tmp_path / "a.h5", images=images, labels=list("abcabc"))
    assert load(path).class_names == ("a", "b", "c")
    monkeypatch.setattr(h5_text, "PATIENCE", 0.2)
    monkeypatch.setattr(h5_text, "_PROGRAM", "while True: pass")
    refused(path, "'labels'", 'astype("S")')
