"""A small run folder of made-up noise, complete in every part."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.metrics.by_evaluations import SolverComparison, SolverCurve
from equigen.metrics.evaluating import evaluate
from equigen.metrics.evaluation import Evaluation
from equigen.metrics.groups import ConditionGroup, Groups
from equigen.metrics.likelihood import Likelihood
from equigen.random import Stream, normal
from equigen.report.record import write_evaluation, write_paths
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean

CONFIG = """steps: 40
seed: 3
data:
  source: made-up
equigen:
  version: 0.1.0
  estimate:
    seconds: 100.0
    parameters: 1234567
    memory_bytes: 10485760
"""

COMPARISON = SolverComparison(
    n=40,
    seed=0,
    budgets=(5, 20),
    reference="heun",
    reference_evaluations=79.0,
    reference_error=0.003,
    curves=(
        SolverCurve("euler", (5.0, 20.0), (0.3, 0.08), (3.0, 2.0)),
        SolverCurve("heun", (5.0, 19.0), (5.0, 0.03), (900.0, 2.0)),
        SolverCurve("ancestral", (5.0, 20.0), (), (4.0, 2.1)),
    ),
    frechet_floor=1.9,
    frechet_floor_interval=(1.8, 2.0),
)
GROUPS = Groups(
    "class",
    (
        ConditionGroup("cat", 30, 20, 0.9, (0.74, 0.97), 0.95, (0.76, 0.99), 0.41, 0.02),
        ConditionGroup("dog", 10, 28, 0.5, (0.24, 0.76), 1.0, (0.88, 1.0), 0.52, 0.03),
        ConditionGroup("<owl>", 0, 1, None, None, 1.0, (0.2, 1.0)),
    ),
)


LIKELIHOOD = Likelihood(
    bits=1.794,
    standard_error=0.0286,
    item_error=0.0266,
    probe_error=0.0103,
    solver_error=0.005,
    n=64,
    quantised=True,
    noise=0.048,
    baseline=2.882,
    baseline_covariance="full",
    gain=1.088,
    gain_error=0.021,
    evaluations=126.6,
)


class Denoising:
    """Noise that shrinks to the data's size, with the loss of a model."""

    def sample(self, n: int, *, seed: int, steps: int, on_step=None) -> Tensor:
        z = normal((1, 8, 8), seed=seed, stream=Stream.PRIOR, item=torch.arange(n))
        for k in range(steps):
            if on_step is not None:
                on_step(k, z * 50 * (1 - k / steps) ** 4)
        return z

    def loss_by_noise_level(self, batch: Batch, *, seed: int):
        class Levels:
            noise = torch.logspace(-2, 1, 5)
            loss = torch.linspace(0.2, 0.9, 5) + batch.x.mean().abs() / 100
            standard_error = torch.full((5,), 0.01)

        return Levels


@pytest.fixture(scope="session")
def evaluation() -> Evaluation:
    """A whole record, of made-up noise."""
    x = normal((1, 8, 8), seed=7, stream=Stream.LAW, item=torch.arange(120))
    train, held_out = DataSet(x, Euclidean(1, 8, 8), "made-up").split(seed=0, fraction=0.4)
    return replace(
        evaluate(Denoising(), train, held_out, n=40, draws=3, seeds=2), solvers=COMPARISON, likelihood=LIKELIHOOD
    )


@pytest.fixture(scope="session")
def by_class(evaluation: Evaluation) -> Evaluation:
    """The same of a model with classes, one of which has no samples."""
    samples, real = evaluation.pictures["samples"], evaluation.pictures["data"]
    shown = {
        "group_samples": samples[:12],
        "group_of_samples": np.array([0] * 9 + [1] * 3),
        "group_held_out": real[:6],
        "group_of_held_out": np.array([0, 0, 1, 1, 1, 2]),
    }
    return replace(evaluation, groups=GROUPS, pictures={**evaluation.pictures, **shown})


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
