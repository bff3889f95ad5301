"""The model binds a space, a denoiser and the scale of the data: it trains, measures, samples and encodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from equigen import random
from equigen.diffusion.conditions import dropped, for_denoiser
from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.generating import generate
from equigen.diffusion.givens import Givens
from equigen.diffusion.guidance import GuidedDenoiser
from equigen.diffusion.likelihood import LogProb
from equigen.diffusion.loss import (
    KarrasWeight,
    LogNormalNoise,
    Target,
    TrainingTimes,
    Weight,
    denoising_error,
    stratified,
)
from equigen.diffusion.measuring import checked, from_noise, level_losses, log_densities, to_noise
from equigen.diffusion.noise_levels import NoiseLevelLoss
from equigen.diffusion.scale import Scale
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver
from equigen.diffusion.time_grid import TimeGrid
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
        target: what the denoiser is compared with in training; None: the clean items.

    Raises:
        ValueError: a share that is not in [0, 1].

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
        >>> x = DiffusionModel(Euclidean(2), law.denoiser(EDM())).sample(1000, seed=0, steps=100)
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
        target: Target | None = None,
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
        self.target = target

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
        batch = checked(self, batch, 1)
        t = self._training_times(batch, seed, step)
        given = for_denoiser(self.denoiser, batch.condition, batch.structure, batch.x)
        condition = dropped(given, self.condition_dropout, seed=seed, step=step, position=batch.position)
        space, denoiser = self.bind(batch.structure, condition)
        z = space.noise(stream=random.Stream.TRAINING_NOISE, **_address(batch, seed, step))
        x_0 = space.project(self.scale.to_model(batch.x))
        error = denoising_error(denoiser.at(seed, batch.position), space, x_0, z, t, self.target)
        return (self.weight(self.denoiser.schedule, t) * error / space.ndof.clamp_min(1.0).to(error)).mean()

    def training_noise(self, batch: Batch | Tensor, seed: int, step: int) -> Tensor:
        """The relative noise sigma / alpha at which `loss` takes each item of this step, (B,)."""
        batch = Batch.whole(batch) if isinstance(batch, Tensor) else batch
        return self.denoiser.schedule.relative_noise(self._training_times(batch, seed, step))

    def _training_times(self, batch: Batch, seed: int, step: int) -> Tensor:
        u = random.uniform((), stream=random.Stream.TRAINING_TIME, **_address(batch, seed, step))
        return self.times(self.denoiser.schedule, stratified(batch.position, batch.size, u))

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
        how = {"seed": seed, "levels": levels, "batch_size": batch_size, "low": low, "high": high}
        return level_losses(self, checked(self, x, 2), **how)

    def log_prob(
        self,
        x: Batch | Tensor,
        *,
        seed: int = 0,
        probes: int | None = None,
        tolerance: float = 1e-3,
        noise: float | None = None,
        batch_size: int = 256,
    ) -> LogProb:
        """The log density of items by the probability flow, sample by sample, with its errors.

        It is that of x_0 + noise z, x_0 as the model has it and z standard normal; the law at t_max is the prior.

        Args:
            x: items in data units; a batch with its structure and conditions.
            seed: of the probes.
            probes: that estimate the trace; 0: it is exact; None: 0 for items of up to 32 numbers, else 2.
            tolerance: largest error of the solver, in nats for each degree of freedom.
            noise: relative noise sigma / alpha, in the model's units; None: the least, that at t_min.
            batch_size: items at once; the result does not depend on it.

        Returns:
            Nats in data units, with their errors.

        Raises:
            ValueError: items, conditions, a tolerance or a noise that do not fit the model.
            TypeError: items of another dtype than the model's.
            ArithmeticError: the flow of an item is not smooth.

        Example:
            >>> from equigen.diffusion import EDM, Gaussian, Isotropic
            >>> from equigen.spaces import Euclidean
            >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
            >>> found = DiffusionModel(Euclidean(2), law.denoiser(EDM())).log_prob(torch.zeros(1, 2).double())
            >>> round(found.value.item(), 3), found.solver_error.item() < 2e-3           # -ln(2 pi)
            (-1.838, True)
        """
        how = {"seed": seed, "probes": probes, "tolerance": tolerance, "noise": noise, "batch_size": batch_size}
        return log_densities(self, checked(self, x, 1), **how)

    def encode(self, x: Batch | Tensor, *, tolerance: float = 1e-5, batch_size: int = 256) -> Tensor:
        """Latents (B, *shape) to which the probability flow takes items: standard normal if the model is right.

        Args:
            x: items in data units; a batch with its structure and conditions.
            tolerance: of a step, as for `RK45`.
            batch_size: items at once.
        """
        return to_noise(self, checked(self, x, 1), tolerance=tolerance, batch_size=batch_size)

    def decode(self, z: Batch | Tensor, *, tolerance: float = 1e-5, batch_size: int = 256) -> Tensor:
        """Items in data units of latents, (B, *shape): the inverse of `encode`, up to some hundreds of the tolerance.

        Args:
            z: latents; a batch of them with the structure and conditions of the items. The rest as for `encode`.

        Example:
            >>> from equigen.diffusion import EDM, Gaussian, Isotropic
            >>> from equigen.spaces import Euclidean
            >>> model = DiffusionModel(Euclidean(1), Gaussian(torch.zeros(1), Isotropic(4.0)).denoiser(EDM()))
            >>> z = model.encode(torch.tensor([[2.0]]))
            >>> round(z.item(), 2), round(model.decode(z).item(), 3)
            (1.0, 2.0)
        """
        return from_noise(self, checked(self, z, 1), tolerance=tolerance, batch_size=batch_size)

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
            ValueError: counts below 1, an unknown `final`, conditions that do not fit, or guidance without any.
        """
        return generate(
            self,
            n,
            first=first,
            seed=seed,
            steps=steps,
            solver=solver,
            grid=grid,
            final=final,
            batch_size=batch_size,
            structure=structure,
            condition=condition or {},
            guidance=guidance,
            on_step=on_step,
        )


def _address(batch: Batch, seed: int, step: int) -> dict[str, Any]:
    """Where the noise of a training step is found, and of what kind it is."""
    return {"seed": seed, "item": batch.position, "step": step, "dtype": batch.x.dtype, "device": batch.x.device}
