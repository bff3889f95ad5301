"""What a run tells while it goes: the library never prints, it calls these."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from equigen.diffusion.givens import Givens
from equigen.training.files import one_sentence, write_whole

if TYPE_CHECKING:
    from equigen.training.trainer import Trainer

__all__ = ["Callback", "SampleGrid", "due"]

_COLUMNS, _MOST_ROWS = 8, 10


def due(step: int, every: int | None, steps: int) -> bool:
    """Whether something that happens every so many steps, and at the end, happens after this one; 0: never.

    Example:
        >>> [step for step in range(1, 8) if due(step, 3, 7)]
        [3, 6, 7]
    """
    return bool(every) and (step % (every or 1) == 0 or step == steps)


class Callback:
    """Called by the trainer in the first process; override what you need.

    The trainer has `.step` (steps taken), `.config`, `.folder`, `.model`, `.average.model` and `.seconds`.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Before the first step of this process; `trainer.step` steps were taken before."""

    def on_step(self, trainer: Trainer) -> None:
        """After each step, and before its checkpoint."""

    def on_metrics(self, trainer: Trainer, record: Mapping[str, Any]) -> None:
        """A line was written to metrics.jsonl."""

    def on_checkpoint(self, trainer: Trainer, folder: Path) -> None:
        """A checkpoint was written."""

    def on_notice(self, trainer: Trainer, text: str) -> None:
        """Something that a person should read: one sentence."""

    def on_end(self, trainer: Trainer) -> None:
        """After the last step, when all is saved."""


class SampleGrid(Callback):
    """Writes samples of the averaged model as the run goes: progress/step-00001000.npz, key `images`, in data units.

    The noise is the same each time, so that the grids show one set of images coming to be. Where the model's givens
    have classes, each row of 8 shows one of them, ascending, and the key `labels` says which: all classes if they are
    at most 10, else so many spread evenly. Whatever else samples are drawn for comes from the givens.

    Args:
        n: number of samples, in rows of 8; more where there are more classes than rows.
        sampling: what `model.sample` is given beside n, seed and condition; None: steps=20.
    """

    def __init__(self, n: int = 32, sampling: Mapping[str, Any] | None = None) -> None:
        self.n = n
        self.sampling: dict[str, Any] = {"steps": 20} if sampling is None else dict(sampling)

    def on_step(self, trainer: Trainer) -> None:
        """Draw and write, when it is time to.

        Raises:
            RunFolderError: the file cannot be written.
        """
        config = trainer.config
        if not due(trainer.step, config.sample_every, config.steps):
            return
        sample: Any = trainer.average.model.sample
        labels = self._labels(getattr(trainer.average.model, "givens", None))
        if labels is None:
            drawn = {"images": sample(self.n, seed=config.seed, **self.sampling)}
        else:
            condition = {"label": labels}
            images = sample(len(labels), seed=config.seed, condition=condition, **self.sampling)
            drawn = {"images": images, "labels": labels}
        buffer = io.BytesIO()
        arrays = {name: (value.float() if name == "images" else value).cpu().numpy() for name, value in drawn.items()}
        np.savez_compressed(buffer, **arrays)
        folder = trainer.folder / "progress"
        with one_sentence(folder):
            folder.mkdir(exist_ok=True)
        write_whole(folder / f"step-{trainer.step:08d}.npz", buffer.getvalue())

    def _labels(self, givens: object) -> Tensor | None:
        """The class of each sample, row by row; None where there are no classes."""
        classes = givens.classes() if isinstance(givens, Givens) else []
        if not classes:
            return None
        rows = max(-(-self.n // _COLUMNS), min(len(classes), _MOST_ROWS))
        shown = [classes[row * len(classes) // rows] for row in range(rows)]
        return torch.tensor(shown).repeat_interleave(_COLUMNS)
