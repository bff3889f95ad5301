"""Samples on trial: all solvers on the same noise, distance against evaluations, and whether a classifier sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.data.encoding import Encoding
from equigen.diffusion.model import DiffusionModel
from equigen.metrics.addresses import Use
from equigen.metrics.by_evaluations import SolverComparison, compare_solvers
from equigen.metrics.features import Features
from equigen.metrics.floor import Measured, Metric, beside_floor, draw
from equigen.metrics.frechet import frechet_distance
from equigen.metrics.two_sample import TwoSampleTest, classifier_two_sample, two_sample_beside_floor
from equigen.random import Stream, normal
from equigen.store import build
from equigen.table import SOLVERS

__all__ = ["SameNoise", "compared", "frechet", "grain", "pixels", "same_noise", "stored", "two_sample", "visibility"]

_TIGHTER = 10  # times the budget: evaluations of the reference


@dataclass(frozen=True)
class SameNoise:
    """What each solver makes of the same noise within one budget.

    Args:
        budget: evaluations of the network for each sample; an adaptive solver takes what it needs.
        samples: of each solver, in data units, (n, *shape).
        distance: root mean square distance of each deterministic solver's samples to the reference, (n,).
    """

    budget: int
    samples: Mapping[str, Tensor]
    distance: Mapping[str, Tensor]


def same_noise(model: DiffusionModel, solvers: Sequence[str], *, n: int, budget: int, seed: int) -> SameNoise:
    """Sample the same noise with each solver; the reference is Heun's method with ten times the evaluations."""

    def sample(name: str, evaluations: int) -> Tensor:
        solver = build(name, SOLVERS)
        steps = 1 + max(1, (evaluations - 1) // getattr(solver, "evaluations", 1))
        return model.sample(n, seed=seed, steps=steps, solver=solver)

    reference = sample("heun", _TIGHTER * budget)
    samples = {name: sample(name, budget) for name in solvers}
    distance = {
        name: (x - reference).double().square().flatten(1).mean(1).sqrt()
        for name, x in samples.items()
        if getattr(build(name, SOLVERS), "draws", 0) == 0
    }
    return SameNoise(budget, samples, distance)


def compared(
    model: DiffusionModel,
    features: Features,
    held_out: DataSet,
    floor: Measured,
    solvers: Sequence[str],
    budgets: Sequence[int],
    seed: int,
) -> SolverComparison:
    """Distance against evaluations for each solver, the Frechet distance beside the floor at its own n."""
    real = features(draw(held_out.x, floor.n, use=Use.HELD_OUT_DRAW, seed=seed, index=0))
    found = compare_solvers(
        model,
        solvers,
        budgets,
        n=floor.n,
        seed=seed,
        frechet=lambda x: frechet_distance(features(x), real),
    )
    return replace(found, frechet_floor=floor.floor, frechet_floor_interval=floor.floor_interval)


def frechet(
    features: Features, generated: Sequence[Tensor], train: DataSet, held_out: DataSet, *, n: int, seed: int
) -> Measured:
    """The Frechet distance of generated sets in features, beside that of real draws of n items."""
    metric = [Metric("Frechet distance", "lower")]

    def measure(x: Tensor, y: Tensor) -> list[float]:
        return [frechet_distance(features(x), features(y))]

    return beside_floor(measure, metric, generated, train.x, held_out.x, n=n, seed=seed, space=features.name)[0]


def stored(x: Tensor, encoding: Encoding) -> Tensor:
    """Images as a file keeps them: clipped and rounded to the levels that the data have.

    Example:
        >>> stored(torch.tensor([[[[-0.1, 0.49, 1.2]]]]), Encoding("uint8", "nhw", scale=2.0)).tolist()
        [[[[0.0, 0.5, 1.0]]]]
    """
    return encoding.decode(encoding.encode(x))


def grain(x: Tensor, encoding: Encoding) -> tuple[float, float]:
    """How far pixels lie from the levels of the data on average, in levels, and which share lies outside of them.

    Example:
        >>> [round(value, 3) for value in grain(torch.tensor([[[[-0.1, 0.4]]]]), Encoding("uint8", "nhw", scale=10.0))]
        [0.5, 0.5]
    """
    kept = stored(x, encoding)
    return float((x - kept).abs().mean()) * encoding.scale, float(((x < 0) | (x > 1)).double().mean())


def two_sample(
    features: Features,
    generated: Sequence[Tensor],
    train: DataSet,
    held_out: DataSet,
    *,
    n: int,
    seed: int,
    draws: int,
) -> dict[str, TwoSampleTest]:
    """The classifier two-sample test beside its floor: by the pixels as they come, and of stored images, by their
    pixels and by their features.
    """
    given = {"n": n, "seed": seed, "draws": draws}
    kept = [stored(x, train.encoding) for x in generated]
    return {
        name: two_sample_beside_floor(view, sets, train.x, held_out.x, space=name, **given)
        for name, view, sets in (
            ("raw pixels", pixels, generated),
            ("stored pixels", pixels, kept),
            ("features", features, kept),
        )
    }


def pixels(x: Tensor) -> Tensor:
    """Images as vectors (n, d), float64."""
    return x.flatten(1).double()


def visibility(
    train: DataSet, held_out: DataSet, noise: Sequence[float], *, std: float, n: int, seed: int, draws: int
) -> tuple[tuple[float, ...], ...]:
    """How well the same classifier sees noise of known strength: real training images, with noise, stored.

    Args:
        train: they come from here.
        held_out: they are told from these.
        noise: strengths, in standard deviations of the data.
        std: standard deviation of the data.
        n: images on each side.
        seed: of draws and noise.
        draws: sets of noisy images.

    Returns:
        Accuracies by pixels of all sets at each strength.
    """

    def accuracy(strength: float, step: int, index: int) -> float:
        x = draw(train.x, n, use=Use.TRAIN_DRAW, seed=seed, index=index)
        real = draw(held_out.x, n, use=Use.HELD_OUT_DRAW, seed=seed, index=index)
        z = normal(x.shape[1:], seed=seed, stream=Stream.LAW, item=torch.arange(n), step=step, draw=2 + index)
        noisy = stored(x + strength * std * z, train.encoding)
        return classifier_two_sample(pixels(noisy), pixels(real), seed=seed, exchanges=1).accuracy

    return tuple(tuple(accuracy(one, step, index) for index in range(draws)) for step, one in enumerate(noise))
