from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from equigen.data.encoding import DTYPES, Encoding, require_dtype
from equigen.data.errors import DataError

LAYOUTS = {"nhw": (5, 8, 9), "nhwc": (5, 8, 9, 3), "nchw": (5, 3, 8, 9)}


def survives(encoding: Encoding, stored: np.ndarray) -> bool:
    back = encoding.encode(encoding.decode(stored))
    return back.dtype == stored.dtype and back.shape == stored.shape and bool((back == stored).all())


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_8_and_16_bit_value_survives(dtype):
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(1, -1, 256)
    assert survives(Encoding(dtype, "nhw"), values)


def test_planted_wrong_scale_does_not_survive():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    x = Encoding("uint8", "nhw").decode(values)
    assert (Encoding("uint8", "nhw", scale=256.0).encode(x) != values).any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_and_layout_survives(dtype, layout):
    stored = np.random.default_rng(0).uniform(0, 100, LAYOUTS[layout]).astype(dtype)
    back = Encoding(dtype, layout).encode(Encoding(dtype, layout).decode(stored))
    assert back.dtype == stored.dtype
    assert np.allclose(back.astype(float), stored.astype(float), rtol=1e-7, atol=0)  # float64 passes through float32
    assert survives(Encoding(dtype, layout), stored) or dtype == "float64"


def test_decode_is_the_closed_form():
    stored = np.array([[[0, 51, 255]]], dtype=np.uint8)
    assert torch.equal(Encoding("uint8", "nhw").decode(stored), torch.tensor([[[[0.0, 0.2, 1.0]]]]))
    deep = np.array([[[0, 13107, 65535]]], dtype=np.uint16)
    assert torch.equal(Encoding("uint16", "nhw").decode(deep), torch.tensor([[[[0.0, 0.2, 1.0]]]]))
    floats = np.array([[[-3.5, 1e9]]], dtype=np.float64)
    assert torch.equal(Encoding("float64", "nhw").decode(floats), torch.tensor([[[[-3.5, 1e9]]]]))
    shifted = Encoding("int16", "nhw", scale=2000.0, offset=-1000.0)
    assert torch.equal(
        shifted.decode(np.array([[[-1000, 0, 1000]]], dtype=np.int16)), torch.tensor([[[[0.0, 0.5, 1.0]]]])
    )


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_channels_land_on_axis_one(layout):
    images = np.zeros((2, 3, 8, 9), dtype=np.float32)
    images[:, 2, 4, 5] = 1
    stored = images if layout == "nchw" else images.transpose(0, 2, 3, 1)
    x = Encoding("float32", layout).decode(stored)
    assert x.is_contiguous()
    assert x.nonzero().tolist() == [[0, 2, 4, 5], [1, 2, 4, 5]]


def test_decode_copies():
    stored = np.zeros((2, 8, 8), dtype=np.float32)
    Encoding("float32", "nhw").decode(stored).fill_(1)
    assert not stored.any()


def test_big_endian_is_read_as_its_value():
    stored = np.array([[[1, 256]]], dtype=">u2")
    assert torch.equal(Encoding("uint16", "nhw").decode(stored), torch.tensor([[[[1 / 65535, 256 / 65535]]]]))


def test_integers_are_clipped_to_the_full_scale_and_rounded():
    x = torch.tensor([[[[-0.5, 0.0019, 0.0021, 1.5]]]])
    assert Encoding("uint8", "nhw").encode(x).ravel().tolist() == [0, 0, 1, 255]
    assert Encoding("uint8", "nhw", scale=16.0).encode(torch.tensor([[[[1.5, 0.5]]]])).ravel().tolist() == [16, 8]
    assert Encoding("int8", "nhw").encode(torch.tensor([[[[-200.0, 1.4, 200.0]]]])).ravel().tolist() == [-128, 1, 127]


def test_floats_are_neither_clipped_nor_rounded():
    x = torch.tensor([[[[-7.25, 300.125]]]])
    assert Encoding("float64", "nhw").encode(x).ravel().tolist() == [-7.25, 300.125]


@pytest.mark.parametrize(
    ("encoding", "value"),
    [
        (Encoding("uint8", "nhw"), float("nan")),
        (Encoding("float32", "nhw"), float("inf")),
        (Encoding("float16", "nhw"), 1e6),
    ],
)
def test_samples_that_do_not_fit_are_named(encoding, value):
    x = torch.zeros(3, 1, 4, 4)
    x[2, 0, 1, 3] = value
    with pytest.raises(DataError, match=r"sample 2 .*\(0, 1, 3\)"):
        encoding.encode(x)


def test_integers_beyond_float32_are_refused():
    fits = np.array([[[1 << 24, 0]]], dtype=np.int64)
    assert survives(Encoding("int64", "nhw"), fits)
    with pytest.raises(DataError, match="2\\*\\*24"):
        Encoding("int64", "nhw").decode(fits + 1)
    with pytest.raises(DataError, match="2\\*\\*24"):
        Encoding("int32", "nhw").decode(np.full((1, 2, 2), np.iinfo("int32").min, dtype="int32"))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Encoding("complex64"),
        lambda: Encoding("uint8", "hwc"),  # type: ignore[arg-type]
        lambda: Encoding("uint8", scale=0.0),
        lambda: Encoding("uint8", scale=float("nan")),
        lambda: Encoding("uint8", offset=float("inf")),
        lambda: Encoding.from_dict({"dtype": "uint8", "shift": 3}),
        lambda: Encoding("uint8", "nhw").decode(np.zeros((2, 3, 8, 8), np.uint8)),
        lambda: Encoding("uint8", "nhw").decode(np.zeros((2, 8, 8), np.uint16)),
        lambda: Encoding("uint8", "nhw").encode(torch.zeros(2, 3, 8, 8)),
        lambda: Encoding("uint8", "nchw").encode(torch.zeros(8, 8)),
    ],
)
def test_what_does_not_fit_is_refused(build):
    with pytest.raises(DataError):
        build()


def test_plain_values_come_back():
    for encoding in (Encoding("uint16", "nhwc"), Encoding("uint8", "nhw", 16.0), Encoding("int16", "nchw", 2.0, -5.0)):
        assert Encoding.from_dict(json.loads(json.dumps(encoding.to_dict()))) == encoding


@pytest.mark.parametrize("dtype", ["O", "bool", "complex64", "U3", "S3", "datetime64[s]", "V4", [("a", "f4")]])
def test_types_that_are_no_numbers_are_refused(dtype):
    with pytest.raises(DataError, match=r"a\.npy holds .* values"):
        require_dtype(np.dtype(dtype), "a.npy")


def test_scale_is_that_of_the_type():
    assert [Encoding(dtype).scale for dtype in ("uint8", "uint16", "int16", "float64")] == [255.0, 65535.0, 1.0, 1.0]
