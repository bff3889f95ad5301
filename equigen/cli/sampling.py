"""How samples are drawn and for what: the flags that `sample` and `evaluate` share, and what they become.

A flag that is not given is what the run recorded in the section `sampling` of its config.yaml.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from cyclopts import Group, Parameter, Token
from pydantic import Field

from equigen.cli.options import Count, Device, Flags, legal
from equigen.store import StoreError, from_config
from equigen.table import SOLVERS
from equigen.training.config import TrainConfig
from equigen.training.errors import ConfigError
from equigen.training.model_config import SamplingConfig

if TYPE_CHECKING:
    from torch import Tensor

    from equigen.cli.runs import Run
    from equigen.diffusion.model import DiffusionModel

__all__ = ["SamplingFlags", "condition_asked", "require_guidable", "sampling_asked", "sampling_config"]

_GROUP = Group("Sampling", sort_key=1)
_ADAPTIVE = "rk45"


def _flag(help_: str, kind: Any, shown: str = "") -> Parameter:
    default = (lambda _: shown) if shown else False
    return Parameter(help=help_, group=_GROUP, converter=legal(kind), show_default=default)


def _read_solver(_: object, tokens: Sequence[Token]) -> str:
    """The text of a flag that names a solver."""
    text = tokens[0].value
    value = _solver(text)
    kind = str(value.get("kind") if isinstance(value, dict) else value)
    if kind not in SOLVERS:
        near = difflib.get_close_matches(kind, SOLVERS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"as a name or under the key kind give {', '.join(SOLVERS)}."
        raise ValueError(f"{text!r} is no known solver: {hint}")
    return text


def _solver(text: str) -> str | dict[str, Any]:
    """A name, or a name with parameters as in YAML."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(
            f"--solver got {text!r}, which is neither a name nor a section: '{{kind: heun, churn: 40}}'."
        ) from None


@dataclass(kw_only=True)
class SamplingFlags(Flags):
    """Flags of the commands that sample; None stands for what the run recorded."""

    solver: Annotated[
        str | None,
        Parameter(
            help=f"How to go from noise to image: {', '.join(SOLVERS)}; with parameters: '{{kind: heun, churn: 40}}'.",
            group=_GROUP,
            converter=_read_solver,
            show_default=False,
        ),
    ] = None
    steps: Annotated[
        int | None,
        _flag(
            "Steps of the solver; one evaluation of the network each, two for heun and predictor-corrector.",
            Annotated[int, Field(ge=1)],
        ),
    ] = None
    tolerance: Annotated[
        float | None,
        _flag(
            f"Largest error of a step of {_ADAPTIVE}, which chooses its own steps.",
            Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)],
        ),
    ] = None
    guidance: Annotated[
        float,
        _flag(
            "How much the condition counts: 1 as it was learned, more to exaggerate it, 0 not at all.",
            Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)],
            "1",
        ),
    ] = 1.0
    batch_size: Annotated[Count, Parameter(group=_GROUP, help="Samples drawn at once.")] = 256
    device: Annotated[
        Device, Parameter(group=_GROUP, help="Where to compute; auto: an accelerator if there is one.")
    ] = "auto"


def sampling_config(flags: SamplingFlags, recorded: TrainConfig) -> SamplingConfig:
    """How to sample: what a run recorded, and over it what stands on the command line.

    Raises:
        ConfigError: an unknown solver, a parameter it does not have, or flags that contradict each other.

    Example:
        >>> config = TrainConfig(data="digits")
        >>> sampling_config(SamplingFlags(solver="heun", steps=7), config).solver
        'heun'
        >>> sampling_config(SamplingFlags(tolerance=0.01), config)
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: --tolerance is given, but the solver is dpm-solver-2m: add --solver rk45.
    """
    values = recorded.sampling.model_dump()
    if flags.solver is not None:
        values["solver"] = _solver(flags.solver)
    kind = values["solver"].get("kind") if isinstance(values["solver"], dict) else values["solver"]
    if kind == _ADAPTIVE and flags.steps is not None:
        raise ConfigError(f"--steps is given, but {_ADAPTIVE} chooses its own steps: give --tolerance instead.")
    if flags.steps is not None:
        values["steps"] = flags.steps
    if flags.tolerance is not None:
        if kind != _ADAPTIVE:
            raise ConfigError(f"--tolerance is given, but the solver is {kind}: add --solver {_ADAPTIVE}.")
        given = values["solver"] if isinstance(values["solver"], dict) else {"kind": kind}
        values["solver"] = {**given, "tolerance": flags.tolerance}
    return SamplingConfig.parse(values, "the command line")


def sampling_asked(flags: SamplingFlags, recorded: TrainConfig) -> dict[str, Any]:
    """The arguments of `DiffusionModel.sample` that say how, built.

    Raises:
        ConfigError: as `sampling_config`, or a solver or grid that refuses its parameters.
    """
    config = sampling_config(flags, recorded)
    built: dict[str, Any] = {"steps": config.steps, "final": config.final, "guidance": flags.guidance}
    for name in ("solver", "grid"):
        what = getattr(config, name)
        try:
            built[name] = from_config({"kind": what} if isinstance(what, str) else what)
        except StoreError as error:
            raise ConfigError(f"{name}: {error}") from None
    return {**built, "batch_size": flags.batch_size}


def require_guidable(model: DiffusionModel, guidance: float) -> None:
    """Refuse a guidance other than 1 where nothing guides.

    Raises:
        ConfigError: the run was trained without conditions, or never without them.
    """
    givens = model.givens
    if guidance == 1.0:
        return
    if givens is None or not (givens.has_labels or givens.value_count):
        raise ConfigError(
            f"--guidance is {guidance:g}, but the run was trained without labels or values: train one with "
            "--condition label, or drop --guidance."
        )
    if model.condition_dropout == 0:
        raise ConfigError(
            f"--guidance is {guidance:g}, but the run was trained with condition_dropout=0 and knows nothing of images "
            "without a condition: drop --guidance, or train with --set model.condition_dropout=0.1."
        )


def condition_asked(opened: Run, label: str | None, value: str | None, n: int, first: int) -> dict[str, Tensor]:
    """What samples first .. first + n - 1 are drawn for; nothing stands for the training set's own conditions.

    Args:
        opened: the run.
        label: a class by name or number, or "all" for each class in turn; None: not asked.
        value: numbers separated by commas; None: not asked.
        n: number of samples.
        first: number of the first sample.

    Returns:
        `label` (n,) or `value` (n, k), or neither.

    Raises:
        ConfigError: the run has no such condition, or no such class.
    """
    import torch

    condition: dict[str, Tensor] = {}
    if label is not None:
        classes = torch.tensor(_classes(opened, label))
        condition["label"] = classes[torch.arange(first, first + n) % len(classes)]
    if value is not None:
        condition["value"] = torch.tensor(_numbers(opened, value)).expand(n, -1)
    return condition


def _classes(opened: Run, text: str) -> list[int]:
    """The classes meant by a name, a number, or "all"."""
    givens = opened.model.givens
    if givens is None or not givens.has_labels:
        raise ConfigError(
            f"--label is {text!r}, but the run in {opened.folder} was trained without labels: train one with "
            "--condition label, or drop --label."
        )
    there, names = givens.classes(), opened.names("class_names")
    known = {str(number): number for number in there}
    known |= {names[number]: number for number in there if number < len(names)}
    if text in known:
        return [known[text]]
    if text == "all":
        return there
    near = difflib.get_close_matches(text, known, 1, 0.75)
    said = list(dict.fromkeys(names[k] if k < len(names) else str(k) for k in there))
    listed = ", ".join(said[:20]) + (", ..." if len(said) > 20 else "")
    raise ConfigError(
        f"--label is {text!r}, but the run knows no such class: "
        + (f"did you mean {near[0]!r}?" if near else f"give 'all' or one of {listed}.")
    )


def _numbers(opened: Run, text: str) -> list[float]:
    """The values meant by a text, as many as the run was trained with."""
    givens = opened.model.givens
    if givens is None or not givens.value_count:
        raise ConfigError(
            f"--value is {text!r}, but the run in {opened.folder} was trained without values: train one with "
            "--condition value, or drop --value."
        )
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    names = opened.names("value_names")
    if len(numbers) != givens.value_count or not all(map(math.isfinite, numbers)):
        called = f" ({', '.join(names)})" if len(names) == givens.value_count else ""
        raise ConfigError(
            f"--value is {text!r}, but the run was trained with {givens.value_count} finite "
            f"{'number' if givens.value_count == 1 else 'numbers'}{called}: separate them by commas, as in "
            f"--value {','.join(['0.5'] * givens.value_count)}."
        )
    return numbers
