"""Every solver on Gaussian data in float64: declared order, exact recursions, no NaN, batch independence, noise."""

import itertools
import math

import pytest
import torch

from equigen.diffusion import (
    EDM,
    Cosine,
    Diagonal,
    DPMSolver2M,
    Euler,
    EulerMaruyama,
    Gaussian,
    GeometricNoise,
    Heun,
    Isotropic,
    KarrasGrid,
    LogSNRGrid,
    RectifiedFlow,
    SubVariancePreserving,
    UniformGrid,
    VarianceExploding,
    VariancePreserving,
    integrate,
)
from equigen.diffusion.solvers.solver import AddressedNoise, Solver, State
from equigen.spaces.euclidean import Euclidean
from tests.diffusion.processes import ALL_SCHEDULES
from tests.oracles import order_of

ALL_SOLVERS = {"euler": Euler(), "heun": Heun(), "dpm++2m": DPMSolver2M(), "euler-maruyama": EulerMaruyama()}
FLOWS = [name for name, solver in ALL_SOLVERS.items() if not solver.draws]
# Times that keep the problem away from the stiff ends, so that the asymptotic order shows at moderate counts.
MILD = {
    "geometric 25": GeometricNoise(25.0, t_min=0.1),
    "geometric 1/2": GeometricNoise(0.5, t_min=0.05),
    "geometric 1": GeometricNoise(1.0, t_min=0.05),
    "ve": VarianceExploding(0.05, 5.0, t_min=0.2),
    "vp": VariancePreserving(t_min=0.05),
    "sub-vp": SubVariancePreserving(t_min=0.05),
    "cosine": Cosine(t_min=0.05, t_max=0.9),
    "edm": EDM(t_min=0.05, t_max=3.0),
    "rectified flow": RectifiedFlow(t_min=0.05, t_max=0.9),
}
VARIANCES = torch.tensor([0.25, 1.0, 2.0], dtype=torch.float64)
MEAN = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
LAW = Gaussian(MEAN, Diagonal(VARIANCES))


def std(schedule, t, c=VARIANCES):
    return torch.sqrt(schedule.alpha(t) ** 2 * c + schedule.sigma(t) ** 2)


def exact_flow(schedule, x, times):
    """The probability flow keeps (x - alpha m) / std, coordinate by coordinate."""
    t, s = times[0], times[-1]
    scaled = (x - schedule.alpha(t) * MEAN) / std(schedule, t)
    return schedule.alpha(s) * MEAN + scaled * std(schedule, s)


def start(schedule, n=4):
    generator = torch.Generator().manual_seed(0)
    t = torch.tensor(schedule.t_max, dtype=torch.float64)
    return schedule.alpha(t) * MEAN + std(schedule, t) * torch.randn(n, 3, dtype=torch.float64, generator=generator)


def flow_error(solver, schedule, grid):
    x = start(schedule)

    def error(n):
        times = grid(schedule, n)
        found = integrate(solver, LAW.denoiser(schedule), x, times)
        return float((found - exact_flow(schedule, x, times)).square().mean().sqrt())

    return error


@pytest.mark.parametrize("grid", [KarrasGrid(3.0), LogSNRGrid(), UniformGrid()], ids=lambda grid: type(grid).__name__)
@pytest.mark.parametrize("name", MILD)
@pytest.mark.parametrize("method", FLOWS)
def test_the_order_is_the_declared_one(method, name, grid):
    solver = ALL_SOLVERS[method]
    measured = order_of(flow_error(solver, MILD[name], grid), (256, 512, 1024))
    assert abs(measured - solver.order) < 0.2


class EulerWithStaleTime(Solver):
    """The planted fault: the field is taken at the end of the step in time, but at its beginning in space."""

    order = 2

    def step(self, denoiser, state, t, s, noise):
        first = denoiser.velocity(state.x, t)
        return State(state.x + (s - t) * 0.5 * (first + denoiser.velocity(state.x, s)))


def test_the_control_a_solver_of_lower_order_is_seen():
    error = flow_error(EulerWithStaleTime(), MILD["edm"], KarrasGrid(3.0))
    assert abs(order_of(error, (256, 512, 1024)) - 2) > 0.5


def recursion(schedule, times, c, noise=1.0):
    """The variance that Euler-Maruyama gives on N(0, c), step by step."""
    v = float(std(schedule, times[0], torch.tensor(c))) ** 2
    for t, s in itertools.pairwise(times):
        h, f, g = float(t - s), float(schedule.drift(t)), float(schedule.diffusion(t))
        variance = float(schedule.alpha(t)) ** 2 * c + float(schedule.sigma(t)) ** 2
        v = (1 + h * (-f - g**2 / variance)) ** 2 * v + noise * g**2 * h
    return v


@pytest.mark.parametrize("name", MILD)
def test_euler_maruyama_follows_its_variance_recursion(name):
    schedule, c, n = MILD[name], 0.5, 20000
    law, times = Gaussian(torch.zeros(2), Isotropic(c)), UniformGrid()(MILD[name], 20)
    space, items = Euclidean(2).at(), torch.arange(20000)
    x = (
        std(schedule, times[0], torch.tensor(c))
        * torch.randn(n, 2, generator=torch.Generator().manual_seed(1)).double()
    )
    noise = AddressedNoise(space, 0, items, 20, x)
    found = float(integrate(EulerMaruyama(), law.denoiser(schedule), x, times, noise).var())
    expected = recursion(schedule, times, c)
    assert abs(found / expected - 1) < 5 * math.sqrt(2 / (2 * n))
    # The control: a tenth less noise would be seen.
    assert abs(recursion(schedule, times, c, noise=0.9) / expected - 1) > 5 * math.sqrt(2 / (2 * n))


@pytest.mark.parametrize("name", MILD)
def test_euler_maruyama_has_weak_order_one(name):
    schedule, c = MILD[name], 0.5

    def error(n):
        times = UniformGrid()(schedule, n)
        return abs(recursion(schedule, times, c) - float(std(schedule, times[-1], torch.tensor(c))) ** 2)

    assert abs(order_of(error, (512, 1024, 2048)) - EulerMaruyama().order) < 0.2


@pytest.mark.parametrize("name", ALL_SCHEDULES)
@pytest.mark.parametrize("method", ALL_SOLVERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_nan_for_any_number_of_steps(method, name, dtype):
    solver, schedule = ALL_SOLVERS[method], ALL_SCHEDULES[name]
    x = start(schedule).to(dtype)
    for grid in (KarrasGrid(), LogSNRGrid(), UniformGrid()):
        for n in (1, 2, 3, 11):
            noise = AddressedNoise(Euclidean(3).at(), 0, torch.arange(4), n, x)
            found = integrate(solver, LAW.denoiser(schedule), x, grid(schedule, n), noise)
            assert found.dtype == dtype
            assert bool(found.isfinite().all())


@pytest.mark.parametrize("method", ALL_SOLVERS)
def test_the_last_step_ends_at_t_min(method):
    seen = []

    class Spy(type(ALL_SOLVERS[method])):
        def step(self, denoiser, state, t, s, noise):
            seen.append((float(t), float(s)))
            return super().step(denoiser, state, t, s, noise)

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


class Coupled(Euler):
    """The planted fault: a step that depends on the batch."""

    def step(self, denoiser, state, t, s, noise):
        velocity = denoiser.velocity(state.x, t)
        return State(state.x + (s - t) * velocity * (1 + 1e-6 * velocity.norm()))


def batch_gap(solver):
    schedule = EDM()
    x, times = start(schedule, 16), KarrasGrid()(EDM(), 12)
    run = lambda x, items: integrate(  # noqa: E731
        solver, LAW.denoiser(schedule), x, times, AddressedNoise(Euclidean(3).at(), 0, items, 12, x)
    )
    whole = run(x, torch.arange(16))
    return float((run(x[5:6], torch.tensor([5])) - whole[5:6]).abs().max())


@pytest.mark.parametrize("method", ALL_SOLVERS)
def test_a_sample_does_not_depend_on_its_batch(method):
    assert batch_gap(ALL_SOLVERS[method]) < 1e-13


def test_the_control_a_batch_shared_step_is_seen():
    assert batch_gap(Coupled()) > 1e-9


@pytest.mark.parametrize("method", ALL_SOLVERS)
def test_what_a_solver_declares_is_what_it_uses(method):
    solver, schedule, calls, draws = ALL_SOLVERS[method], EDM(), [], []
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
