"""Generated sets judged against held-out data, wherever they come from: each metric beside its floor.

What is measured:

- Frechet distance, density and coverage in feature space, sliced Wasserstein distance in pixel space, each beside its
  real-vs-real floor at the same n (see `equigen.metrics.floor`);
- the accuracy of a classifier that tells samples from held-out items, and its p-value;
- distances to the nearest training items, beside those of held-out items, and the memorisation C_T of the two; for a
  model that keeps a group, to the nearest of their poses (see `equigen.metrics.poses`);
- for samples that were drawn for classes, how many are recognised, class by class.

Where items have a mask, pixels that are not valid are never compared (see `equigen.metrics.items`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.data.statistics import moments
from equigen.metrics.addresses import Use
from equigen.metrics.density_coverage import density_and_coverage
from equigen.metrics.evaluation import Evaluation, FeatureRecord, NearestPair
from equigen.metrics.features import Features, features_for
from equigen.metrics.floor import Measured, Metric, beside_floor, drawn
from equigen.metrics.frechet import frechet_distance
from equigen.metrics.given import Given
from equigen.metrics.groups import group_pictures, measure_groups
from equigen.metrics.items import Items, filled
from equigen.metrics.loss import LossByNoise
from equigen.metrics.memorising import memorisation
from equigen.metrics.neighbours import Neighbours, compare_neighbours, nearest
from equigen.metrics.pictures import PAIRS, pictures, value_range
from equigen.metrics.poses import nearest_pose
from equigen.metrics.two_sample import two_sample_beside_floor
from equigen.metrics.wasserstein import sliced_wasserstein
from equigen.symmetry.elements import written
from equigen.symmetry.image_action import ImageAction

__all__ = ["judge"]

_K = 5
_IN_FEATURES = (
    Metric("Frechet distance", "lower"),
    Metric("density", "higher"),
    Metric("coverage", "higher", most=1.0),
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
    given: Sequence[Given] = (),
    poses: ImageAction | None = None,
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
        given: what each set was drawn for; none: no conditions, and every pixel valid.
        poses: in all of which training items are compared with samples, as `poses_of` a model; None: as they are.
        on_stage: called with a few words before each stage.

    Returns:
        The evaluation.

    Raises:
        ValueError: too few items, samples that are not finite or of another shape, or poses of items with masks.
    """
    tell = on_stage or (lambda stage: None)
    generated = [one.detach().cpu() for one in generated]
    size = _check(generated, train, held_out, n)
    whole = moments(train.x, train.structure)
    fill = torch.tensor(whole.mean)
    features = features or features_for(train, held_out, seed=seed)
    sides = _sides([one[:size] for one in generated], train, held_out, given, fill, size, seed, draws)
    tell("metrics and their floors")
    metrics = _metrics(sides, features)
    tell("two-sample test")
    test = two_sample_beside_floor(features, *sides.three, n=size, seed=seed, draws=draws, space=features.name)
    tell("nearest training neighbours")
    found, floor = _neighbours(sides, train, held_out, poses)
    rows = [one.rows[:size] for one in given]
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
        value_range=value_range(train, whole),
        features=FeatureRecord(features.name, features.dimension, seed, features.accuracy),
        metrics=tuple(metrics),
        neighbours=compare_neighbours(found.distance, floor.distance),
        nearest=_pairs(found),
        loss=loss,
        notes=tuple(_notes(n, size, features, train, poses)),
        two_sample=test,
        memorisation=memorisation(found.distance.split(size), floor.distance, seed=seed, draws=draws),
        groups=measure_groups(sides.generated, rows, held_out, features, fill) if rows else None,
        poses=None if poses is None else poses.group.name,
        pictures={
            **pictures(sides.generated, sides.train, sides.held_out, found, floor, seed, poses),
            **(group_pictures(sides.generated, rows, held_out, fill) if rows else {}),
        },
    )


@dataclass(frozen=True)
class _Sides:
    """Who is compared: generated sets, training and held-out items, all filled; and under which conditions."""

    generated: list[Tensor]
    structure: list[Tensor | None]
    train: Items
    held_out: Items
    n: int
    seed: int
    draws: int

    @property
    def three(self) -> tuple[list[Tensor], Items, Items]:
        return self.generated, self.train, self.held_out


def _sides(
    generated: list[Tensor],
    train: DataSet,
    held_out: DataSet,
    given: Sequence[Given],
    fill: Tensor,
    n: int,
    seed: int,
    draws: int,
) -> _Sides:
    masks = [None if one.structure is None else one.structure[:n].cpu() for one in given] or [None] * len(generated)
    sets = [filled(one, mask, fill) for one, mask in zip(generated, masks, strict=True)]
    return _Sides(sets, masks, Items(train, fill), Items(held_out, fill), n, seed, draws)


def _check(generated: Sequence[Tensor], train: DataSet, held_out: DataSet, n: int) -> int:
    """The size that all sides have, at least 2."""
    size = min(n, len(train), len(held_out), *(len(one) for one in generated))
    if not generated or size < 2:
        raise ValueError(
            f"n is {n} with {len(train)} training items, {len(held_out)} held-out items and {len(generated)} generated "
            f"sets, but each side needs at least 2 items: give more data or a larger held-out part."
        )
    for s, one in enumerate(generated):
        if tuple(one.shape[1:]) != tuple(train.x.shape[1:]):
            raise ValueError(
                f"generated items have shape {tuple(one.shape[1:])} and the data {tuple(train.x.shape[1:])}, but they "
                f"are compared one by one: give the data that the model was trained on."
            )
        if not one.isfinite().all():
            bad = int((~one.isfinite()).flatten(1).any(1).nonzero()[0])
            raise ValueError(f"sample {bad} of set {s} is not finite, so nothing can be measured: train longer.")
    return size


def _metrics(sides: _Sides, features: Features) -> list[Measured]:
    def sliced(samples: Tensor, real: Tensor) -> list[float]:
        return [sliced_wasserstein(samples, real, seed=sides.seed)]

    def in_features(samples: Tensor, real: Tensor) -> list[float]:
        samples, real = features(samples), features(real)
        distance = frechet_distance(samples, real)
        return [distance, *density_and_coverage(samples, real, k=_K)] if sides.n > _K else [distance]

    given = {"n": sides.n, "seed": sides.seed, "draws": sides.draws}
    shown = _IN_FEATURES if sides.n > _K else _IN_FEATURES[:1]
    pixels = [Metric("sliced Wasserstein distance", "lower", unit="data units")]
    return [
        *beside_floor(in_features, shown, *sides.three, **given, space=features.name),
        *beside_floor(sliced, pixels, *sides.three, **given, space="pixels"),
    ]


def _neighbours(
    sides: _Sides, train: DataSet, held_out: DataSet, poses: ImageAction | None
) -> tuple[Neighbours, Neighbours]:
    """Nearest training items of all samples, one set after another, and of draw 0 of the held-out items."""
    rows = drawn(len(held_out), sides.n, use=Use.HELD_OUT_DRAW, seed=sides.seed, index=0)
    real = None if held_out.structure is None else held_out.structure[rows].cpu()
    masks = [mask for mask in sides.structure if mask is not None]

    def to_train(x: Tensor, valid: Tensor | None) -> Neighbours:
        if poses is None:
            return nearest(x, train.x, valid=valid, reference_valid=train.structure)
        if valid is not None or train.structure is not None:
            raise ValueError("poses are given, but masks would have to turn with the items: leave poses out.")
        return nearest_pose(x, train.x, poses)

    found = to_train(torch.cat(sides.generated), torch.cat(masks) if masks else None)
    return found, to_train(held_out.x[rows].cpu(), real)


def _pairs(found: Neighbours) -> tuple[NearestPair, ...]:
    """The samples closest to a training item, closest first."""
    closest = found.distance.argsort()[:PAIRS].tolist()
    poses = [None if found.pose is None else written(found.pose[i]) for i in closest]
    return tuple(
        NearestPair(i, int(found.index[i]), float(found.distance[i]), pose)
        for i, pose in zip(closest, poses, strict=True)
    )


def _notes(asked: int, n: int, features: Features, train: DataSet, poses: ImageAction | None) -> list[str]:
    notes = []
    if n < asked:
        notes.append(f"n is {n} and not {asked}: the smallest side has no more items.")
    if n <= _K:
        notes.append(f"Density and coverage are left out: they need more than {_K} items, and n is {n}.")
    if n <= features.dimension:
        notes.append(f"n = {n} items in {features.dimension} dimensions: the Frechet distance is mostly its own bias.")
    if train.structure is not None:
        notes.append(
            "Pixels that are not valid hold the mean of the valid training pixels wherever whole images are compared; "
            "distances to training items are taken over the pixels that are valid in both."
        )
    if poses is not None:
        notes.append(
            f"Distances to training items are taken to the nearest of their {poses.group.order} poses under "
            f"{poses.group.name}, the motions of the grid, for held-out items too: the model draws an item in all of "
            "them alike, so a copy is one in any of them."
        )
    return notes
