"""What `denoising` concludes, that it can conclude otherwise, and that a wrong objective is noticed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from equigen import random
from equigen.labs.denoising import Denoising
from equigen.labs.plane.learning_chapters import _beyond
from equigen.labs.plane.learning_concluding import decide, learning_answer
from equigen.labs.plane.learning_measuring import learning_measured, mean_and_error
from equigen.labs.writing import document, record
from equigen.report.document import render_document
from equigen.training.errors import ConfigError

SMALL = {"steps": 150, "members": 4, "width": 24, "batch": 64, "levels": 4, "target_points": 60_000}
TINY = {"steps": 2, "members": 2, "width": 4, "batch": 2, "levels": 2, "target_points": 1000}
POINTS = {
    "weights": (0.5, 0.5),
    "means": ((-3.0, 0.0), (3.0, 0.0)),
    "covariances": (((1e-8, 0.0), (0.0, 1e-8)),) * 2,
    "noise_min": 0.1,
    "noise_max": 0.4,
}


@pytest.fixture(scope="module")
def found():
    return Denoising(**SMALL).run()


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("responsibility-weighted pull", "yes"),
        ("their own standard errors", "yes"),
        ("mixture's weights", "no"),
        ("cannot reach 0", "yes"),
        ("on the same points, the floor", "yes"),
        ("nearer its floor", "yes"),
        ("at equal steps denoising comes nearer the exact field than explicit", "no"),
    ],
)
def test_what_is_concluded(found, words, verdict):
    assert found[words].verdict == verdict


def test_the_floor_is_the_variance_that_the_score_leaves(found):
    assert found["cannot reach 0"].measured == pytest.approx(0.525, abs=0.03)
    levels = found.numbers["by_noise"]
    assert [value for value, _ in levels["floor"]] == sorted((value for value, _ in levels["floor"]), reverse=True)
    assert levels["floor"][0][0] == pytest.approx(2.0, abs=0.05)  # at little noise nothing can be told of it


def test_the_gap_is_the_same_from_the_losses_and_from_the_field(found):
    levels = found.numbers["by_noise"]
    for paired, field in zip(
        levels["above_floor_paired_first_member"], levels["above_floor"]["denoising"], strict=True
    ):
        assert abs(paired[0] - field[0]) < 4 * paired[1]


def test_the_page_and_the_numbers_can_be_written(found):
    assert render_document(document(found)).count("<img") == 6
    json.dumps(record(found), allow_nan=False)


def measured(**settings):
    """Measurement, conclusions and answer without the drawing."""
    lab = Denoising(**settings)
    it = learning_measured(
        lab.task(), levels=lab.levels, target_noise=lab.target_noise, target_points=lab.target_points, tell=str
    )
    said = decide(it)
    return it, said, learning_answer(it, said)


def test_the_same_settings_give_the_same_numbers_and_the_global_generator_is_left_alone():
    state = torch.random.get_rng_state()
    first, second = (measured(**TINY)[0].above["implicit"] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(state, torch.random.get_rng_state())


def test_points_far_apart_are_given_away_and_the_floor_falls_to_0():
    _, said, answer = measured(**{**TINY, **POINTS, "target_noise": 0.3})
    assert said["floor"].verdict == "no"
    assert answer.startswith("Nearly")


def test_one_network_and_two_steps_resolve_nothing():
    _, said, answer = measured(**{**TINY, "members": 1})
    assert {said[name].verdict for name in ("learned", "implicit steps", "explicit time")} == {"not resolved"}
    assert "not resolved" in answer


def test_one_sentence_where_nothing_is_resolved_and_none_with_nan():
    _, _, answer = measured(**{**TINY, "width": 1})
    assert "too few points to fill a bin" in answer
    assert "cannot be told from denoising after equal steps and after equal time on this machine" in answer
    assert "nan" not in answer


def test_a_page_of_too_few_points_says_so():
    page = render_document(document(Denoising(**TINY).run()))
    assert "raise <code>target_points</code>" in page or "raise `target_points`" in page
    assert "nan" not in page.split("<body")[1].split("data:")[0]


def test_a_loss_below_the_floor_would_be_noticed():
    it = measured(**TINY)[0]
    verdicts = [
        decide(replace(it, excess=torch.tensor(values)))["above"].verdict
        for values in ([0.2, 0.21], [0.1, -0.1], [-0.2, -0.21])
    ]
    assert verdicts == ["yes", "not resolved", "no"]


def test_a_network_worse_than_none_is_told():
    it = measured(**TINY)[0]
    assert _beyond(it)[0].startswith("At noise 0.05 the networks' loss")
    better = {name: values - 10 for name, values in it.above.items()}
    assert not _beyond(replace(it, above=better))


def test_two_errors_over_few_members_hold_the_mean_as_often_as_they_say():
    draws = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    outside = [abs(mean) > 2 * error for mean, error in map(mean_and_error, draws)]
    assert sum(outside) / len(outside) == pytest.approx(0.05, abs=0.012)


def test_targets_of_another_noise_are_noticed(monkeypatch):
    right = random.normal

    def wrong(*args, stream, **where):  # not of unit variance
        return right(*args, stream=stream, **where) * (0.9 if stream == random.Stream.METRIC else 1.0)

    monkeypatch.setattr(random, "normal", wrong)
    said, answer = measured(**{**TINY, "target_points": 40_000})[1:]
    assert said["pull"].verdict == "no"
    assert "one of the formulas is wrong" in answer


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": -5}, "greater than or equal to 2"),
        ({"members": 0}, "greater than or equal to 1"),
        ({"members": 10**6}, "less than or equal to 12"),
        ({"target_points": 10**12}, "less than or equal to 5000000"),
        ({"rate": 0.0}, "greater than 0"),
        ({"noise_min": 3.0, "noise_max": 1.0}, "larger than noise_min"),
        ({"weights": (0.2, 0.2, 0.2)}, "sum to 1"),
        ({"stpes": 5}, "did you mean 'steps'"),
    ],
)
def test_impossible_settings_get_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        Denoising.parse(settings, "lab denoising")
    assert "\n" not in str(refusal.value)
