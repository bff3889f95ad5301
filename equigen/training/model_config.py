"""The sections of a run's configuration that name parts by the closed tables of `equigen.store`. Imports no torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from equigen import table
from equigen.training.group_names import GroupName, limits_frequency
from equigen.training.section import Section

__all__ = ["STEERABLE", "ModelConfig", "SamplingConfig"]

STEERABLE = "steerable-unet"
"""The network that keeps a symmetry."""

_Named = str | dict[str, Any]
_TABLES = {
    "network": table.NETWORKS,
    "schedule": table.SCHEDULES,
    "preconditioning": table.PRECONDITIONINGS,
    "weight": table.WEIGHTS,
    "times": table.TIMES,
    "solver": table.SOLVERS,
    "grid": table.GRIDS,
}


def _known(cls: type[Section], value: _Named, info: ValidationInfo) -> _Named:
    """A name of a closed table, or a section that begins with one."""
    if isinstance(value, dict) and "kind" not in value:
        raise ValueError("should be a name, or a section with the key 'kind': the name")
    kind = value["kind"] if isinstance(value, dict) else value
    table = _TABLES[str(info.field_name)]
    if kind not in table:
        near = difflib.get_close_matches(str(kind), table, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(table)}"
        raise ValueError(f"is no known {info.field_name}: {hint}")
    return str(kind) if value == {"kind": kind} else value


class ModelConfig(Section):
    """Which model, by the names of the closed tables of `equigen.store`.

    A name with parameters is a section with the key `kind`.

    Example:
        >>> ModelConfig(schedule={"kind": "geometric-noise", "base": 25.0}).schedule["base"]
        25.0
        >>> ModelConfig(symmetry="C4").network
        'steerable-unet'
    """

    network: str = "unet"
    """Name of the network; steerable-unet, unless given, where there is a symmetry."""
    symmetry: GroupName | None = Field(None, validate_default=True)
    """Group that the model keeps: C4, D4, C8, SO2, O2 or another of the plane; None:
    no symmetry (a classifier's is C4 unless given)."""
    fields: str | None = None
    """How the group mixes the channels of the images, as "1x0e + 1x1" for a scalar and
    a vector; None: not at all."""
    frequency: int | None = Field(None, ge=1, le=16)
    """Largest angular frequency of the features of SO2 and O2, or of a group of more than 8
    rotations; None: the network's own."""
    orbit_target: GroupName | None = None
    """Group of motions of the grid, as C4: in place of an image the model is trained towards
    the mean of its poses, given the noised image; None: towards the image."""
    channels: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(None, min_length=1)
    """Channels of the network at each resolution, from fine to coarse; None: chosen for the size of the images."""
    patch: int | None = Field(None, ge=1)
    """Pixels of a side that one position of the network stands for; None: chosen for the size of the images."""
    blocks: int = Field(1, ge=1)
    """Residual blocks at each resolution."""
    circular: bool = False
    """Whether images wrap around at their edges."""
    attention: bool = False
    """Whether the coarsest resolution has self-attention."""
    schedule: _Named = "edm"
    """The noise schedule."""
    preconditioning: _Named = "karras"
    """What turns the network's output into a denoiser."""
    weight: _Named = "karras-weight"
    """How much the error counts at each time."""
    times: _Named = "log-normal-noise"
    """The law of the training times."""
    scale: Literal["unit", "none"] = "unit"
    """Whether the model works in units of zero mean and unit variance, or in those of the data."""
    condition_dropout: float = Field(0.1, ge=0, lt=1)
    """Part of the items whose condition is withheld in training, so that guidance is possible."""

    _known = field_validator("network", "schedule", "preconditioning", "weight", "times")(_known)

    @model_validator(mode="before")
    @classmethod
    def _steerable(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("symmetry") is not None and "network" not in values:
            return {**values, "network": STEERABLE}
        return values

    @field_validator("symmetry")
    @classmethod
    def _needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        network = info.data.get("network")
        if value is not None and network not in (None, STEERABLE):
            raise ValueError(f"should not go with model.network={network}, which keeps none: leave one of the two out")
        if value is None and network == STEERABLE:
            raise ValueError(f"should be a group, as C4, because model.network is {STEERABLE}: give one")
        return value

    @field_validator("fields", "frequency")
    @classmethod
    def _of_a_group(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("symmetry", "") is None:
            raise ValueError("should be left out where there is no symmetry, or go with one: symmetry=SO2")
        return value

    @field_validator("frequency")
    @classmethod
    def _limiting(cls, value: int | None, info: ValidationInfo) -> int | None:
        symmetry = info.data.get("symmetry")
        if value is not None and symmetry is not None and not limits_frequency(symmetry):
            raise ValueError(f"should be left out under symmetry={symmetry}, whose features hold every frequency")
        return value


class SamplingConfig(Section):
    """How samples are drawn from a run unless a command says otherwise.

    Example:
        >>> SamplingConfig(solver="heun").steps
        20
    """

    solver: _Named = "dpm-solver-2m"
    """How to go from noise to image."""
    steps: int = Field(20, ge=1)
    """Steps of the solver, the denoising one at the end among them."""
    grid: _Named = "karras-grid"
    """Where the steps lie."""
    final: Literal["denoise", "noisy", "overstep"] = "denoise"
    """The last step: to the denoised image, to the noise of the smallest time, or past it as the tutorial does."""

    _known = field_validator("solver", "grid")(_known)
