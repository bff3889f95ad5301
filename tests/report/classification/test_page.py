"""The page of a classifier: complete, self-contained, escaped; what is absent or damaged is a word in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from equigen.metrics.classification import Share
from equigen.report.classification.words import by_angle, calibrated, class_rows, confused, in_short
from equigen.report.contents import read
from equigen.report.page import render, write

HEADINGS = [
    "Data",
    "Training",
    "What is confused",
    "What the angle does",
    "Is it right as often as it says?",
    "Certificate",
    "Configuration",
]
ABSENT = (
    "has not been evaluated: equigen evaluate",
    "has not been certified: equigen certify",
    "has not trained yet",
    "The data are not within reach",
)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1])).replace("\N{NO-BREAK SPACE}", " ")


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_whole_run_has_every_section_on_one_page_that_opens_offline(run, judged, tmp_path):
    page = write(run, tmp_path / "figures").read_text(encoding="utf-8")
    assert headings(page) == HEADINGS
    assert page.count("<img") == len(list((tmp_path / "figures").iterdir())) == 8  # each under its own name
    text = words(page)
    assert f"{100 * judged.accuracy.value:.1f} %" in text
    for part in ("D8, restricted to C8", "40 of 40", "1,234,567", "All that C8 promises on pixels (C4) is kept"):
        assert part in text
    assert not any(absent in text for absent in ABSENT)
    assert not re.search(r"https?:|url\(|<script", re.sub(r"base64,[A-Za-z0-9+/=]+", "", page))
    assert "<owl>" not in page  # what users name is escaped
    assert "&lt;owl&gt;" in page
    assert write(run).read_text(encoding="utf-8") == page  # a pure function of the folder


def test_absent_parts_are_words(run):
    for name in ("evaluation.json", "evaluation.npz", "certificate.json", "metrics.jsonl"):
        (run / name).unlink()
    text = words(render(read(run)))
    assert all(absent in text for absent in ABSENT)


@pytest.mark.parametrize("damage", [b"", b"\xff{", b"[]", b"{}", b'{"task": "classify"}', b'{"claims": 3}'])
def test_damaged_parts_are_words(run, damage):
    (run / "metrics.jsonl").unlink()
    for name in ("evaluation.json", "certificate.json"):
        (run / name).write_bytes(damage)
    text = words(render(read(run)))
    assert "evaluation.json cannot be used" in text
    assert "certificate.json cannot be used" in text


def test_a_broken_certificate_is_told_with_its_layer(run, certificate):
    layer = replace(certificate.layers[0], error=0.3, verdict="broken")
    claim = replace(certificate.claims[0], measured=0.3, verdict="broken", where="0")
    broken = replace(certificate, layers=(layer, *certificate.layers[1:]), claims=(claim, *certificate.claims[1:]))
    (run / "certificate.json").write_text(json.dumps(broken.to_dict()))
    for name in ("evaluation.json", "evaluation.npz", "metrics.jsonl"):
        (run / name).unlink()
    assert "is broken by 0: invariance of the whole" in words(render(read(run)))


def test_a_run_that_generates_keeps_its_page(run):
    (run / "config.yaml").write_text("steps: 40\n")
    (run / "metrics.jsonl").unlink()
    (run / "evaluation.json").unlink()
    found = headings(render(read(run)))
    assert "Data and samples" in found
    assert "Certificate" not in found


# --- every sentence can come out the other way


def test_overfitting_is_told_where_training_images_are_better_known(judged):
    assert "not to be told from held-out ones" in in_short(judged)[1]
    apart = replace(judged, train_accuracy=Share.of(1000, 1000), accuracy=Share.of(700, 1000))
    assert "overfitting" in in_short(apart)[1]


def test_the_verdict_on_angles_follows_the_spread(judged):
    found = judged.angles
    least, most = found.spread_floor_interval
    assert "depends on how it is turned" in by_angle(replace(found, spread=most + 0.1))
    assert "no more than chance explains" in by_angle(replace(found, spread=least))


def test_the_verdict_on_calibration_follows_the_error(judged):
    good = replace(judged.calibration, error=0.01, floor_interval=(0.0, 0.02), confidence=(0.7,), count=(36,))
    bad = replace(good, error=0.2)
    assert "as often right as it says" in calibrated(replace(judged, calibration=good))
    assert "too sure of itself" in calibrated(replace(judged, calibration=bad, accuracy=Share.of(5, 10)))
    assert "more often right than it says" in calibrated(replace(judged, calibration=bad, accuracy=Share.of(9, 10)))


def test_the_pair_that_is_confused_most_is_named(judged):
    found = replace(judged, confusion=((5, 2, 0), (3, 4, 0), (0, 1, 6)), held_out=21)
    assert confused(found) == "Confused most are cat and dog: 5 of 21 held-out images, in both directions."
    assert confused(replace(judged, confusion=((5, 0, 0), (0, 4, 0), (0, 0, 6)))) == "No two classes are confused."
    rows = class_rows(found)
    assert [row[3] for row in rows] == ["dog (2)", "cat (3)", "dog (1)"]
    assert class_rows(replace(judged, confusion=((0, 0, 0), (0, 4, 0), (0, 0, 6))))[0][2] == "-"
