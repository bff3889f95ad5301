"""Everything that is measured on a trained model, each number beside its floor, in one plain record.

`evaluate` draws samples from a model and judges them; `judge` judges samples wherever they come from. What is measured:

- held-out loss by noise level, beside the loss on training items: a gap between the two is overfitting;
- Frechet distance, density and coverage in feature space, sliced Wasserstein distance in pixel space, each beside its
  real-vs-real floor at the same n (see `equigen.metrics.floor`);
- distances to the nearest training items, beside those of held-out items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from equigen.data.dataset import DataSet
from equigen.metrics.addresses import Use
from equigen.metrics.density_coverage import density_and_coverage
from equigen.metrics.evaluation import Evaluation, FeatureRecord, LossByNoise, NearestPair
from equigen.metrics.features import Features, features_for
from equigen.metrics.floor import Measured, Metric, beside_floor, draw
from equigen.metrics.frechet import frechet_distance
from equigen.metrics.neighbours import compare_neighbours, nearest
from equigen.metrics.pictures import PAIRS, pictures, value_range
from equigen.metrics.wasserstein import sliced_wasserstein

__all__ = ["Sampler", "evaluate", "judge"]

_K = 5
_IN_FEATURES = (
    Metric("Frechet distance", "lower"),
    Metric("density", "higher"),
    Metric("coverage", "higher", most=1.0),
)


class Sampler(Protocol):
    """What `evaluate` asks of a model: `sample`; and `loss_by_noise_level` if it has one."""

    def sample(self, n: int, *, seed: int, steps: int) -> Tensor:
        """Draw n items (n, C, H, W) in data units, a pure function of the seed."""
        ...


def evaluate(
    model: Sampler,
    train: DataSet,
    held_out: DataSet,
    *,
    n: int = 450,
    seed: int = 0,
    steps: int = 20,
    seeds: int = 3,
    draws: int = 10,
    features: Features | None = None,
    on_stage: Callable[[str], None] | None = None,
    **sampling: Any,
) -> Evaluation:
    """Sample from a model and measure the samples against held-out data, each metric beside its floor.

    Args:
        model: with `.sample(n, seed=, steps=)`, and `.loss_by_noise_level(x, seed=)` if it has one.
        train: the split the model was trained on.
        held_out: the split it has not seen.
        n: items of each generated set and of each real draw; reduced, with a note, to what the splits hold.
        seed: of the first generated set, the draws, the directions and the classifier.
        steps: of the sampler.
        seeds: number of generated sets.
        draws: number of real draws of the floor.
        features: to compare in; None: `features_for(train, held_out)`.
        on_stage: called with a few words before each stage, for a progress display.
        sampling: more arguments for `model.sample`, as `solver=` or `batch_size=`.

    Returns:
        The evaluation.

    Raises:
        ValueError: too few items, or samples that are not finite.
    """
    tell = on_stage or (lambda stage: None)
    size = min(n, len(train), len(held_out))
    training = _set_mode(model, False)
    try:
        generated = []
        for s in range(seeds):
            tell(f"sampling {s + 1} of {seeds}")
            generated.append(model.sample(size, seed=seed + s, steps=steps, **sampling).detach().cpu())
        tell("loss by noise level")
        loss = _loss(model, train.x, held_out.x, size, seed)
    finally:
        _set_mode(model, training)
    return judge(
        generated,
        train,
        held_out,
        n=n,
        seed=seed,
        draws=draws,
        steps=steps,
        solver=None if sampling.get("solver") is None else type(sampling["solver"]).__name__,
        features=features,
        loss=loss,
        on_stage=on_stage,
    )


def judge(
    generated: Sequence[Tensor],
    train: DataSet,
    held_out: DataSet,
    *,
    n: int = 450,
    seed: int = 0,
    draws: int = 10,
    steps: int | None = None,
    solver: str | None = None,
    features: Features | None = None,
    loss: LossByNoise | None = None,
    on_stage: Callable[[str], None] | None = None,
) -> Evaluation:
    """Measure generated sets, wherever they come from, against held-out data, each metric beside its floor.

    Args:
        generated: sets (m, C, H, W) in data units, of finite values.
        train: the split whatever generated them was trained on.
        held_out: the split it has not seen.
        n: items on each side; reduced, with a note, to the smallest side.
        seed: of the draws, the directions and the classifier.
        draws: number of real draws of the floor.
        steps: of the sampler, for the record.
        solver: its class, for the record.
        features: to compare in; None: `features_for(train, held_out)`.
        loss: by noise level, for the record.
        on_stage: called with a few words before each stage.

    Returns:
        The evaluation.

    Raises:
        ValueError: too few items, or samples that are not finite or of another shape.
    """
    tell = on_stage or (lambda stage: None)
    generated = [one.detach().cpu() for one in generated]
    size = _check(generated, train, held_out, n)
    tell("features")
    features = features or features_for(train, held_out, seed=seed)
    tell("metrics and their floors")
    metrics = _metrics(generated, train, held_out, features, size, seed, draws)
    tell("nearest training neighbours")
    found = nearest(torch.cat([one[:size] for one in generated]), train.x)
    floor = nearest(draw(held_out.x, size, use=Use.HELD_OUT_DRAW, seed=seed, index=0), train.x)
    pairs = tuple(
        NearestPair(int(i), int(found.index[i]), float(found.distance[i])) for i in found.distance.argsort()[:PAIRS]
    )
    return Evaluation(
        data=train.name,
        shape=tuple(train.x.shape[1:]),
        train=len(train),
        held_out=len(held_out),
        n=size,
        seed=seed,
        seeds=len(generated),
        steps=steps,
        solver=solver,
        value_range=value_range(train),
        features=FeatureRecord(features.name, features.dimension, seed, features.accuracy),
        metrics=tuple(metrics),
        neighbours=compare_neighbours(found.distance, floor.distance),
        nearest=pairs,
        loss=loss,
        notes=tuple(_notes(n, size, features)),
        pictures=pictures(generated, train, held_out, size, found, floor, seed),
    )


def _check(generated: Sequence[Tensor], train: DataSet, held_out: DataSet, n: int) -> int:
    """The size that all sides have, at least 2."""
    size = min(n, len(train), len(held_out), *(len(one) for one in generated))
    if not generated or size < 2:
        raise ValueError(
            f"n is {n} with {len(train)} training items, {len(held_out)} held-out items and {len(generated)} generated "
            f"sets, but each side needs at least 2 items: give more data or a larger held-out part."
        )
    for s, one in enumerate(generated):
        if one.shape[1:] != train.x.shape[1:]:
            raise ValueError(
                f"generated items have shape {tuple(one.shape[1:])} and the data {tuple(train.x.shape[1:])}, but they "
                f"are compared one by one: give the data that the model was trained on."
            )
        if not one.isfinite().all():
            bad = int((~one.isfinite()).flatten(1).any(1).nonzero()[0])
            raise ValueError(f"sample {bad} of set {s} is not finite, so nothing can be measured: train longer.")
    return size


def _metrics(
    generated: Sequence[Tensor],
    train: DataSet,
    held_out: DataSet,
    features: Features,
    n: int,
    seed: int,
    draws: int,
) -> list[Measured]:
    def sliced(samples: Tensor, real: Tensor) -> list[float]:
        return [sliced_wasserstein(samples, real, seed=seed)]

    def in_features(samples: Tensor, real: Tensor) -> list[float]:
        samples, real = features(samples), features(real)
        distance = frechet_distance(samples, real)
        return [distance, *density_and_coverage(samples, real, k=_K)] if n > _K else [distance]

    measure = partial(
        beside_floor,
        generated=generated,
        train=train.x,
        held_out=held_out.x,
        n=n,
        seed=seed,
        draws=draws,
    )
    return [
        *measure(in_features, _IN_FEATURES if n > _K else _IN_FEATURES[:1], space=features.name),
        *measure(sliced, [Metric("sliced Wasserstein distance", "lower", unit="data units")], space="pixels"),
    ]


def _notes(asked: int, n: int, features: Features) -> list[str]:
    notes = []
    if n < asked:
        notes.append(f"n is {n} and not {asked}: the smallest side has no more items.")
    if n <= _K:
        notes.append(f"Density and coverage are left out: they need more than {_K} items, and n is {n}.")
    if n <= features.dimension:
        notes.append(f"n = {n} items in {features.dimension} dimensions: the Frechet distance is mostly its own bias.")
    return notes


def _loss(model: object, train: Tensor, held_out: Tensor, n: int, seed: int) -> LossByNoise | None:
    measure = getattr(model, "loss_by_noise_level", None)
    if measure is None:
        return None
    device = next((p.device for p in model.parameters()), None) if isinstance(model, nn.Module) else None
    seen = measure(draw(train, n, use=Use.TRAIN_DRAW, seed=seed, index=0).to(device), seed=seed)
    unseen = measure(draw(held_out, n, use=Use.HELD_OUT_DRAW, seed=seed, index=0).to(device), seed=seed)
    return LossByNoise(
        noise=tuple(unseen.noise.tolist()),
        held_out=tuple(unseen.loss.tolist()),
        held_out_error=tuple(unseen.standard_error.tolist()),
        train=tuple(seen.loss.tolist()),
        train_error=tuple(seen.standard_error.tolist()),
        n=n,
    )


def _set_mode(model: object, training: bool) -> bool:
    """Set a module's mode and return the one it had; other models have none."""
    if not isinstance(model, nn.Module):
        return training
    was = model.training
    model.train(training)
    return was
