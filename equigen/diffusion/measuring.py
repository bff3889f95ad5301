"""What a model measures of items, batch by batch: losses, log densities, and where its flow takes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from equigen import random
from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.denoiser import BoundDenoiser, require_smooth
from equigen.diffusion.likelihood import LogProb, log_likelihood, log_volume, normal_log_prob
from equigen.diffusion.loss import KarrasWeight, denoising_error
from equigen.diffusion.noise_levels import NoiseLevelLoss, noise_levels
from equigen.diffusion.sampling import prior_std
from equigen.diffusion.solvers.rk45 import RK45
from equigen.spaces.batch import Batch

if TYPE_CHECKING:
    from equigen.diffusion.model import DiffusionModel

__all__ = ["checked", "evaluating", "from_noise", "level_losses", "log_densities", "to_noise"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """Inside the block a module is in evaluation mode and no graph reaches its parameters; afterwards all is as it was.

    Anything but a module is left alone.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> with evaluating(model):
        ...     model.training, model(torch.ones(1)).requires_grad
        (False, False)
        >>> model.training, model.weight.requires_grad
        (True, True)
    """
    if not isinstance(model, nn.Module):
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    for parameter in learned:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, was in modes:
            module.training = was
        for parameter in learned:
            parameter.requires_grad_(True)


def _measures(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function of a model without graphs, whatever mode it is called in, with the model in evaluation mode."""

    @wraps(function)
    def measured(*given: _P.args, **named: _P.kwargs) -> _R:
        with torch.inference_mode(False), torch.no_grad(), evaluating(given[0]):
            return function(*given, **named)

    return measured


def checked(model: DiffusionModel, x: Batch | Tensor, least: int) -> Batch:
    """The items as a batch, refused where they are no data of this model.

    Args:
        model: whose space and dtype they must have.
        x: items in data units; a bare tensor is a whole batch.
        least: how many are needed.

    Raises:
        ValueError: items of another shape, or too few.
        TypeError: items of another dtype.
    """
    batch = Batch.whole(x) if isinstance(x, Tensor) else x
    model.space.check(batch.x)
    if len(batch) < least:
        raise ValueError(f"x has {len(batch)} items, but at least {least} are needed: give more.")
    dtype = next((p.dtype for p in model.parameters()), batch.x.dtype)
    if not batch.x.is_floating_point() or batch.x.dtype != dtype:
        raise TypeError(
            f"x is {batch.x.dtype}, but this model takes {dtype if dtype.is_floating_point else 'floats'}: "
            f"x.to({dtype if dtype.is_floating_point else torch.float32})."
        )
    return batch


@_measures
def level_losses(
    model: DiffusionModel, batch: Batch, *, seed: int, levels: int, batch_size: int, low: float, high: float
) -> NoiseLevelLoss:
    """The loss at noise levels, as `DiffusionModel.loss_by_noise_level` describes it."""
    std = model.data_std or 1.0
    schedule, weight = model.denoiser.schedule, KarrasWeight(std)
    noise, times = noise_levels(schedule, levels, low * std, high * std)
    losses = torch.empty(levels, len(batch), dtype=torch.float64)
    for rows, denoiser, x_0 in _parts(model, batch, batch_size, seed=seed):
        space = denoiser.space
        address = {"seed": seed, "stream": random.Stream.VALIDATION, "item": batch.position[rows]}
        for level, t in enumerate(times.to(x_0)):
            z = space.noise(step=level, dtype=x_0.dtype, device=x_0.device, **address)
            error = denoising_error(denoiser, space, x_0, z, t) / space.ndof.clamp_min(1.0).to(x_0)
            losses[level, rows] = (weight(schedule, t) * error).double().cpu()
    return NoiseLevelLoss(noise / std, losses.mean(1), losses.std(1) / len(batch) ** 0.5)


@_measures
def log_densities(
    model: DiffusionModel,
    batch: Batch,
    *,
    seed: int,
    probes: int | None,
    tolerance: float,
    noise: float | None,
    batch_size: int,
) -> LogProb:
    """Log densities in data units, as `DiffusionModel.log_prob` describes them."""
    times = _ends(model, noise)
    std, alpha = _prior_std(model, times), float(model.denoiser.schedule.alpha(times[1]))
    how = {"t": float(times[1]), "seed": seed, "probes": probes, "tolerance": tolerance}
    found = []
    require_smooth(model.denoiser)
    for rows, denoiser, x_0 in _parts(model, batch, batch_size):
        space = denoiser.space
        prior = partial(normal_log_prob, space, std=std)
        one = log_likelihood(denoiser, alpha * x_0, prior=prior, item=batch.position[rows], **how)
        volume = log_volume(model.scale, space, x_0) - space.ndof.to(x_0.device) * math.log(alpha)
        found.append(one._replace(value=one.value - volume))
    return LogProb(*(torch.cat(parts) for parts in zip(*found, strict=True)))


@_measures
def to_noise(model: DiffusionModel, batch: Batch, *, tolerance: float, batch_size: int) -> Tensor:
    """Latents of items, as `DiffusionModel.encode` describes them."""
    times = _ends(model, None)
    std, alpha = _prior_std(model, times), float(model.denoiser.schedule.alpha(times[1]))
    solver, found = RK45(tolerance), []
    for _, denoiser, x_0 in _parts(model, batch, batch_size):
        found.append(solver.solve(denoiser, alpha * x_0, times.flip(0)).state[0] / std)
    return torch.cat(found)


@_measures
def from_noise(model: DiffusionModel, batch: Batch, *, tolerance: float, batch_size: int) -> Tensor:
    """Items in data units of latents, which stand in the place of a batch's items, as `DiffusionModel.decode` does."""
    times = _ends(model, None)
    std, alpha = _prior_std(model, times), float(model.denoiser.schedule.alpha(times[1]))
    solver, found = RK45(tolerance), []
    for _, denoiser, z in _parts(model, batch, batch_size, scaled=False):
        x = solver.solve(denoiser, std * z, times).state[0] / alpha
        found.append(denoiser.space.project(model.scale.to_data(x)))
    return torch.cat(found)


def _ends(model: DiffusionModel, noise: float | None) -> Tensor:
    """t_max, and the time of a relative noise sigma / alpha (None: t_min), float64."""
    schedule = model.denoiser.schedule
    times = torch.tensor([schedule.t_max, schedule.t_min], dtype=torch.float64)
    if noise is not None:
        low, high = schedule.relative_noise(times.flip(0)).tolist()
        if not low * (1.0 - 1e-6) <= noise < high:
            raise ValueError(
                f"noise is {noise:g}, but the schedule has a relative noise of {low:g} to {high:g}: noise={low:g}."
            )
        times[1] = schedule.time_at_noise(torch.tensor(noise, dtype=torch.float64)).clamp(times[1], times[0])
    return times


def _prior_std(model: DiffusionModel, times: Tensor) -> float:
    return float(prior_std(model.denoiser.schedule, times[0], model.data_std))


def _parts(
    model: DiffusionModel, batch: Batch, batch_size: int, scaled: bool = True, seed: int = 0
) -> Iterator[tuple[Tensor, BoundDenoiser, Tensor]]:
    """(rows, the denoiser bound to them, items in the model's units and in the space) of a batch's parts."""
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, but must be at least 1: batch_size=256.")
    condition = for_denoiser(model.denoiser, batch.condition, batch.structure, batch.x)
    for rows in torch.arange(len(batch)).split(batch_size):
        structure = None if batch.structure is None else batch.structure[rows]
        space, denoiser = model.bind(structure, {name: value[rows] for name, value in condition.items()})
        x = space.project(model.scale.to_model(batch.x[rows]) if scaled else batch.x[rows])
        if not bool(x.isfinite().all()):
            bad = int(rows[(~x.isfinite()).flatten(1).any(1).nonzero()[0, 0].cpu()])
            raise ValueError(f"item {bad} holds NaN or infinity, but items are finite: leave it out.")
        yield rows, denoiser.at(seed, batch.position[rows]), x
