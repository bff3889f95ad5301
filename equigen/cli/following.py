"""A training as its callbacks tell of it: progress on standard error, and the numbers to end with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from equigen.cli.progress import Progress
from equigen.training.callbacks import Callback

if TYPE_CHECKING:
    from equigen.training.trainer import Trainer

__all__ = ["Following"]


class Following(Callback):
    """Shows a training's progress; inside its block, and no longer.

    Attributes:
        values: steps of the run and those taken by this process, seconds, last losses, a classifier's accuracy;
            JSON-plain.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._progress: Progress | None = None
        self._loss: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._progress is not None:
            self._progress.close()

    def on_start(self, trainer: Trainer) -> None:
        """Begin to count where the run stands."""
        self._first = trainer.step
        self._progress = Progress("train", trainer.config.steps, "steps", done=trainer.step)

    def on_step(self, trainer: Trainer) -> None:
        """Count a step."""
        if self._progress is not None:
            self._progress.reach(trainer.step, **self._loss)

    def on_metrics(self, trainer: Trainer, record: Mapping[str, Any]) -> None:
        """Remember the last losses, and the accuracy of a classifier."""
        if record["kind"] == "train":
            self._loss |= {"loss": record["loss"]}
            self.values["loss"] = record["loss"]
        elif record["kind"] == "validation":
            self.values["validation_loss"] = record.get("loss")
            if "accuracy" in record:
                self._loss |= {"accuracy": record["accuracy"]}
                self.values["validation_accuracy"] = record["accuracy"]

    def on_notice(self, trainer: Trainer, text: str) -> None:
        """Say it in a line of its own."""
        if self._progress is not None:
            self._progress.say(f"equigen: {text}")
        else:
            print(f"equigen: {text}", file=sys.stderr)

    def on_end(self, trainer: Trainer) -> None:
        """Note what was done."""
        self.values |= {
            "steps": trainer.step,
            "steps_taken": trainer.step - self._first,
            "seconds": trainer.seconds,
        }
