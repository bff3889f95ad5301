"""Models compared by noise level: on the same items, the same noise and the same seeds of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import per_item
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.noise_levels import noise_levels
from equigen.metrics.floor import mean_interval
from equigen.random import Stream

__all__ = ["ByNoise", "Gap", "gap_in", "measure", "paired_gap", "score_slope"]

_BATCH = 256


@dataclass(frozen=True)
class ByNoise:
    """One kind of model at several noise levels, trained from several seeds.

    Args:
        noise: relative noise, (L,).
        loss: squared error of the predicted noise, a degree of freedom, of each seed, level and item, (S, L, N).
        products: inner products of the seeds' predicted noises, a degree of freedom, averaged over items, (L, S, S).
        leaving: the loss of leaving the noisy image as it is, which predicts no noise, (L, N).
        mean_image: the loss of answering with the mean image, whatever comes, (L, N).
    """

    noise: Tensor
    loss: Tensor
    products: Tensor
    leaving: Tensor
    mean_image: Tensor

    @property
    def mean(self) -> Tensor:
        """The loss at each level, (L,)."""
        return self.loss.mean((0, 2))

    @property
    def size(self) -> Tensor:
        """Root mean square of the predicted noise, (L,)."""
        return self.products.diagonal(dim1=1, dim2=2).mean(1).sqrt()

    def spread(self, seeds: Sequence[int] | None = None) -> Tensor:
        """Variance between seeds of the predicted noise, (L,): the part of its squared error that is chance.

        Args:
            seeds: of which; None: all. One alone has no spread: NaN.
        """
        some = list(range(self.products.shape[1])) if seeds is None else list(seeds)
        part = self.products[:, some][:, :, some]
        n = len(some)
        among = part.diagonal(dim1=1, dim2=2).sum(1) - part.sum((1, 2)) / n
        return among / (n - 1) if n > 1 else torch.full_like(among, torch.nan)


@dataclass(frozen=True)
class Gap:
    """The difference of two losses at each level, or over some of them, and its standard error.

    Args:
        value: (L,) or ().
        error: of seeds and items together; the part of the seeds, which are few, is half their 95 % Student interval,
            over 2, so that two errors are that interval.
    """

    value: Tensor
    error: Tensor


@torch.no_grad()
def measure(models: Sequence[DiffusionModel], x: Tensor, *, levels: int, seed: int, low: float, high: float) -> ByNoise:
    """Measure models that differ by their seed alone.

    Args:
        models: S of them.
        x: held-out items in data units, (N, *shape).
        levels: their number L.
        seed: of the noise, the same for all that are to be compared.
        low: smallest relative noise.
        high: largest relative noise.
    """
    schedule, space = models[0].denoiser.schedule, models[0].space.at(None)
    noise, times = noise_levels(schedule, levels, low, high)
    loss = torch.empty(len(models), levels, len(x), dtype=torch.float64)
    products = torch.zeros(levels, len(models), len(models), dtype=torch.float64)
    leaving, mean_image = torch.empty(2, levels, len(x), dtype=torch.float64)
    for level, t in enumerate(times.to(x)):
        for part in torch.arange(len(x)).split(_BATCH):
            z = space.noise(seed=seed, stream=Stream.VALIDATION, item=part, step=level)
            x_0 = models[0].scale.to_model(x[part])
            x_t = per_item(schedule.alpha(t), x_0) * x_0 + per_item(schedule.sigma(t), x_0) * z
            leaving[level, part] = (space.inner(z, z) / space.ndof).double()
            mean_image[level, part] = (space.inner(x_0, x_0) / space.ndof).double() / noise[level] ** 2
            guesses = [model.denoiser.noise(x_t, t).double() for model in models]
            for s, guess in enumerate(guesses):
                loss[s, level, part] = space.inner(guess - z, guess - z) / space.ndof
                for r, other in enumerate(guesses):
                    products[level, s, r] += (space.inner(guess, other) / space.ndof).sum() / len(x)
    return ByNoise(noise, loss, products, leaving, mean_image)


def paired_gap(one: ByNoise, other: ByNoise | Tensor) -> Gap:
    """How much larger the loss of one kind of model is than that of another, or than losses (L, N), at each level."""
    return _gap(one.loss - (other.loss if isinstance(other, ByNoise) else other))


def gap_in(one: ByNoise, other: ByNoise, low: float, high: float) -> Gap:
    """The same, averaged over the levels of a range of noise.

    Raises:
        ValueError: no level lies in the range.
    """
    within = (one.noise >= low) & (one.noise <= high)
    if not bool(within.any()):
        levels = ", ".join(f"{noise:.3g}" for noise in one.noise.tolist())
        raise ValueError(f"the noise levels are {levels}, but one must lie in {low:g} .. {high:g}: give more levels.")
    found = _gap((one.loss - other.loss)[:, within].mean(1, keepdim=True))
    return Gap(found.value[0], found.error[0])


def _gap(apart: Tensor) -> Gap:
    """Mean and error of differences (S, L, N)."""
    by_seed = apart.mean(2)
    half = [(high - low) / 2 for _, (low, high) in map(mean_interval, by_seed.T.tolist())]
    seeds = torch.tensor(half, dtype=torch.float64) / 2 if len(apart) > 1 else torch.tensor(torch.nan)
    items = apart.mean(0).std(1) / apart.shape[2] ** 0.5
    return Gap(by_seed.mean(0), torch.sqrt(seeds**2 + items**2))


def score_slope(found: ByNoise, high: float) -> Gap:
    """By which power of the noise the scores of networks that differ by their seed drift apart, below some noise.

    The score is the predicted noise over sigma, so its spread is sqrt(spread) / sigma; the slope is that of its
    logarithm against ln(noise), by least squares. The error is that of leaving out one seed after another.
    """
    low = found.noise <= high
    at = found.noise[low].log()
    at = at - at.mean()

    def slope(spread: Tensor) -> Tensor:
        return (at * (0.5 * spread[low].log() - found.noise[low].log())).sum() / at.square().sum()

    seeds = range(found.products.shape[1])
    without = torch.stack([slope(found.spread([s for s in seeds if s != left])) for left in seeds])
    error = ((len(without) - 1) * without.var(correction=0)).sqrt()
    return Gap(slope(found.spread()), error)
