"""A small run that classifies, made up, complete in every part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from equigen.data.dataset import DataSet
from equigen.groups.plane_groups import Cyclic
from equigen.metrics.classification import ClassifierEvaluation
from equigen.metrics.classification_evaluating import evaluate_classifier
from equigen.random import Stream, normal
from equigen.report.record import write_evaluation
from equigen.spaces.euclidean import Euclidean
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.pool import GlobalAveragePool
from equigen.symmetry.certificate import Certificate
from equigen.symmetry.certifying import certify

CONFIG = """task: classify
steps: 40
seed: 3
data:
  source: made-up
  pose: rotations
classifier:
  symmetry: D8
  restrict: C8
  augmentation: rotations
equigen:
  version: 0.1.0
  estimate:
    seconds: 100.0
    parameters: 1234567
    memory_bytes: 10485760
"""


class Guessing:
    """Calls images by their brightness."""

    classes = ("cat", "dog", "<owl>")

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        total = x.mean((1, 2, 3))
        return torch.stack((8 * total, -8 * total, 0.1 - 20 * total.abs()), -1)


@pytest.fixture(scope="session")
def judged() -> ClassifierEvaluation:
    """A whole record."""
    x = normal((1, 8, 8), seed=7, stream=Stream.LAW, item=torch.arange(90))
    labels = Guessing().logits(x).argmax(-1)
    labels[::7] = (labels[::7] + 1) % 3
    data = DataSet(x, Euclidean(1, 8, 8), "made-up", labels=labels)
    return evaluate_classifier(Guessing(), *data.split(seed=0, fraction=0.4), n=20)


@pytest.fixture(scope="session")
def certificate() -> Certificate:
    """Of a network of one convolution, under C8."""
    image = FieldType(Cyclic(8), "1x0e")
    network = nn.Sequential(SteerableConv2d(image, image, 3), GlobalAveragePool(image))
    return certify(network, Cyclic(8), normal((1, 8, 8), seed=1, stream=Stream.LAW, item=torch.arange(2)))


@pytest.fixture
def run(tmp_path: Path, judged: ClassifierEvaluation, certificate: Certificate) -> Path:
    """A run folder with every part."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    lines = [{"kind": "train", "step": 10 * k, "loss": 1 / k, "seconds": 3.0 * k} for k in range(1, 5)]
    lines += [{"kind": "validation", "step": k, "loss": 0.7, "accuracy": 0.8 + k / 400} for k in (20, 40)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_evaluation(judged, tmp_path)
    (tmp_path / "certificate.json").write_text(json.dumps(certificate.to_dict()))
    return tmp_path
