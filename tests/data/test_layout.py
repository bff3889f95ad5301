from __future__ import annotations

import numpy as np
import pytest

from equigen.data.errors import DataError
from equigen.data.layout import image_shape, recognise
from equigen.data.loading import load

CLEAR = [
    ((100, 28, 28), "nhw"),
    ((100, 8, 300), "nhw"),
    ((100, 32, 32, 3), "nhwc"),
    ((100, 3, 32, 32), "nchw"),
    ((100, 8, 8, 1), "nhwc"),
    ((100, 1, 8, 8), "nchw"),
    ((3, 10, 64, 48), "nchw"),
    ((100, 8, 8, 7), "nhwc"),
]
AMBIGUOUS = [(100, 8, 8, 8), (100, 10, 64, 9), (100, 9, 12, 8)]
NEITHER = [(100, 64, 64, 64), (100, 4, 4, 1), (100, 11, 32, 32), (0, 0, 0, 0)]


@pytest.mark.parametrize(("shape", "layout"), CLEAR)
def test_clear_shapes_are_recognised(shape, layout):
    assert recognise(shape, None, "a.npy") == layout


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_ambiguous_shapes_are_refused_with_the_flag(shape):
    with pytest.raises(DataError, match=r"two ways.*--layout nhwc.*--layout nchw"):
        recognise(shape, None, "a.npy")


@pytest.mark.parametrize("shape", NEITHER)
def test_shapes_without_a_reading_are_refused_with_the_flag(shape):
    with pytest.raises(DataError, match=r"no axis.*--layout nhwc.*--layout nchw"):
        recognise(shape, None, "a.npy")


@pytest.mark.parametrize("shape", [*AMBIGUOUS, *NEITHER])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_the_flag_decides(shape, layout):
    assert recognise(shape, layout, "a.npy") == layout


@pytest.mark.parametrize("shape", [(28, 28, 3), (3, 28, 28), (28, 28, 4)])
def test_one_colour_image_is_no_set(shape):
    with pytest.raises(DataError, match="one colour image"):
        recognise(shape, None, "a.npy")
    assert recognise(shape, "nhw", "a.npy") == "nhw"


@pytest.mark.parametrize("shape", [(), (784,), (60000, 784), (2, 2, 8, 8, 8)])
def test_other_numbers_of_axes_are_refused(shape):
    with pytest.raises(DataError, match="need"):
        recognise(shape, None, "a.npy")


def test_a_layout_of_other_length_is_refused():
    with pytest.raises(DataError, match="needs 3"):
        recognise((10, 8, 8, 3), "nhw", "a.npy")
    with pytest.raises(DataError, match="one of nhw, nhwc, nchw"):
        recognise((10, 8, 8, 3), "hwcn", "a.npy")  # type: ignore[arg-type]


def test_image_shape_by_layout():
    assert image_shape((5, 8, 9), "nhw") == (1, 8, 9)
    assert image_shape((5, 8, 9, 3), "nhwc") == (3, 8, 9)
    assert image_shape((5, 3, 8, 9), "nchw") == (3, 8, 9)


def test_both_readings_of_an_ambiguous_array_differ(tmp_path):
    images = np.random.default_rng(0).random((4, 8, 9, 8), dtype=np.float32)
    np.save(tmp_path / "a.npy", images)
    last, first = (load(tmp_path / "a.npy", layout=layout) for layout in ("nhwc", "nchw"))
    assert (last.space.shape, first.space.shape) == ((8, 8, 9), (8, 9, 8))
    assert (last.x.numpy() == images.transpose(0, 3, 1, 2)).all()
    assert (first.x.numpy() == images).all()
