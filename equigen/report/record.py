"""What a report reads and nobody else writes: the evaluation and the paths from noise to image, in the run folder.

evaluation.json   `Evaluation.to_dict()`; of a run that classifies `ClassifierEvaluation.to_dict()`
evaluation.npz    its pictures: data, samples, closest pairs, distances; data, mistakes, images turned
paths.npz         images (S, n, C, H, W) in data units, steps (S,): solver steps done at each moment
"""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from equigen.metrics.classification import ClassifierEvaluation
from equigen.metrics.evaluation import Evaluation
from equigen.training.files import write_whole

__all__ = ["PathSampler", "write_evaluation", "write_paths"]

_MOMENTS = 9
_CANDIDATES = 41  # moments that are held in memory to choose from
_NOISY = 8.0  # times the size of a sample: beyond it a picture of x_t is a picture of noise


class PathSampler(Protocol):
    """A model that shows where its samples are before each step of the sampler."""

    def sample(self, n: int, *, seed: int, steps: int, on_step: Callable[[int, Tensor], None]) -> Tensor:
        """Draw n items (n, C, H, W) in data units."""
        ...


def write_evaluation(evaluation: Evaluation | ClassifierEvaluation, run: Path) -> None:
    """Write evaluation.json and evaluation.npz into a run folder, each as a whole.

    Args:
        evaluation: with its pictures.
        run: an existing folder.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    text = json.dumps(evaluation.to_dict(), indent=1, allow_nan=False)
    _write_npz(run / "evaluation.npz", dict(evaluation.pictures))
    write_whole(run / "evaluation.json", text.encode())


def write_paths(model: PathSampler, run: Path, *, seed: int, steps: int = 20, n: int = 6, **sampling: Any) -> None:
    """Sample a few items, keep them at some moments from noise to image, and write paths.npz into a run folder.

    Args:
        model: whose `sample` takes `on_step`.
        run: an existing folder.
        seed: of the samples: they are the first n of that seed.
        steps: of the sampler.
        n: number of samples.
        sampling: more arguments for `model.sample`.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    candidates = {round(k) for k in np.linspace(0, steps, min(_CANDIDATES, steps + 1))}
    seen: dict[int, Tensor] = {}

    def keep(k: int, x_t: Tensor) -> None:
        if k in candidates:
            seen[k] = x_t.detach().float().cpu()

    seen[steps] = model.sample(n, seed=seed, steps=steps, on_step=keep, **sampling).detach().float().cpu()
    moments = _moments(seen)
    images = torch.stack([seen[k] for k in moments]).numpy()
    _write_npz(run / "paths.npz", {"images": images, "steps": np.array(moments)})


def _moments(seen: dict[int, Tensor]) -> list[int]:
    """The first moment, the last, and some evenly between where there is more to see than noise."""
    order = sorted(seen)
    size = {k: float(seen[k].square().mean()) ** 0.5 for k in order}
    visible = [k for k in order if size[k] <= _NOISY * size[order[-1]]]
    places = {round(i) for i in np.linspace(0, len(visible) - 1, min(_MOMENTS - 1, len(visible)))}
    return sorted({order[0], order[-1], *(visible[i] for i in places)})


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(path, buffer.getvalue())
