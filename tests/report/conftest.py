"""A small run folder of made-up noise, complete in every part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.metrics.evaluating import evaluate
from equigen.metrics.evaluation import Evaluation
from equigen.random import Stream, normal
from equigen.report.record import write_evaluation, write_paths
from equigen.spaces.euclidean import Euclidean

CONFIG = """steps: 40
seed: 3
data:
  source: made-up
equigen:
  version: 0.1.0
"""


class Denoising:
    """Noise that shrinks to the data's size, with the loss of a model."""

    def sample(self, n: int, *, seed: int, steps: int, on_step=None) -> Tensor:
        z = normal((1, 8, 8), seed=seed, stream=Stream.PRIOR, item=torch.arange(n))
        for k in range(steps):
            if on_step is not None:
                on_step(k, z * 50 * (1 - k / steps) ** 4)
        return z

    def loss_by_noise_level(self, x: Tensor, *, seed: int):
        class Levels:
            noise = torch.logspace(-2, 1, 5)
            loss = torch.linspace(0.2, 0.9, 5) + x.mean().abs() / 100
            standard_error = torch.full((5,), 0.01)

        return Levels


@pytest.fixture(scope="session")
def evaluation() -> Evaluation:
    """A whole record, of made-up noise."""
    x = normal((1, 8, 8), seed=7, stream=Stream.LAW, item=torch.arange(120))
    train, held_out = DataSet(x, Euclidean(1, 8, 8), "made-up").split(seed=0, fraction=0.4)
    return evaluate(Denoising(), train, held_out, n=40, draws=3, seeds=2)


@pytest.fixture
def run(tmp_path: Path, evaluation: Evaluation) -> Path:
    """A run folder with every part."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    lines = [
        {
            "kind": "train",
            "step": 10 * k,
            "loss": 1 / k,
            "gradient_norm": 2.0,
            "learning_rate": 1e-3,
            "seconds": 3.0 * k,
        }
        for k in range(1, 5)
    ]
    levels = {"noise": [0.1, 1.0, 10.0], "level_loss": [0.9, 0.5, 0.7], "standard_error": [0.1, 0.1, 0.1]}
    lines += [{"kind": "validation", "step": step, "loss": 0.7, **levels} for step in (20, 40)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_evaluation(evaluation, tmp_path)
    write_paths(Denoising(), tmp_path, seed=0, steps=12, n=3)
    return tmp_path
