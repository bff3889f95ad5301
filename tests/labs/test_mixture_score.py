"""What `mixture-score` concludes, that it can conclude otherwise, and that a wrong score is noticed."""

from __future__ import annotations

import json
import math

import pytest

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.mixture_score import MixtureScore
from equigen.labs.plane.field_concluding import decide, field_answer
from equigen.labs.plane.field_measuring import field_measured
from equigen.labs.writing import document, record
from equigen.report.document import render_document
from equigen.training.errors import ConfigError

SMALL = {"points": 400, "levels": 6}
ROUND = {"weights": (1.0,), "means": ((1.0, -2.0),), "covariances": (((2.0, 0.0), (0.0, 2.0)),)}


def measured(points, noise, **settings):
    """Conclusions and answer without the drawing."""
    lab = MixtureScore(**settings)
    it = field_measured(lab.law(), points=points, limit=lab.angle, noise=noise, seed=0, tell=lambda stage: None)
    said = decide(it)
    return said, field_answer(it, said)


@pytest.fixture(scope="module")
def found():
    return MixtureScore(**SMALL).run()


@pytest.mark.parametrize(
    ("words", "verdict", "value", "tolerance"),
    [
        ("points to the nearest mode", "no", 0.736, 0.08),
        ("leads to the nearest mode", "no", 0.865, 0.08),
        ("responsibility-weighted mean", "yes", 0.0, 1e-6),
        ("off that mean", "yes", 0.26, 0.08),
        ("vanishes", "yes", 0.0, 1e-9),
        ("longer where the density", "no", -0.68, 0.1),
        ("grows linearly", "yes", 0.0, 1e-6),
        ("largest variance", "yes", 1.0, 1e-6),
        ("posterior responsibilities", "yes", 0.0, 1e-12),
        ("mixture's weights", "no", 0.0, 0.05),
        ("leaves one mode", "yes", 1.0, 0.0),
        ("never rises", "yes", 0.0, 0.0),
        ("none was missed", "yes", 0.0, 0.0),
    ],
)
def test_what_is_concluded(found, words, verdict, value, tolerance):
    one = found[words]
    assert one.verdict == verdict
    assert one.measured == pytest.approx(value, abs=tolerance)


def test_the_answer_tells_what_was_measured(found):
    toward = found.numbers["directions"]["drawn"]["toward_nearest_mode"][0]
    assert f"does so at {toward:.1%}" in found.answer
    first, second = (change["noise"] for change in found.numbers["smoothing"]["changes"])
    assert f"from 3 to 2 at noise of standard deviation {first:.3g}, and from 2 to 1" in found.answer
    assert f"at noise of standard deviation {second:.3g}." in found.answer
    assert (first, second) == pytest.approx((1.0503, 1.4806), abs=1e-3)


def test_the_page_and_the_numbers_can_be_written(found):
    page = render_document(document(found))
    assert page.count("<img") == 6
    json.dumps(record(found), allow_nan=False)


def test_a_single_round_law_turns_the_conclusions_over():
    said, answer = measured(400, (0.1, 4.0, 2), **ROUND)
    verdicts = {name: said[name].verdict for name in ("nearest", "leads", "bent", "prior")}
    assert verdicts == {"nearest": "yes", "leads": "yes", "bent": "no", "prior": "yes"}
    assert "common picture is right" in answer
    assert "There is one mode at every noise." in answer
    assert "saddle" not in answer
    assert "0e+00" not in answer


def test_few_points_resolve_nothing():
    said, answer = measured(10, (0.1, 4.0, 2))
    assert said["leads"].verdict == "not resolved"
    assert "is not resolved here" in answer
    assert all(sentence[0].isupper() for sentence in answer.split(". "))
    assert ";" not in answer.split("Far away")[0]


APART = {
    "weights": (0.5, 0.5),
    "means": ((-1e6, 0.0), (1e6, 0.0)),
    "covariances": (((1.0, 0.0), (0.0, 1.0)), ((1.0, 0.0), (0.0, 1e-6))),
}


def test_rays_are_as_long_as_the_components_lie_apart_and_a_lost_saddle_is_told():
    said, answer = measured(10, (0.1, 4.0, 2), **APART)
    assert said["linear"].holds
    assert said["widest"].holds
    assert "and at saddles" not in answer
    assert "Not all of the landscape was found" in answer


def test_where_no_component_is_widest_the_growth_is_not_resolved():
    crossed = {"weights": (0.5, 0.5), "means": ((0.0, 0.0), (1.0, 0.0))}
    covariances = (((4.0, 0.0), (0.0, 1.0)), ((1.0, 0.0), (0.0, 4.0)))  # equally wide at 45 degrees
    said, _ = measured(10, (0.1, 4.0, 2), **crossed, covariances=covariances)
    assert said["linear"].verdict == "not resolved"
    assert said["widest"].holds


def test_too_little_noise_leaves_the_modes():
    said, answer = measured(50, (0.1, 0.5, 2))
    assert said["one"].verdict == "no"
    assert "leaves 3 modes" in answer


@pytest.mark.parametrize(
    ("planted", "wrong_claims"),
    [
        ("score", ("level", "linear")),
        ("component_scores", ("sum",)),
        ("responsibilities", ("sum",)),
    ],
)
def test_a_wrong_formula_is_noticed(monkeypatch, planted, wrong_claims):
    right = getattr(GaussianMixture, planted)

    def wrong(self, x):
        if planted == "responsibilities":
            return self.weights.expand(len(x), -1)
        return 1.1 * right(self, x) + 0.1

    monkeypatch.setattr(GaussianMixture, planted, wrong)
    said, answer = measured(50, (0.1, 0.5, 2))
    assert [said[name].verdict for name in wrong_claims] == ["no"] * len(wrong_claims)
    assert "one of the formulas is wrong" in answer


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": (0.5, 0.6, 0.1)}, "sum to 1"),
        ({"weights": (1.5, -0.5)}, "positive"),
        ({"weights": (1.0, 0.0, 0.0)}, "leave component 2 out, whose weight is 0"),
        ({"weights": (0.05,) * 21}, "at most 20"),
        ({"points": 10**9}, "less than or equal to 100000"),
        ({"weights": (1.0,)}, "one for each of the 1 weights"),
        ({"covariances": (((1.0, 1.0), (1.0, 1.0)),) * 3}, "positive definite"),
        ({"covariances": (((1.0, 0.0), (0.5, 1.0)),) * 3}, "symmetric"),
        ({"means": ((math.nan, 0.0),) * 3}, "finite"),
        ({"noise_min": 0.0}, "greater than 0"),
        ({"noise_min": 2.0, "noise_max": 1.0}, "larger than noise_min"),
        ({"noise_min": 50.0}, "larger than noise_min"),
        ({"points": -1}, "greater than or equal to 10"),
    ],
)
def test_impossible_settings_get_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        MixtureScore.parse(settings, "lab mixture-score")
    assert "\n" not in str(refusal.value)
