"""What a model generates: items by address, batch by batch, for what is given and what is drawn from its givens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.guidance import require_guidable
from equigen.diffusion.measuring import evaluating
from equigen.diffusion.sampling import sample_batch, sampling_times
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver
from equigen.diffusion.time_grid import KarrasGrid, TimeGrid
from equigen.spaces.space import BoundSpace

if TYPE_CHECKING:
    from equigen.diffusion.model import DiffusionModel

__all__ = ["generate"]


def generate(
    model: DiffusionModel,
    n: int,
    *,
    first: int,
    seed: int,
    steps: int,
    solver: Solver | AdaptiveSolver | None,
    grid: TimeGrid | None,
    final: str,
    batch_size: int,
    structure: Tensor | None,
    condition: Mapping[str, Tensor],
    guidance: float,
    on_step: Callable[[int, Tensor], None] | None,
) -> Tensor:
    """Items first .. first + n - 1, as `DiffusionModel.sample` describes them."""
    _require_counts(n=n, steps=steps, batch_size=batch_size)
    item = torch.arange(first, first + n)
    solver = solver or DPMSolver2M()
    times = sampling_times(model.denoiser.schedule, grid or KarrasGrid(), steps, final, solver)
    like = next((p for p in model.parameters()), torch.empty(0, device=model.scale.factor.device)).detach()
    masks, given = _givens(model, item, seed, structure, condition, like)
    require_guidable(model.denoiser, guidance, given, model.condition_dropout)
    path = {"seed": seed, "times": times, "solver": solver, "final": final, "like": like}
    drawn = []
    with evaluating(model):
        for part in torch.arange(n).split(batch_size):
            mask = None if masks is None else masks[part]
            space, denoiser = model.bind(mask, {name: value[part] for name, value in given.items()}, guidance)
            to_data = partial(_to_data, model, space)
            report = None if on_step is None else lambda k, x, show=to_data: on_step(k, show(x))
            x = sample_batch(denoiser.at(seed, item[part]), item[part], data_std=model.data_std, on_step=report, **path)
            drawn.append(to_data(x))
    return torch.cat(drawn)


def _to_data(model: DiffusionModel, space: BoundSpace, x: Tensor) -> Tensor:
    """Data units, in the space: what a structure excludes stays zero whatever the shift."""
    return space.project(model.scale.to_data(x))


def _givens(
    model: DiffusionModel,
    item: Tensor,
    seed: int,
    structure: Tensor | None,
    condition: Mapping[str, Tensor],
    like: Tensor,
) -> tuple[Tensor | None, dict[str, Tensor]]:
    """Structure and condition as given, and drawn from the givens where they are not, where the model is."""
    like = like.new_empty(()).expand(len(item))
    given = for_denoiser(model.denoiser, condition, structure, like)
    if model.givens is not None and (structure is None or not given):
        masks, drawn = model.givens.draw(seed=seed, item=item, label=given.get("label"))
        structure = masks if structure is None else structure
        given = given or for_denoiser(model.denoiser, drawn, structure, like)
    return None if structure is None else structure.to(like.device), given


def _require_counts(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, but must be at least 1: {name}=1.")
