"""Every grid on every schedule: its ends, its order, and what is spaced evenly."""

import pytest
import torch

from equigen.diffusion import EDM, KarrasGrid, LogSNRGrid, UniformGrid
from tests.diffusion.processes import ALL_SCHEDULES

ALL_GRIDS = {
    "uniform": (UniformGrid(), lambda schedule, t: t),
    "karras": (KarrasGrid(5.0), lambda schedule, t: schedule.relative_noise(t) ** 0.2),
    "log-snr": (LogSNRGrid(), lambda schedule, t: schedule.log_snr(t)),
}


@pytest.mark.parametrize("name", ALL_SCHEDULES)
@pytest.mark.parametrize("kind", ALL_GRIDS)
def test_the_conformance_of_grids(kind, name):
    (grid, coordinate), schedule = ALL_GRIDS[kind], ALL_SCHEDULES[name]
    for intervals in (1, 2, 3, 50):
        times = grid(schedule, intervals)
        assert times.dtype == torch.float64
        assert len(times) == intervals + 1
        assert float(times[0]) == schedule.t_max
        assert float(times[-1]) == schedule.t_min
        assert bool((times.diff() < 0).all())
        steps = coordinate(schedule, times).diff()
        torch.testing.assert_close(steps, steps.mean().expand_as(steps), rtol=1e-5, atol=0)
    assert grid(schedule, 0).tolist() == [schedule.t_max]


def test_the_published_grid():
    """Karras et al. 2022, equation 5."""
    n, low, high = 18, 0.002, 80.0
    expected = [(high ** (1 / 7) + i / (n - 1) * (low ** (1 / 7) - high ** (1 / 7))) ** 7 for i in range(n)]
    assert KarrasGrid()(EDM(low, high), n - 1).tolist() == pytest.approx(expected, rel=1e-12)
    assert KarrasGrid(6.0)(EDM(low, high), n - 1).tolist() != pytest.approx(expected, rel=1e-3)


def test_refusals():
    with pytest.raises(ValueError, match="intervals"):
        UniformGrid()(EDM(), -1)
    with pytest.raises(ValueError, match="rho"):
        KarrasGrid(0.0)


def test_a_grid_that_ends_before_t_min():
    schedule = EDM(t_min=0.1, t_max=2.1)
    assert UniformGrid(end=0.5)(schedule, 4).tolist() == pytest.approx([2.1, 1.7, 1.3, 0.9, 0.5])
    assert float(UniformGrid(end=0.5)(schedule, 7)[-1]) == 0.5
    assert torch.equal(UniformGrid(end=0.1)(schedule, 7), UniformGrid()(schedule, 7))
    assert UniformGrid(end=0.5)(schedule, 0).tolist() == [2.1]
    for end in (0.09, 0.0, -1.0, 2.1, float("nan")):
        with pytest.raises(ValueError, match=f"end is {end}"):
            UniformGrid(end=end)(schedule, 4)
