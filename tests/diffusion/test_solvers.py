"""Every solver in float64: declared order against the quantile map, exact recursions, ends, no NaN, what it uses."""

import itertools
import math
from itertools import pairwise

import pytest
import torch

from equigen import store, table
from equigen.diffusion import (
    EDM,
    Ancestral,
    Diagonal,
    DPMSolver2M,
    Euler,
    EulerMaruyama,
    Gaussian,
    Heun,
    Isotropic,
    KarrasGrid,
    LogSNRGrid,
    PredictorCorrector,
    UniformGrid,
    VariancePreserving,
    integrate,
)
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.solver import AddressedNoise, Solver, State
from equigen.spaces.euclidean import Euclidean
from equigen.testing import assert_order
from tests.diffusion.methods import ALL_SOLVERS, FLOWS, MILD, STEPPERS
from tests.diffusion.mixture import MixtureDenoiser, density, ends
from tests.diffusion.processes import ALL_SCHEDULES

COUNTS = (128, 256, 512)
STOCHASTIC = [name for name, solver in STEPPERS.items() if solver.draws]
VARIANCES = torch.tensor([0.25, 1.0, 2.0], dtype=torch.float64)
MEAN = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
LAW = Gaussian(MEAN, Diagonal(VARIANCES))


def std(schedule, t, c=VARIANCES):
    return torch.sqrt(schedule.alpha(t) ** 2 * c + schedule.sigma(t) ** 2)


def start(schedule, n=4):
    generator = torch.Generator().manual_seed(0)
    t = torch.tensor(schedule.t_max, dtype=torch.float64)
    return schedule.alpha(t) * MEAN + std(schedule, t) * torch.randn(n, 3, dtype=torch.float64, generator=generator)


def test_every_solver_of_the_table_is_examined():
    assert {type(solver) for solver in ALL_SOLVERS.values()} == {store.resolve(name) for name in table.SOLVERS}


# --- deterministic ones: the flow of a two-component mixture is its quantile map


def flow_error(solver, schedule, grid):
    def error(n):
        times = grid(schedule, n)
        x, expected = ends(schedule, times)
        return float((integrate(solver, MixtureDenoiser(schedule), x, times) - expected).square().mean().sqrt())

    return error


GRIDS = [KarrasGrid(3.0), LogSNRGrid(), UniformGrid()]
WHERE = [(name, GRIDS[0]) for name in MILD] + [(name, grid) for name in ("vp", "edm") for grid in GRIDS[1:]]


@pytest.mark.parametrize(("name", "grid"), WHERE, ids=lambda value: value if isinstance(value, str) else str(value))
@pytest.mark.parametrize("method", FLOWS)
def test_the_order_is_the_declared_one(method, name, grid):
    assert_order(flow_error(STEPPERS[method], MILD[name], grid), STEPPERS[method].order, COUNTS)


class EulerWithStaleTime(Solver):
    """The planted fault: the field is taken at the end of the step in time, but at its beginning in space."""

    order = 2

    def step(self, denoiser, state, t, s, noise):
        first = denoiser.velocity(state.x, t)
        return State(state.x + (s - t) * 0.5 * (first + denoiser.velocity(state.x, s)))


def test_the_control_a_solver_of_lower_order_is_seen():
    with pytest.raises(AssertionError, match=r"order is 0\.99"):
        assert_order(flow_error(EulerWithStaleTime(), MILD["edm"], KarrasGrid(3.0)), 2, COUNTS)


@pytest.mark.parametrize("name", MILD)
def test_ddim_is_eulers_method_on_the_clean_scale_over_the_relative_noise(name):
    schedule, grid = MILD[name], UniformGrid()
    times, x = grid(schedule, 9), start(schedule)
    noise = schedule.relative_noise(times)
    straight = EDM(float(noise[-1]) * 0.5, float(noise[0]) * 2)  # x / alpha over r has the kernel of EDM
    found = integrate(Ancestral(eta=0.0), LAW.denoiser(schedule), x, times) / schedule.alpha(times[-1])
    expected = integrate(Euler(), LAW.denoiser(straight), x / schedule.alpha(times[0]), noise)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)
    if name not in ("edm", "rectified flow"):  # the control: in time Euler's method is another one
        other = integrate(Euler(), LAW.denoiser(schedule), x, times) / schedule.alpha(times[-1])
        assert float((other - expected).abs().max()) > 1e-6


# --- stochastic ones: on N(0, c) a step is linear, so what it does to a variance is known from unit vectors


def variances(solver, schedule, times, c):
    """The variance after each step, by what the step itself makes of x = 1 and of each of its draws."""
    denoiser = Gaussian(torch.zeros(1), Isotropic(c)).denoiser(schedule)
    units = torch.eye(1 + solver.draws, dtype=torch.float64)
    state, found = solver.init(units[:, :1], len(times) - 1), [float(std(schedule, times[0], torch.tensor(c))) ** 2]
    for t, s in itertools.pairwise(times):
        state = solver.step(denoiser, State(units[:, :1], state.memory), t, s, lambda k: units[:, 1 + k : 2 + k])
        found.append(float(state.x[0]) ** 2 * found[-1] + float(state.x[1:].square().sum()))
    return found


def field(schedule, t, c):
    """v(x, t) / x, by the derivative of ln std."""
    return (schedule.alpha(t) * schedule.alpha_rate(t) * c + schedule.sigma(t) * schedule.sigma_rate(t)) / std(
        schedule, t, c
    ) ** 2


def formula(solver, schedule, t, s, c, v, steps):
    """The variance at s from that at t, in closed form."""
    alpha, sigma, V = schedule.alpha(t), schedule.sigma(t), std(schedule, t, c) ** 2
    if isinstance(solver, EulerMaruyama):
        h, f, g = t - s, schedule.drift(t), schedule.diffusion(t)
        return (1 - h * f - h * g**2 / V) ** 2 * v + g**2 * h
    if isinstance(solver, PredictorCorrector):
        size = 2 * solver.snr**2 * sigma**2
        return formula(EulerMaruyama(), schedule, t, s, c, (1 - size / V) ** 2 * v + 2 * size, steps)
    if isinstance(solver, Ancestral):
        fresh = solver.eta**2 * (1 - (schedule.relative_noise(s) / schedule.relative_noise(t)) ** 2)
        gain, sigma_s = alpha * c / V, schedule.sigma(s)
        kept = torch.sqrt(sigma_s**2 * (1 - fresh)) / sigma
        return (schedule.alpha(s) * gain + kept * (1 - alpha * gain)) ** 2 * v + fresh * sigma_s**2
    low, high = solver.churn_low, solver.churn_high
    r, most = sigma / alpha, schedule.relative_noise(torch.tensor(schedule.t_max, dtype=torch.float64))
    r_hat = torch.minimum(r * (1 + min(solver.churn / steps, math.sqrt(2) - 1)), most) if low <= r <= high else r
    hat = schedule.time_at_noise(r_hat)
    v, h = (schedule.alpha(hat) / alpha) ** 2 * v + schedule.alpha(hat) ** 2 * (r_hat**2 - r**2), s - hat
    first, second = field(schedule, hat, c), field(schedule, s, c)
    return (1 + h / 2 * (first + second * (1 + h * first))) ** 2 * v


@pytest.mark.parametrize("name", MILD)
@pytest.mark.parametrize("method", STOCHASTIC)
def test_the_variance_follows_its_closed_form(method, name):
    solver, schedule, c = STEPPERS[method], MILD[name], torch.tensor(0.5, dtype=torch.float64)
    times = KarrasGrid(3.0)(schedule, 30)
    found = variances(solver, schedule, times, 0.5)
    for k, (t, s) in enumerate(itertools.pairwise(times)):
        expected = float(formula(solver, schedule, t, s, c, found[k], 30))
        assert found[k + 1] == pytest.approx(expected, rel=1e-9)


def test_the_control_a_little_less_noise_breaks_the_closed_form():
    schedule, c = MILD["vp"], torch.tensor(0.5, dtype=torch.float64)
    times = KarrasGrid(3.0)(schedule, 30)
    found = variances(Ancestral(eta=0.999), schedule, times, 0.5)
    expected = float(formula(Ancestral(), schedule, times[3], times[4], c, found[3], 30))
    assert found[4] != pytest.approx(expected, rel=1e-9)


def variance_error(solver, schedule):
    def error(n):
        times = KarrasGrid(3.0)(schedule, n)
        return abs(
            variances(solver, schedule, times, 0.5)[-1] - float(std(schedule, times[-1], torch.tensor(0.5))) ** 2
        )

    return error


@pytest.mark.parametrize("name", MILD)
@pytest.mark.parametrize("method", [name for name in STOCHASTIC if STEPPERS[name].order])
def test_the_weak_order_on_normal_data_is_the_declared_one(method, name):
    assert_order(variance_error(STEPPERS[method], MILD[name]), STEPPERS[method].order, COUNTS)


class LessNoise(EulerMaruyama):
    """The planted fault: the draws are too small."""

    def __init__(self, factor):
        self.factor = factor

    def step(self, denoiser, state, t, s, noise):
        return super().step(denoiser, state, t, s, lambda k: self.factor * noise(k))


def test_the_control_noise_of_the_wrong_size_has_no_order():
    with pytest.raises(AssertionError, match="order is"):
        assert_order(variance_error(LessNoise(0.999), MILD["edm"]), 1, (512, 1024, 2048))


def test_churn_shows_its_order_only_where_it_is_not_cut_off():
    """gamma = churn / n is cut off at 0.414, so the added noise shrinks with the step only for n > churn / 0.414."""
    error = variance_error(Heun(churn=100.0), MILD["edm"])
    assert_order(error, 2, (400, 800, 1600))
    with pytest.raises(AssertionError, match="order is"):
        assert_order(error, 2, (60, 120, 240))  # 100 / 0.414 = 242


def test_churn_at_the_bounds():
    """No noise is added beyond t_max, above or below the bounds, nor by a churn of 0."""
    schedule, x = EDM(0.1, 10.0), torch.ones(1, 3, dtype=torch.float64)
    denoiser, t = LAW.denoiser(schedule), lambda value: torch.tensor(value, dtype=torch.float64)

    def step(solver, at, z=1.0):
        return solver.step(denoiser, solver.init(x, 10), t(at), t(0.5 * at), lambda k: torch.full_like(x, z)).x

    for solver, at in (
        (Heun(churn=5.0), 10.0),
        (Heun(churn=5.0, churn_low=2.0), 1.0),
        (Heun(churn=5.0, churn_high=0.5), 1.0),
    ):
        assert torch.equal(step(solver, at), step(Heun(), at))
    assert not torch.allclose(step(Heun(churn=5.0), 1.0), step(Heun(), 1.0))
    assert torch.equal(step(Heun(churn=5.0, noise_scale=2.0), 1.0, z=0.5), step(Heun(churn=5.0), 1.0))


@pytest.mark.parametrize("name", MILD)
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ancestral_sampling_is_exact_where_the_data_are_one_point(name, eta):
    schedule, times = MILD[name], UniformGrid()(MILD[name], 3)
    denoiser = Gaussian(torch.full((1,), 2.0), Isotropic(0.0)).denoiser(schedule)
    v = float(schedule.sigma(times[0])) ** 2
    units = torch.eye(2, dtype=torch.float64)
    for t, s in itertools.pairwise(times):
        x = schedule.alpha(t) * 2.0 + units[:, :1]
        moved = Ancestral(eta).step(denoiser, State(x), t, s, lambda k: units[:, 1:]).x - schedule.alpha(s) * 2.0
        v = float(moved[0]) ** 2 * v + float(moved[1]) ** 2
        assert v == pytest.approx(float(schedule.sigma(s)) ** 2, rel=1e-12)


# --- the law of a stochastic solver on the mixture, as masses on nodes


def kernel(points, nodes, width):
    return torch.exp(-0.5 * ((points[:, None] - nodes) / width) ** 2) / (width * math.sqrt(2 * math.pi))


def fourth_moment(solver, schedule, n, nodes=500):
    """E x^4 at t_min, the density carried from step to step: on EDM the noise of these solvers does not depend on x."""
    times, denoiser = KarrasGrid(3.0)(schedule, n), MixtureDenoiser(schedule)
    place = torch.linspace(-6, 6, nodes, dtype=torch.float64) * std(schedule, times[0], torch.tensor(1.0))
    mass = density(schedule, place, times[0]) * place.diff()[0]
    state = solver.init(place[:, None], n)
    for t, s in itertools.pairwise(times):
        still, one = (
            solver.step(denoiser, State(place[:, None], state.memory), t, s, lambda k, z=z: torch.full((nodes, 1), z))
            .x.flatten()
            .double()
            for z in (0.0, 1.0)
        )
        width = float((one - still).mean())
        reach = min(float(still.abs().max()), 6 * float(std(schedule, s, torch.tensor(1.0)))) + 6 * width
        place = torch.linspace(-reach, reach, nodes, dtype=torch.float64)
        mass = kernel(place, still, width) @ mass * place.diff()[0]
    return float((mass * place**4).sum() / mass.sum())


def exact_fourth_moment(schedule):
    t = torch.tensor(schedule.t_min, dtype=torch.float64)
    x = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    return float((density(schedule, x, t) * x**4).sum() * x.diff()[0])


@pytest.mark.parametrize("method", ["euler-maruyama", "ancestral 1/2", "ancestral"])
def test_the_weak_order_on_a_mixture_is_the_declared_one(method):
    schedule = EDM(t_min=0.4, t_max=2.0)
    exact = exact_fourth_moment(schedule)
    assert_order(lambda n: abs(fourth_moment(STEPPERS[method], schedule, n) - exact), 1, (16, 32, 64))


# --- the corrector: its bias


@pytest.mark.parametrize(
    "solver",
    [EulerMaruyama(), PredictorCorrector(), PredictorCorrector(snr=0.5)],
    ids=["euler-maruyama", "corrector", "strong corrector"],
)
@pytest.mark.parametrize("name", ["geometric 25", "vp", "edm"])
def test_samples_have_the_variance_of_the_recursion(name, solver):
    schedule, c, n = MILD[name], 0.5, 20000
    law, times = Gaussian(torch.zeros(2), Isotropic(c)), UniformGrid()(MILD[name], 20)
    z = torch.randn(n, 2, generator=torch.Generator().manual_seed(1)).double()
    x = std(schedule, times[0], torch.tensor(c)) * z
    noise = AddressedNoise(Euclidean(2).at(), 0, torch.arange(n), 20, x)
    found = float(integrate(solver, law.denoiser(schedule), x, times, noise).var())
    expected = variances(solver, schedule, times, c)[-1]
    assert abs(found / expected - 1) < 5 * math.sqrt(2 / (2 * n))
    # The control: a tenth less noise would be seen.
    less = variances(LessNoise(0.9), schedule, times, c)[-1] / variances(EulerMaruyama(), schedule, times, c)[-1]
    assert 1 - less > 5 * math.sqrt(2 / (2 * n))


@pytest.mark.parametrize("name", ["geometric 25", "vp", "edm"])
def test_more_steps_do_not_remove_the_bias_of_the_corrector(name):
    """With many steps it decides alone, and its fixed point is V / (1 - epsilon / (2 V))."""
    schedule, c, snr = MILD[name], 0.5, 0.4
    t = schedule.time_at_noise(torch.tensor(1.0, dtype=torch.float64))
    times = UniformGrid(end=float(t))(schedule, 500)
    V, size = float(std(schedule, t, torch.tensor(c))) ** 2, 2 * snr**2 * float(schedule.sigma(t)) ** 2
    bias = V / (1 - size / (2 * V)) - V
    assert variances(PredictorCorrector(snr), schedule, times, c)[-1] - V == pytest.approx(bias, rel=0.1)
    without = variances(PredictorCorrector(snr=0.0), schedule, times, c)[-1] - V  # the control
    assert abs(without) < 0.1 * bias


def test_a_corrector_of_no_strength_is_euler_maruyama():
    schedule = MILD["vp"]
    times = UniformGrid()(schedule, 10)
    assert variances(PredictorCorrector(snr=0.0), schedule, times, 0.5) == pytest.approx(
        variances(EulerMaruyama(), schedule, times, 0.5), rel=1e-12
    )


def test_the_measured_norm_of_the_tutorial():
    """epsilon = 2 (snr sqrt(d) / mean |score|)^2, which is 2 snr^2 sigma^2 where the score is pure noise."""
    schedule, x = EDM(), torch.randn(8, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 40.0
    denoiser = Gaussian(torch.zeros(50), Isotropic(1e-6)).denoiser(schedule)
    t = torch.tensor(40.0, dtype=torch.float64)
    score = denoiser.score(x, t)
    solver = PredictorCorrector(norm="batch-mean")
    size = 2 * (0.16 * math.sqrt(50) / float(score.norm(dim=1).mean())) ** 2
    moved = solver.step(denoiser, State(x), t, t, lambda k: torch.zeros_like(x)).x - x
    torch.testing.assert_close(moved, size * score)
    assert size == pytest.approx(2 * (0.16 * 40.0) ** 2, rel=0.1)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: Ancestral(eta=1.5), "eta is 1.5"),
        (lambda: Ancestral(eta=float("nan")), "eta is nan"),
        (lambda: Heun(churn=-1.0), "churn is -1"),
        (lambda: Heun(churn_low=2.0, churn_high=1.0), "low <= high"),
        (lambda: PredictorCorrector(snr=1.0), "snr is 1"),
        (lambda: PredictorCorrector(norm="each"), "norm is 'each'"),
    ],
)
def test_what_no_solver_is_made_of(attempt, words):
    with pytest.raises(ValueError, match=words):
        attempt()


# --- all of them


@pytest.mark.parametrize("name", ALL_SCHEDULES)
@pytest.mark.parametrize("method", ALL_SOLVERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_nan_for_any_number_of_steps(method, name, dtype):
    solver, schedule = ALL_SOLVERS[method], ALL_SCHEDULES[name]
    x = start(schedule).to(dtype)
    for grid in (KarrasGrid(), LogSNRGrid(), UniformGrid()):
        for n in (1, 2, 3, 11):
            noise = AddressedNoise(Euclidean(3).at(), 0, torch.arange(4), n, x)
            times = grid(schedule, n)
            found = integrate(solver, LAW.denoiser(schedule), x, times, noise)
            assert found.dtype == dtype
            assert bool(found.isfinite().all())


@pytest.mark.parametrize("method", STEPPERS)
def test_the_last_step_ends_at_t_min(method):
    seen = []

    class Spy(Solver):
        def init(self, x, steps):
            return STEPPERS[method].init(x, steps)

        def step(self, denoiser, state, t, s, noise):
            seen.append((float(t), float(s)))
            return STEPPERS[method].step(denoiser, state, t, s, noise)

    schedule = EDM()
    x = start(schedule)
    integrate(
        Spy(),
        LAW.denoiser(schedule),
        x,
        KarrasGrid()(schedule, 5),
        AddressedNoise(Euclidean(3).at(), 0, torch.arange(4), 5, x),
    )
    assert seen[0][0] == schedule.t_max
    assert seen[-1][1] == schedule.t_min
    assert [s for _, s in seen[:-1]] == [t for t, _ in seen[1:]]


@pytest.mark.parametrize("method", STEPPERS)
def test_what_a_solver_declares_is_what_it_uses(method):
    solver, schedule, calls, draws = STEPPERS[method], EDM(), [], []
    denoiser = LAW.denoiser(schedule)
    denoiser.register_forward_hook(lambda *_: calls.append(1))
    x = start(schedule)

    class Counting(AddressedNoise):
        def at(self, step):
            return lambda k: draws.append((step, k)) or super(Counting, self).at(step)(k)

    integrate(solver, denoiser, x, KarrasGrid()(schedule, 7), Counting(Euclidean(3).at(), 0, torch.arange(4), 7, x))
    assert len(calls) == 7 * solver.evaluations
    assert draws == [(step, k) for step in range(7) for k in range(solver.draws)]


def test_the_noise_of_a_block_is_that_of_its_steps():
    space, items, like = Euclidean(3).at(), torch.tensor([4, 9]), torch.zeros(2, 3)
    noise = AddressedNoise(space, 6, items, 12, like)
    blocked = AddressedNoise(space, 6, items, 12, like)
    blocked._block = 5
    for step in (0, 4, 5, 11, 3):
        expected = space.noise(seed=6, stream=noise.stream, item=items, step=step)
        assert torch.equal(noise.at(step)(0), expected)
        assert torch.equal(blocked.at(step)(0), expected)
        assert not torch.equal(noise.at(step)(1), expected)


def test_a_stochastic_solver_without_noise_is_refused():
    schedule = EDM()
    with pytest.raises(ValueError, match="noise"):
        integrate(EulerMaruyama(), LAW.denoiser(schedule), start(schedule), KarrasGrid()(schedule, 3))


def test_solvers_follow_one_trajectory_of_the_linear_part_exactly():
    """DPM-Solver++ is exact where the denoiser is constant: data at one point."""
    schedule, point = VariancePreserving(), Gaussian(MEAN, Isotropic(0.0))
    x = start(schedule)
    times = UniformGrid()(schedule, 3)
    found = integrate(DPMSolver2M(), point.denoiser(schedule), x, times)
    t, s = times[0], times[-1]
    expected = schedule.alpha(s) * MEAN + schedule.sigma(s) / schedule.sigma(t) * (x - schedule.alpha(t) * MEAN)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("solver", "told"),
    [(Ancestral(), {20: 0.60, 320: 0.97}), (EulerMaruyama(), {20: 1.29, 320: 1.01})],
    ids=["ancestral", "euler-maruyama"],
)
def test_the_variance_that_the_docs_tell_of_few_steps(solver, told):
    """On N(0, 1) data each step is a x + b z, with a and b read off the solver: v becomes a^2 v + b^2."""
    schedule, one = EDM(), torch.ones(1, 1, dtype=torch.float64)
    denoiser = Gaussian(torch.zeros(1), Isotropic(1.0)).denoiser(schedule)
    for steps, expected in told.items():
        times = KarrasGrid()(schedule, steps - 1)
        v = 1.0 + float(times[0]) ** 2
        for t, s in pairwise(times):
            a = float(solver.step(denoiser, State(one), t, s, lambda _: 0.0 * one).x)
            b = float(solver.step(denoiser, State(0.0 * one), t, s, lambda _: one).x)
            v = a**2 * v + b**2
        assert v / (1.0 + float(times[-1]) ** 2) ** 2 == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_churn_moves_a_point_along_the_forward_process(name):
    """From t to the noisier u: x_u = a x + sqrt(sigma_u^2 - a^2 sigma_t^2) z with a = alpha_u / alpha_t."""
    schedule, seen = ALL_SCHEDULES[name], []

    class Watched(Denoiser):
        def __init__(self):
            super().__init__()
            self.schedule = schedule

        def forward(self, x_t, t, **condition):
            seen.append((x_t, t))
            return torch.zeros_like(x_t)

    t = schedule.t_min + 0.5 * (schedule.t_max - schedule.t_min) * torch.ones((), dtype=torch.float64)
    s = 0.9 * t
    x, z = torch.full((1, 2), 3.0, dtype=torch.float64), torch.full((1, 2), 0.7, dtype=torch.float64)
    solver = Heun(churn=2.0)
    solver.step(Watched(), solver.init(x, 20), t, s, lambda k: z)
    x_hat, t_hat = seen[0]
    ratio = schedule.alpha(t_hat) / schedule.alpha(t)
    spread = torch.sqrt(schedule.sigma(t_hat) ** 2 - (ratio * schedule.sigma(t)) ** 2)
    torch.testing.assert_close(x_hat, ratio * x + spread * z, rtol=1e-7, atol=0)
    assert float(schedule.relative_noise(t_hat) / schedule.relative_noise(t)) == pytest.approx(1.1, rel=1e-6)


def test_two_steps_of_unequal_length_extrapolate_by_their_ratio():
    """By hand, with a denoiser that is linear in ln(sigma): D' of the second step is D at the middle of the step.

    An order says nothing of the ratio: turned round, its errors cancel over two steps.
    """

    class InLogNoise(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, **condition):
            return (0.3 + 0.7 * torch.log(t)).expand_as(x_t)

    times = torch.tensor([8.0, 4.0, 0.5], dtype=torch.float64)  # steps of ln 2 and ln 8
    solver, state = DPMSolver2M(), State(torch.ones(1, 1, dtype=torch.float64))
    for t, s in itertools.pairwise(times):
        state = solver.step(InLogNoise(), state, t, s, noise=None)
    first = 4 / 8 * 1.0 + (1 - 4 / 8) * (0.3 + 0.7 * math.log(8))
    middle = 0.3 + 0.7 * 0.5 * (math.log(4) + math.log(0.5))
    assert float(state.x) == pytest.approx(0.5 / 4 * first + (1 - 0.5 / 4) * middle, rel=1e-12)
