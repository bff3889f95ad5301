"""The model binds a space, a denoiser and the scale of the data: it trains, measures itself and samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from equigen import random
from equigen.diffusion.conditions import dropped, for_denoiser
from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.givens import Givens
from equigen.diffusion.guidance import GuidedDenoiser, require_guidable
from equigen.diffusion.loss import (
    KarrasWeight,
    LogNormalNoise,
    TrainingTimes,
    Weight,
    denoising_error,
    stratified,
)
from equigen.diffusion.noise_levels import NoiseLevelLoss, noise_levels
from equigen.diffusion.sampling import sample_batch, sampling_times
from equigen.diffusion.scale import Scale
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver
from equigen.diffusion.time_grid import KarrasGrid, TimeGrid
from equigen.spaces.batch import Batch
from equigen.spaces.space import BoundSpace, Space

__all__ = ["DiffusionModel"]


class DiffusionModel(nn.Module):
    """A generative model of data in a space.

    Args:
        space: what data are.
        denoiser: in units where the data have zero mean and standard deviation `data_std`.
        scale: between data and those units; None if the data are already in them.
        weight: of the training loss.
        times: law of the training times.
        data_std: standard deviation of the data in the units of the denoiser; the prior is the normal with the
            variance sigma^2 + alpha^2 data_std^2 that such data have at t_max. 0 gives the textbook's sigma^2.
        condition_dropout: share of the items whose conditions are withheld in training, in [0, 1].
        givens: what samples are drawn for where `sample` is given no structure or no condition; None: for nothing.

    Raises:
        ValueError: a share that is not in [0, 1].

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
        >>> model = DiffusionModel(Euclidean(2), law.denoiser(EDM()))
        >>> x = model.sample(1000, seed=0, steps=100)
        >>> bool((x.var(0) - 1.0).abs().max() < 0.2)
        True
    """

    def __init__(
        self,
        space: Space,
        denoiser: Denoiser,
        scale: Scale | None = None,
        *,
        weight: Weight | None = None,
        times: TrainingTimes | None = None,
        data_std: float = 1.0,
        condition_dropout: float = 0.0,
        givens: Givens | None = None,
    ) -> None:
        super().__init__()
        if not 0.0 <= condition_dropout <= 1.0:
            raise ValueError(
                f"condition_dropout is {condition_dropout}, but a share of the items lies in [0, 1]: "
                "condition_dropout=0.1."
            )
        self.space = space
        self.denoiser = denoiser
        self.scale = Scale.identity() if scale is None else scale
        self.weight = KarrasWeight() if weight is None else weight
        self.times = LogNormalNoise() if times is None else times
        self.data_std = data_std
        self.condition_dropout = condition_dropout
        self.givens = givens

    def bind(
        self, structure: Tensor | None, condition: Mapping[str, Tensor], guidance: float = 1.0
    ) -> tuple[BoundSpace, BoundDenoiser]:
        """The space and the denoiser of one batch; a structure is handed to the denoiser as a condition."""
        space = self.space.at(structure)
        given = dict(condition) if structure is None else {**condition, "structure": structure}
        denoiser = self.denoiser if guidance == 1.0 else GuidedDenoiser(self.denoiser, guidance)
        return space, BoundDenoiser(denoiser, space, given)

    def loss(self, batch: Batch | Tensor, seed: int, step: int) -> Tensor:
        """The training loss of one step, averaged over the items given.

        Times are stratified over the global batch; time and noise of an item are addressed by (seed, step, its
        place in the global batch), so that the loss does not depend on how the batch is divided; so is whether its
        conditions are withheld.

        Args:
            batch: items in data units; a bare tensor (B, *shape) is a whole batch.
            seed: of the run.
            step: of the training.

        Returns:
            Scalar; about 1 for a denoiser that knows only mean and variance.

        Raises:
            TypeError: items of another dtype than the model's.
            ValueError: items of another shape, or conditions that do not fit them or the model.
        """
        batch = Batch.whole(batch) if isinstance(batch, Tensor) else batch
        self._require_items(batch.x, 1)
        t = self._training_times(batch, seed, step)
        given = for_denoiser(self.denoiser, batch.condition, batch.structure, batch.x)
        condition = dropped(given, self.condition_dropout, seed=seed, step=step, position=batch.position)
        space, denoiser = self.bind(batch.structure, condition)
        z = space.noise(stream=random.Stream.TRAINING_NOISE, **_address(batch, seed, step))
        x_0 = space.project(self.scale.to_model(batch.x))
        error = denoising_error(denoiser, space, x_0, z, t)
        return (self.weight(self.denoiser.schedule, t) * error / _dimensions(space).to(error)).mean()

    def _require_items(self, x: Tensor, least: int) -> None:
        """Refuse a batch that is no data of this model."""
        self.space.check(x)
        if len(x) < least:
            raise ValueError(f"x has {len(x)} items, but at least {least} are needed: give more.")
        dtype = next((p.dtype for p in self.parameters()), x.dtype)
        if not x.is_floating_point() or x.dtype != dtype:
            raise TypeError(
                f"x is {x.dtype}, but this model takes {dtype if dtype.is_floating_point else 'floats'}: "
                f"x.to({dtype if dtype.is_floating_point else torch.float32})."
            )

    def training_noise(self, batch: Batch | Tensor, seed: int, step: int) -> Tensor:
        """The relative noise sigma / alpha at which `loss` takes each item of this step, (B,)."""
        batch = Batch.whole(batch) if isinstance(batch, Tensor) else batch
        return self.denoiser.schedule.relative_noise(self._training_times(batch, seed, step))

    def _training_times(self, batch: Batch, seed: int, step: int) -> Tensor:
        u = random.uniform((), stream=random.Stream.TRAINING_TIME, **_address(batch, seed, step))
        return self.times(self.denoiser.schedule, stratified(batch.position, batch.size, u))

    @torch.no_grad()
    def loss_by_noise_level(
        self,
        x: Batch | Tensor,
        *,
        seed: int,
        levels: int = 8,
        batch_size: int = 256,
        low: float = 0.02,
        high: float = 20.0,
    ) -> NoiseLevelLoss:
        """The loss at noise levels spread evenly in their logarithm, on the same noise whenever the seed is the same.

        No condition is withheld.

        Args:
            x: held-out items in data units.
            seed: of the noise.
            levels: their number.
            batch_size: items evaluated at once; the result does not depend on it.
            low: smallest relative noise sigma / alpha, in standard deviations of the data, raised to what the schedule
                reaches.
            high: largest relative noise, lowered to what the schedule reaches.

        Returns:
            Loss and standard error at each level, float64 on the CPU.
        """
        batch = Batch.whole(x) if isinstance(x, Tensor) else x
        self._require_items(batch.x, 2)
        condition = for_denoiser(self.denoiser, batch.condition, batch.structure, batch.x)
        std = self.data_std or 1.0
        schedule, weight = self.denoiser.schedule, KarrasWeight(std)
        noise, times = noise_levels(schedule, levels, low * std, high * std)
        losses = torch.empty(levels, len(batch), dtype=torch.float64)
        for part in torch.arange(len(batch)).split(batch_size):
            structure = None if batch.structure is None else batch.structure[part]
            space, denoiser = self.bind(structure, {name: v[part] for name, v in condition.items()})
            x_0 = space.project(self.scale.to_model(batch.x[part]))
            for level, t in enumerate(times.to(x_0)):
                z = space.noise(
                    seed=seed,
                    stream=random.Stream.VALIDATION,
                    item=batch.position[part],
                    step=level,
                    dtype=x_0.dtype,
                    device=x_0.device,
                )
                error = denoising_error(denoiser, space, x_0, z, t) / _dimensions(space).to(x_0)
                losses[level, part] = (weight(schedule, t) * error).double().cpu()
        return NoiseLevelLoss(noise / std, losses.mean(1), losses.std(1) / len(batch) ** 0.5)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int,
        steps: int = 20,
        solver: Solver | AdaptiveSolver | None = None,
        grid: TimeGrid | None = None,
        final: str = "denoise",
        first: int = 0,
        batch_size: int = 256,
        structure: Tensor | None = None,
        condition: Mapping[str, Tensor] | None = None,
        guidance: float = 1.0,
        on_step: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """Draw items from the model.

        Item i is a pure function of (seed, first + i) and its structure and condition: n, the batch size and the
        number of processes change it by no more than the rounding of the network.

        Args:
            n: number of items.
            seed: of the prior, of the solver's noise, and of what is drawn from `givens`.
            steps: how many steps, the last one included: a solver with one evaluation a step costs exactly `steps`
                evaluations, or nearly twice as many with a guidance other than 0 and 1.
            solver: DPM-Solver++ (2M) unless given.
            grid: Karras's with rho 7 unless given.
            final: "denoise" spends the last step on D(x, t_min); "noisy" spends it on the grid and returns x at t_min;
                "overstep" ends as the classic tutorial does, beyond time 0, for the record.
            first: number of the first item.
            batch_size: items that are sampled at once.
            structure: of the n items, where the space has one; None: drawn from `givens`, to the labels if given.
            condition: named tensors (n, ...), -1 or NaN where one is not given; None or empty: drawn from `givens`.
            guidance: w of D_free + w (D_given - D_free); 1 is the plain conditional model.
            on_step: called with (k, x_t in data units) before step k, once a batch.

        Returns:
            (n, *shape) in data units, in the dtype and on the device of the model.

        Raises:
            ValueError: n or steps too small, an unknown `final`, conditions that do not fit the items or the model,
                or guidance without conditions.
        """
        _require_counts(n=n, steps=steps, batch_size=batch_size)
        solver = solver or DPMSolver2M()
        times = sampling_times(self.denoiser.schedule, grid or KarrasGrid(), steps, final, solver)
        like = next((p for p in self.parameters()), torch.empty(0, device=self.scale.factor.device)).detach()
        item = torch.arange(first, first + n)
        masks, given = self._givens(item, seed, structure, condition or {}, like)
        require_guidable(self.denoiser, guidance, given, self.condition_dropout)
        path = {"seed": seed, "times": times, "solver": solver, "final": final, "like": like}
        training, drawn = self.training, []
        self.eval()
        try:
            for part in torch.arange(n).split(batch_size):
                mask = None if masks is None else masks[part]
                space, denoiser = self.bind(mask, {name: value[part] for name, value in given.items()}, guidance)
                to_data = partial(self._to_data, space)
                report = None if on_step is None else lambda k, x, show=to_data: on_step(k, show(x))
                x = sample_batch(denoiser, item[part], data_std=self.data_std, on_step=report, **path)
                drawn.append(to_data(x))
        finally:
            self.train(training)
        return torch.cat(drawn)

    def _to_data(self, space: BoundSpace, x: Tensor) -> Tensor:
        """Data units, in the space: what a structure excludes stays zero whatever the shift."""
        return space.project(self.scale.to_data(x))

    def _givens(
        self, item: Tensor, seed: int, structure: Tensor | None, condition: Mapping[str, Tensor], like: Tensor
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Structure and condition as given, and drawn from the givens where they are not, where the model is."""
        like = like.new_empty(()).expand(len(item))
        given = for_denoiser(self.denoiser, condition, structure, like)
        if self.givens is not None and (structure is None or not given):
            masks, drawn = self.givens.draw(seed=seed, item=item, label=given.get("label"))
            structure = masks if structure is None else structure
            given = given or for_denoiser(self.denoiser, drawn, structure, like)
        return None if structure is None else structure.to(like.device), given


def _address(batch: Batch, seed: int, step: int) -> dict[str, Any]:
    """Where the noise of a training step is found, and of what kind it is."""
    return {"seed": seed, "item": batch.position, "step": step, "dtype": batch.x.dtype, "device": batch.x.device}


def _dimensions(space: BoundSpace) -> Tensor:
    """Degrees of freedom to divide by: an item that has none, such as a single centred point, has error 0."""
    return space.ndof.clamp_min(1.0)


def _require_counts(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, but must be at least 1: {name}=1.")
