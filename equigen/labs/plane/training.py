"""Networks that learn one field by several objectives, on the same points and from the same start."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.loss import KarrasWeight, LogNormalNoise, stratified
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.schedules.edm import EDM
from equigen.labs.plane.network import Ensemble
from equigen.labs.plane.objectives import OBJECTIVES, Example, noised
from equigen.training.average import Average

__all__ = ["Curve", "Task", "checkpoints", "train"]

_HALF_LIFE = 0.03  # of the averaged weights, as a part of the run


@dataclass(frozen=True)
class Task:
    """What is learned, by networks of which size, and how long.

    Args:
        law: of the points, over (2,).
        schedule: the kernel.
        data_std: standard deviation of a coordinate, averaged.
        members: networks that learn side by side.
        width: of their layers.
        batch: points that each of them sees in a step.
        steps: of the run.
        rate: learning rate, held.
        seed: key of the randomness.
    """

    law: GaussianMixture
    schedule: EDM
    data_std: float
    members: int
    width: int
    batch: int
    steps: int
    rate: float
    seed: int

    @property
    def times(self) -> LogNormalNoise:
        """The law of the training times."""
        return LogNormalNoise(self.data_std)

    def network(self) -> NetworkDenoiser:
        """All members, as they start."""
        ensemble = Ensemble(self.members, self.width, self.seed)
        return NetworkDenoiser(ensemble, self.schedule, KarrasPreconditioning(self.data_std))

    def examples(
        self, step: int, n: int | None = None, stream: random.Stream = random.Stream.TRAINING_NOISE
    ) -> Example:
        """The points of a step, (S n, 2): those of member k stand at k n .. (k + 1) n - 1."""
        n = n or self.batch
        count = self.members * n
        item = torch.arange(step * count, (step + 1) * count)
        place = torch.arange(count) % n
        where = {"seed": self.seed, "stream": stream, "item": item}
        u = stratified(place, n, random.uniform((), draw=1, **where))
        t = self.times(self.schedule, u)
        # Laws draw from one stream: uses of it are told apart by the upper bits of the item.
        x_0 = self.law.sample(count, seed=self.seed, first=int(item[0]) + (stream << 28))
        z = random.normal((2,), **where)
        probe = random.integers(2, (2,), draw=2, **where).float() * 2 - 1
        exact = self.law.denoiser(self.schedule)(noised(self.schedule, x_0, z, t), t)
        return Example(x_0, z, t, probe, exact)


@dataclass
class Curve:
    """How one objective's networks got on.

    Args:
        network: the members with averaged weights, after the last step.
        steps: at which `values` were taken.
        values: what `measure` gave there.
        seconds: of each step, without the making of its points and without measuring.
    """

    network: Denoiser
    steps: list[int] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def checkpoints(steps: int, count: int = 12) -> list[int]:
    """Steps at which to measure, evenly spread in the logarithm: 1 first, the last one last.

    Example:
        >>> checkpoints(100, 3)
        [1, 10, 100]
    """
    return sorted({round(steps ** (k / (count - 1))) for k in range(count)})


def train(
    task: Task,
    names: Sequence[str],
    measure: Callable[[str, Denoiser], Tensor],
    tell: Callable[[str], None] = lambda stage: None,
) -> Mapping[str, Curve]:
    """Train the members by each objective, step by step in turn, so that all meet the same state of the machine.

    Args:
        task: what is learned.
        names: of the objectives.
        measure: called with the name and the averaged weights at each checkpoint.
        tell: called before each checkpoint.

    Returns:
        A curve for each name.
    """
    runs = {name: _run(task, name) for name in names}
    shown = {name: next(run) for name, run in runs.items()}
    stops = checkpoints(task.steps)
    for step in range(1, task.steps + 1):
        example = task.examples(step)
        for run in runs.values():
            run.send((step, example))
        if step in stops:
            tell(f"training: step {step} of {task.steps}")
            for name, curve in shown.items():
                curve.steps.append(step)
                curve.values.append(measure(name, curve.network))
    return shown


def _run(task: Task, name: str) -> Generator[Curve, tuple[int, Example], None]:
    """A coroutine that takes (step, example) and makes the step."""
    network, weight = task.network(), KarrasWeight(task.data_std)
    average = Average(network, task.steps, _HALF_LIFE)
    optimiser = torch.optim.Adam(network.parameters(), lr=task.rate)
    objective = OBJECTIVES[name]
    assert isinstance(average.model, Denoiser)
    curve = Curve(average.model)
    given = yield curve
    while True:
        step, example = given
        start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        error = objective(network, example) * weight(task.schedule, example.t)
        (error.sum() / task.batch).backward()
        optimiser.step()
        average.update(step)
        curve.seconds.append(time.perf_counter() - start)
        given = yield curve
