"""Where a run happens: processes, device, precision, threads and torch's global generators."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from equigen import random
from equigen.spaces.batch import Batch
from equigen.training.config import TrainerConfig
from equigen.training.errors import ConfigError

__all__ = ["Engine", "pinned_threads"]

_SEEDS = 1024  # seeds of the global generators that are drawn at once


class Engine:
    """Accelerate's processes and device, and what has to be the same in every one of them.

    Args:
        config: device, precision, threads and seed.

    Raises:
        ConfigError: the device asked for is not there.

    Attributes:
        rank: number of this process.
        world: number of processes.
        device: where this process computes.

    Example:
        >>> engine = Engine(TrainerConfig(device="cpu", precision="float64"))
        >>> engine.rank, engine.world, engine.place(torch.zeros(1)).dtype
        (0, 1, torch.float64)
    """

    def __init__(self, config: TrainerConfig) -> None:
        self._seed, self._threads = config.seed, config.threads
        self._accelerator = _accelerator(config)
        self._dtype = torch.float64 if config.precision == "float64" else None
        self._seeds, self._first_seed = [0], -1
        self.rank, self.world = self._accelerator.process_index, self._accelerator.num_processes
        self.device = self._accelerator.device

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self._accelerator.is_main_process

    def place(self, x: Tensor) -> Tensor:
        """A tensor on the device, and real numbers in the precision of the run."""
        return x.to(self.device, self._dtype if self._dtype and x.is_floating_point() else x.dtype)

    def place_batch(self, batch: Batch) -> Batch:
        """A batch on the device; its items and what of its conditions is real in the precision of the run."""
        batch = batch if self.device.type == "cpu" else batch.to(self.device)
        if self._dtype is None:
            return batch
        condition = {name: self.place(value) for name, value in batch.condition.items()}
        return replace(batch, x=batch.x.to(self._dtype), condition=condition)

    def place_model(self, model: nn.Module) -> nn.Module:
        """A model on the device and in the precision of the run; changed in place."""
        return model.to(self.device) if self._dtype is None else model.to(self.device, self._dtype)

    def distribute(self, model: nn.Module) -> Callable[[Batch, int, int], Tensor]:
        """The loss of a model as a function (batch, seed, step) whose gradient is that of the global batch."""
        return self._accelerator.prepare(_Loss(model, self.world))

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss, averaged over the processes."""
        self._accelerator.backward(loss)

    def mean(self, x: Tensor) -> Tensor:
        """The mean over the processes."""
        return x if self.world == 1 else torch.as_tensor(self._accelerator.reduce(x, "mean"))

    def largest(self, number: int) -> int:
        """The largest of the processes' numbers."""
        if self.world == 1:
            return number
        return int(torch.as_tensor(self._accelerator.gather(torch.tensor([number], device=self.device))).max())

    def wait(self) -> None:
        """Wait for all processes."""
        self._accelerator.wait_for_everyone()

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """Threads pinned and the global generators set aside inside the block, both put back after it."""
        forked = random.fork(seed=self._seed, stream=random.Stream.DROPOUT, item=self.rank)
        with pinned_threads(self._threads), forked:
            yield

    def seed_step(self, step: int) -> None:
        """Seed the global generators from (seed, process, step), for modules that draw from them."""
        first = step - step % _SEEDS
        if first != self._first_seed:
            steps = torch.arange(first, first + _SEEDS)
            where = {"seed": self._seed, "stream": random.Stream.DROPOUT, "item": self.rank, "draw": 1}
            self._seeds, self._first_seed = random.integers(1 << 31, (), step=steps, **where).tolist(), first
        torch.manual_seed(self._seeds[step - first])


@contextmanager
def pinned_threads(threads: int | None) -> Iterator[None]:
    """Compute with so many threads inside the block (None: as many as before): sums depend on it in their last bit.

    Example:
        >>> with pinned_threads(1):
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Loss(nn.Module):
    """The loss as a forward pass: what accelerate wraps (autocast, averaging of gradients)."""

    def __init__(self, model: nn.Module, world: int) -> None:
        super().__init__()
        self.model, self.world = model, world
        # Buffers are constants, or counts of one process: torch need not send them around at every step.
        self._ddp_params_and_buffers_to_ignore = [name for name, _ in self.named_buffers()]

    def forward(self, batch: Batch, seed: int, step: int) -> Tensor:
        loss: Callable[..., Tensor] = self.model.loss  # pyright: ignore[reportAssignmentType]
        value = loss(batch, seed, step)
        # The mean over processes of weighted means over slices is the mean over the global batch.
        return value if self.world == 1 else value * (len(batch) * self.world / batch.size)


def _accelerator(config: TrainerConfig) -> Accelerator:
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        # Its state is one per interpreter and would hold a second run to the device and precision of the first.
        AcceleratorState._reset_state(reset_partial_state=True)
    mixed = "bf16" if config.precision == "bfloat16" else "no"
    # Where there is no accelerator it must be told so, or each of several processes takes itself for the only one.
    nothing_else = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    on_processor = config.device == "cpu" or (config.device == "auto" and nothing_else)
    accelerator = Accelerator(cpu=on_processor, mixed_precision=mixed)
    if config.device not in ("auto", accelerator.device.type):
        raise ConfigError(f"device is {config.device!r}, but there is none here: use 'auto' or 'cpu'.")
    return accelerator
