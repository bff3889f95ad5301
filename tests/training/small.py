"""A model and a source of batches that train in milliseconds and use everything a resume could forget."""

from __future__ import annotations

import torch
from torch import nn

from equigen.data.order import batch_indices
from equigen.random import Stream, normal
from equigen.spaces.batch import Batch
from equigen.training.config import TrainerConfig

WIDTH = 4


class Small(nn.Module):
    """Denoises vectors; draws addressed noise, foreign dropout, and counts in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(WIDTH, 8), nn.SiLU(), nn.Dropout(0.3), nn.Linear(8, WIDTH))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                values = normal(parameter.shape, seed=1, stream=Stream.INITIALISATION, item=number)
                parameter.copy_(0.5 * values)

    def loss(self, batch: Batch, seed: int, step: int):
        where = {"seed": seed, "item": batch.position, "step": step, "dtype": batch.x.dtype}
        noise = normal((WIDTH,), stream=Stream.TRAINING_NOISE, **where)
        if self.training:
            self.seen += len(batch)
        return (self.network(batch.x + noise) - batch.x).square().mean()


class Points:
    """50 vectors in batches of any size; an epoch of batches of 8 ends inside a batch."""

    def __init__(self, x: torch.Tensor | None = None) -> None:
        self.x = normal((WIDTH,), seed=2, stream=Stream.LAW, item=torch.arange(50)) if x is None else x

    def batch(self, size: int, seed: int, step: int, rank: int = 0, world: int = 1) -> Batch:
        indices, position = batch_indices(len(self.x), size, seed=seed, step=step, rank=rank, world=world)
        return Batch(self.x[indices], position, size)


def config(**changes: object) -> TrainerConfig:
    """20 steps with a checkpoint every 4 and a line of metrics every 3, which do not fall together."""
    values = {"steps": 20, "batch_size": 8, "seed": 5, "device": "cpu", "threads": 1, "ema": 0.2, "learning_rate": 0.01}
    return TrainerConfig.parse({**values, "checkpoint_every": 4, "log_every": 3, **changes})
