"""Items are read when asked for, and what is not valid never shows."""

from __future__ import annotations

import pytest
import torch

from equigen.data.dataset import DataSet
from equigen.data.encoding import Encoding
from equigen.data.images import Images
from equigen.metrics.items import Items, filled
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked

SHAPE = (2, 4, 4)


@pytest.fixture
def masked() -> DataSet:
    x = normal(SHAPE, seed=0, stream=Stream.LAW, item=torch.arange(30))
    valid = normal((1, 4, 4), seed=1, stream=Stream.LAW, item=torch.arange(30)) < 0.5
    return DataSet(torch.where(valid, x, 0.0), Masked(*SHAPE), "masked", structure=valid)


def test_invalid_pixels_hold_the_constant_and_valid_ones_their_own(masked):
    items, fill = Items(masked, torch.tensor([7.0, 9.0])), torch.tensor([7.0, 9.0]).reshape(1, 2, 1, 1)
    expected = torch.where(masked.structure, masked.x, fill)
    assert torch.equal(items[:], expected)
    assert torch.equal(items[torch.tensor([4, 2])], expected[[4, 2]])
    assert torch.equal(torch.cat(list(items.parts())), expected)


def test_what_stands_in_invalid_pixels_is_never_seen(masked):
    other = torch.where(masked.structure, masked.x, float("nan"))
    fill = torch.zeros(2)
    assert torch.equal(filled(other, masked.structure, fill), filled(masked.x, masked.structure, fill))
    assert not torch.equal(filled(other, None, fill).isfinite(), masked.x.isfinite())  # the control


def test_a_mask_for_all_stays_one_in_memory(masked):
    one = masked.structure[:1].expand(30, 1, 4, 4)
    data = DataSet(torch.where(one, masked.x, 0.0), Masked(*SHAPE), "masked", structure=one)
    assert torch.equal(Items(data, torch.zeros(2))[torch.tensor([3, 3])], data.x[[3, 3]])


def test_images_in_a_file_are_those_in_memory(tmp_path):
    import numpy as np

    stored = np.random.default_rng(0).integers(0, 255, (20, 6, 6), dtype=np.uint8)
    images = Images(stored, np.arange(20), Encoding("uint8", "nhw"), "a.npy", np.arange(20))
    lazy = DataSet(images, Euclidean(1, 6, 6), "lazy")
    eager = DataSet(images[:], Euclidean(1, 6, 6), "eager")
    rows = torch.tensor([5, 0, 19])
    assert torch.equal(Items(lazy, torch.zeros(1))[rows], Items(eager, torch.zeros(1))[rows])
    assert torch.equal(torch.cat(list(Items(lazy, torch.zeros(1)).parts())), eager.x)
