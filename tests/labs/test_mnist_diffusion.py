"""The lab on diffusion of digits: each conclusion where the truth is known, and a fault that turns it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from equigen.data.encoding import Encoding
from equigen.data.loading import load
from equigen.diffusion.loss import NoiseWeight, UniformTimes
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.preconditioning.scale_by_sigma import ScaleBySigma
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.labs.lab import Answer
from equigen.labs.mnist_diffusion import concluding, wording
from equigen.labs.mnist_diffusion.ablation import ByNoise, gap_in, measure, paired_gap, score_slope
from equigen.labs.mnist_diffusion.judging import frechet, grain, same_noise, stored, two_sample, visibility
from equigen.labs.mnist_diffusion.lab import MnistDiffusion
from equigen.labs.mnist_diffusion.measuring import DIVIDED, KARRAS, PLAIN, SCALES, Samples, process
from equigen.labs.mnist_diffusion.sample_chapters import of_trial
from equigen.labs.mnist_diffusion.variants import PlainScore, Training, fitted, fourier_time, tutorial_model
from equigen.labs.writing import document, record
from equigen.metrics.addresses import Use
from equigen.metrics.by_evaluations import SolverComparison, SolverCurve
from equigen.metrics.features import random_features
from equigen.metrics.floor import draw
from equigen.report.document import render_document
from equigen.spaces.euclidean import Euclidean
from equigen.training.errors import ConfigError

SHAPE = (1, 8, 8)
DIGITS = load("digits")
TRAIN, HELD_OUT = DIGITS.split(seed=0)
N = 150
REAL = [draw(TRAIN.x, N, use=Use.TRAIN_DRAW, seed=1, index=k) for k in range(5)]
FEATURES = random_features(TRAIN)


class Wrong(nn.Module):
    """A network whose output is an error of size e, another one for each seed and the same for all images."""

    def __init__(self, seed: int, size: float) -> None:
        super().__init__()
        self.error = size * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.error.expand_as(x)


def wrong(size: float, preconditioning, seeds: int = 3, first: int = 0) -> list[DiffusionModel]:
    schedule = GeometricNoise(25.0, t_min=1e-5)
    return [
        DiffusionModel(Euclidean(*SHAPE), NetworkDenoiser(Wrong(s, size), schedule, preconditioning))
        for s in range(first, first + seeds)
    ]


@pytest.fixture(scope="module")
def normals() -> Tensor:
    return torch.randn(100, *SHAPE, generator=torch.Generator().manual_seed(9))


def by_noise(models, x):
    return measure(models, x, levels=6, seed=0, low=0.0, high=math.inf)


# --- the process


def test_small_steps_have_the_variance_of_the_closed_form():
    (found,) = concluding.of_process(process(TRAIN, HELD_OUT.x[:100], 25.0, seed=0))
    assert found.verdict == "yes"
    assert found.measured == pytest.approx(1.0, abs=0.03)


def test_the_variance_of_a_text_that_forgot_the_logarithm_is_refused(monkeypatch):
    monkeypatch.setattr(
        GeometricNoise, "sigma", lambda self, t: torch.sqrt(torch.expm1(2 * t * math.log(self.base)) / 2)
    )
    (found,) = concluding.of_process(process(TRAIN, HELD_OUT.x[:100], 25.0, seed=0))
    assert found.verdict == "no"


def test_a_few_images_do_not_resolve_the_variance():
    (found,) = concluding.of_process(process(TRAIN, HELD_OUT.x[:3], 25.0, seed=0))
    assert found.verdict == "not resolved"


# --- how time enters


@pytest.mark.parametrize(("name", "alike"), [("off", True), ("scale 1", True), ("scale 30", False)])
def test_a_scale_is_a_resolution_of_time(name, alike):
    embedding = fourier_time(16, SCALES[name], seed=0)
    angle = torch.tensor([0.100, 0.101, 0.2])[:, None] * embedding.frequencies
    features = torch.cat((angle.cos(), angle.sin()), dim=1) / 128**0.5
    near, far = float(features[0] @ features[1]), float(features[0] @ features[2])
    scale = SCALES[name]
    assert near == pytest.approx(math.exp(-2 * (math.pi * scale * 0.001) ** 2), abs=0.1)
    assert far == pytest.approx(math.exp(-2 * (math.pi * scale * 0.1) ** 2), abs=0.3)
    assert (far > 0.6) == alike


def test_a_loss_that_is_larger_is_found_and_one_that_is_equal_is_not(normals):
    good, bad = by_noise(wrong(0.0, KarrasPreconditioning()), normals), by_noise(wrong(0.5, ScaleBySigma()), normals)
    found = {"off": bad, "scale 1": good, DIVIDED: good, "scale 300": bad}
    assert [one.verdict for one in concluding.of_time(found)] == ["yes", "no", "yes"]
    assert [one.verdict for one in concluding.of_time(found | {DIVIDED: bad})] == ["no", "no", "no"]


def test_two_trainings_on_two_images_do_not_resolve_a_small_gap(normals):
    one, other = (by_noise(wrong(0.5, ScaleBySigma(), 2, first), normals[:2]) for first in (0, 7))
    assert concluding.of_time(dict.fromkeys(SCALES, one) | {DIVIDED: other})[0].verdict == "not resolved"


# --- the measurement by noise level


def test_losses_are_those_of_the_closed_form(normals):
    x = normals.repeat(10, 1, 1, 1)
    best = by_noise(wrong(0.0, KarrasPreconditioning()), x)  # the exact denoiser of standard normals
    expected = 1 / (1 + best.noise**2)
    assert torch.allclose(best.mean, expected, rtol=0.05)
    assert torch.allclose(best.leaving.mean(1), torch.ones(6, dtype=torch.float64), rtol=0.05)
    assert torch.allclose(best.mean_image.mean(1) * best.noise**2, torch.ones(6, dtype=torch.float64), rtol=0.05)
    assert torch.allclose(best.spread(), torch.zeros(6, dtype=torch.float64), atol=1e-9)


def test_a_gap_against_itself_is_nothing_and_a_range_without_levels_is_refused(normals):
    found = by_noise(wrong(0.3, ScaleBySigma()), normals)
    assert paired_gap(found, found).value.abs().max() == 0
    with pytest.raises(ValueError, match="noise levels are"):
        gap_in(found, found, 1e3, 1e4)


def test_losses_agree_with_the_model_s_own(normals):
    model = wrong(0.3, ScaleBySigma())[0]
    theirs = model.loss_by_noise_level(normals, seed=0, levels=6, low=0.0, high=math.inf)
    ours = by_noise([model], normals)
    weight = 1 + ours.noise**2  # of Karras's loss over that of the noise
    assert torch.allclose(ours.mean * weight, theirs.loss, rtol=1e-4)


# --- the division


def test_errors_of_the_divided_score_grow_as_the_noise_falls(normals):
    assert float(score_slope(by_noise(wrong(0.3, ScaleBySigma()), normals), 0.35).value) == pytest.approx(-1, abs=0.01)
    assert float(score_slope(by_noise(wrong(0.3, PlainScore()), normals), 0.35).value) == pytest.approx(0, abs=0.01)


def test_the_error_of_a_slope_is_how_much_it_differs_between_seeds():
    random, noise, none = torch.Generator().manual_seed(0), torch.tensor([0.01, 0.03, 0.1, 0.3]), torch.zeros(4, 1)
    found = []
    for _ in range(200):
        guesses = torch.randn(4, 6, 5, generator=random, dtype=torch.float64)
        products = guesses @ guesses.transpose(1, 2) / 5
        found.append(score_slope(ByNoise(noise.double(), none[None], products, none, none), 0.35))
    spread = float(torch.stack([one.value for one in found]).std())
    stated = float(torch.stack([one.error for one in found]).mean())
    assert stated == pytest.approx(spread, rel=0.3)
    assert stated / 5**0.5 != pytest.approx(spread, rel=0.3)  # the control: a jackknife that forgot its factor


def test_each_harm_of_the_division_is_found_where_it_is_and_not_where_it_is_not(normals):
    # Dividing, an error e of the output costs e^2 at every level; without division it costs (sigma e)^2.
    divided = by_noise(wrong(0.3, ScaleBySigma()), normals)
    best = by_noise(wrong(0.0, KarrasPreconditioning()), normals)
    plain = by_noise(wrong(3.0, PlainScore()), normals)
    harmed = {PLAIN: plain, DIVIDED: divided, KARRAS: best}
    assert [one.verdict for one in concluding.of_the_division(harmed)] == ["yes", "yes", "yes", "yes", "yes"]
    better = replace(divided, loss=0.5 * torch.minimum(best.leaving, best.mean_image).expand_as(divided.loss))
    spared = {PLAIN: divided, DIVIDED: better, KARRAS: divided}
    assert [one.verdict for one in concluding.of_the_division(spared)][:4] == ["yes", "no", "no", "no"]
    undivided = {PLAIN: plain, DIVIDED: by_noise(wrong(0.3, PlainScore()), normals), KARRAS: best}
    assert concluding.of_the_division(undivided)[4].verdict == "no"
    assert set(concluding.at_levels(plain, divided)) == {"helps", "harms"}


def test_trained_shortly_the_division_already_helps():
    found = {}
    for name, preconditioning in ((PLAIN, PlainScore()), (DIVIDED, ScaleBySigma())):
        models = []
        for seed in range(2):
            training = Training(40, 32, (8,), seed)
            model = tutorial_model(TRAIN, training, 25.0, scale=30.0, preconditioning=preconditioning)
            assert isinstance(model.weight, NoiseWeight)
            assert isinstance(model.times, UniformTimes)
            models.append(fitted(model, TRAIN, training))
        found[name] = by_noise(models, HELD_OUT.x[:100])
    moderate = gap_in(found[PLAIN], found[DIVIDED], 0.03, 0.5)
    assert float(moderate.value) == pytest.approx(0.15, abs=0.12)


# --- samples


@pytest.fixture(scope="module")
def trial() -> Samples:
    """Training images on trial as if they were samples, of an exact model of one Gaussian for the solvers."""
    model = DiffusionModel(Euclidean(*SHAPE), NetworkDenoiser(Wrong(0, 0.0), GeometricNoise(), KarrasPreconditioning()))
    return tried(REAL, model)


def tried(sets: list[Tensor], model: DiffusionModel | None = None, like: Samples | None = None) -> Samples:
    if like is None:
        assert model is not None
        same = same_noise(model, ["euler", "dpm-solver-2m", "ancestral"], n=8, budget=10, seed=0)
        found = frechet(FEATURES, sets, TRAIN, HELD_OUT, n=N, seed=0)
        like = Samples(same, None, found, {}, (0.0, 0.0), ((0.5,),), None, HELD_OUT.x[:8])  # pyright: ignore
    tests = two_sample(FEATURES, sets, TRAIN, HELD_OUT, n=N, seed=0, draws=6)
    measured = frechet(FEATURES, sets, TRAIN, HELD_OUT, n=N, seed=0)
    return replace(like, tests=tests, frechet=measured, grain=grain(torch.cat(sets), TRAIN.encoding))


def verdicts(found: Samples) -> dict[str, str]:
    return {one.claim: one.verdict for one in concluding.of_samples(found)}


def test_real_images_are_not_noticed(trial):
    found = verdicts(trial)
    seen = {claim: verdict for claim, verdict in found.items() if "sees" in claim or "Frechet" in claim}
    assert len(seen) == 4
    assert "yes" not in seen.values()
    assert trial.grain[0] < 1e-5


def test_second_order_is_nearer_to_the_flow_than_first(trial):
    (claim,) = [claim for claim in verdicts(trial) if "Euler" in claim]
    assert verdicts(trial)[claim] == "yes"
    assert "ancestral" not in trial.same.distance
    swapped = {"euler": trial.same.distance["dpm-solver-2m"], "dpm-solver-2m": trial.same.distance["euler"]}
    assert verdicts(replace(trial, same=replace(trial.same, distance=swapped)))[claim] == "no"


def test_noise_is_noticed_and_grain_alone_is_rounded_away(trial):
    noise = torch.randn(5 * N, *SHAPE, generator=torch.Generator().manual_seed(3)).split(N)
    coarse = verdicts(tried([x + 0.2 * z for x, z in zip(REAL, noise, strict=True)], like=trial))
    fine = verdicts(tried([x + 0.008 * z for x, z in zip(REAL, noise, strict=True)], like=trial))
    by_view = {name: [v for claim, v in coarse.items() if f"sees {name} " in claim] for name in trial.tests}
    assert by_view == {"raw pixels": ["yes"], "stored pixels": ["yes"], "features": ["yes"]}
    (raw,) = [v for claim, v in fine.items() if "sees raw" in claim]
    (kept,) = [v for claim, v in fine.items() if "sees stored" in claim]
    assert raw == "yes"
    assert kept != "yes"


def test_one_set_resolves_nothing(trial):
    one = replace(trial.frechet, values=(1.0,), interval=(1.0, 1.0))
    tests = {name: replace(test, accuracy=one) for name, test in trial.tests.items()}
    found = verdicts(replace(trial, frechet=one, tests=tests))
    assert {v for claim, v in found.items() if "sees" in claim or "Frechet" in claim} == {"not resolved"}


def test_the_scale_of_visibility_rises_with_the_noise():
    found = visibility(TRAIN, HELD_OUT, [0.0, 0.1, 0.5], std=0.376, n=100, seed=0, draws=2)
    clean, weak, strong = (sum(one) / len(one) for one in found)
    assert clean == pytest.approx(0.5, abs=0.1)
    assert clean + 0.1 < weak < strong
    assert math.isnan(concluding.smallest_visible([0.0, 0.1, 0.5], found, 1.1))


def test_stored_images_have_the_levels_of_the_data():
    x = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(1)) * 1.4 - 0.2
    kept = stored(x, TRAIN.encoding) * 16
    assert torch.equal(kept, kept.round())
    assert float(kept.min()) >= 0
    assert float(kept.max()) <= 16
    assert grain(x, Encoding("float32"))[0] == 0


# --- the whole


@pytest.fixture(scope="module")
def small() -> Answer:
    lab = MnistDiffusion.parse(
        {
            **{"steps": 3, "channels": (4, 4), "compared_steps": 2, "compared_channels": (4,), "trainings": 2},
            **{"levels": 6, "n": 20, "n_solvers": 8, "sets": 2, "budgets": (4,), "budget": 4},
        }
    )
    told: list[str] = []
    found = lab.run(told.append)
    assert len(told) == len(set(told))
    return found


def test_the_lab_answers_and_its_page_and_numbers_are_whole(small):
    page = render_document(document(small))
    assert "$" not in page
    assert page.count("<img") == 7
    assert len(small.conclusions) == 14
    assert small.answer.split(":")[0].split(".")[0].split(" ")[0] in {"Yes", "No", "Only", "Not"}
    numbers = record(small)["numbers"]
    assert set(numbers["loss"]) == {*SCALES, PLAIN, KARRAS}
    assert len(numbers["solvers"]) == 7


def test_networks_that_learned_nothing_give_samples_that_are_noticed(small):
    assert small["sees raw pixels"].verdict == "yes"
    assert small["closed form"].verdict != "no"
    assert small["not told the time"].verdict == "not resolved"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base": -1.0}, "greater than 1"),
        ({"base": 1.0}, "greater than 1"),
        ({"steps": -3}, "greater than or equal to 1"),
        ({"budgets": [2]}, "greater than or equal to 3"),
        ({"n": 100_000}, "less than or equal to 1000"),
        ({"chanels": [4]}, "did you mean 'channels'"),
    ],
)
def test_impossible_settings_get_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words) as error:
        MnistDiffusion.parse(settings, "lab mnist-diffusion")
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("raw", "kept", "features", "first"),
    [
        ("yes", "yes", "no", "Yes: "),
        ("no", "no", "yes", "Yes: "),
        ("yes", "no", "not resolved", "Only by their grain"),
        ("no", "no", "no", "No: "),
        ("no", "not resolved", "no", "Not resolved"),
    ],
)
def test_the_answer_follows_the_verdicts(small, trial, raw, kept, features, first):
    asked = {"sees raw": raw, "sees stored": kept, "sees features": features, "not told the time": kept}
    decided = [
        replace(one, verdict=next((verdict for words, verdict in asked.items() if words in one.claim), one.verdict))
        for one in small.conclusions
    ]
    text = wording.answer(decided, replace(trial, comparison=compared(slow=(2.0, 1.0), fast=(1.1, 1.0))))
    assert text.startswith(first)
    assert "From 20 evaluations" in text
    time = {"yes": "denoises worse", "no": "denoises no worse", "not resolved": "is not resolved"}[kept]
    assert time in text
    assert ("blunter than the classifier" in text) == ("yes" in (raw, kept, features))


def compared(**frechet: tuple[float, float]) -> SolverComparison:
    curves = tuple(SolverCurve(name, (9.0, 19.0), (), values) for name, values in frechet.items())
    return SolverComparison(8, 0, (10, 20), "heun", 99.0, 0.001, curves)


def test_solvers_that_differ_by_less_than_sets_from_other_noise_are_not_ranked():
    assert wording.not_told_apart(compared(slow=(1.2, 1.1), fast=(1.0, 0.9)), 0.4) == (
        10,
        {10: ["slow", "fast"], 20: ["slow", "fast"]},
    )
    # The controls: a difference larger than the margin tells them apart, at one budget or at all.
    assert wording.not_told_apart(compared(slow=(5.0, 1.1), fast=(1.0, 0.9)), 0.4)[0] == 20
    assert wording.not_told_apart(compared(slow=(5.0, 3.0), fast=(1.0, 0.9)), 0.4)[0] is None


def test_a_solver_that_spent_more_than_its_budget_does_not_count():
    adaptive = SolverCurve("adaptive", (15.0, 40.0), (), (9.0, 9.0))
    found = compared(fast=(1.0, 0.9))
    found = replace(found, curves=(*found.curves, adaptive))
    assert wording.not_told_apart(found, 0.4) == (10, {10: ["fast"], 20: ["fast"]})


@pytest.mark.parametrize(("least", "blamed"), [((1.0, 1.0), True), ((5.0, 1.0), False)])
def test_the_network_is_blamed_only_where_more_evaluations_change_nothing(small, trial, least, blamed):
    decided = [replace(one, verdict="yes") for one in small.conclusions]
    text = wording.answer(decided, replace(trial, comparison=compared(fast=least)))
    assert ("its doing" in text) == blamed
    unresolved = [replace(one, verdict="not resolved" if "Frechet" in one.claim else "yes") for one in decided]
    assert "its doing" not in wording.answer(unresolved, replace(trial, comparison=compared(fast=least)))


def test_the_page_says_where_fewer_images_are_used_than_asked_for(small, trial):
    seen = replace(trial, visible=((0.5,),) * 6)
    words = [
        " ".join(
            block
            for block in of_trial(seen, concluding.of_samples(seen), TRAIN, asked).blocks
            if isinstance(block, str)
        )
        for asked in (N, 999)
    ]
    assert [f"asks for 999 images, but a part of the data has only {N}" in text for text in words] == [False, True]
    assert record(small)["numbers"]["n"] == 20
