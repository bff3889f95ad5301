"""Numbers in words: three digits, intervals to match, and a verdict that follows the distances."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from equigen.metrics.floor import Measured
from equigen.metrics.neighbours import compare_neighbours
from equigen.report.contents import Contents
from equigen.report.words import (
    bits_per_dimension,
    compared,
    copied,
    cost,
    facts,
    features,
    group_row,
    in_short,
    row,
    told_apart,
    verdict,
)
from tests.report.conftest import COMPARISON, GROUPS, LIKELIHOOD


def measured(value: float, floor: float) -> Measured:
    interval, floors = (0.9 * value, 1.1 * value), (0.9 * floor, 1.1 * floor)
    ratio = value / floor if floor else None
    return Measured("d", value, interval, floor, floors, ratio, 9, "lower", "pixels", "px", (value,), (floor,))


@pytest.mark.parametrize(
    ("value", "floor", "cells"),
    [
        (1.234, 0.0567, ["1.23", "[1.11, 1.36]", "0.0567", "[0.0510, 0.0624]", "21.76"]),
        (12345.6, 2.0, ["12346", "[11111, 13580]", "2.00", "[1.80, 2.20]", "6173"]),
        (0.0, 0.0, ["0.000", "[0.000, 0.000]", "0.000", "[0.000, 0.000]", "-"]),
    ],
)
def test_rows(value, floor, cells):
    found = row(measured(value, floor))
    assert [found[name] for name in ("value", "interval", "floor", "floor_interval", "ratio")] == cells
    assert found["space"] == "pixels (px)"


def test_the_verdict_follows_the_distances(evaluation):
    far, near = torch.linspace(1, 2, 200), torch.linspace(0, 2, 200)
    assert "no sign of memorisation" in verdict(replace(evaluation, neighbours=compare_neighbours(far, far)))
    copied = verdict(replace(evaluation, neighbours=compare_neighbours(near, far)))
    assert "memorised, or too smooth" in copied
    assert "1 of 200 samples are copies" in copied
    assert "pose" not in copied
    posed = verdict(replace(evaluation, neighbours=compare_neighbours(near, far), poses="D4"))
    assert "nearer to a training item in any pose under D4 than the nearest 5\u00a0% of held-out items do" in posed
    assert "copies of a training item in any pose under D4." in posed


def test_the_short_version_names_each_distance_and_its_floor(evaluation):
    sentences = in_short(evaluation)
    assert len(sentences) == 6
    assert sentences[0].startswith("Frechet distance (random-convolutions-64): ")
    assert all("floor" in sentence or "real data" in sentence or "held-out" in sentence for sentence in sentences)


def test_bits_per_dimension_in_words():
    found = bits_per_dimension(LIKELIHOOD)
    for part in (
        "1.794 ± 0.029 at n = 64 (items 0.027, probes 0.010; ",
        "at most 0.005",
        "1.088 ± 0.021 below the 2.882",
    ):
        assert part in found
    assert "dequantised" in found
    assert "0.200 ± 0.021 above" in bits_per_dimension(replace(LIKELIHOOD, gain=-0.2))
    assert "not to be told from" in bits_per_dimension(replace(LIKELIHOOD, gain=0.05))  # 2 (0.021 + 0.005) = 0.052
    density = bits_per_dimension(replace(LIKELIHOOD, quantised=False, probe_error=float("nan")))
    assert "of the density of held-out images in data units" in density
    assert "probes" not in density


def test_features_in_words(evaluation):
    assert "not trained" in features(evaluation)
    learned = replace(evaluation.features, name="classifier-64", accuracy=0.985)
    assert "98.5\N{NO-BREAK SPACE}% of held-out" in features(replace(evaluation, features=learned))


def test_facts_of_whatever_is_there(tmp_path, evaluation):
    assert facts(Contents(tmp_path)) == []
    train = ({"step": 7, "seconds": 100.0},)
    found = dict(facts(Contents(tmp_path, config={"steps": 9, "seed": 1}, train=train, evaluation=evaluation)))
    assert found["training steps"] == "7 of 9"
    assert found["training time"] == "1.7 min"
    assert found["images"] == "8 x 8 pixels, 1 channel"


def test_copies_samples_unlike_the_data_and_real_ones_have_words_of_their_own(evaluation):
    found = replace(evaluation.memorisation, floors=(-1.0, 1.0))
    assert "copies, or samples smoother" in copied(replace(found, value=-9.0))
    assert "unlike the data" in copied(replace(found, value=9.0))
    assert "as real items are" in copied(replace(found, value=0.1))


def test_the_two_sample_test_in_words(evaluation):
    test = replace(evaluation.two_sample, p_values=(0.02, 0.4))
    assert "p from 0.02 to 0.4" in told_apart(test)
    assert "p = 0.02)" in told_apart(replace(test, p_values=(0.02,)))


def test_the_best_solver_within_each_budget():
    assert compared(COMPARISON).endswith(
        "euler within 5 evaluations (0.3 data units), heun within 20 evaluations (0.03 data units)."
    )
    none = replace(COMPARISON, curves=COMPARISON.curves[2:])
    assert compared(none) == "No deterministic solver was compared."


def test_what_a_group_lacks_is_a_dash():
    assert group_row(GROUPS.groups[2])["called"] == "-"
    assert group_row(GROUPS.groups[2])["loss"] == "-"
    assert group_row(GROUPS.groups[0])["called"].endswith("[74.0, 97.0]")


def test_the_cost_beside_the_estimate(tmp_path):
    estimate = {"seconds": 200.0, "parameters": 1000, "memory_bytes": 2**21}
    config = {"steps": 9, "equigen": {"estimate": estimate}}
    rows = cost(Contents(tmp_path, config=config, train=({"step": 9, "seconds": 100.0},)))
    assert [row[1:] for row in rows] == [("3.3 min", "1.7 min"), ("1,000", "1,000"), ("2 MiB", "not measured")]
    assert (
        cost(Contents(tmp_path, config=config, train=({"step": 3, "seconds": 50.0},)))[0][2] == "50 s for 3 of 9 steps"
    )
    assert cost(Contents(tmp_path, config=config))[0][2] == "-"
    assert cost(Contents(tmp_path, config={"equigen": {"estimate": "soon"}})) == []
