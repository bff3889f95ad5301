"""The figure of solvers: every curve is drawn, every name has room of its own."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from equigen.metrics.by_evaluations import SolverCurve
from equigen.report.drawing import STYLES
from equigen.report.solver_figure import distance_against_evaluations, leader, spread
from tests.report.conftest import COMPARISON
from tests.report.test_figures import marks


def test_every_curve_has_its_colour():
    png = distance_against_evaluations(COMPARISON)
    assert all(marks(png, colour) > 100 for colour, _ in STYLES[:3])
    assert marks(png, STYLES[3][0]) < 20  # the control: a colour that no curve has


def test_a_panel_without_a_curve_takes_no_room():
    both = Image.open(BytesIO(distance_against_evaluations(COMPARISON))).height
    stochastic = replace(COMPARISON, curves=COMPARISON.curves[2:])
    plain = replace(COMPARISON, curves=tuple(replace(curve, frechet=()) for curve in COMPARISON.curves))
    assert Image.open(BytesIO(distance_against_evaluations(stochastic))).height == pytest.approx(both / 2, abs=2)
    assert Image.open(BytesIO(distance_against_evaluations(plain))).height == pytest.approx(both / 2, abs=2)


@pytest.mark.parametrize(
    "curve",
    [
        SolverCurve("one", (5.0,), (0.1,), (2.0,)),
        SolverCurve("exact", (5.0, 9.0), (0.1, 0.0), (2.0, 2.0)),
        SolverCurve("nothing", (5.0, 9.0), (0.0, 0.0), (2.0, 2.0)),
        SolverCurve("wild", (5.0, 9.0), (1e30, 1e-9), (1e12, 2.0)),
    ],
    ids=lambda curve: curve.solver,
)
def test_any_numbers_make_a_figure(curve):
    bare = replace(COMPARISON, curves=(curve,), frechet_floor=None, reference_error=0.0)
    for comparison in (bare, replace(COMPARISON, curves=(*COMPARISON.curves, curve))):
        assert len(distance_against_evaluations(comparison)) > 1000


@pytest.mark.parametrize("seed", range(20))
def test_names_are_moved_apart_in_their_order(seed):
    heights = np.random.default_rng(seed).normal(0.5, 0.4, 8).tolist()
    found = spread(heights, 0.1)
    order = np.argsort(heights)
    assert np.diff(np.array(found)[order]).min() > 0.1 - 1e-9
    assert -1e-9 < min(found) <= max(found) < 1 + 1e-9
    assert np.diff(np.sort(heights)).min() < 0.1  # the control: they were not apart before


def test_names_that_are_apart_stay_where_they_are():
    assert spread([0.9, 0.2, 0.5], 0.1) == [0.9, 0.2, 0.5]


def crossings(lines: list[tuple[list[float], list[float]]]) -> int:
    """How many pairs of lines change sides."""
    at = np.linspace(0.0, 1.04, 2000)
    heights = [np.where(at >= x[0], np.interp(at, x, y), np.nan) for x, y in lines]
    apart = [one - other for k, one in enumerate(heights) for other in heights[:k]]
    return sum(bool(np.nanmin(gap) < -1e-9 and np.nanmax(gap) > 1e-9) for gap in apart)


def test_lines_from_ends_to_names_do_not_cross():
    rng = np.random.default_rng(0)
    straight = 0
    for _ in range(20):
        ends = list(zip(rng.uniform(0.5, 1, 8).tolist(), rng.normal(0.2, 0.02, 8).tolist(), strict=True))
        names = spread([y for _, y in ends], 0.075)
        assert crossings([leader(end, name) for end, name in zip(ends, names, strict=True)]) == 0
        straight += crossings([([x, 1.04], [y, name]) for (x, y), name in zip(ends, names, strict=True)])
    assert straight > 20  # the control: straight ones do
