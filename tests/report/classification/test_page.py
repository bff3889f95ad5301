"""The page of a classifier: complete, self-contained, escaped; what is absent or damaged is a word in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from equigen.metrics.classification import Share
from equigen.report.classification import figures
from equigen.report.classification import page as page_module
from equigen.report.classification.figures import (
    accuracy_against_angle,
    labelled_images,
    learning_curves,
    reliability,
)
from equigen.report.classification.words import angles, by_angle, calibrated, class_rows, confused, in_short
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


def section(page: str, heading: str) -> str:
    """The words between one heading and the next."""
    return words("</style>" + page.split(f"<h2>{heading}</h2>")[1].split("<h2>")[0])


def test_what_was_turned_is_told_where_the_angle_is(run, judged):
    page = render(read(run))
    assert judged.notes[0] in section(page, "What the angle does")
    assert judged.notes[0] not in section(page, "Is it right as often as it says?")
    values = replace(judged, angles=None, notes=("Accuracy by angle was left out: the images are too few.",)).to_dict()
    (run / "evaluation.json").write_text(json.dumps(values))
    assert "was left out" in section(render(read(run)), "What the angle does")


def test_a_mistake_is_told_under_its_image_and_not_in_a_row_of_words(run, judged, monkeypatch):
    told = []
    monkeypatch.setattr(
        page_module, "labelled_images", lambda x, words: told.extend(words) or labelled_images(x, words)
    )
    page = render(read(run))
    assert len(judged.mistakes) == len(told) > 3
    for one, (label, called, confidence) in zip(judged.mistakes, told, strict=True):
        assert (label, called) == (judged.classes[one.label], judged.classes[one.called])
        assert confidence == f"{100 * one.confidence:.0f}\N{NO-BREAK SPACE}%"
    assert "mistakes that are made with most confidence" in words(page)
    assert "cat as dog" not in words(page)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_images_of_any_number_of_channels_are_labelled(channels):
    x = np.linspace(0, 1, 4 * channels * 30).reshape(4, channels, 5, 6)
    assert labelled_images(x, [("a", "b" * 40, "7 %")] * 4).startswith(b"\x89PNG")
    assert labelled_images(np.full_like(x, np.nan), [("a", "b", "7 %")] * 4).startswith(b"\x89PNG")


def drawn(monkeypatch, function, *given) -> Figure:
    """The figure that a function makes, laid out."""
    found: list[Figure] = []
    monkeypatch.setattr(figures, "png", lambda figure: found.append(figure) or b"")
    function(*given)
    found[0].canvas.draw()
    return found[0]


def test_words_stand_clear_of_their_image_and_of_one_another(monkeypatch):
    told = [("an elongated bar", "another thing", "100 %")] * 8
    figure = drawn(monkeypatch, labelled_images, np.linspace(0, 1, 8 * 64).reshape(8, 1, 8, 8), told)
    titles = [axes.title.get_window_extent() for axes in figure.axes[:8]]
    images = [axes.get_window_extent() for axes in figure.axes[:8]]
    assert not any(title.overlaps(image) for title in titles for image in images)
    assert not any(a.overlaps(b) for i, a in enumerate(titles) for b in titles[:i])


def ticks(axis) -> list[str]:
    found = [label.get_text() for label in axis.get_ticklabels() if label.get_text()]
    return [text.replace("\N{MINUS SIGN}", "-") for text in found]


def test_a_short_run_is_drawn_as_points_on_whole_steps(monkeypatch):
    few, validation = [{"step": 10, "loss": 1.0}], [{"step": 10, "loss": 0.7, "accuracy": 0.8}]
    loss, accuracy = drawn(monkeypatch, learning_curves, few, validation).axes
    assert loss.lines[0].get_marker() not in ("None", "")
    assert all(float(tick).is_integer() for tick in ticks(loss.xaxis))
    many = [{"step": 10 * k, "loss": 1 / k} for k in range(1, 40)]
    long, _ = drawn(monkeypatch, learning_curves, many, validation).axes
    assert long.lines[0].get_marker() == "None"
    assert "(%)" in accuracy.get_ylabel()


def test_axes_of_accuracy_speak_in_percent(monkeypatch, judged):
    axes = drawn(monkeypatch, accuracy_against_angle, judged.angles, judged.accuracy.value).axes[0]
    assert axes.get_ylabel() == "accuracy (%)"
    assert max(map(float, ticks(axes.yaxis))) > 20
    above, below = drawn(monkeypatch, reliability, judged.calibration).axes
    assert max(map(float, ticks(above.yaxis))) > 20
    assert max(map(float, ticks(below.xaxis))) > 20


# --- every sentence can come out the other way


def test_a_classifier_no_better_than_chance_is_told_to_be_so(judged):
    better = replace(judged, accuracy=Share.of(90, 100), chance=Share.of(40, 100))
    assert "chance" not in in_short(better)[0]
    same = replace(judged, accuracy=Share.of(44, 100), chance=Share.of(40, 100))
    assert "most frequent class would be right for" in in_short(same)[0]
    assert in_short(same)[0].endswith(": this is not told from chance.")


def test_a_classifier_that_calls_all_images_the_same_gets_no_verdict_on_angles(run, judged):
    alone = replace(judged, confusion=((0, 12, 0), (0, 12, 0), (0, 12, 0)))
    told = in_short(alone)[-1]
    assert told == "All held-out images are called 'dog': what the angle does cannot be told."
    assert angles(alone, alone.angles) == told
    assert in_short(judged)[-1] == angles(judged, judged.angles) == by_angle(judged.angles)
    (run / "evaluation.json").write_text(json.dumps(alone.to_dict()))
    assert "are called the same at all angles" not in words(render(read(run)))


def test_an_error_that_is_not_known_is_told_to_be_so(judged):
    assert "(error unknown) nats" in in_short(replace(judged, cross_entropy_error=None))[2]
    assert "unknown" not in in_short(judged)[2]


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
