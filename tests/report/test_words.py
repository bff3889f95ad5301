"""Numbers in words: three digits, intervals to match, and a verdict that follows the distances."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from equigen.metrics.floor import Measured
from equigen.metrics.neighbours import compare_neighbours
from equigen.report.contents import Contents
from equigen.report.words import facts, features, in_short, row, verdict


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


def test_the_short_version_names_each_distance_and_its_floor(evaluation):
    sentences = in_short(evaluation)
    assert len(sentences) == 4
    assert sentences[0].startswith("Frechet distance (random-convolutions-64): ")
    assert all("floor" in sentence or "real data" in sentence or "held-out" in sentence for sentence in sentences)


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
