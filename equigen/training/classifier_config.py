"""The section of a run's configuration that says which classifier is trained. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from equigen.training.group_names import GroupName
from equigen.training.section import Section

__all__ = ["ClassifierConfig"]


class ClassifierConfig(Section):
    """Which classifier, by its symmetry and its size.

    Example:
        >>> ClassifierConfig(symmetry="SO2").augmentation
        'none'
        >>> ClassifierConfig.parse({"symmetry": "d4"}, "it")
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: it has symmetry='d4', but it is no group of the plane: did you mean 'D4'?
    """

    symmetry: GroupName = "C4"
    """Group under which logits do not change: C1 (none), C4, C8, C16, D4, SO2, O2."""
    width: int | None = Field(None, ge=1)
    """Fields of the first convolution, the sixth has 8 times as many; None: chosen for
    the group and the number of images."""
    frequency: int = Field(3, ge=1, le=64)
    """Largest angular frequency of the fields of SO2 and O2."""
    activation: Literal["pointwise", "fourier", "norm", "gated"] | None = None
    """Kind of the activations; None: pointwise for finite groups, fourier for SO2 and O2."""
    function: Literal["elu", "relu", "silu"] = "elu"
    """Function of one number within the activations."""
    samples: int | None = Field(None, ge=4)
    """Samples of a function in a fourier activation, a multiple of 4; None: for an error of 1e-3."""
    restrict: GroupName | None = None
    """Subgroup that alone acts from the fifth convolution on, as C16 under D16."""
    augmentation: Literal["none", "quarter-turns", "rotations"] = "none"
    """Turn every training image anew at each step: by quarter turns, or by any angle."""
