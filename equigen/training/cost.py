"""What a run will cost, measured on the machine before it starts: time, parameters, memory.

A step is taken on a copy of the model and timed; the tensors that autograd keeps are counted. What the run itself does
is untouched by it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from equigen import random
from equigen.spaces.batch import Batch
from equigen.training.config import TrainerConfig
from equigen.training.engine import Engine
from equigen.training.optimiser import make_optimiser

__all__ = ["Cost", "estimate"]

_STEPS = 3  # timed, after one that warms up


@dataclass(frozen=True)
class Cost:
    """What a run is expected to take.

    Args:
        seconds: of all training steps, without validation and samples on the way.
        step_seconds: of one step: the median of three.
        parameters: numbers that are trained.
        memory_bytes: weights, gradients, the two moments of Adam, the average, and what a step keeps for its gradient;
            not the data, nor the program itself.

    Example:
        >>> Cost(90.0, 0.09, 1000, 2**20).sentence(1000)
        '1000 steps of about 0.09 s: 1.5 min; 1,000 parameters, 1 MiB of memory beside the data.'
    """

    seconds: float
    step_seconds: float
    parameters: int
    memory_bytes: int

    def sentence(self, steps: int) -> str:
        """The cost in words."""
        whole = self.seconds
        minutes, hours = whole / 60, whole / 3600
        seconds = f"{whole:.0f} s" if whole >= 1 else "less than a second"
        time = seconds if whole < 60 else _rounded(minutes, "min") if whole < 5400 else _rounded(hours, "h")
        memory = self.memory_bytes / 2**20
        size = f"{memory:.0f} MiB" if memory < 1024 else f"{memory / 1024:.1f} GiB"
        return (
            f"{steps} steps of about {_rounded(self.step_seconds, 's')}: {time}; {self.parameters:,} parameters, "
            f"{size} of memory beside the data."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def estimate(model: nn.Module, batch: Batch, config: TrainerConfig, engine: Engine) -> Cost:
    """Take a few steps on a copy, and count.

    Args:
        model: with `.loss(batch, seed, step)`, on the engine's device.
        batch: one process's part of a step's batch.
        config: of the run.
        engine: where it runs.

    Returns:
        The expected cost. Error: of the time, that of the machine's load while it was measured; a loaded machine at
        the beginning makes it too long.

    Example:
        >>> class Point(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.at = nn.Parameter(torch.zeros(3))
        ...     def loss(self, batch, seed, step):
        ...         return (batch.x - self.at).square().mean()
        >>> config = TrainerConfig(steps=10, device="cpu")
        >>> cost = estimate(Point(), Batch.whole(torch.ones(4, 3)), config, Engine(config))
        >>> cost.parameters, cost.memory_bytes      # 5 times 12 bytes of state, 48 bytes kept for the square
        (3, 108)
    """
    model, batch = copy.deepcopy(model).train(), engine.place_batch(batch)
    loss: Callable[..., Tensor] = model.loss  # pyright: ignore[reportAssignmentType]
    optimiser = make_optimiser(model, config)
    trained = [p for p in model.parameters() if p.requires_grad]
    state = sum(p.numel() * p.element_size() for p in trained)
    times = []
    lower = torch.autocast(engine.device.type, torch.bfloat16, enabled=config.precision == "bfloat16")
    with random.fork(seed=config.seed, stream=random.Stream.DROPOUT), lower:
        kept = _kept(lambda: loss(batch, config.seed, 0), {p.untyped_storage().data_ptr() for p in model.parameters()})
        for step in range(_STEPS):
            start = perf_counter()
            optimiser.zero_grad(set_to_none=True)
            value = loss(batch, config.seed, step)
            value.backward()
            optimiser.step()
            value.detach().item()  # waits for a device that computes on its own
            times.append(perf_counter() - start)
    median = sorted(times)[len(times) // 2]
    parameters = sum(p.numel() for p in trained)
    buffers = 2 * sum(b.numel() * b.element_size() for b in model.buffers())  # the model's and its average's
    return Cost(median * config.steps, median, parameters, 5 * state + buffers + kept)


def _rounded(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"


def _kept(forward: Callable[[], Tensor], known: set[int]) -> int:
    """Bytes of the tensors that autograd keeps for a gradient, each storage once, without those already known."""
    found: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in known:
            found[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        forward().backward()
    return sum(found.values())
