"""The page: self-contained, complete, escaped; and what is absent or damaged is a word in it."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from equigen.report.contents import read
from equigen.report.page import render, write
from equigen.report.record import write_evaluation
from equigen.training.errors import RunFolderError


class Parsed(HTMLParser):
    """Tags in order, and the text outside style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words += data

    def headings(self) -> list[str]:
        return re.findall(
            r"^(?:Data and|From|By|Metrics|Can a|Memorisation and|Loss|Likelihood|Distance ag|Training|Config).*$",
            self.words,
            re.MULTILINE,
        )


def page(run: Path) -> Parsed:
    parsed = Parsed(write(run).read_text(encoding="utf-8"))
    assert parsed.open == []
    return parsed


def test_a_whole_run_has_every_section(run):
    parsed = page(run)
    assert parsed.headings() == [
        "Data and samples",
        "From noise to image",
        "Metrics, each beside its floor",
        "Can a classifier tell?",
        "Memorisation and nearest training items",
        "Loss by noise level",
        "Likelihood",
        "Distance against evaluations",
        "Training",
        "Configuration",
    ]
    assert not any("absent" in (attrs.get("class") or "") for _, attrs in parsed.tags)
    images = [attrs for tag, attrs in parsed.tags if tag == "img"]
    assert len(images) == 12
    assert all(attrs["alt"] and attrs["width"] and attrs["height"] for attrs in images)
    assert sum(tag == "figcaption" for tag, _ in parsed.tags) == len(images)
    assert "made-up" in parsed.words
    assert "40 of 40" in parsed.words
    assert "1.794" in parsed.words
    assert "0.0103" in parsed.words
    assert "memory beside the data" in parsed.words
    assert "1,234,567" in parsed.words


def test_a_run_with_classes_has_a_row_for_each(run, by_class):
    before = len([1 for tag, _ in page(run).tags if tag == "img"])
    write_evaluation(by_class, run)
    parsed = page(run)
    assert "By class" in parsed.headings()
    assert len([1 for tag, _ in parsed.tags if tag == "img"]) == before + 1
    for group in by_class.groups.groups:
        assert group.name in parsed.words
    assert re.search(r"90\.0\s% \[74\.0, 97\.0\]", parsed.words)
    assert "0.410 \N{PLUS-MINUS SIGN} 0.020" in parsed.words
    (run / "evaluation.npz").unlink()
    assert "dog" in page(run).words  # the table needs no pictures


def test_an_older_evaluation_is_shown_with_a_word(run, evaluation):
    kept = evaluation.to_dict()
    for name in ("two_sample", "memorisation", "groups", "solvers", "likelihood"):
        del kept[name]
    (run / "evaluation.json").write_text(json.dumps(kept))
    words = page(run).words
    assert words.count("of an older version") == 2
    assert "Solvers were not compared" in words
    assert "Frechet distance" in words


def test_a_run_without_an_estimate_has_no_table_of_cost(run):
    (run / "config.yaml").write_text("steps: 40\nseed: 3\nequigen:\n  version: 0.1.0\n")
    assert "estimated before training" not in page(run).words


def test_nothing_is_fetched(run):
    text = write(run).read_text(encoding="utf-8")
    for tag, attrs in Parsed(text).tags:
        assert tag not in ("script", "iframe", "object", "embed")
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href", "srcset", "poster", "action"):
            assert (attrs.get(name) or "data:").startswith("data:")
    assert not re.search(r"https?:|//[a-z]|url\(|@import", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))


def test_every_metric_stands_beside_its_floor(run, evaluation):
    words = page(run).words
    for metric in evaluation.metrics:
        assert metric.name in words
        assert f"{metric.ratio:.2f}" in words
    assert "random-convolutions-64" in words


def test_the_page_is_a_pure_function_of_the_folder(run):
    assert write(run).read_bytes() == write(run).read_bytes()


def test_what_users_name_is_escaped(run):
    text = (run / "config.yaml").read_text().replace("made-up", '"<script>alert(1)</script>"')
    (run / "config.yaml").write_text(text)
    (run / "evaluation.json").unlink()
    assert "<script" not in render(read(run))


PARTS = {
    "config.yaml": "config.yaml is not there",
    "metrics.jsonl": "has not trained yet",
    "evaluation.json": "has not been evaluated",
    "paths.npz": "paths.npz is not there",
}


@pytest.mark.parametrize("name", PARTS)
def test_an_absent_part_is_a_word(run, name):
    (run / name).unlink()
    contents = read(run)
    assert any(PARTS[name] in reason for reason in contents.absent.values())


def test_words_for_absent_parts_are_on_the_page(run):
    for name in ("metrics.jsonl", "evaluation.json", "evaluation.npz", "paths.npz"):
        (run / name).unlink()
    words = page(run).words
    assert all(word in words for name, word in PARTS.items() if name != "config.yaml")


ARRAY = (
    b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }".ljust(79) + b"\n" + bytes(8)
)
DAMAGE = {
    "empty": b"",
    "torn": b"PK\x03\x04 torn",
    "binary": b"\xff\xfe{[",
    "list": b"[]",
    "object": b"{}",
    "array": ARRAY,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", [*PARTS, "evaluation.npz"])
def test_a_damaged_part_is_never_an_error(run, name, damage):
    (run / name).write_bytes(DAMAGE[damage])
    contents = read(run)
    gone = {"metrics.jsonl": "training", "evaluation.json": "evaluation", "paths.npz": "paths"}.get(name)
    assert gone is None or gone in contents.absent


def test_a_page_of_damaged_parts_is_a_page(run):
    for name in (*PARTS, "evaluation.npz"):
        if name != "metrics.jsonl":
            (run / name).write_bytes(b"PK\x03\x04 torn")
    words = page(run).words
    assert "evaluation.json cannot be used" in words
    assert "torn" in words


def test_an_evaluation_without_its_pictures_is_shown(run):
    (run / "evaluation.npz").unlink()
    words = page(run).words
    assert "sliced Wasserstein distance" in words
    assert "no sign of memorisation" in words


def test_a_run_without_evaluation_shows_its_last_grid_and_validation(run):
    (run / "evaluation.json").unlink()
    (run / "progress").mkdir()
    np.savez(run / "progress" / "step-00000020.npz", images=np.zeros((4, 1, 8, 8)))
    np.savez(run / "progress" / "step-00000040.npz", images=np.ones((6, 1, 8, 8)))
    words = page(run).words
    assert "Samples, from training step 40: 6 images" in words
    assert "Held-out items at training step 40" in words
    assert "The data are not within reach" in words


def test_samples_asked_for_come_first(run):
    np.savez(
        run / "samples.npz", images=np.zeros((7, 8, 8), dtype=np.uint8) + np.arange(7, dtype=np.uint8)[:, None, None]
    )
    assert "Samples, from samples.npz: 7 images" in page(run).words


def test_samples_are_read_as_the_data_are_stored(run):
    """Digits are stored as 0 to 16: the brightest pixel is 1, as in the data beside them."""
    images = np.zeros((5, 8, 8), dtype=np.uint8)
    images[0, 0, 0], images[1, 0, 0] = 16, 8
    np.savez(run / "samples.npz", images=images)
    assert read(run).samples.x.max() == pytest.approx(16 / 255)  # the control: where nothing is recorded, 8 bits
    stored = "  data: {stored: {dtype: uint8, layout: nhw, scale: 16.0, offset: 0.0}}\n"
    with (run / "config.yaml").open("a") as config:
        config.write(stored)
    samples = read(run).samples.x
    assert samples.shape == (5, 1, 8, 8)
    assert samples[:2, 0, 0, 0].tolist() == [1.0, 0.5]


def test_channels_of_different_scale_are_both_seen(run):
    for name in ("evaluation.json", "paths.npz"):
        (run / name).unlink()
    small, large = np.random.default_rng(0).random((2, 9, 1, 8, 8))
    (run / "progress").mkdir()
    np.savez(run / "progress" / "step-00000040.npz", images=np.concatenate((small, 1000 * large), 1))
    images = [attrs["src"] or "" for tag, attrs in page(run).tags if tag == "img"]
    pixels = np.asarray(Image.open(BytesIO(b64decode(images[0].partition(",")[2]))))
    tile = pixels[:48, :96].astype(float)
    assert tile[:, :48].std() > 30
    assert tile[:, 48:].std() > 30


def test_pickles_are_not_opened(run):
    np.savez(run / "paths.npz", images=np.array([{}], dtype=object), steps=np.arange(1))
    assert "paths.npz is not there" in page(run).words


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="nothing of a run"):
        write(tmp_path)
    with pytest.raises(RunFolderError, match="no folder"):
        write(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_bundled_digits_are_shown_where_nothing_else_kept_them(tmp_path):
    (tmp_path / "config.yaml").write_text("data: digits\nseed: 0\nequigen:\n  version: 0.1.0\n")
    words = page(tmp_path).words
    assert "Data, from the training split: 64 images, grey, 0 is black and 1 is white." in words
    assert "There are no samples yet" in words


def test_every_picture_of_the_page_is_written_under_its_own_name(run, tmp_path):
    page = write(run, tmp_path / "figures")
    shown = [dict(attributes)["src"] for tag, attributes in Parsed(page.read_text()).tags if tag == "img"]
    written = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert len(written) == len(shown) > 5
    assert {b64decode(source.partition(",")[2]) for source in shown} == set(written.values())
    assert {"data-in-a-grid.png", "training-curves.png"} <= set(written)


def test_figures_that_cannot_be_written_are_one_sentence(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="file"):
        write(run, tmp_path / "file")
