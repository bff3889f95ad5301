"""Every solver of the library passes, and each planted fault turns a check red."""

import math
from dataclasses import dataclass

import pytest
import torch

from equigen import store, table
from equigen.diffusion import (
    RK45,
    Ancestral,
    DPMSolver2M,
    Euler,
    EulerMaruyama,
    GeometricNoise,
    Heun,
    KarrasGrid,
    PredictorCorrector,
    integrate,
)
from equigen.diffusion.solvers.solver import AdaptiveSolver, AddressedNoise, Solver, State
from equigen.spaces.euclidean import Euclidean
from equigen.verify import solvers as module
from equigen.verify.conduct import conduct
from equigen.verify.grounds import line_law, moderate_schedules
from equigen.verify.solvers import verify_solver
from equigen.verify.weak import distribution_error, moment_error, propagated
from tests.diffusion import mixture
from tests.diffusion.methods import ALL_SOLVERS, MILD

SHORT = {"edm": MILD["edm"]}
WAYS = {**ALL_SOLVERS, "heun, churn": Heun(churn=10.0), "corrector of no strength": PredictorCorrector(snr=0.0)}


@pytest.fixture(autouse=True)
def fewer_steps(monkeypatch):
    monkeypatch.setattr(module, "_FEW", (8, 16))
    monkeypatch.setattr(module, "_COUNTS", (40, 80))
    monkeypatch.setattr(module, "_MANY", (100, 200))


@pytest.mark.parametrize("name", WAYS)
def test_every_solver_passes(name):
    stages = []
    found = verify_solver(WAYS[name], name, stages.append, SHORT)
    assert not found.failures, [(check.name, check.measured) for check in found.failures]
    assert found.subject == f"solver {name}"
    assert stages[0] == "conduct"


def test_the_solvers_of_the_table_are_among_them():
    assert {type(solver) for solver in WAYS.values()} == {store.resolve(name) for name in table.SOLVERS}
    classes = {type(schedule) for schedule in moderate_schedules().values()}
    assert classes == {store.resolve(name) for name in table.SCHEDULES}


# --- the quadrature itself


@pytest.mark.parametrize("solver", [Ancestral(), Heun(churn=10.0), PredictorCorrector()], ids=str)
def test_the_density_carried_is_that_of_samples(solver):
    """Also where the noise enters before what is not linear, twice, or both."""
    schedule, n, steps = MILD["edm"], 40_000, 12
    law, times = line_law(), KarrasGrid(3.0)(schedule, steps)
    x = law.diffused(schedule, float(times[0])).sample(n, seed=1, dtype=torch.float64)
    noise = AddressedNoise(Euclidean(1).at(), 3, torch.arange(n), steps, x)
    end = integrate(solver, law.denoiser(schedule), x, times, noise)[:, 0]
    levels = torch.linspace(-2.0, 2.0, 9, dtype=torch.float64)
    drawn = torch.special.ndtr((levels[:, None] - end) / 0.3)
    found = propagated(solver, law, schedule, times).smoothed_cdf(levels, 0.3)
    assert bool(((drawn.mean(1) - found).abs() < 5 * drawn.std(1) / math.sqrt(n)).all())
    true = law.diffused(schedule, float(times[-1])).sample(n, seed=1, dtype=torch.float64)[:, 0]  # the control
    far = (torch.special.ndtr((levels[:, None] - true) / 0.3).mean(1) - found).abs()
    assert bool((far > 5 * drawn.std(1) / math.sqrt(n)).any())


def test_the_line_on_which_solvers_are_tried_is_the_tests_own():
    x, t = torch.linspace(-2, 2, 9, dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)
    found = line_law().diffused(MILD["vp"], 0.7).log_prob(x[:, None]).exp()
    torch.testing.assert_close(found, mixture.density(MILD["vp"], x, t))


def test_churn_has_weak_order_two_where_it_is_not_cut_off():
    error = distribution_error(MILD["edm"], KarrasGrid(3.0))
    solver = Heun(churn=10.0)
    assert math.log2(error(solver, 40) / error(solver, 80)) == pytest.approx(2.0, abs=0.2)
    moments = moment_error(MILD["edm"], KarrasGrid(3.0))
    assert math.log2(moments(solver, 100) / moments(solver, 200)) == pytest.approx(2.0, abs=0.2)


# --- planted faults


class StaleTime(Solver):
    """The field at the end of the step in time, at its beginning in space: order 1, declared 2."""

    order = 2
    evaluations = 2

    def step(self, denoiser, state, t, s, noise):
        first = denoiser.velocity(state.x, t)
        return State(state.x + (s - t) * 0.5 * (first + denoiser.velocity(state.x, s)))


class Modest(Heun):
    """Order 2, declared 1."""

    order = 1


class Biased(Euler):
    """A field that is a hundredth too weak."""

    def step(self, denoiser, state, t, s, noise):
        return State(state.x + 0.99 * (s - t) * denoiser.velocity(state.x, t))


class LessNoise(EulerMaruyama):
    """Noise that is 3 % too small."""

    def step(self, denoiser, state, t, s, noise):
        return super().step(denoiser, state, t, s, lambda k: 0.97 * noise(k))


class Spare(Ancestral):
    """Declares a draw that it does not take."""

    def __post_init__(self):
        object.__setattr__(self, "draws", 2)


class Costly(Euler):
    """Evaluates twice, declares once."""

    def step(self, denoiser, state, t, s, noise):
        denoiser(state.x, s)
        return super().step(denoiser, state, t, s, noise)


class Beyond(Euler):
    """Asks for times before t_min."""

    def step(self, denoiser, state, t, s, noise):
        return State(state.x + (s - t) * denoiser.velocity(state.x, 0.9 * s + 0.1 * (s - t)))


class SharedStep(Euler):
    """A step whose length is taken from the batch."""

    def step(self, denoiser, state, t, s, noise):
        size = 1.0 + 1e-6 * state.x.abs().max()
        return State(state.x + (s - t) * denoiser.velocity(state.x, t) * size)


class OwnNoise(EulerMaruyama):
    """Draws noise of its own."""

    def step(self, denoiser, state, t, s, noise):
        noise(0)
        return super().step(denoiser, state, t, s, lambda k: torch.randn_like(state.x))


class Wide(Euler):
    """Leaves float32."""

    def step(self, denoiser, state, t, s, noise):
        return State(super().step(denoiser, state, t, s, noise).x.double())


class Breaking(Euler):
    """NaN in the last step of the default EDM."""

    def step(self, denoiser, state, t, s, noise):
        return State(super().step(denoiser, state, t, s, noise).x * torch.sqrt(s - 0.0021) / torch.sqrt(s - 0.0021))


@dataclass(frozen=True)
class Loose(AdaptiveSolver):
    """Takes the square root of its tolerance."""

    tolerance: float = 1e-5
    order = 5

    def run(self, denoiser, x, times):
        return RK45(self.tolerance**0.5).run(denoiser, x, times)


@dataclass(frozen=True)
class SharedSteps(AdaptiveSolver):
    """All samples take the steps of the batch."""

    tolerance: float = 1e-5
    order = 5

    def run(self, denoiser, x, times):
        size = 1.0 + 1e-3 * float(x.abs().mean())
        return RK45(self.tolerance * size).run(denoiser, x, times)


MISSED = [
    (StaleTime(), ("order, line, edm", "order, space, edm")),
    (Modest(), ("order, line, edm",)),
    (Biased(), ("order, line, edm",)),
    (LessNoise(), ("weak order, density, edm", "weak order, moments, edm")),
    (Loose(), ("power of the tolerance, line, edm", "power of the tolerance, normal, edm")),
]
MISCONDUCT = [
    (Costly(), "evaluations of the denoiser"),
    (Spare(), "draws of noise"),
    (Beyond(), "outside the schedule"),
    (SharedStep(), "drawn alone"),
    (SharedSteps(), "drawn alone"),
    (PredictorCorrector(norm="batch-mean"), "drawn alone"),
    (OwnNoise(), "run again"),
    (Wide(), "leave float32"),
    (Breaking(), "not finite"),
]


def called(value):
    return value if isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize(("solver", "words"), MISSED, ids=called)
def test_a_planted_fault_of_the_method_is_seen(solver, words):
    failures = [check.name for check in verify_solver(solver, schedules=SHORT).failures]
    assert set(words) <= set(failures)


@pytest.mark.parametrize(("solver", "words"), MISCONDUCT, ids=called)
def test_planted_misconduct_is_seen(solver, words):
    failures = [check.name for check in conduct(solver) if check.verdict == "fail"]
    assert any(words in name for name in failures), failures


@pytest.mark.parametrize("name", ["edm", "variance-preserving"])
def test_the_bias_of_the_corrector_is_its_fixed_point(name):
    """Unadjusted Langevin steps of size e settle at V / (1 - e / 2V); V = 1.5 sigma^2, e = 2 (snr sigma)^2."""
    found = module._bias(PredictorCorrector(snr=0.5), moderate_schedules()[name])
    assert found.expected == pytest.approx(1 / (1 - 1 / 6) - 1)
    assert found.measured == pytest.approx(0.2, rel=0.01)


def test_the_wrong_size_of_the_corrector_is_seen(monkeypatch):
    monkeypatch.setattr(PredictorCorrector, "_step_size", lambda self, score, sigma: 1.2 * 2 * (self.snr * sigma) ** 2)
    assert "bias of the variance at relative noise 1" in [
        check.name for check in verify_solver(PredictorCorrector(), schedules=SHORT).failures
    ]


# --- one's own, and what is refused


def test_a_solver_is_tried_on_the_schedules_given():
    found = verify_solver(DPMSolver2M(), schedules={"mine": GeometricNoise(25.0, t_min=0.1)})
    assert [trend.name for trend in found.trends] == ["mine", "mine, UniformGrid", "mine"]
    assert found.passed


class Remembers(EulerMaruyama):
    def step(self, denoiser, state, t, s, noise):
        return State(super().step(denoiser, state, t, s, noise).x, (state.x,))


class Untunable(AdaptiveSolver):
    order = 5

    def run(self, denoiser, x, times):
        return RK45().run(denoiser, x, times)


@pytest.mark.parametrize(
    ("solver", "error", "words"),
    [
        ("heun", TypeError, "solver is a str, but a Solver"),
        (Heun, TypeError, "solver is a"),
        (Remembers(), ValueError, r"Remembers remembers a tensor of shape \(1920, 1\)"),
        (Untunable(), ValueError, "Untunable has no tolerance"),
    ],
)
def test_what_cannot_be_verified_is_refused_in_one_sentence(solver, error, words):
    with pytest.raises(error, match=words):
        verify_solver(solver, schedules=SHORT)
