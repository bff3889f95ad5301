"""Adaptive integration: error against tolerance, both directions, extra states, counts, isometries, refusals."""

import math

import pytest
import torch

from equigen.diffusion import (
    EDM,
    RK45,
    BoundDenoiser,
    Diagonal,
    Euler,
    Gaussian,
    Isotropic,
    KarrasGrid,
    VarianceExploding,
    VariancePreserving,
    flow,
    integrate,
    integrate_adaptively,
)
from equigen.spaces import Centred
from equigen.store import build
from equigen.table import SOLVERS
from equigen.testing import assert_order
from tests.diffusion.methods import MILD
from tests.diffusion.mixture import MixtureDenoiser, ends
from tests.diffusion.processes import ALL_SCHEDULES

TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


def turn(t, state, rows):
    """A rotation whose speed 1 + cos(t) changes: the angle after t is t + sin(t)."""
    x, speed = state[0], (1 + torch.cos(t)).to(state[0])[:, None]
    return (speed * torch.stack((-x[:, 1], x[:, 0]), 1),)


def at_angle(t):
    angle = torch.as_tensor(t, dtype=torch.float64) + torch.sin(torch.as_tensor(t, dtype=torch.float64))
    return torch.stack((torch.cos(angle), torch.sin(angle)), -1)


ONE = torch.tensor([[1.0, 0.0]], dtype=torch.float64)


def error_of_equal_steps(n):
    """At time 6, with n steps of one length: a tolerance that lets every step pass, and the length set by hand."""
    ends = torch.zeros(1, dtype=torch.float64), torch.full((1,), 6.0, dtype=torch.float64)
    run = flow._Run(turn, 1e9, (ONE,), *ends, torch.full((1,), 2.0, dtype=torch.float64), None)
    while len(run.rows):
        run.step = run.span / n
        run.advance()
    return float((run.arrived[0] - at_angle(6.0)).norm())


def test_the_order_of_a_step_is_the_declared_one():
    assert_order(error_of_equal_steps, RK45().order, (40, 80, 160))


def test_the_control_a_wrong_weight_in_the_last_stage_is_seen(monkeypatch):
    stages = list(flow._STAGES)
    stages[-1] = (35 / 384, 0.0, 500 / 1113 + 0.01, 125 / 192 - 0.01, *stages[-1][4:])
    monkeypatch.setattr(flow, "_STAGES", tuple(stages))
    with pytest.raises(AssertionError, match="order is"):
        assert_order(error_of_equal_steps, RK45().order, (40, 80, 160))


def test_the_tableau():
    """Row sums are the nodes, the weights of the error add up to nothing, the dense output ends in the step."""
    for node, stage in zip(flow._NODES, flow._STAGES, strict=True):
        assert sum(stage) == pytest.approx(node, abs=1e-14)
    assert sum(flow._ERROR) == pytest.approx(0.0, abs=1e-15)
    for weight, dense in zip((*flow._STAGES[-1], 0.0), flow._DENSE, strict=True):
        assert sum(dense) == pytest.approx(weight, abs=1e-12)


def slope(error):
    """Of ln(error) against ln(tolerance), by least squares."""
    x = torch.tensor(TOLERANCES, dtype=torch.float64).log()
    y = torch.tensor([error(tolerance) for tolerance in TOLERANCES], dtype=torch.float64).log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


def rk45_error(schedule, tolerance):
    times = torch.tensor([schedule.t_max, schedule.t_min], dtype=torch.float64)
    x, expected = ends(schedule, times)
    found = RK45(tolerance).run(MixtureDenoiser(schedule), x, times)[-1]
    return float((found - expected).square().mean().sqrt())


@pytest.mark.parametrize("name", [*MILD, "edm, all of it", "vp, all of it"])
def test_the_error_follows_the_tolerance(name):
    """On the mixture, against its quantile map; measured 1.0 to 1.3 (each of about 10 steps may lose a tolerance)."""
    whole = {"edm, all of it": EDM(), "vp, all of it": VariancePreserving()}
    schedule = MILD.get(name) or whole[name]
    assert 0.85 < slope(lambda tolerance: rk45_error(schedule, tolerance)) < 1.4
    assert rk45_error(schedule, 1e-6) < 50e-6


def test_the_control_a_tolerance_that_is_not_heard_has_no_slope():
    assert abs(slope(lambda tolerance: rk45_error(MILD["edm"], 1e-5 + 0 * tolerance))) < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_the_evaluations_are_few_on_every_schedule(name, dtype):
    """About 50 at tolerance 1e-5, whatever the schedule and its range, in float32 as in float64."""
    schedule = ALL_SCHEDULES[name]
    times = torch.tensor([schedule.t_max, schedule.t_min], dtype=torch.float64)
    x, expected = ends(schedule, times)
    found = RK45(1e-5).solve(MixtureDenoiser(schedule), x.to(dtype), times)
    assert found.state[0].dtype == dtype
    assert found.evaluations.double().mean() < 70
    assert float((found.state[0] - expected).square().mean().sqrt()) < (5e-4 if dtype == torch.float64 else 2e-3)


@pytest.mark.parametrize("schedule", [EDM(), VarianceExploding()], ids=["edm", "ve"])
def test_the_angle_is_a_better_time_than_time(schedule):
    """A smaller error for fewer evaluations on both schedules."""
    times = torch.tensor([schedule.t_max, schedule.t_min], dtype=torch.float64)
    (x, expected), denoiser = ends(schedule, times), MixtureDenoiser(schedule)
    error = lambda found: float((found.state[0] - expected).square().mean().sqrt())  # noqa: E731
    angle = RK45(1e-6).solve(denoiser, x, times)
    plain = integrate_adaptively(
        lambda t, state, rows: (denoiser.velocity(state[0], t),), (x,), times[0], times[1], tolerance=1e-5
    )
    assert error(angle) < 0.5 * error(plain)
    assert angle.evaluations.sum() < plain.evaluations.sum()


@pytest.mark.parametrize("name", ["geometric 25", "sub-vp", "rectified flow"])
def test_there_and_back(name):
    """Sampling and encoding are the same flow in its two directions."""
    schedule = MILD[name]
    times = torch.tensor([schedule.t_max, schedule.t_min], dtype=torch.float64)
    x, _ = ends(schedule, times)
    solver, denoiser = RK45(1e-9), MixtureDenoiser(schedule)
    back = solver.run(denoiser, solver.run(denoiser, x, times)[-1], times.flip(0))[-1]
    torch.testing.assert_close(back, x, rtol=0, atol=1e-6)


def test_each_sample_has_its_own_way():
    """Own ends and directions; what is where it shall be costs nothing; a hard sample takes none of an easy one's."""
    end = torch.tensor([3.0, -2.0, 0.0, 0.1], dtype=torch.float64)
    seen = torch.zeros(4, dtype=torch.int64)

    def counted(t, state, rows):
        seen[rows] += 1
        return turn(t, state, rows)

    found = integrate_adaptively(counted, (ONE.expand(4, 2),), 0.0, end, tolerance=1e-9)
    torch.testing.assert_close(found.state[0], at_angle(end), rtol=0, atol=1e-7)
    assert torch.equal(found.evaluations, seen)
    assert found.evaluations[2] == 0
    assert found.evaluations[3] < found.evaluations[1] < found.evaluations[0]
    for k in range(4):
        alone = integrate_adaptively(turn, (ONE,), 0.0, end[k : k + 1], tolerance=1e-9)
        assert alone.evaluations.item() == found.evaluations[k].item()
        assert alone.rejected.item() == found.rejected[k].item()
        torch.testing.assert_close(alone.state[0][0], found.state[0][k], rtol=0, atol=1e-14)


def test_extra_states_are_integrated_along():
    """x' = a x with the integral of its divergence beside it: what a likelihood needs."""
    speed = torch.tensor([-2.0, 0.5], dtype=torch.float64)

    def field(t, state, rows):
        return speed[rows, None] * state[0], 3.0 * speed[rows]

    x = torch.ones(2, 3, dtype=torch.float64)
    found = integrate_adaptively(field, (x, torch.zeros(2, dtype=torch.float64)), 0.0, 2.0, tolerance=1e-8)
    torch.testing.assert_close(found.state[0], torch.exp(2 * speed)[:, None].expand(2, 3), rtol=1e-6, atol=0)
    torch.testing.assert_close(found.state[1], 6.0 * speed, rtol=1e-7, atol=0)


def test_an_extra_state_is_held_to_the_tolerance_too():
    """It alone is hard here; its error would be 1e-3 and more if it did not count."""

    def field(t, state, rows):
        return torch.zeros_like(state[0]), 20 * torch.cos(20 * t)

    states = torch.ones(1, 3, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    found = integrate_adaptively(field, states, 0.0, 1.0, tolerance=1e-7)
    assert abs(found.state[1].item() - math.sin(20)) < 1e-5


def test_the_path_passes_where_the_samples_were():
    times = torch.tensor([0.0, 0.7, 1.3, 4.9], dtype=torch.float64)
    found = integrate_adaptively(turn, (ONE,), 0.0, 5.0, tolerance=1e-9, path=times)
    torch.testing.assert_close(found.path[:, 0], at_angle(times), rtol=0, atol=1e-6)
    without = integrate_adaptively(turn, (ONE,), 0.0, 5.0, tolerance=1e-9)
    assert torch.equal(found.state[0], without.state[0])
    assert found.evaluations.item() == without.evaluations.item()


def test_on_step_sees_the_samples_at_the_times_of_the_grid():
    schedule, seen = EDM(), []
    law = Gaussian(torch.zeros(2), Diagonal(torch.tensor([0.25, 4.0])))
    x, times = torch.tensor([[50.0, -80.0]], dtype=torch.float64), KarrasGrid()(schedule, 9)
    args = RK45(1e-9), law.denoiser(schedule), x, times
    end = integrate(*args, on_step=lambda k, x: seen.append((k, x)))
    assert [k for k, _ in seen] == list(range(9))
    std = lambda t: torch.sqrt(torch.tensor([0.25, 4.0]).double() + t**2)  # noqa: E731
    for (_, found), t in zip([*seen, (9, end)], times, strict=True):
        torch.testing.assert_close(found, x * std(t) / std(times[0]), rtol=2e-6, atol=1e-7)
    torch.testing.assert_close(integrate(*args), end, rtol=0, atol=0)


def test_no_way_to_go():
    """A grid of no interval, and two equal times."""
    schedule, x = EDM(), torch.ones(2, 1)
    denoiser = Gaussian(torch.zeros(1), Isotropic(1.0)).denoiser(schedule)
    for times in (KarrasGrid()(schedule, 0), torch.tensor([3.0, 3.0])):
        torch.testing.assert_close(integrate(RK45(), denoiser, x, times), x)
        reported = {}
        integrate(RK45(), denoiser, x, times, on_step=reported.__setitem__)
        assert list(reported) == list(range(len(times) - 1))


# --- steps are chosen from invariants


def test_a_rotation_of_the_space_changes_no_step():
    """Isotropic data and their turned start: the same evaluations, and the turned end."""
    schedule = EDM()
    denoiser = Gaussian(torch.zeros(2), Isotropic(0.3)).denoiser(schedule)
    times = torch.tensor([80.0, 0.002], dtype=torch.float64)
    x = torch.tensor([[90.0, -20.0]], dtype=torch.float64)
    R = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    plain, turned = (RK45(1e-4).solve(denoiser, start, times) for start in (x, x @ R.T))
    assert torch.equal(plain.evaluations, turned.evaluations)
    torch.testing.assert_close(turned.state[0], plain.state[0] @ R.T, rtol=1e-11, atol=0)


def test_the_norm_is_that_of_the_space():
    """A cloud in a larger array, its padding masked, takes the very steps it takes in its own."""
    schedule, times = EDM(), torch.tensor([80.0, 0.002], dtype=torch.float64)
    mask = torch.tensor([[True, True, True, False, False, False]])
    x = torch.tensor([[[60.0, 10.0], [-90.0, 20.0], [30.0, -30.0]]], dtype=torch.float64)
    wide = torch.cat((x, torch.zeros(1, 3, 2, dtype=torch.float64)), 1)

    def solve(x, space):
        inner = Gaussian(torch.zeros(x.shape[1:]), Isotropic(0.3)).denoiser(schedule)
        return RK45(1e-4).solve(BoundDenoiser(inner, space, {}), x, times)

    tight, padded = solve(x, Centred(3, 2).at()), solve(wide, Centred(6, 2).at(mask))
    torch.testing.assert_close(padded.state[0][:, :3], tight.state[0], rtol=1e-11, atol=0)
    free = integrate_adaptively(turn, (ONE,), 0.0, 3.0, tolerance=1e-6, ndof=torch.tensor(200.0))  # the control
    assert free.evaluations.item() < integrate_adaptively(turn, (ONE,), 0.0, 3.0, tolerance=1e-6).evaluations.item()


# --- what is refused


def blow_up(t, state, rows):
    return (state[0] ** 2,)  # x = 1 / (1 - t)


@pytest.mark.parametrize(
    "field", [blow_up, lambda t, state, rows: (torch.where(t[:, None] > 0.5, torch.nan, 1.0) + 0 * state[0],)]
)
def test_steps_that_collapse_end_in_a_sentence(field):
    with pytest.raises(ArithmeticError, match=r"step of sample 0 is .* needs to arrive at 2: the field is not smooth"):
        integrate_adaptively(field, (torch.ones(2, 1, dtype=torch.float64),), 0.0, 2.0, tolerance=1e-6)


def test_a_field_that_is_not_finite_at_all():
    with pytest.raises(ArithmeticError, match="not finite"):
        integrate_adaptively(
            lambda t, state, rows: (state[0] * torch.nan,), (torch.ones(1, 1),), 0.0, 1.0, tolerance=1e-3
        )


def test_too_many_steps_end_in_a_sentence(monkeypatch):
    monkeypatch.setattr(flow, "_ROUNDS", 5)
    with pytest.raises(ArithmeticError, match="after 5 tries"):
        integrate_adaptively(turn, (ONE,), 0.0, 100.0, tolerance=1e-6)


def test_a_tolerance_that_cannot_be_met():
    with pytest.raises(ValueError, match=r"tolerance is 1e-09, but torch\.float32 resolves"):
        integrate_adaptively(turn, (ONE.float(),), 0.0, 1.0, tolerance=1e-9)
    with pytest.raises(ValueError, match="tolerance is 0"):
        RK45(tolerance=0.0)
    with pytest.raises(ValueError, match="tolerance is nan"):
        RK45(tolerance=float("nan"))


def test_the_name_of_the_table():
    assert build("rk45", SOLVERS, tolerance=1e-4) == RK45(1e-4)


def test_an_adaptive_solver_beats_many_equal_steps():
    """At 1e-5 it takes about 60 evaluations; Euler's method in time is still 100 times worse with 1000."""
    schedule = EDM()
    times = KarrasGrid()(schedule, 1000)
    x, expected = ends(schedule, times)
    error = lambda found: float((found - expected).square().mean().sqrt())  # noqa: E731
    adaptive = error(integrate(RK45(1e-6), MixtureDenoiser(schedule), x, times))
    assert 100 * adaptive < error(integrate(Euler(), MixtureDenoiser(schedule), x, times))
