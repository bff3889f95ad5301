"""The Fourier activation: a field is a function on the group, and its values go through the activation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.steerable.activations.fields import fields_of
from equigen.steerable.activations.plain import PlainSampled
from equigen.steerable.activations.sampling import sampling_count, sampling_matrix
from equigen.steerable.activations.scalar_function import (
    ScalarFunction,
    require_scalar_function,
    scalar_function_name,
)
from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import require_field_type
from equigen.steerable.wrapped import Wrapped

__all__ = ["FourierActivation"]


class FourierActivation(Wrapped[PlainSampled]):
    """y = S^+ act(S x): values of the function at samples of the group, the activation, and back.

    S holds the values of the basis functions (`sampling_matrix`), S^+ its pseudo-inverse. The samples are closed under
    the subgroup that maps the pixel grid onto itself, so that quarter turns (and flips) are exact. Other rotations of
    SO(2) and O(2) are exact up to aliasing. It falls exponentially with the number of samples for smooth functions, is
    absent for a polynomial of degree p from (p + 1) K + 1 samples on, and falls slowly for `nn.ReLU()`. Under a finite
    group all elements are samples, and its whole action is exact. On the CPU samples are made a few at a time, for a
    derivative once more, and never stored: memory does not grow with their number.

    Args:
        in_type: sum of spaces of functions ("8xregular(3)", quotients) and trivial irreps; also the output type.
        activation: function of one number, smooth if possible, such as `nn.SiLU()`.
        samples: number of rotations among the samples, a multiple of 4 under SO(2) and O(2); found from `error` if
            None.
        error: largest relative aliasing error at unit function variance, as measured by `aliasing_error`.

    Raises:
        ValueError: a representation that is no space of functions, samples that a quarter turn does not map onto
            themselves or that cannot tell the functions apart, or an `error` out of reach.

    Error: quarter turns and flips: float32 3e-7, float64 1e-15. Other angles, frequencies up to 3, unit variance: see
        `aliasing_error`; 16 samples 2e-3 (SiLU), 7e-3 (ELU), 3e-2 (ReLU).

    Source: as in `equigen.steerable.activations.sampling`.

    Example:
        >>> from torch import nn
        >>> from equigen.groups.plane_groups import SO2
        >>> layer = FourierActivation(FieldType(SO2(), "2xregular(3)"), nn.SiLU())
        >>> layer.samples, layer(torch.zeros(1, 14, 5, 5)).shape
        ((20,), torch.Size([1, 14, 5, 5]))
    """

    def __init__(
        self, in_type: FieldType, activation: ScalarFunction, samples: int | None = None, error: float = 1e-3
    ) -> None:
        require_field_type(in_type, "in_type", "FourierActivation")
        require_scalar_function(activation, "FourierActivation")
        _require_samples(in_type.group, samples)
        representations = [rep for _, rep in in_type.terms]
        with outside_modes():
            counts = {rep: _count(rep, activation, samples, error) for rep in representations}
            matrices = [_matrices(rep, counts[rep]) for rep in representations]
        super().__init__(in_type, in_type, PlainSampled(fields_of(in_type), matrices, activation))
        self.samples = tuple(counts[rep] for rep in representations)

    def grid_step(self, height: int, width: int) -> GridStep:
        """Each pixel alone; under SO(2) and O(2) the samples limit other angles."""
        if self.in_type.group.rotations is not None or max(self.samples) == 1:
            return GridStep(height, width)
        return GridStep(height, width, limit=f"{max(self.samples)} samples of each function, which alias")

    def extra_repr(self) -> str:
        """The types, the function and the number of samples of each term."""
        return f"{super().extra_repr()}, {scalar_function_name(self.body.activation)}, samples={self.samples}"


def _require_samples(group: PlaneGroup, samples: int | None) -> None:
    """Refuse a number of samples that a quarter turn does not map onto themselves, or that is none."""
    if samples is None:
        return
    whole = isinstance(samples, int) and not isinstance(samples, bool)
    if group.rotations is not None and samples != group.rotations:
        raise ValueError(
            f"samples is {samples!r}, but {group.name} has {group.rotations} rotations, all of which are sampled: "
            f"leave samples out."
        )
    if not whole or samples < 1 or (group.rotations is None and samples % 4):
        near = max(4, math.ceil(samples / 4) * 4) if isinstance(samples, (int, float)) else 16
        raise ValueError(
            f"samples is {samples!r}, but a quarter turn has to map the samples of {group.name} onto themselves, of "
            f"which it takes a positive multiple of 4: pass samples={near}."
        )


def _permuted(representation: Representation) -> bool:
    """Whether the channels are values already."""
    return representation.is_trivial or representation.is_permutation


def _count(rep: Representation, activation: ScalarFunction, samples: int | None, error: float) -> int:
    if rep.is_trivial:
        return 1
    if _permuted(rep):
        return rep.size
    return sampling_count(rep, activation, error) if samples is None else samples


def _matrices(rep: Representation, samples: int) -> tuple[Tensor, ...]:
    """Sampling and projection, or nothing where the channels are the values."""
    if _permuted(rep):
        return ()
    values = sampling_matrix(rep, samples)
    return values, torch.linalg.pinv(values)
