"""Classifiers trained by two real processes: resumable to the bit, and said to differ from those of one."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.training.test_processes import nest, require_one_sentence, weights  # noqa: F401 - a fixture

SMALL = [
    *("train", "digits", "--task", "classify", "--limit", "64", "--set", "classifier.width=1", "--threads", "1"),
    *("--steps", "4", "--checkpoint-every", "2", "--batch-size", "16", "--augment", "quarter-turns"),
]


@pytest.fixture(scope="module")
def two(nest, tmp_path_factory):  # noqa: F811
    """A run of two processes, and what they said."""
    folder = tmp_path_factory.mktemp("two")
    found = nest.run(folder, *SMALL, "--out", "run")
    assert found["codes"] == [0, 0], found
    return folder / "run", found


def same(run, other):
    mine, theirs = weights(run), weights(other)
    return all(mine[name].equal(theirs[name]) for name in mine)


def test_it_goes_on_to_the_same_bits(nest, two, tmp_path):  # noqa: F811
    shutil.copytree(two[0], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000004")
    found = nest.run(tmp_path, "train", "--resume", "run", "--json")
    assert json.loads(found["out"][0])["steps_taken"] == 2
    assert same(two[0], tmp_path / "run")


def test_it_says_that_one_process_would_find_other_weights(nest, two, tmp_path):  # noqa: F811
    said = two[1]["err"][0].splitlines()
    assert len([line for line in said if "2 processes normalises over its own part" in line]) == 1
    alone = nest.run(tmp_path, *SMALL, "--out", "run", world=1)
    assert "normalises" not in alone["err"][0]
    assert not same(two[0], tmp_path / "run")


def test_a_process_that_would_see_one_image_is_refused(nest, tmp_path):  # noqa: F811
    found = nest.run(tmp_path, *SMALL, "--batch-size", "3", "--out", "run")
    assert "--batch-size" in require_one_sentence(found)
