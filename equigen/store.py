"""Models on disk: config.json beside model.safetensors; and the one closed table of names that become classes.

A configuration is JSON-plain: every object is {"kind": name, parameter: value, ...}, its parameters those of its
constructor. Only names of the table become classes; nothing is unpickled and no code is loaded. The table holds paths,
so that names can be listed without importing torch.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CLASSIFIERS",
    "GRIDS",
    "LABS",
    "MODELS",
    "NETWORKS",
    "PRECONDITIONINGS",
    "SCHEDULES",
    "SOLVERS",
    "SPACES",
    "TABLE",
    "TIMES",
    "WEIGHTS",
    "StoreError",
    "build",
    "from_config",
    "load",
    "resolve",
    "save",
    "to_config",
]

_FORMAT = 1

SPACES = {
    "euclidean": "spaces.euclidean:Euclidean",
    "centred": "spaces.centred:Centred",
    "masked": "spaces.masked:Masked",
}
SCHEDULES = {
    "geometric-noise": "diffusion.schedules.geometric_noise:GeometricNoise",
    "variance-exploding": "diffusion.schedules.variance_exploding:VarianceExploding",
    "variance-preserving": "diffusion.schedules.variance_preserving:VariancePreserving",
    "sub-variance-preserving": "diffusion.schedules.sub_variance_preserving:SubVariancePreserving",
    "cosine": "diffusion.schedules.cosine:Cosine",
    "edm": "diffusion.schedules.edm:EDM",
    "rectified-flow": "diffusion.schedules.rectified_flow:RectifiedFlow",
}
PRECONDITIONINGS = {
    "karras": "diffusion.preconditioning.karras:KarrasPreconditioning",
    "scale-by-sigma": "diffusion.preconditioning.scale_by_sigma:ScaleBySigma",
    "noise": "diffusion.preconditioning.noise_prediction:NoisePrediction",
    "velocity": "diffusion.preconditioning.velocity_prediction:VelocityPrediction",
}
WEIGHTS = {
    "karras-weight": "diffusion.loss:KarrasWeight",
    "noise-weight": "diffusion.loss:NoiseWeight",
    "unit-weight": "diffusion.loss:UnitWeight",
}
TIMES = {"uniform-times": "diffusion.loss:UniformTimes", "log-normal-noise": "diffusion.loss:LogNormalNoise"}
SOLVERS = {
    "dpm-solver-2m": "diffusion.solvers.dpm_solver_2m:DPMSolver2M",
    "euler": "diffusion.solvers.euler:Euler",
    "heun": "diffusion.solvers.heun:Heun",
    "euler-maruyama": "diffusion.solvers.euler_maruyama:EulerMaruyama",
    "ancestral": "diffusion.solvers.ancestral:Ancestral",
    "predictor-corrector": "diffusion.solvers.predictor_corrector:PredictorCorrector",
    "rk45": "diffusion.solvers.rk45:RK45",
}
GRIDS = {
    "karras-grid": "diffusion.time_grid:KarrasGrid",
    "log-snr-grid": "diffusion.time_grid:LogSNRGrid",
    "uniform-grid": "diffusion.time_grid:UniformGrid",
}
NETWORKS = {
    "unet": "networks.unet:UNet",
    "tutorial-unet": "networks.tutorial_unet:TutorialUNet",
}
CLASSIFIERS = {"steerable-classifier": "networks.steerable_classifier:SteerableClassifier"}
MODELS = {
    "diffusion-model": "diffusion.model:DiffusionModel",
    "classification-model": "networks.classification_model:ClassificationModel",
    "network-denoiser": "diffusion.network_denoiser:NetworkDenoiser",
    "scale": "diffusion.scale:Scale",
    "givens": "diffusion.givens:Givens",
}
LABS = {
    "noise-scale": "labs.noise_scale:NoiseScale",
    "mixture-score": "labs.mixture_score:MixtureScore",
    "reversal": "labs.reversal:Reversal",
    "denoising": "labs.denoising:Denoising",
    "mnist-diffusion": "labs.mnist_diffusion:MnistDiffusion",
    "irreps": "labs.irreps:Irreps",
    "steerable-filters": "labs.steerable_filters:SteerableFilters",
    "equivariance": "labs.equivariance:Equivariance",
    "rotation-stability": "labs.rotation_stability:RotationStability",
}
TABLE: dict[str, str] = (
    SPACES | SCHEDULES | PRECONDITIONINGS | WEIGHTS | TIMES | SOLVERS | GRIDS | NETWORKS | CLASSIFIERS | MODELS
)


class StoreError(ValueError):
    """A stored model or a configuration that cannot be read."""


def resolve(kind: str, table: dict[str, str] = TABLE) -> type:
    """The class that a name of the table stands for.

    Raises:
        StoreError: the name is not in the table.

    Example:
        >>> resolve("edm").__name__
        'EDM'
    """
    if kind not in table:
        near = difflib.get_close_matches(str(kind), table, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(sorted(table))}."
        raise StoreError(f"{kind!r} is not a known kind: {hint}")
    module, name = table[kind].split(":")
    return getattr(importlib.import_module(f"equigen.{module}"), name)


def build(kind: str, table: dict[str, str] = TABLE, **parameters: Any) -> Any:
    """An object of a named class.

    Raises:
        StoreError: the name or a parameter is unknown, or a parameter has a value that the class refuses.

    Example:
        >>> build("edm", t_max=20.0)
        EDM(t_min=0.002, t_max=20.0)
    """
    cls = resolve(kind, table)
    names = inspect.signature(cls).parameters
    if unknown := sorted(set(parameters) - set(names)):
        near = difflib.get_close_matches(unknown[0], names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(names) or 'none'}."
        raise StoreError(f"{kind!r} has no parameter {unknown[0]!r}: {hint}")
    spread = [p.name for p in names.values() if p.kind is inspect.Parameter.VAR_POSITIONAL]
    positional = parameters.pop(spread[0], []) if spread else []
    try:
        return cls(*positional, **parameters)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{kind!r} cannot be built: {error}") from error


def to_config(value: Any) -> Any:
    """A JSON-plain description of an object of the table, of a tensor, or of plain values.

    Raises:
        StoreError: a class that is not in the table.

    Example:
        >>> from equigen.diffusion import EDM
        >>> to_config(EDM())
        {'kind': 'edm', 't_min': 0.002, 't_max': 80.0}
    """
    import torch

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [to_config(item) for item in value]
    if isinstance(value, torch.Tensor):
        return {"kind": "tensor", "dtype": str(value.dtype).removeprefix("torch."), "values": value.tolist()}
    where = f"{type(value).__module__.removeprefix('equigen.')}:{type(value).__qualname__}"
    kind = next((name for name, path in TABLE.items() if path == where), None)
    if kind is None:
        raise StoreError(f"{type(value).__name__} is not in the store's table: only equigen's own classes are saved.")
    return {"kind": kind} | {
        name: to_config(getattr(value, name)) for name in inspect.signature(type(value)).parameters
    }


def from_config(config: Any) -> Any:
    """The object that a configuration describes; the inverse of `to_config`.

    Raises:
        StoreError: an unknown name or parameter.

    Example:
        >>> from_config({"kind": "edm", "t_min": 0.01, "t_max": 10.0})
        EDM(t_min=0.01, t_max=10.0)
    """
    if isinstance(config, list):
        return [from_config(item) for item in config]
    if not isinstance(config, dict):
        return config
    if "kind" not in config:
        raise StoreError(f"a configuration has the keys {sorted(config)}, but needs 'kind': the name of a class.")
    parameters = {name: value for name, value in config.items() if name != "kind"}
    if config["kind"] == "tensor":
        import torch

        return torch.tensor(parameters["values"], dtype=getattr(torch, parameters["dtype"]))
    return build(config["kind"], **{name: from_config(value) for name, value in parameters.items()})


def save(model: nn.Module, folder: str | Path) -> Path:
    """Write a model: config.json and model.safetensors, aside first, then renamed into place.

    Args:
        model: of classes of the table.
        folder: replaced if it exists.

    Returns:
        The folder.

    Raises:
        StoreError: a class that is not in the table.
        OSError: the disk refuses; an older model in the folder is kept.
    """
    from safetensors.torch import save_file

    from equigen import __version__

    folder = Path(folder)
    config = {"format": _FORMAT, "equigen": __version__, "model": to_config(model)}
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    aside, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        (aside / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file(weights, aside / "model.safetensors")
        for path in (*aside.iterdir(), aside):
            _sync(path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    aside.rename(folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def load(folder: str | Path, device: str = "cpu") -> Any:
    """Read a model that `save` wrote; a run folder's model/ is found from the run folder.

    Args:
        folder: of the model, or of the run.
        device: where it goes.

    Returns:
        The model, in evaluation mode.

    Raises:
        StoreError: no model there, a damaged one, or one of another format.
    """
    import safetensors
    from safetensors.torch import load_file

    given, folder = Path(folder), Path(folder)
    if (folder / "model" / "config.json").is_file():
        folder = folder / "model"
    if not (folder / "config.json").is_file():
        raise StoreError(
            f"{given} holds no model: give a run folder or a folder with config.json and model.safetensors."
        )
    try:
        config = json.loads((folder / "config.json").read_text())
        found = config["format"]
        description = config["model"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise StoreError(f"{folder / 'config.json'} is damaged ({error}): restore it, or train again.") from error
    if found != _FORMAT:
        raise StoreError(f"{folder} has format {found}, but this version reads {_FORMAT}: install the other one.")
    model = from_config(description)
    try:
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"{folder / 'model.safetensors'} cannot be read ({reason}): restore it.") from error
    return model.to(device).eval()


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
