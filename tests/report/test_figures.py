"""Figures come out whole for whatever a run recorded, and leave matplotlib as they found it."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from PIL import Image

from equigen.metrics.floor import Measured
from equigen.metrics.loss import LossByNoise
from equigen.report import drawing, figures
from equigen.report.grid import grid

METRIC = Measured("d", 3.0, (2.0, 4.0), 1.5, (1.0, 2.0), 2.0, 9, "lower", "pixels", "", (2.5, 3.5), (1.0, 2.0))


def marks(png: bytes, colour: str) -> int:
    """How many pixels have a colour (or nearly): whether something was drawn in it."""
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(pixels - wanted).max(-1) < 20).sum())


def records(values, key="loss"):
    return [{"step": k, key: value} for k, value in enumerate(values)]


@pytest.mark.parametrize(
    "values",
    [[1.0], [1.0, 0.5, 0.25], [0.5] * 40, [-1.0, 2.0], [1e-9, 1e9], [0.0, 0.0], [1.0, math.nan, math.inf, 0.5, None]],
)
def test_training_curves_take_any_record(values):
    png = figures.training_curves(records(values), records(values))
    assert marks(png, drawing.BLUE) > 20
    assert marks(png, drawing.ORANGE) > 20


def test_curves_that_are_not_there_take_no_room():
    one = Image.open(BytesIO(figures.training_curves(records([1.0, 0.5]), [])))
    more = [{"step": k, "loss": 1.0, "gradient_norm": 1.0, "learning_rate": 1.0} for k in range(3)]
    assert Image.open(BytesIO(figures.training_curves(more, records([1.0])))).height > 1.5 * one.height


def test_loss_by_noise_with_and_without_training_items():
    both = LossByNoise((0.1, 1.0, 10.0), (0.9, 0.4, 0.6), (0.1,) * 3, (0.8, 0.3, 0.5), (0.1,) * 3, 9)
    assert marks(figures.loss_by_noise(both), drawing.BLUE) > 50
    alone = figures.loss_by_noise(replace(both, train=(), train_error=()))
    assert marks(alone, drawing.BLUE) == 0
    assert marks(alone, drawing.ORANGE) > 50


@pytest.mark.parametrize(
    "change",
    [{}, {"interval": (-5.0, 11.0)}, {"value": 1e-9, "interval": (1e-9, 1e-9), "values": (1e-9,)}, {"floors": (1.5,)}],
)
def test_metrics_beside_their_floor(change):
    png = figures.metrics_beside_floor([METRIC, replace(METRIC, **change)])
    assert min(marks(png, drawing.BLUE), marks(png, drawing.GREY), marks(png, drawing.ORANGE)) > 20


def test_a_metric_without_a_value_or_floor_is_passed_over():
    zero = replace(METRIC, value=0.0, interval=(0.0, 0.0), values=(0.0,))
    figures.metrics_beside_floor([METRIC, zero, replace(METRIC, floor=0.0, ratio=None)])


@pytest.mark.parametrize("values", [np.linspace(1, 2, 30), np.zeros(30), np.array([1.0])])
def test_distances(values):
    assert marks(figures.distances(values, np.linspace(1, 2, 40)), drawing.ORANGE) > 50


def test_noise_to_image_is_as_wide_as_its_columns():
    shown = grid(np.zeros((6, 1, 8, 8)), 3)
    assert Image.open(BytesIO(figures.noise_to_image(shown, (0, 1, 2), (80.0, 1.0, 0.5)))).width > 1000


@pytest.mark.parametrize("band", [None, (-1.96, 1.96)])
@pytest.mark.parametrize("values", [[0.1], [-30.0, 2.0], []])
def test_numbers_around_chance(values, band):
    png = figures.against_chance(values, [0.3, -0.2], "z", 0.0, band)
    assert (marks(png, drawing.ORANGE) > 5) == bool(values)
    assert (marks(png, "#e6e6e6") > 9000) == bool(band)


def test_images_by_group_show_the_grid():
    shown = grid(np.ones((6, 1, 8, 8)), 3, low=0, high=2)
    png = figures.images_by_group(shown, ["one", "two"], 1, 1)
    assert marks(png, "#808080") > 10000


def test_the_same_figure_twice_is_the_same_file_and_settings_stay():
    before = dict(matplotlib.rcParams)
    assert figures.metrics_beside_floor([METRIC]) == figures.metrics_beside_floor([METRIC])
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_never_loaded():
    code = "import sys, equigen.report.page; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
