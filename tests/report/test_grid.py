"""Grids: each image in its place, each value at its level, and a caption that says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equigen.report.grid import grid, stretch


def test_each_image_is_in_its_place_at_its_level():
    x = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 1, 4, 6) / 4
    shown = grid(x, 3, low=0, high=1, tile=12)
    pixels = np.asarray(shown.picture)
    width, height = shown.pitch
    assert (shown.columns, shown.rows, width, height) == (3, 2, 14, 10)
    assert pixels.shape == (2 * 10 - 2, 3 * 14 - 2)
    for i in range(5):
        tile = pixels[(i // 3) * height :][:8, (i % 3) * width :][:, :12]
        assert (tile == round(255 * i / 4)).all()
    assert (pixels[8:10] == 255).all()  # the gap
    assert (pixels[10:, 2 * 14 :] == 255).all()  # no sixth image


def test_colour():
    x = torch.zeros(2, 3, 8, 8)
    x[0, 0] = 1
    shown = grid(x, 2, low=0, high=1, tile=8)
    pixels = np.asarray(shown.picture)
    assert pixels.shape == (8, 18, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 10].tolist() == [0, 0, 0]
    assert shown.caption == "red, green and blue, each from 0 to 1"


@pytest.mark.parametrize("channels", [2, 5])
def test_other_numbers_of_channels_stand_side_by_side(channels):
    x = torch.arange(float(channels)).reshape(1, channels, 1, 1).expand(1, channels, 8, 8)
    shown = grid(x, 4, tile=8)
    pixels = np.asarray(shown.picture)
    assert pixels.shape == (8, 8 * channels)
    assert pixels[0, ::8].tolist() == [round(255 * c / (channels - 1)) for c in range(channels)]
    assert shown.caption.startswith(f"{channels} channels side by side")


def test_channels_with_scales_of_their_own():
    x = torch.tensor([0.0, 1.0, -100.0, 300.0]).reshape(2, 2, 1, 1).transpose(0, 1).expand(2, 2, 1, 1)
    shown = grid(x, 2, low=[0, -100], high=np.array([1, 300]), tile=1)
    assert np.asarray(shown.picture)[0, [0, 1, 4, 5]].tolist() == [0, 0, 255, 255]
    assert shown.caption == "2 channels side by side, grey, each on a scale of its own"


def test_orientation_is_kept():
    x = torch.zeros(1, 1, 2, 3)
    x[0, 0, 0, 2] = 1  # first row, last column: top right
    assert np.asarray(grid(x, 1, tile=3).picture).tolist() == [[0, 0, 255], [0, 0, 0]]


def test_range_is_that_of_the_finite_values_unless_given():
    x = torch.tensor([-2.0, float("nan"), float("inf"), 6.0]).reshape(4, 1, 1, 1)
    assert grid(x).caption == "grey, -2 is black and 6 is white"
    assert grid(x, low=0, high=2).caption == "grey, 0 is black and 2 is white"
    assert grid(torch.full((1, 1, 2, 2), float("nan"))).caption == "grey, 0 is black and 1 is white"


def test_what_is_outside_is_clipped_and_constant_data_are_shown():
    assert stretch(np.array([-5.0, 5.0]), 0, 1).tolist() == [0, 255]
    assert np.asarray(grid(torch.full((1, 1, 4, 4), 7.0)).picture).max() == 0


def test_small_images_are_enlarged_by_whole_factors_and_large_ones_stay():
    assert grid(torch.zeros(1, 1, 10, 10), tile=48).picture.size == (50, 50)
    assert grid(torch.zeros(1, 1, 64, 64), tile=48).picture.size == (64, 64)


def test_files(tmp_path):
    shown = grid(torch.zeros(2, 1, 8, 8))
    shown.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:8] == shown.png()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("shape", [(0, 1, 8, 8), (2, 8, 8), (1, 0, 8, 8)])
def test_what_is_no_set_of_images_is_refused(shape):
    with pytest.raises(ValueError, match="a grid needs"):
        grid(torch.zeros(shape))
