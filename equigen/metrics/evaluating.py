"""Everything that is measured on a trained model, each number beside its floor, in one plain record.

`evaluate` draws samples from a model and has them judged (see `equigen.metrics.judging`). Of the model itself it
measures

- the held-out loss by noise level, beside the loss on training items: a gap between the two is overfitting;
- for a model with conditions, the held-out loss class by class;
- bits per dimension of a few held-out items (see `equigen.metrics.likelihood`);
- where solvers are named, distance against evaluations of the network for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.data.statistics import moments
from equigen.diffusion.measuring import evaluating
from equigen.metrics.addresses import Use
from equigen.metrics.by_evaluations import BUDGETS, SolverComparison, compare_solvers
from equigen.metrics.evaluation import Evaluation
from equigen.metrics.features import Features, features_for
from equigen.metrics.floor import Measured, draw
from equigen.metrics.frechet import frechet_distance
from equigen.metrics.given import Given, given_for
from equigen.metrics.groups import with_loss
from equigen.metrics.items import Items, filled
from equigen.metrics.judging import judge
from equigen.metrics.likelihood import held_out_likelihood
from equigen.metrics.loss import device_of, loss_by_noise
from equigen.metrics.poses import poses_of

__all__ = ["Sampler", "evaluate", "stages"]


class Sampler(Protocol):
    """What `evaluate` asks of a model: `sample`; and `loss_by_noise_level` if it has one."""

    def sample(self, n: int, *, seed: int, steps: int) -> Tensor:
        """Draw n items (n, C, H, W) in data units, a pure function of the seed.

        Where the data have structures or conditions, `structure=` and `condition=` are given too.
        """
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
    likelihood: int = 48,
    features: Features | None = None,
    solvers: Sequence[str] = (),
    budgets: Sequence[int] = BUDGETS,
    on_stage: Callable[[str], None] | None = None,
    **sampling: Any,
) -> Evaluation:
    """Sample from a model and measure the samples against held-out data, each metric beside its floor.

    Where the data have structures or conditions, the samples are drawn for those of held-out items, see
    `equigen.metrics.given`. Where the model keeps a group, training items are compared in all its poses on the grid.

    Args:
        model: with `.sample(n, seed=, steps=)`, and `.loss_by_noise_level(batch, seed=)` if it has one.
        train: the split the model was trained on.
        held_out: the split it has not seen.
        n: items of each generated set and of each real draw; reduced, with a note, to what the splits hold.
        seed: of the first generated set, the draws, the directions and the classifier.
        steps: of the sampler.
        seeds: number of generated sets.
        draws: number of real draws of the floor.
        likelihood: held-out items whose bits per dimension are told, n at most; 0: none.
        features: to compare in; None: `features_for(train, held_out)`.
        solvers: names of solvers to be compared on the same noise; none: the comparison is left out.
        budgets: evaluations of the network at which they are compared.
        on_stage: called with a few words before each stage, for a progress display.
        sampling: more arguments for `model.sample`, as `solver=` or `batch_size=`.

    Returns:
        The evaluation.

    Raises:
        ValueError: too few items, samples that are not finite, or conditions among the arguments for sampling.
    """
    if wrong := {"condition", "structure"} & set(sampling):
        raise ValueError(f"{wrong.pop()} was given, but samples are drawn for those of held-out items: leave it out.")
    tell = on_stage or (lambda stage: None)
    size = min(n, len(train), len(held_out))
    given = [given_for(held_out, size, seed=seed + s) for s in range(seeds)]
    with evaluating(model):
        generated: list[Tensor] = []
        for s, one in enumerate(given):
            tell(f"sampling {s + 1} of {seeds}")
            more = {**sampling, **(one.arguments(device_of(model)) if one else {})}
            generated.append(model.sample(size, seed=seed + s, steps=steps, **more).detach().cpu())
        tell("loss by noise level")
        loss = loss_by_noise(model, train, held_out, size, seed=seed)
        tell("features")
        features = features or features_for(train, held_out, seed=seed)
        found = judge(
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
            given=[one for one in given if one is not None],
            poses=poses_of(model),
            on_stage=on_stage,
        )
        if found.groups is not None:
            found = replace(found, groups=with_loss(found.groups, model, held_out, size, seed=seed))
        tell("likelihood")
        found = _with_likelihood(found, model, train, held_out, min(likelihood, size), seed)
        if solvers:
            compared = partial(compare_solvers, model, solvers, budgets, n=size, seed=seed, on_stage=on_stage)
            judged = _frechet(features, train, held_out, given[0], size, seed)
            beside = _beside(compared(given=given[0], frechet=judged, **sampling), found["Frechet distance"])
            found = replace(found, solvers=beside)
    return replace(found, notes=(*found.notes, *_guided(sampling)))


def _with_likelihood(found: Evaluation, model: Any, train: DataSet, held_out: DataSet, n: int, seed: int) -> Evaluation:
    try:
        return replace(found, likelihood=held_out_likelihood(model, train, held_out, n, seed=seed))
    except ArithmeticError as error:
        return replace(found, notes=(*found.notes, f"The likelihood is left out: {error}"))


def _guided(sampling: Mapping[str, Any]) -> list[str]:
    guidance = sampling.get("guidance", 1.0)
    what = f"Samples were drawn with guidance {guidance:g}: the metrics are not those of the model as it learned."
    return [what] if guidance != 1.0 else []


def stages(seeds: int, solvers: Sequence[str] = ()) -> int:
    """How often `evaluate` calls `on_stage`.

    Example:
        >>> stages(3), stages(3, ["heun", "euler"])
        (9, 12)
    """
    return seeds + 6 + (1 + len(solvers) if solvers else 0)


def _frechet(
    features: Features, train: DataSet, held_out: DataSet, given: Given | None, n: int, seed: int
) -> Callable[[Tensor], float]:
    """The Frechet distance of samples to draw 0 of the held-out items, both filled where they are not valid."""
    fill = torch.tensor(moments(train.x, train.structure).mean)
    real = features(draw(Items(held_out, fill), n, use=Use.HELD_OUT_DRAW, seed=seed, index=0))
    mask = None if given is None else given.structure
    return lambda x: frechet_distance(features(filled(x, mask, fill)), real)


def _beside(comparison: SolverComparison, floor: Measured) -> SolverComparison:
    return replace(comparison, frechet_floor=floor.floor, frechet_floor_interval=floor.floor_interval)
