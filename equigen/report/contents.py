"""What a run folder holds that a report can show; what is absent or cannot be read is a word, never an error."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from equigen.data.encoding import Encoding
from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.metrics.evaluation import Evaluation
from equigen.symmetry.theorem.certificate import ModelCertificate
from equigen.training.build import load_data
from equigen.training.errors import ConfigError, RunFolderError
from equigen.training.folder import circumstances, recorded
from equigen.training.metrics_log import MetricsLog

__all__ = ["Contents", "Images", "Paths", "read"]

_SHOWN = 64
_NAMED = 8  # classes, in a caption


@dataclass(frozen=True)
class Images:
    """Images (N, C, H, W) in data units, and where they come from in words."""

    x: np.ndarray
    origin: str


@dataclass(frozen=True)
class Paths:
    """Images (S, n, C, H, W) at S moments of sampling, and the solver steps done at each."""

    x: np.ndarray
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Contents:
    """What a run folder holds.

    Args:
        folder: the run folder.
        config: config.yaml as a mapping; empty if there is none.
        config_text: config.yaml as it stands.
        train: records of training steps.
        validation: records of validations.
        evaluation: the record in evaluation.json.
        arrays: what evaluation.npz holds; empty without the record, its own or that of a classifier.
        data: images of the data.
        samples: images of the model.
        paths: from noise to image.
        certificate: of a model that generates, in certificate.json.
        absent: for each part that is not there the reason, in words.
    """

    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    config_text: str = ""
    train: tuple[Mapping[str, Any], ...] = ()
    validation: tuple[Mapping[str, Any], ...] = ()
    evaluation: Evaluation | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    data: Images | None = None
    samples: Images | None = None
    paths: Paths | None = None
    certificate: ModelCertificate | None = None
    absent: Mapping[str, str] = field(default_factory=dict)


def read(folder: Path) -> Contents:
    """Read what a run folder holds.

    Args:
        folder: of a run, finished or not.

    Raises:
        RunFolderError: no such folder, or nothing of a run in it.
    """
    if not folder.is_dir():
        raise RunFolderError(f"{folder} is no folder, but a report is written of a run folder: give its path.")
    absent: dict[str, str] = {}
    config_text, config = _config(folder, absent)
    records = MetricsLog(folder / "metrics.jsonl").read()
    if not records:
        absent["training"] = "metrics.jsonl is not there or empty: the run has not trained yet."
    evaluation, arrays = _evaluation(folder, absent)
    samples = _samples(folder, arrays, evaluation, absent)
    paths = _paths(folder, absent)
    if not any((config, records, evaluation, samples, paths)):
        raise RunFolderError(f"{folder} holds nothing of a run: train one with 'equigen train DATA --out {folder}'.")
    return Contents(
        folder=folder,
        config=config,
        config_text=config_text,
        train=tuple(one for one in records if one.get("kind") == "train"),
        validation=tuple(one for one in records if one.get("kind") == "validation"),
        evaluation=evaluation,
        arrays=arrays,
        data=_data(folder, arrays, absent),
        samples=samples,
        paths=paths,
        certificate=_certificate(folder, config, absent),
        absent=absent,
    )


def _config(folder: Path, absent: dict[str, str]) -> tuple[str, dict[str, Any]]:
    path = folder / "config.yaml"
    if not path.is_file():
        absent["configuration"] = "config.yaml is not there."
        return "", {}
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError:
        absent["configuration"] = "config.yaml cannot be read as YAML; it stands here as it is."
        return text, {}
    return text, values if isinstance(values, dict) else {}


def _evaluation(folder: Path, absent: dict[str, str]) -> tuple[Evaluation | None, dict[str, np.ndarray]]:
    path = folder / "evaluation.json"
    if not path.is_file():
        absent["evaluation"] = f"The run has not been evaluated: 'equigen evaluate {folder}' does it."
        return None, {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(values, dict) and values.get("task") == "classify":  # read by the page of such a run
            return None, _arrays(folder / "evaluation.npz") or {}
        evaluation = Evaluation.from_dict(values if isinstance(values, dict) else {})
    except (ValueError, OSError) as error:
        absent["evaluation"] = f"evaluation.json cannot be used: {error}"
        return None, {}
    older = f"This evaluation is of an older version, which did not measure it: 'equigen evaluate {folder}' does."
    if evaluation.two_sample is None:
        absent["two_sample"] = older
    if evaluation.memorisation is None:
        absent["memorisation"] = older
    if evaluation.likelihood is None:
        absent["likelihood"] = f"The likelihood was not measured: 'equigen evaluate {folder}' does it where it can."
    if evaluation.solvers is None:
        absent["solvers"] = (
            f"Solvers were not compared: 'equigen evaluate {folder} --solvers dpm-solver-2m,heun' does it."
        )
    return evaluation, _arrays(folder / "evaluation.npz") or {}


def _certificate(folder: Path, config: Mapping[str, Any], absent: dict[str, str]) -> ModelCertificate | None:
    """The certificate of a model that generates; a classifier's is read by the page of such a run."""
    if config.get("task") == "classify":
        return None
    path, model = folder / "certificate.json", config.get("model")
    if not path.is_file():
        if isinstance(model, Mapping) and model.get("symmetry"):
            absent["certificate"] = f"The run has not been certified: 'equigen certify {folder}' does it."
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return ModelCertificate.from_dict(values if isinstance(values, dict) else {})
    except (ValueError, OSError) as error:
        absent["certificate"] = f"certificate.json cannot be used: {error}"
        return None


def _arrays(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of an npz file; None if it is not there, damaged or no npz. Pickles are never opened."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile):
        return None


def _samples(
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    evaluation: Evaluation | None,
    absent: dict[str, str],
) -> Images | None:
    """The newest word of the model: samples asked for, else those evaluated, else the last grid of the training."""
    for name in ("samples.npz", "samples/samples.npz"):
        if (folder / name).is_file():
            try:
                return Images(_decoded(folder, name), f"{name}{_classes(folder, name)}")
            except (DataError, ConfigError) as error:
                absent["samples"] = f"{name} cannot be shown: {error}"
    if "samples" in arrays and evaluation is not None:
        return Images(arrays["samples"], _conditions(evaluation))
    for path in sorted((folder / "progress").glob("step-*.npz"), reverse=True):
        images = (_arrays(path) or {}).get("images")
        if images is not None and images.ndim == 4 and images.size:
            return Images(images[:_SHOWN], f"training step {int(path.stem.removeprefix('step-'))}")
    absent.setdefault("samples", f"There are no samples yet: 'equigen sample {folder}' draws some.")
    return None


def _decoded(folder: Path, name: str) -> np.ndarray:
    """The first samples of a file in data units, by the encoding of the data where the run recorded it."""
    stored = circumstances(folder).get("data", {}).get("stored") if (folder / "config.yaml").is_file() else None
    images = (_arrays(folder / name) or {}).get("images")
    if stored is None or images is None:
        return load(folder / name, key="images", limit=_SHOWN).x[:].numpy()
    return Encoding.from_dict(stored).decode(images[:_SHOWN], name).numpy()


def _classes(folder: Path, name: str) -> str:
    """For which classes the first samples of a file were drawn, if these are not all."""
    labels = (_arrays(folder / name) or {}).get("labels")
    data = circumstances(folder).get("data", {}) if (folder / "config.yaml").is_file() else {}
    names = data.get("class_names")
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu" or not isinstance(names, list):
        return ""
    drawn = [str(names[k]) for k in np.unique(labels[:_SHOWN]).tolist() if 0 <= k < len(names)]
    return f" (drawn for {', '.join(drawn)})" if drawn and len(drawn) < len(names) and len(drawn) <= _NAMED else ""


def _conditions(evaluation: Evaluation) -> str:
    solver = f" of {evaluation.solver}" if evaluation.solver else ""
    steps = "" if evaluation.steps is None else f" and {evaluation.steps} solver steps{solver}"
    return f"the evaluation with seed {evaluation.seed}{steps}"


def _paths(folder: Path, absent: dict[str, str]) -> Paths | None:
    arrays = _arrays(folder / "paths.npz") or {}
    images, steps = arrays.get("images"), arrays.get("steps")
    if images is None or steps is None or images.ndim != 5 or not images.size or len(steps) != len(images):
        absent["paths"] = f"paths.npz is not there: 'equigen evaluate {folder}' writes it."
        return None
    return Paths(images, tuple(int(step) for step in steps))


def _data(folder: Path, arrays: Mapping[str, np.ndarray], absent: dict[str, str]) -> Images | None:
    """Training images: those the evaluation kept, else from the data themselves where they still are."""
    if "data" in arrays:
        return Images(arrays["data"], "the training split")
    try:
        config = recorded(folder)
        _, train, _ = load_data(config.data, config.seed)
    except (ConfigError, RunFolderError, DataError, OSError) as error:
        absent["data"] = f"The data are not within reach: {error}"
        return None
    some = torch.linspace(0, len(train) - 1, min(_SHOWN, len(train))).long()
    return Images(train.x[some].numpy(), "the training split")
