"""Reading .npy and .npz."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from equigen.data.loading import load
from tests.data.conftest import pixels


class Trap:
    """Unpickling it fails the test."""

    fired = False

    def __reduce__(self):
        return (_fire, ())


def _fire():
    Trap.fired = True


@pytest.fixture(autouse=True)
def nothing_is_executed():
    Trap.fired = False
    yield
    assert not Trap.fired


def test_the_trap_fires_where_objects_are_opened():
    pickle.loads(pickle.dumps(Trap()))
    assert Trap.fired
    Trap.fired = False


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float16", "float32", ">f8"])
def test_npy_values(tmp_path, dtype, order):
    images = np.asarray(pixels(0, 5, 8, 9).astype(dtype), order=order)
    np.save(tmp_path / "a.npy", images)
    found = load(tmp_path / "a.npy")
    assert found.name == "a"
    assert found.encoding.dtype == np.dtype(dtype).newbyteorder("=").name
    assert (found.encoding.encode(found.x) == images).all()


def test_npz_keys(tmp_path, refused):
    images, others = pixels(0, 4, 8, 9), pixels(1, 4, 8, 9)
    np.savez(tmp_path / "two.npz", first=images, second=others)
    refused(tmp_path / "two.npz", "first (4, 8, 9) uint8", "second", "--key first")
    refused(tmp_path / "two.npz", "'third'", "first", key="third")
    found = load(tmp_path / "two.npz", key="second")
    assert (found.encoding.encode(found.x) == others).all()
    assert found.notes == ("left out of the file: first",)
    np.savez_compressed(tmp_path / "called.npz", images=images, others=others)
    assert (load(tmp_path / "called.npz").x[:, 0].numpy() == images / np.float32(255)).all()
    np.savez(tmp_path / "only.npz", anything=images, weights=np.zeros(3))
    assert len(load(tmp_path / "only.npz")) == 4


def test_npz_labels(tmp_path, refused):
    images = pixels(0, 4, 8, 9)

    def labelled(**arrays):
        np.savez(tmp_path / "a.npz", images=images, **arrays)
        found = load(tmp_path / "a.npz")
        return None if found.labels is None else found.labels.tolist(), found.class_names, found.notes

    assert labelled(labels=np.array([2, 0, 1, 2], np.uint8)) == ([2, 0, 1, 2], ("0", "1", "2"), ())
    names = np.array([b"red", b"green", b"blue"])
    assert labelled(labels=[2, 0, 1, 2], class_names=names) == ([2, 0, 1, 2], ("red", "green", "blue"), ())
    assert labelled(labels=["b", "a", "b", "c"]) == ([1, 0, 1, 2], ("a", "b", "c"), ())
    angles = labelled(labels=np.zeros(4))
    assert angles[0] is None
    assert "left out" in angles[2][0]
    for arrays, word in (
        ({"labels": [0, 1]}, "2 labels for 4 images"),
        ({"labels": [0, 1, -1, 0]}, "-1"),
        ({"labels": [0, 1, 2, 3], "class_names": names}, "0 .. 2"),
    ):
        np.savez(tmp_path / "a.npz", images=images, **arrays)
        refused(tmp_path / "a.npz", word)


def bad_arrays() -> dict[str, tuple[np.ndarray, str]]:
    base = np.random.default_rng(0).random((4, 8, 9))

    def holding(value: float) -> np.ndarray:
        images = base.copy()
        images[2, 5, 6] = value
        return images

    return {
        "object": (np.array([Trap(), Trap()], dtype=object), "never opened"),
        "complex": (base + 1j, "complex128"),
        "bool": (base > 0.5, 'astype("uint8") * 255'),
        "text": (np.full((4, 8, 9), "a"), "holds str"),
        "dates": (np.zeros((4, 8, 9), "datetime64[s]"), "datetime64"),
        "records": (np.zeros((4, 8, 9), [("a", "f4")]), "void"),
        "nan": (holding(np.nan), "nan in image 2 at (channel, row, column) = (0, 5, 6)"),
        "infinite": (holding(-np.inf), "-inf in image 2"),
        "beyond float32": (holding(1e300), "inf in image 2"),
        "no image": (base[:0], "0 images"),
        "one image": (base[:1], "1 image,"),
        "no pixels": (base[:, :0], "images have sides"),
        "constant": (np.full((4, 8, 9), 3.0), "same number in every pixel"),
        "one image again and again": (base[[1, 1, 1, 1]], "same image again and again"),
        "flat": (base.reshape(4, -1), "(N, H, W)"),
        "scalar": (np.array(3.0), "(N, H, W)"),
        "five axes": (base.reshape(4, 2, 4, 3, 3), "(N, H, W)"),
        "ambiguous": (np.zeros((4, 8, 8, 8)), "two ways"),
        "large integers": (np.arange(4 * 72).reshape(4, 8, 9) + (1 << 40), "2**24"),
        "thin": (np.random.default_rng(0).random((4, 8, 4097), dtype=np.float32), "8x4097"),
    }


@pytest.mark.parametrize("name", bad_arrays())
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_unusable_arrays_are_refused(tmp_path, refused, name, suffix):
    array, word = bad_arrays()[name]
    if suffix == "npy":
        np.save(tmp_path / "a.npy", array, allow_pickle=True)
    else:
        np.savez(tmp_path / "a.npz", images=array)
    refused(tmp_path / f"a.{suffix}", str(tmp_path / f"a.{suffix}"), word)


def test_the_same_array_without_its_fault_is_read(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((4, 8, 9)))
    assert len(load(tmp_path / "a.npy")) == 4
    np.save(tmp_path / "a.npy", pixels(0, 2, 8, 4096))
    assert load(tmp_path / "a.npy").space.shape == (1, 8, 4096)


def lying_header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(1000)


def test_a_large_offset_costs_no_precision(tmp_path):
    """Doubles around a million that vary by one: float32 holds them in steps of 1/16, the difference in full."""
    images = 1e6 + np.random.default_rng(0).random((40, 9, 9))
    np.save(tmp_path / "far.npy", images)
    found = load(tmp_path / "far.npy")
    assert len(found.x.unique()) > 3000
    assert abs(float(found.x.mean())) < 1e-3
    assert any("relative to" in note for note in found.notes)
    np.testing.assert_allclose(found.encoding.encode(found.x), images, rtol=0, atol=1e-7)
    assert len(np.unique(images.astype(np.float32))) < 40  # the control: what would be left without it
    np.save(tmp_path / "near.npy", images - 1e6)
    assert load(tmp_path / "near.npy").encoding.offset == 0.0


def test_numbers_too_small_for_float32_arithmetic_are_refused(tmp_path, refused):
    images = np.random.default_rng(0).random((40, 9, 9))
    np.save(tmp_path / "tiny.npy", 1e-40 * images)
    refused(tmp_path / "tiny.npy", "multiply the images")
    np.save(tmp_path / "small.npy", 1e-20 * images)
    assert float(load(tmp_path / "small.npy").x.max()) > 0


def test_absurd_sizes_are_refused_before_they_are_read(tmp_path, refused):
    (tmp_path / "a.npy").write_bytes(lying_header((10**9, 1000, 1000)))
    refused(tmp_path / "a.npy", "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", lying_header((10**9, 1000, 1000)))
    refused(tmp_path / "a.npz", "GiB", "--limit")


def test_a_sparse_file_larger_than_memory_is_read_in_part(tmp_path):
    count, side = 40_000_000, 100  # 400 GB that take no room on the disk
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (count, side, side)}
        )
        start = file.tell()
        file.write(pixels(0, side, side).tobytes())
        try:
            file.truncate(start + count * side * side)
        except OSError:
            pytest.skip("this file system holds no file of 400 GB, sparse or not")
    found = load(tmp_path / "a.npy", limit=3)
    assert found.x.shape == (3, 1, side, side)
    assert found.x[0].any()


def test_broken_files_are_refused(tmp_path, refused):
    np.save(tmp_path / "whole.npy", pixels(0, 4, 8, 9))
    np.savez(tmp_path / "whole.npz", images=pixels(0, 4, 8, 9))
    for suffix in ("npy", "npz"):
        data = (tmp_path / f"whole.{suffix}").read_bytes()
        for name, content in {
            "empty": b"",
            "short": data[: len(data) // 2],
            "cut": data[:-1],
            "text": b"hello, world",
            "pickle": pickle.dumps(Trap()),
            "begin": data[:8],
        }.items():
            path = tmp_path / f"{name}.{suffix}"
            path.write_bytes(content)
            refused(path, str(path))
    with zipfile.ZipFile(tmp_path / "checkpoint.npz", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap()))
    refused(tmp_path / "checkpoint.npz", "no arrays")
    with zipfile.ZipFile(tmp_path / "object.npz", "w") as archive:
        archive.writestr("images.npy", pickle.dumps(Trap()))
    refused(tmp_path / "object.npz", "not opened")


@pytest.mark.parametrize("name", ["a.pkl", "a.pickle", "a.pt", "a.pth", "a.ckpt", "a.joblib"])
def test_pickles_and_checkpoints_are_never_opened(tmp_path, refused, name):
    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    refused(tmp_path / name, name, "never", "np.save")
    refused(tmp_path, name, "never opened", ".png")
    torch.save({"images": Trap()}, tmp_path / "torch.pt")
    refused(tmp_path / "torch.pt", "never")
    np.save(tmp_path / "a.npy", pixels(0, 4, 8, 9))
    refused(tmp_path / "a.npy", name, ".csv", labels=tmp_path / name)
    (tmp_path / "labels.npy").write_bytes(pickle.dumps(Trap()))
    refused(tmp_path / "a.npy", "labels.npy", "not opened", labels=tmp_path / "labels.npy")
    np.savez(tmp_path / "a.npz", images=pixels(0, 4, 8, 9), kind=np.array([Trap()] * 4, dtype=object))
    refused(tmp_path / "a.npz", "a.npz", labels="kind")


def test_headers_of_python_2_are_read(tmp_path):
    images = pixels(0, 4, 8, 9)
    np.save(tmp_path / "a.npy", images)
    data = (tmp_path / "a.npy").read_bytes().replace(b"(4, 8, 9), }  ", b"(4L, 8, 9), } ")
    (tmp_path / "a.npy").write_bytes(data)
    assert b"4L" in data
    assert (load(tmp_path / "a.npy").x[:, 0].numpy() == images / np.float32(255)).all()


def test_limit_is_evenly_spread_and_names_the_right_image(tmp_path, refused):
    images = np.random.default_rng(0).random((10, 8, 9))
    np.save(tmp_path / "a.npy", images)
    assert (load(tmp_path / "a.npy", limit=4).x[:, 0].numpy() == images[[0, 2, 5, 7]].astype(np.float32)).all()
    images[5] = np.nan
    np.save(tmp_path / "a.npy", images)
    refused(tmp_path / "a.npy", "image 5", limit=4)
    assert len(load(tmp_path / "a.npy", limit=3)) == 3  # images 0, 3, 6


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_resize_in_every_layout(tmp_path, layout):
    images = np.random.default_rng(0).random((4, 12, 16, 3))
    np.save(tmp_path / "a.npy", images if layout == "nhwc" else images.transpose(0, 3, 1, 2))
    found = load(tmp_path / "a.npy", resize=12)
    assert found.encoding.layout == layout
    assert (found.x.numpy() == images[:, :, 2:14].transpose(0, 3, 1, 2).astype(np.float32)).all()


def test_resize_of_grey_arrays(tmp_path):
    images = np.random.default_rng(0).random((4, 12, 16))
    np.save(tmp_path / "a.npy", images)
    assert (load(tmp_path / "a.npy", resize=12).x[:, 0].numpy() == images[:, :, 2:14].astype(np.float32)).all()


@pytest.mark.parametrize(
    "options", [{"resize": 1}, {"resize": 10**6}, {"resize": 8.0}, {"resize": True}, {"limit": 1}, {"limit": -3}]
)
def test_options_out_of_range_are_refused(refused, options):
    refused("digits", next(iter(options)), **options)
