"""One training loop, for whatever has `.loss(batch, seed, step)`.

Every step is a pure function of the weights, the optimiser's state, the average and (seed, step): the batch comes from
(seed, step), the noise is addressed, and what draws from torch's global generators finds them seeded from (seed, step,
process). So a checkpoint of these is all that a run needs to end in the same weights, bit for bit.

With several processes each takes its slice of the global batch; gradients are averaged, weighted by the sizes of the
slices; the first process alone writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from equigen.data.dataset import DataSet
from equigen.data.graph_signals import GraphSignals
from equigen.data.order import batch_indices
from equigen.spaces.batch import Batch
from equigen.training.average import Average
from equigen.training.callbacks import Callback, due
from equigen.training.checkpoint import Checkpoints, Snapshot
from equigen.training.config import TrainerConfig
from equigen.training.engine import Engine
from equigen.training.errors import Interrupted, RunFolderError
from equigen.training.files import one_sentence
from equigen.training.finite import (
    Window,
    blame,
    require_finite_validation,
    require_finite_weights,
    rows_at_fault,
)
from equigen.training.metrics_log import MetricsLog
from equigen.training.optimiser import learning_rate, load_state, make_optimiser, state_tensors
from equigen.training.signals import StopRequest
from equigen.training.validation import held_out_batch, validate

__all__ = ["BatchSource", "Trainer"]


class BatchSource(Protocol):
    """Gives the global batch of a step as a pure function of (seed, step)."""

    def batch(self, size: int, seed: int, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The slice of process `rank` of `world`; steps count from 0."""
        ...


class Trainer:
    """Trains a model, and can be stopped anywhere.

    Args:
        model: anything with `.loss(batch, seed, step) -> scalar`, the mean over the items given; steps count from 0.
        source: of batches, such as `equigen.data.DataSet` or `equigen.data.GraphSignals`.
        config: what the loop needs.
        folder: the run folder; checkpoints/ and metrics.jsonl are written there.
        held_out: items for validation, bare (N, *shape) or a batch with structures and conditions, of which the first
            `validation.MOST` are used, at the places 0, 1, 2, ...; None: no validation.
        callbacks: are told how it goes.

    Raises:
        ConfigError: the device asked for is not there.

    Attributes:
        step: steps taken; the first step is step 1 wherever a person reads it.
        seconds: wall time of training, over all processes that had a part in the run.
        average: the averaged weights, as a model.

    Example:
        >>> import tempfile
        >>> class Point(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.at = nn.Parameter(torch.zeros(1))
        ...     def loss(self, batch, seed, step):
        ...         return (batch.x - self.at).square().mean()
        >>> class Ones:
        ...     def batch(self, size, seed, step, rank=0, world=1):
        ...         return Batch.whole(torch.ones(size, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     config = TrainerConfig(steps=200, batch_size=4, learning_rate=0.1, device="cpu")
        ...     average = Trainer(Point(), Ones(), config, Path(folder)).fit()
        >>> round(average.at.item(), 2)
        1.0
    """

    def __init__(
        self,
        model: nn.Module,
        source: BatchSource,
        config: TrainerConfig,
        folder: Path,
        *,
        held_out: Batch | Tensor | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        threads = config.threads or torch.get_num_threads()
        self.config = config.resolved().model_copy(update={"threads": threads})
        self.folder, self.source = Path(folder), source
        self.engine = Engine(self.config)
        self.model = self.engine.place_model(model)
        self.optimiser = make_optimiser(self.model, self.config)
        self.average = Average(self.model, self.config.steps, self.config.ema)
        self.step, self.seconds = 0, 0.0
        self.checkpoints = Checkpoints(self.folder / "checkpoints")
        self.log = MetricsLog(self.folder / "metrics.jsonl")
        self._loss = self.engine.distribute(self.model)
        self._parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self._window = Window(self.engine.device)
        self._held_out = None if held_out is None else self.engine.place_batch(held_out_batch(held_out))
        self._callbacks = list(callbacks) if self.engine.writes else []
        # Where reading a number waits for nobody, every step is looked at; elsewhere when a line is due.
        waits = self.engine.device.type != "cpu" or self.engine.world > 1
        self._read_every = self.config.log_every if waits else 1

    def fit(self, *, resume: bool = False) -> nn.Module:
        """Take the steps that are left.

        Args:
            resume: go on from the newest checkpoint that is whole, or from the start if there is none.

        Returns:
            The averaged model, on the device of training.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; the step was finished and saved.
            NonFiniteError: a loss or gradient is not finite; nothing saved was touched.
            RunFolderError: the folder cannot be written, or holds checkpoints and `resume` is false.
        """
        with self.engine.surroundings(), StopRequest() as stop:
            self._begin(resume)
            self._tell("on_start")
            before, start = self.seconds, perf_counter()
            while self.step < self.config.steps:
                self._take_step()
                self.seconds = before + perf_counter() - start
                self._after_step(stop)
            self._tell("on_end")
        return self.average.model

    def notice(self, text: str) -> None:
        """Hand the callbacks a sentence for a person."""
        self._tell("on_notice", text)

    def _begin(self, resume: bool) -> None:
        """Make the folder ready, and put the state of a checkpoint back."""
        if not resume and self.checkpoints.steps():
            raise RunFolderError(f"{self.folder} holds checkpoints of a run already: resume it or take another folder.")
        with one_sentence(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        if resume:
            snapshot = self.checkpoints.newest(self.notice)
            if snapshot is not None:
                self._restore(snapshot)
        if self.engine.writes:
            self.log.cut_back(self.step)
            if self.step:
                self.checkpoints.settle(self.step)
        self.engine.wait()
        self.model.train()

    def _take_step(self) -> None:
        """One step: loss, gradient, weights, average. Nothing here waits for the device."""
        config, index = self.config, self.step
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(index + 1, config)
        self.engine.seed_step(index)
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._loss(self._batch(index), config.seed, index)
        self.engine.backward(loss)
        if config.clip is None:
            norm = nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        else:
            norm = nn.utils.clip_grad_norm_(self._parameters, config.clip)
        self._window.add(loss, norm)
        # The fused kernel leaves weights and state alone where the first is 1; the second is for scaled losses.
        self.optimiser.found_inf, self.optimiser.grad_scale = self._window.skip, None  # pyright: ignore
        self.optimiser.step()
        self.average.update(index + 1)
        self.step = index + 1

    def _after_step(self, stop: StopRequest) -> None:
        """What follows a step: numbers, validation, callbacks, a checkpoint, and the end if it was asked for."""
        config, signum = self.config, 0
        line = due(self.step, config.log_every, config.steps)
        save = due(self.step, config.checkpoint_every, config.steps) or self.step == config.steps
        if line or save or self.step % self._read_every == 0:
            self._read_numbers()
            signum = self.engine.largest(stop.signum)
        if line:
            self._write_line()
        if self._held_out is not None and due(self.step, config.validate_every, config.steps):
            found = validate(self.average.model, self._held_out, config.seed)
            require_finite_validation(self.step, found)
            self._write({"kind": "validation", "step": self.step, **found})
        self._tell("on_step")
        if save or signum:
            self._save()
        if signum:
            raise Interrupted(signum, self.step, self.folder)

    def _batch(self, index: int) -> Batch:
        """This process's slice of a step's batch."""
        config, engine = self.config, self.engine
        return engine.place_batch(self.source.batch(config.batch_size, config.seed, index, engine.rank, engine.world))

    def _read_numbers(self) -> None:
        """Wait for the numbers of the last steps, and stop if one of them is not finite."""
        back = self._window.read(self.engine.mean)
        if back is None:
            return
        index, (loss, norm) = self.step - 1 - back, self._window.values[-1 - back]
        batch, seed = self._batch(index), self.config.seed
        alone: Callable[..., Tensor] = self.model.loss  # pyright: ignore[reportAssignmentType]
        self.engine.seed_step(index)
        rows = rows_at_fault(self.model, batch, lambda part: alone(part, seed, index))
        tell = getattr(self.model, "training_noise", None)
        raise blame(
            index + 1,
            (loss, norm),
            rows,
            batch.position,
            noise=None if tell is None else tell(batch, seed, index),
            items=self._items(index),
        )

    def _items(self, index: int) -> Tensor | None:
        """Which items of the data set this process's slice of a batch holds, where that is known."""
        if not isinstance(self.source, DataSet | GraphSignals):
            return None
        where = {"rank": self.engine.rank, "world": self.engine.world}
        return batch_indices(len(self.source), self.config.batch_size, seed=self.config.seed, step=index, **where)[0]

    def _write_line(self) -> None:
        loss, norm = self._window.mean()
        self._window.clear()
        rate = learning_rate(self.step, self.config)
        record = {"kind": "train", "step": self.step, "loss": loss, "gradient_norm": norm, "learning_rate": rate}
        self._write({**record, "seconds": round(self.seconds, 3)})

    def _write(self, record: dict[str, Any]) -> None:
        if self.engine.writes:
            self.log.append(record)
        self._tell("on_metrics", record)

    def _save(self) -> None:
        """Write a checkpoint; before it the metrics, which are cut back to it and could not be made up."""
        require_finite_weights(self.step, self.model, self.average.model)
        if self.engine.writes:
            self.log.sync()
            parts = {
                "model": self.model.state_dict(),
                "average": self.average.model.state_dict(),
                "optimiser": state_tensors(self.optimiser),
            }
            state = {"seconds": self.seconds, "window": self._window.values}
            self._tell("on_checkpoint", self.checkpoints.save(Snapshot(self.step, parts, state)))
        self.engine.wait()

    def _restore(self, snapshot: Snapshot) -> None:
        try:
            self.model.load_state_dict(dict(snapshot.parts["model"]))
            self.average.model.load_state_dict(dict(snapshot.parts["average"]))
            load_state(self.optimiser, snapshot.parts["optimiser"])
            self.step, self.seconds = snapshot.step, float(snapshot.state["seconds"])
            self._window = Window(self.engine.device, snapshot.state["window"])
        except (RuntimeError, KeyError, ValueError):
            where = self.checkpoints.path(snapshot.step)
            raise RunFolderError(f"{where} belongs to another model: resume with the configuration it had.") from None

    def _tell(self, event: str, *what: object) -> None:
        for callback in self._callbacks:
            getattr(callback, event)(self, *what)
