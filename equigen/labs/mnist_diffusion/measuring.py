"""All that the lab measures, in one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.preconditioning.scale_by_sigma import ScaleBySigma
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.labs.lab import Tell
from equigen.labs.mnist_diffusion.ablation import ByNoise, measure
from equigen.labs.mnist_diffusion.judging import (
    SameNoise,
    compared,
    frechet,
    grain,
    same_noise,
    two_sample,
    visibility,
)
from equigen.labs.mnist_diffusion.process import Process, simulate
from equigen.labs.mnist_diffusion.variants import PlainScore, Training, fitted, karras_model, tutorial_model
from equigen.metrics.by_evaluations import SolverComparison
from equigen.metrics.features import features_for
from equigen.metrics.floor import Measured
from equigen.metrics.two_sample import TwoSampleTest
from equigen.table import SOLVERS

__all__ = ["DIVIDED", "KARRAS", "PLAIN", "SCALES", "STRENGTHS", "Samples", "kinds", "process", "samples"]

DIVIDED, PLAIN, KARRAS = "scale 30", "no division", "Karras"
SCALES = {"off": 0.0, "scale 1": 1.0, DIVIDED: 30.0, "scale 300": 300.0}
"""How time enters: names and scales of the Fourier features; that of 30, with the division, is the tutorial's."""
STRENGTHS = (0.0, 0.03, 0.05, 0.07, 0.1, 0.2)
"""Of the noise put on real images, in standard deviations of the data."""
_STEPS, _LOOKS = 100, 10  # of the simulated process


def process(train: DataSet, x: Tensor, base: float, seed: int) -> Process:
    """The process on some items, in units where the training data have mean 0 and variance 1."""
    x_0 = Scale.fit(train.x[:], train.space).to_model(x)
    return simulate(GeometricNoise(base), x_0, steps=_STEPS, looks=_LOOKS, seed=seed)


def kinds(
    train: DataSet, x: Tensor, base: float, trainings: Sequence[Training], *, levels: int, seed: int, tell: Tell
) -> dict[str, ByNoise]:
    """Each kind of network, trained from each seed, by noise level.

    Args:
        train: the training part.
        x: held-out items.
        base: of the noise.
        trainings: one for each seed.
        levels: of the noise.
        seed: of the noise.
        tell: called before each kind.
    """
    make: dict[str, Callable[[Training], DiffusionModel]] = {
        name: lambda one, scale=scale: tutorial_model(train, one, base, scale=scale, preconditioning=ScaleBySigma())
        for name, scale in SCALES.items()
    }
    make[PLAIN] = lambda one: tutorial_model(train, one, base, scale=SCALES[DIVIDED], preconditioning=PlainScore())
    make[KARRAS] = lambda one: karras_model(train, one, base, alike=True)
    found = {}
    for name, untrained in make.items():
        tell(f"training: {name}")
        models = [fitted(untrained(one), train, one) for one in trainings]
        found[name] = measure(models, x, levels=levels, seed=seed, low=0.0, high=torch.inf)
    return found


@dataclass(frozen=True)
class Samples:
    """Samples on trial.

    Args:
        same: of all solvers on the same noise.
        comparison: distance against evaluations.
        frechet: of several sets, beside the floor.
        tests: of the classifier, by what it sees.
        grain: distance of pixels from the levels of the data, in levels, and the share outside of their range.
        visible: accuracies on real images with noise, for each of `STRENGTHS`.
        accuracy: of the classifier of digits that gives the features, on held-out items; None without labels.
        real: a few held-out items.
    """

    same: SameNoise
    comparison: SolverComparison
    frechet: Measured
    tests: Mapping[str, TwoSampleTest]
    grain: tuple[float, float]
    visible: tuple[tuple[float, ...], ...]
    accuracy: float | None
    real: Tensor


def samples(
    model: DiffusionModel,
    train: DataSet,
    held_out: DataSet,
    *,
    n: int,
    n_solvers: int,
    sets: int,
    budgets: Sequence[int],
    budget: int,
    seed: int,
    tell: Tell,
) -> Samples:
    """Draw samples from a model and put them on trial.

    Args:
        model: trained.
        train: the part it was trained on.
        held_out: the part it has not seen.
        n: items on each side of the two-sample test.
        n_solvers: samples of each solver and budget.
        sets: of n samples.
        budgets: evaluations for each sample.
        budget: at which pictures are shown.
        seed: of everything.
        tell: called before each stage.
    """
    solvers = list(SOLVERS)
    tell("samples of all solvers on the same noise")
    same = same_noise(model, solvers, n=min(64, n), budget=budget, seed=seed)
    tell("features")
    features = features_for(train, held_out, seed=seed)
    tell("samples for the tests")
    generated = [model.sample(n, seed=seed + s, steps=budget) for s in range(sets)]
    floor = frechet(features, generated, train, held_out, n=n_solvers, seed=seed)
    comparison = compared(model, features, held_out, floor, solvers, budgets, seed)
    tell("two-sample tests")
    draws = max(2, sets)
    return Samples(
        same,
        comparison,
        floor,
        two_sample(features, generated, train, held_out, n=n, seed=seed, draws=2 * draws),
        grain(torch.cat(generated), train.encoding),
        visibility(train, held_out, STRENGTHS, std=float(model.scale.factor.mean()), n=n, seed=seed, draws=draws),
        features.accuracy,
        held_out.x[:16],
    )
