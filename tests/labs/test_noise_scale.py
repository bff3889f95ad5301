"""The lab noise-scale: its conclusions on a small run, with faults that turn them over and runs too small to decide."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.labs.noise_scale.lab import NoiseScale
from equigen.labs.noise_scale.measuring import bumps, forgetting, near_one, saturation_time, simulated
from equigen.labs.on_the_line import mean_square
from equigen.training.errors import ConfigError

BASES = (0.5, 1.0, 25.0)


def variance(base, t):
    """The integral of base^(2s) from 0 to t by Simpson's rule: no closed form."""
    s = torch.linspace(0.0, t, 2001, dtype=torch.float64)
    g = base ** (2.0 * s)
    return float((g[0] + 4 * g[1::2].sum() + 2 * g[2:-1:2].sum() + g[-1]) * t / 6000)


@pytest.fixture(scope="module")
def answer():
    return NoiseScale(bases=BASES, paths=20_000, steps=200).run()


@pytest.mark.parametrize("base", BASES)
def test_paths_have_the_variance_of_the_integral(base):
    (scale,) = simulated([base], 1.0, paths=10_000, steps=400, seed=1)
    for k in (4, 19):
        exact = variance(base, float(scale.times[k]))
        assert float(scale.formula[k]) == pytest.approx(exact, rel=1e-9)
        assert float(scale.method[k]) == pytest.approx(exact, rel=1.5 * abs(math.log(base)) / 400 + 1e-12)
        assert abs(float(scale.variance[k] - scale.method[k])) < 4.5 * float(scale.error[k])
        assert float(scale.error[k]) == pytest.approx(exact * math.sqrt(2 / 10_000), rel=0.1)
    assert torch.allclose(scale.paths[:, -1], scale.from_point[: len(scale.paths), -1])


def test_paths_are_addressed():
    whole = simulated([2.0], 1.0, paths=40, steps=20, seed=3)[0]
    later = simulated([2.0], 1.0, paths=15, steps=20, seed=3, first=25)[0]
    assert torch.equal(whole.from_point[25:], later.from_point)
    assert torch.equal(whole.start[25:], later.start)


def test_the_answer_stands(answer):
    for base in BASES:
        assert answer[f"\\lambda = {base:g}$: the variance at $t = 1$"].verdict == "yes"
    assert answer["saturates"].verdict == "yes"
    assert answer["saturates"].measured == pytest.approx(1.0, abs=0.05)
    assert answer["however long one waits"].verdict == "yes"
    assert answer["lambda = 25$: at $t = 1$ the end cannot be told"].verdict == "yes"
    assert answer["lambda = 0.5$: at $t = 1$ the end cannot be told"].verdict == "no"
    assert answer["tends to 1"].verdict == "yes"
    assert "for 3 of 3 values of lambda" in answer.answer
    assert r"for $\lambda = 25$." in answer.answer
    long = answer.numbers["long"][0]
    assert long["t"][-1] == pytest.approx(4.983, abs=1e-3)
    assert long["variance"][-1] == pytest.approx(0.7213, rel=0.05)


@pytest.mark.parametrize(
    ("copy", "verdict"),
    [
        (lambda base, t: ((base ** (2 * t) - 1) / 2).sqrt() / math.log(base), "no"),  # a formula in circulation
        (lambda base, t: ((base ** (2 * t) - 1) / 2).sqrt(), "no"),  # of the tutorial's text, without ln(lambda)
        (lambda base, t: 1.002 * ((base ** (2 * t) - 1) / (2 * math.log(base))).sqrt(), "yes"),  # small enough
    ],
)
def test_a_wrong_formula_turns_the_conclusion(monkeypatch, copy, verdict):
    monkeypatch.setattr(GeometricNoise, "sigma", lambda self, t: copy(self.base, t))
    found = NoiseScale(bases=(25.0,), paths=8000, steps=200).run()
    assert found["lambda = 25$: the variance at"].verdict == verdict
    assert ("It disagrees" in found.answer) == (verdict == "no")


def test_too_few_paths_resolve_nothing():
    found = NoiseScale(bases=(0.5, 25.0), paths=40, steps=20).run()
    assert found["lambda = 0.5$: the variance at"].verdict == "not resolved"
    assert "not resolved at 40 paths" in found.answer


@pytest.mark.parametrize(("bases", "paths"), [((1e-300, 1e4), 20), ((1.0,), 20), ((5.0,), 2000)])
def test_a_test_without_power_does_not_take_the_end_for_the_prior(bases, paths):
    found = NoiseScale(bases=bases, paths=paths, steps=20).run()
    told = [one.verdict for one in found.conclusions if "cannot be told" in one.claim]
    assert told == ["not resolved"] * len(bases)


def test_steps_too_coarse_are_not_the_fault_of_the_formula():
    found = NoiseScale(bases=(1e4,), paths=20_000, steps=20).run()
    assert found[": the variance at"].verdict == "not resolved"
    assert "where 20 steps are too coarse" in found.answer
    assert NoiseScale(bases=(25.0,), paths=20_000, steps=20).run()[": the variance at"].verdict == "yes"


def test_lambdas_that_differ_are_written_so():
    found = NoiseScale(bases=(0.999999, 1.0, 1.000001), paths=100, steps=20).run()
    assert len({one.claim for one in found.conclusions}) == len(found.conclusions)
    assert "$t = 3.45e+06$" in found.answer


def test_one_lambda_is_told_of_as_one():
    text = NoiseScale(bases=(1.0,), paths=100, steps=20).run().answer
    assert text.count("= 1$") == text.count("t = 1$") + 1
    assert "of 1 " not in text


def test_the_error_of_the_correlation_is_its_spread_over_seeds():
    told = [forgetting(simulated([2.0], 1.0, paths=200, steps=20, seed=k)[0], seed=k) for k in range(30)]
    spread = torch.tensor([one.correlation for one in told]).std()
    assert float(spread) == pytest.approx(told[0].correlation_error, rel=0.4)


def test_what_is_left_of_the_bumps_is_what_the_exact_law_leaves():
    (scale,) = simulated([2.0], 1.0, paths=20_000, steps=100, seed=2)
    left = forgetting(scale, seed=2)
    noise = variance(2.0, 1.0)
    assert left.snr == pytest.approx(mean_square(bumps()) / noise, rel=1e-9)
    assert abs(left.correlation - left.snr / (1 + left.snr)) < 4 * left.correlation_error
    assert abs(left.same_side - left.same_side_expected) < 4 * left.same_side_error
    far = forgetting(simulated([25.0], 1.0, paths=400, steps=100, seed=2)[0], seed=2)
    assert 0 <= far.mismatch < 1e-6 < 1e-3 < left.mismatch  # the planted difference: more noise, less memory
    assert far.gap < 1e-4 < left.gap


def test_the_share_on_its_own_side_for_narrow_bumps_is_that_of_two_points():
    """For bumps of width 0 it is the normal law at 1.5 / sigma; widths 0.4 blur it little at large noise."""
    (scale,) = simulated([25.0], 1.0, paths=100, steps=20, seed=0)
    width = math.sqrt(variance(25.0, 1.0))
    points = float(torch.special.ndtr(torch.tensor(1.5 / width)))
    assert forgetting(scale, seed=0).same_side_expected == pytest.approx(points, abs=2e-4)


def test_cancellation_near_one_is_seen_and_avoided():
    nearest = near_one()[-1]
    assert nearest.by_expm1 == pytest.approx(1.0, abs=1e-6)
    assert abs(nearest.plain - 1.0) > 0.01


def test_saturation_takes_the_longer_the_nearer_to_one():
    for base in (0.1, 0.5, 0.9):
        lacking = 1 - variance(base, saturation_time(base)) * -2 * math.log(base)
        assert lacking == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bases": [0.0]}, r"bases\[0\]=0\.0, but it should be greater than 0"),
        ({"bases": [-2]}, "greater than 0"),
        ({"bases": [2.0, 2.0]}, "but it should be distinct numbers"),
        ({"paths": 10**12}, "less than or equal to 1000000"),
        ({"paths": -5}, "greater than or equal to 20"),
        ({"steps": -20}, "greater than or equal to 20"),
        ({"steps": 30}, "but it should be a multiple of 20: take 40"),
        ({"base": 2.0}, "did you mean 'bases'"),
    ],
)
def test_impossible_settings_get_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words):
        NoiseScale.parse(settings, "lab noise-scale")
