"""Accuracy by angle, calibration and confusion against hand-made ones, closed forms and what chance alone would do."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from equigen.metrics.classification_evaluating import ANGLES
from equigen.metrics.classification_measures import accuracy_by_angle, calibration, confusion
from equigen.random import Stream, uniform


def numbers(n: int, draw: int = 0) -> Tensor:
    return uniform((n,), seed=3, stream=Stream.LAW, draw=draw, dtype=torch.float64)


def test_the_spread_of_a_classifier_without_direction_is_that_of_chance():
    hits = torch.stack([numbers(300, draw) for draw in range(16)]) < 0.8
    logits = torch.stack((hits.double(), 1 - hits.double()), -1)
    labels = torch.zeros(300, dtype=torch.int64)
    found = accuracy_by_angle(logits, labels, ANGLES, seed=0)
    assert found.spread_floor_interval[0] <= found.spread <= found.spread_floor_interval[1]
    # In closed form: 16 means of n hits lie on average 3.53 deviations apart (Tippett 1925).
    expected = 3.53 * math.sqrt(0.16 / 300)
    assert found.spread_floor == pytest.approx(expected, rel=0.1)
    tilted = logits.clone()
    tilted[3, :60] = torch.tensor([0.0, 1.0], dtype=torch.float64)  # the planted fault: one angle is worse
    assert accuracy_by_angle(tilted, labels, ANGLES, seed=0).differs
    assert not found.differs


def test_angles_that_agree_by_construction_lower_the_floor():
    hits = (torch.stack([numbers(400, draw) for draw in range(4)]) < 0.7).repeat(4, 1)
    logits = torch.stack((hits.double(), 1 - hits.double()), -1)
    found = accuracy_by_angle(logits, torch.zeros(400, dtype=torch.int64), ANGLES, seed=0)
    # In closed form: 4 means of n hits lie on average 2.06 deviations apart, not 3.53 as 16 do (Tippett 1925).
    assert found.spread_floor == pytest.approx(2.06 * math.sqrt(0.21 / 400), rel=0.12)


def test_arcs_of_angles_stay_arcs_in_the_floor():
    """Each image fails over half of the turn, from a random angle on: opposite angles then add up to n."""
    n, start = 400, (16 * numbers(400)).long()
    hits = (torch.arange(16)[:, None] - start) % 16 < 8
    logits = torch.stack((hits.double(), 1 - hits.double()), -1)
    found = accuracy_by_angle(logits, torch.zeros(n, dtype=torch.int64), ANGLES, seed=0)
    drawn = (16 * torch.stack([numbers(n, draw) for draw in range(1, 401)])).long()
    sums = ((torch.arange(16)[:, None] - drawn[:, None]) % 16 < 8).double().mean(-1)
    spread = sums.amax(-1) - sums.amin(-1)
    assert found.spread_floor == pytest.approx(float(spread.mean()), rel=0.08)
    assert found.spread_floor_interval[1] == pytest.approx(float(spread.quantile(0.975)), rel=0.1)
    assert not found.differs


def test_the_error_of_the_mean_is_over_images():
    """Three images at two angles, hit twice, once and never: the mean of 1, .5, 0 and its error over three."""
    hits = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    found = accuracy_by_angle(torch.stack((hits, 1 - hits), -1), torch.zeros(3, dtype=torch.int64), (0, 180), seed=0)
    assert found.mean == pytest.approx(0.5)
    assert found.mean_error == pytest.approx(0.5 / math.sqrt(3))


def test_paired_differences_leave_out_what_is_hard_about_an_image():
    hard = numbers(200) < 0.5
    logits = torch.stack([torch.stack((~hard, hard), -1).double()] * 4)
    logits[1, :5] = torch.tensor([0.0, 1.0], dtype=torch.float64)
    found = accuracy_by_angle(logits, torch.zeros(200, dtype=torch.int64), (0, 90, 180, 270), seed=0)
    alone = math.sqrt(0.25 / 200)  # of one accuracy
    assert max(found.difference_error) < alone / 3
    assert sum(found.difference) == pytest.approx(0.0, abs=1e-12)
    apart = (logits.argmax(-1) == 0).double()
    by_hand = apart - apart.mean(0)
    assert found.difference == pytest.approx(by_hand.mean(1).tolist())
    assert found.difference_error == pytest.approx((by_hand.std(1) / math.sqrt(200)).tolist())


def test_calibration_by_hand():
    confidence = torch.tensor([0.55, 0.55, 0.95, 0.95], dtype=torch.float64)
    found = calibration(confidence, torch.tensor([True, False, True, True]), seed=0)
    assert found.error == pytest.approx(0.5 * 0.05 + 0.5 * 0.05)
    assert found.confidence == pytest.approx((0.55, 0.95))
    assert (found.accuracy, found.count) == ((0.5, 1.0), (2, 2))


@pytest.mark.parametrize(
    ("confidence", "error"),
    [
        ((0.655, 0.675), 0.5 * (1 - 0.655) + 0.5 * 0.675),  # on either side of 10/15: two bins
        ((0.62, 0.64), abs(0.5 - 0.63)),  # on either side of 9.5/15: one bin
    ],
)
def test_bins_end_at_fifteenths(confidence, error):
    found = calibration(torch.tensor(confidence, dtype=torch.float64), torch.tensor([True, False]), seed=0)
    assert found.error == pytest.approx(error)


def test_the_floor_ends_where_chance_does_in_one_case_of_forty():
    """With all items in one bin the error is that of a share: |N(0, s)|, which is above 2.24 s in 2.5 % of all cases.

    The mean over eight seeds has an error of 3 %; ends at 90 % would lie at 1.96 s, 13 % lower.
    """
    sure = torch.full((2500,), 0.5, dtype=torch.float64)
    ends = [calibration(sure, sure > 0, seed=seed).floor_interval[1] for seed in range(8)]
    assert sum(ends) / 8 == pytest.approx(2.2414 * 0.5 / math.sqrt(2500), rel=0.06)


def test_a_calibrated_classifier_is_within_its_floor_and_a_boastful_one_is_not():
    confidence = 0.5 + 0.5 * numbers(1000)
    hit = numbers(1000, 1) < confidence
    found = calibration(confidence, hit, seed=0)
    assert found.floor_interval[0] <= found.error <= found.floor_interval[1]
    assert found.floor > 0.01  # far from 0, though nothing is wrong
    boast = calibration(1 - (1 - confidence) / 4, hit, seed=0)
    assert boast.error > boast.floor_interval[1]
    # In closed form, with about n/8 items in each of 8 bins: E |N(0, s)| = s sqrt(2 / pi) for each.
    expected = math.sqrt(2 / math.pi) * float((confidence * (1 - confidence)).mean().sqrt()) * math.sqrt(8 / 1000)
    assert found.floor == pytest.approx(expected, rel=0.2)


def test_counts_of_confusion():
    called, labels = torch.tensor([0, 2, 2, 1]), torch.tensor([0, 1, 2, 1])
    assert confusion(called, labels, 3).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
