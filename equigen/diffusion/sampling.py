"""Sampling one batch: from the prior along a time grid, and what the last step does.

- "denoise" returns D(x, t_min), and counts that evaluation as the last of the steps;
- "noisy" returns x at t_min;
- "overstep" takes as its last one more step of the solver, as long as the one before it and without the noise of its
  predictor: it ends beyond time 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.solver import AdaptiveSolver, AddressedNoise, Noise, Solver, State, integrate
from equigen.diffusion.time_grid import TimeGrid

__all__ = ["overstep", "prior_std", "sample_batch", "sampling_times"]

_LEAST_STEPS = {"denoise": 1, "noisy": 1, "overstep": 2}


def sampling_times(
    schedule: Schedule, grid: TimeGrid, steps: int, final: str, solver: Solver | AdaptiveSolver
) -> Tensor:
    """The grid that leaves one of the steps to what is done at its end.

    Args:
        schedule: the kernel.
        grid: places the times.
        steps: of the whole, the last one included.
        final: "denoise", "noisy" or "overstep".
        solver: the method; an adaptive one always has an interval to go through, whatever the steps.

    Returns:
        Times, float64, descending: `steps` of them, and one more for "noisy".

    Raises:
        ValueError: an unknown `final`, too few steps for it, or a solver that cannot do it.

    Example:
        >>> from equigen.diffusion import EDM, Euler, UniformGrid
        >>> sampling_times(EDM(t_min=1.0, t_max=3.0), UniformGrid(), 3, "denoise", Euler()).tolist()
        [3.0, 2.0, 1.0]
    """
    if final not in _LEAST_STEPS:
        choices = " or ".join(map(repr, _LEAST_STEPS))
        raise ValueError(f"final is {final!r}, but must be {choices}: final='denoise' for clean items.")
    if steps < _LEAST_STEPS[final]:
        raise ValueError(f"steps is {steps}, but final={final!r} needs {_LEAST_STEPS[final]} or more: give more steps.")
    if final == "overstep" and not isinstance(solver, EulerMaruyama | PredictorCorrector):
        raise ValueError(
            f"final is 'overstep' with {type(solver).__name__}, but only EulerMaruyama and PredictorCorrector end so: "
            "final='denoise'."
        )
    intervals = steps if final == "noisy" else steps - 1
    return grid(schedule, max(1, intervals) if isinstance(solver, AdaptiveSolver) else intervals)


def prior_std(schedule: Schedule, t: Tensor, data_std: float) -> Tensor:
    """sqrt(sigma^2 + alpha^2 s^2): the standard deviation of noised data at time t.

    Example:
        >>> from equigen.diffusion import EDM
        >>> prior_std(EDM(), torch.tensor(4.0), data_std=3.0).item()
        5.0
    """
    return torch.sqrt(schedule.sigma(t) ** 2 + (schedule.alpha(t) * data_std) ** 2)


def overstep(solver: Solver, denoiser: Denoiser, x_t: Tensor, t: Tensor, h: Tensor, noise: Noise) -> Tensor:
    """The solver's step from t to t - h, though t - h < 0, without the noise of its predictor.

    The classic tutorial's samplers end so: their grid of N times has steps of (1 - e) / (N - 1), and they take N of
    them, the last one without noise. Where the data are narrow beside g^2 h, its means collapse: kept for the record,
    and never a default.

    Args:
        solver: Euler-Maruyama, or predictor and corrector.
        denoiser: bound to its conditions and space.
        x_t: the iterate at t, (B, *shape).
        t: the last time of the grid, ().
        h: length of the step, ().
        noise: gives the k-th standard normal of the step; the solver's last is replaced by zero.

    Error: not a method. With Euler-Maruyama on N(0, c) data and alpha = 1 it multiplies the variance by
        (1 - g^2 h / (c + sigma^2))^2.

    Source: Y. Song, Score-based generative modeling, a public tutorial, 2021, `Euler_Maruyama_sampler`, `pc_sampler`.

    Example:
        >>> from equigen.diffusion import EulerMaruyama, GeometricNoise, Gaussian, Isotropic
        >>> D = Gaussian(torch.zeros(1), Isotropic(1.0)).denoiser(GeometricNoise(base=1.0))    # g = 1, sigma^2 = t
        >>> t, h, none = torch.tensor(0.25), torch.tensor(0.5), lambda k: torch.zeros(1, 1)
        >>> round(overstep(EulerMaruyama(), D, torch.ones(1, 1), t, h, none).item(), 6)
        0.6
    """

    def but_the_last(k: int) -> Tensor:
        return torch.zeros_like(x_t) if k == solver.draws - 1 else noise(k)

    return solver.step(denoiser, State(x_t), t, t - h, but_the_last).x


def sample_batch(
    denoiser: BoundDenoiser,
    item: Tensor,
    *,
    seed: int,
    times: Tensor,
    solver: Solver | AdaptiveSolver,
    final: str,
    data_std: float,
    like: Tensor,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Draw one batch, in the units of the denoiser; item i is a pure function of (seed, i) and its conditions.

    Args:
        denoiser: bound to its conditions and to the space of the batch.
        item: numbers of the items (B,).
        seed: of the prior and of the solver's noise.
        times: as `sampling_times` gives them.
        solver: the method.
        final: as for `sampling_times`.
        data_std: standard deviation of the data.
        like: a tensor of the dtype and device wanted.
        on_step: called with (k, x_t) before step k.

    Returns:
        (B, *shape).

    Example:
        >>> from equigen.diffusion import EDM, Euler, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> D = BoundDenoiser(Gaussian(torch.ones(2), Isotropic(0.0)).denoiser(EDM()), Euclidean(2).at(), {})
        >>> what = {"solver": Euler(), "final": "denoise", "data_std": 1.0, "like": torch.zeros(())}
        >>> sample_batch(D, torch.arange(1), seed=0, times=torch.tensor([80.0, 1.0]), **what).tolist()
        [[1.0, 1.0]]
    """
    space, intervals, ends = denoiser.space, len(times) - 1, times[-2:]
    times = times.to(like)
    z = space.noise(seed=seed, stream=random.Stream.PRIOR, item=item, dtype=like.dtype, device=like.device)
    noise = AddressedNoise(space, seed, item, intervals, z)
    x = integrate(solver, denoiser, prior_std(denoiser.schedule, times[0], data_std) * z, times, noise, on_step)
    if final == "noisy":
        return x
    if on_step is not None:
        on_step(intervals, x)
    if final == "denoise":
        return denoiser(x, times[-1])
    assert isinstance(solver, Solver)
    return overstep(solver, denoiser, x, times[-1], (ends[0] - ends[1]).to(like), noise.at(intervals))
