"""The lab reversal: its conclusions on a small run, faults that turn them over, and computed laws against oracles."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.oracle.line import cdf, quantile_map
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.diffusion.schedules.variance_preserving import VariancePreserving
from equigen.diffusion.solvers.ancestral import Ancestral
from equigen.diffusion.solvers.euler import Euler
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.rk45 import RK45
from equigen.labs.lab import Conclusion
from equigen.labs.on_the_line import line_law, mean_square, mixture, normal_law, standard_error
from equigen.labs.reversal.findings import RESOLVED, forgetting, order_of
from equigen.labs.reversal.lab import Reversal
from equigen.labs.reversal.measuring import Parts, Problem, draws_of_data, ends, overshoot, recursion, sampled
from equigen.labs.reversal.propagation import law_by_exact_reversal, law_by_solver
from equigen.labs.reversal.sweeps import Sweeps, expected_floor
from equigen.metrics.line import kolmogorov_smirnov, wasserstein_1
from equigen.training.errors import ConfigError

DATA = mixture([0.3, 0.7], [-1.4, 0.6], [0.3, 0.4])
SMALL = {"steps": (8, 20, 40, 80), "items": 200, "sets": 40}


@pytest.fixture(scope="module")
def answer():
    return Reversal(**SMALL).run()


def even(schedule, n):
    return torch.linspace(schedule.t_max, schedule.t_min, n + 1, dtype=torch.float64)


def test_the_answer_stands(answer):
    verdicts = [one.verdict for one in answer.conclusions]
    assert verdicts == ["yes", "yes", "yes", "yes", "yes", "yes", "yes", "no", "yes"]
    assert answer["falls as 1/n squared"].measured == pytest.approx(2.0, abs=0.2)
    assert answer["forgets a wrong prior"].measured == pytest.approx(7.6e-5, rel=0.03)
    assert answer["step at N = 100"].measured == pytest.approx(0.0105, abs=0.0015)
    assert answer.answer.startswith("Yes, as far as 200 samples can tell.")
    assert "mostly discretisation" in answer.answer


def test_parts_bound_the_whole(answer):
    for of in answer.numbers["parts"].values():
        for one in of.values():
            for which in (0, 1):
                pieces = sum(one[part][which] for part in ("stopping", "prior", "discretisation"))
                assert one["total"][which] <= pieces + 1e-6


def concluded(lab):
    found = lab.measure()
    made = lab.conclusions(found)
    return [one.verdict for one in made[:2]], lab.text(found, made)


@pytest.fixture
def only_solvers(monkeypatch):
    """What does not depend on the solvers is left out."""
    once = overshoot(100, 100, 0)
    monkeypatch.setattr("equigen.labs.reversal.lab.sweeps", lambda *given: Sweeps([], [], []))
    monkeypatch.setattr("equigen.labs.reversal.lab.overshoot", lambda n, *given: replace(once, points=n))


@pytest.mark.usefixtures("only_solvers")
def test_too_few_steps_recover_nothing():
    verdicts, text = concluded(Reversal(steps=(4, 8), items=400, sets=8))
    assert verdicts == ["no", "no"]
    assert text.startswith("No, not with these settings.")


@pytest.mark.usefixtures("only_solvers")
def test_too_few_samples_resolve_nothing():
    verdicts, text = concluded(Reversal(steps=(8, 16), items=10, sets=2))
    assert verdicts[0] == "not resolved"
    assert text.startswith("Not resolved with 2 sets of 10 samples.")


def test_a_process_that_ends_early_leaves_its_prior():
    early = Problem(DATA, GeometricNoise(25.0, t_max=0.2))
    laws = ends(early)
    lost = [wasserstein_1(one, laws.stopped) for one in (laws.by_process, laws.by_flow)]
    assert 0.01 < lost[0] < lost[1]
    right = ends(Problem(mixture([1.0], [0.0], [0.7]), early.schedule))  # whose x_T is the prior
    assert max(wasserstein_1(one, right.stopped) for one in (right.by_process, right.by_flow)) < 2e-6


def test_a_wrong_score_turns_the_conclusion(monkeypatch):
    """The planted fault: a score too weak by a fifth; the samples stay apart from the data however many the steps."""
    problem = Problem(DATA, GeometricNoise(25.0))
    laws, real = ends(problem), draws_of_data(problem, 400, 24, 0)
    right = sampled(problem, laws, EulerMaruyama(), 100, real, 0).transport
    exact = Denoiser.score
    monkeypatch.setattr(Denoiser, "score", lambda self, x, t, **given: 0.8 * exact(self, x, t, **given))
    wrong = sampled(problem, laws, EulerMaruyama(), 100, real, 0).transport
    assert wrong.value - 3 * standard_error(wrong.values) > right.value + 3 * standard_error(right.values)


@pytest.mark.parametrize("schedule", [GeometricNoise(25.0), VariancePreserving()])
def test_the_exact_flow_is_the_quantile_map(schedule):
    prior = Problem(DATA, schedule).prior
    found = law_by_solver(RK45(1e-9), DATA.denoiser(schedule), prior, even(schedule, 1))
    x = torch.tensor([-2.0, -1.3, 0.0, 0.5, 1.4], dtype=torch.float64)
    start = quantile_map(DATA, schedule, x, schedule.t_min, schedule.t_max)
    assert torch.allclose(found.at(x), cdf(prior, start), atol=2e-6)


def test_the_flow_from_the_right_start_ends_in_the_right_law():
    schedule = GeometricNoise(25.0)
    start, end = (DATA.diffused(schedule, t) for t in (schedule.t_max, schedule.t_min))
    found = law_by_solver(RK45(1e-9), DATA.denoiser(schedule), start, even(schedule, 1))
    assert wasserstein_1(found, line_law(end)) < RESOLVED


@pytest.mark.parametrize(
    ("errors", "verdict"), [((0.4, 0.2), "not resolved"), ((0.9, 0.4, 0.2), "yes"), ((0.5, 0.4, 0.2), "not resolved")]
)
def test_an_order_is_in_doubt_by_how_much_it_still_changes(errors, verdict):
    none = (0.0, 0.0)
    found = {10 * 2**k: Parts(none, none, (error, error), none) for k, error in enumerate(errors)}
    value, error = order_of(found)
    assert value == pytest.approx(1.0)
    assert Conclusion.within("order", value, error, 1.0, 0.4).verdict == verdict


@pytest.mark.parametrize("lost", [(1e-7, 5e-8), (4e-7, 2e-6)])
def test_priors_below_what_is_computed_decide_nothing(lost):
    flow, process = (Parts((0.0, 0.0), (one, one), (0.0, 0.0), (0.0, 0.0)) for one in lost)
    assert Conclusion.above("forgets", *forgetting(flow, process), 0.0).verdict == "not resolved"


def test_the_recursion_is_lowest_where_the_last_step_lands_on_the_mean():
    found = {n: recursion(n) for n in range(80, 110)}
    assert min(found, key=lambda n: found[n]) == 92


@pytest.mark.parametrize("schedule", [GeometricNoise(25.0, t_max=0.4), VariancePreserving(t_max=0.3)])
def test_the_exact_reversal_keeps_the_right_start_and_not_a_wrong_one(schedule):
    right = DATA.diffused(schedule, schedule.t_max)
    end = line_law(DATA.diffused(schedule, schedule.t_min))
    assert wasserstein_1(law_by_exact_reversal(DATA, schedule, right, schedule.t_min), end) < 1e-5
    wrong = mixture([1.0], [0.5], [1.0])
    assert wasserstein_1(law_by_exact_reversal(DATA, schedule, wrong, schedule.t_min), end) > 1e-2


@pytest.mark.parametrize("steps", [10, 100])
def test_a_chain_on_a_normal_law_has_the_variance_of_its_recursion(steps):
    schedule, variance = GeometricNoise(25.0), 0.49
    times, start = even(schedule, steps), mixture([1.0], [0.0], [9.0])
    found = law_by_solver(EulerMaruyama(), mixture([1.0], [0.0], [0.7]).denoiser(schedule), start, times)
    v = 81.0
    for t, s in pairwise(times.tolist()):
        spread = variance + (25.0 ** (2 * t) - 1) / (2 * math.log(25.0))
        v = (1 - 25.0 ** (2 * t) * (t - s) / spread) ** 2 * v + 25.0 ** (2 * t) * (t - s)
    assert kolmogorov_smirnov(found, normal_law(0.0, math.sqrt(v))) < 1e-5
    assert kolmogorov_smirnov(found, normal_law(0.0, 1.01 * math.sqrt(v))) > 1e-3  # the planted fault: 1 % more


@pytest.mark.parametrize("solver", [EulerMaruyama(), Ancestral(), Euler()])
def test_samples_follow_the_computed_law(solver):
    problem = Problem(DATA, GeometricNoise(25.0))
    laws = ends(problem)
    real = draws_of_data(problem, 4000, 1, 5)
    x = sampled(problem, laws, solver, 6, real, 5).first
    law = law_by_solver(solver, DATA.denoiser(problem.schedule), problem.prior, problem.times(6))
    assert kolmogorov_smirnov(x, law) < 1.95 / math.sqrt(4000)  # exceeded by chance once in a thousand
    assert kolmogorov_smirnov(x, laws.data) > 3 / math.sqrt(4000)


def test_a_folded_map_keeps_its_mass():
    """Steps so long that Euler's map is no longer monotone: the levels are those of a fine sample."""
    problem = Problem(mixture([0.5, 0.5], [-3.0, 3.0], [0.05, 0.05]), GeometricNoise(25.0))
    denoiser, times = problem.data.denoiser(problem.schedule), even(problem.schedule, 2)
    found = law_by_solver(Euler(), denoiser, problem.prior, times)
    z = torch.special.ndtri((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)[:, None]
    x = problem.prior_std * z
    for t, s in pairwise(times):
        x = x + (s - t) * denoiser.velocity(x, t)
    assert kolmogorov_smirnov(x, found) < 2e-3


def test_a_solver_with_two_draws_is_refused():
    with pytest.raises(ValueError, match="draws 2 normals a step"):
        law_by_solver(PredictorCorrector(), DATA.denoiser(GeometricNoise()), DATA, even(GeometricNoise(), 4))


@pytest.mark.parametrize(("points", "published"), [(500, 0.00806), (100, 0.000105)])
def test_the_overshooting_step_as_it_was_found(points, published):
    found = overshoot(points, 4000, 0)
    assert found.predicted == pytest.approx(published, rel=5e-3)
    assert abs(found.overshot / found.predicted - 1) < 4 * found.error
    assert found.denoised > found.overshot  # what ends at t_min is not drawn together so
    assert found.denoised == pytest.approx((0.01 / found.right) ** 2 * found.noisy, rel=1e-9)


def test_the_floor_by_its_expectation():
    draws = DATA.sample(50 * 400, seed=9, dtype=torch.float64)[:, 0].split(400)
    values = [wasserstein_1(one, line_law(DATA)) for one in draws]
    assert abs(sum(values) / 50 - expected_floor(line_law(DATA), 400)) < 4 * standard_error(values)


def test_the_mean_square():
    assert mean_square(DATA) == pytest.approx(0.3 * (1.96 + 0.09) + 0.7 * (0.36 + 0.16), rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": [0.5, 0.6]}, r"but it should sum to 1, and not to 1\.1"),
        ({"weights": [1.0, 0.0]}, "positive weights only: leave out the components"),
        ({"stds": [0.3, 0.0]}, "greater than 0"),
        ({"means": [0.0]}, "but it should have as many numbers as there are weights, 2"),
        ({"steps": [-10, 20]}, "greater than or equal to 2"),
        ({"steps": [20, 10]}, "but it should ascend"),
        ({"base": 0}, "greater than 0"),
        ({"items": 10**12}, "less than or equal to"),
        ({"items": 10**6, "sets": 1000}, "should be 5 at most"),
        ({"items": 0}, "greater than or equal to 2"),
        ({"step": 3}, "did you mean 'steps'"),
    ],
)
def test_impossible_settings_get_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words):
        Reversal.parse(settings, "lab reversal")
