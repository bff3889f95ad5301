"""The scale of the data is part of the model: an affine map for each channel between data and unit-variance units.

Channels that a group mixes have to be scaled together, or the map does not commute with it. With rho the representation
on the channels, shift + factor * rho(g) x = rho(g) (shift + factor * x) asks for rho(g) shift = shift, and for one
factor on all channels of a field. With m and s the mean and the standard deviation of each channel of the data,

    shift = P m,        factor^2 = mean over the channels of a field of s^2 + (m - shift)^2,

where P projects onto the vectors that the group leaves alone: a scalar keeps its mean, a vector has no shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from equigen.spaces.centred import Centred
from equigen.spaces.space import BoundSpace, Space

__all__ = ["MixedChannels", "Scale"]


class MixedChannels(Protocol):
    """How a group mixes the channels of an item; an `equigen.steerable.FieldType` says it."""

    size: int

    def parts(self) -> Iterator[tuple[slice, int, Any]]:
        """For each kind of field: its channels, the number of fields, and their representation with its `size`."""
        ...

    def invariants(self) -> Tensor:
        """Orthonormal columns (C, n) that span the vectors which the group leaves alone."""
        ...


class Scale(nn.Module):
    """data = shift + factor * model units, channel by channel.

    Channels are the first axis of an item. On point clouds there is one factor and no shift, so that the map commutes
    with rotations and keeps the centre.

    Args:
        shift: (C,), or () for all.
        factor: (C,), or (), positive.

    Raises:
        ValueError: shapes that differ, or a factor that is not positive and finite.

    Example:
        >>> scale = Scale(torch.tensor([1.0]), torch.tensor([2.0]))
        >>> scale.to_data(scale.to_model(torch.tensor([[5.0]]))).item()
        5.0
    """

    shift: Tensor
    factor: Tensor

    def __init__(self, shift: Tensor, factor: Tensor) -> None:
        super().__init__()
        if shift.shape != factor.shape or shift.ndim > 1:
            raise ValueError(
                f"shift has shape {tuple(shift.shape)} and factor {tuple(factor.shape)}, but both must be (C,) or ()."
            )
        if not bool((factor > 0).all() and factor.isfinite().all() and shift.isfinite().all()):
            raise ValueError(
                f"factor is {factor.tolist()} and shift {shift.tolist()}, but a scale needs finite numbers "
                "and positive factors: Scale.fit(x, space)."
            )
        self.register_buffer("shift", shift.double())
        self.register_buffer("factor", factor.double())

    @classmethod
    def identity(cls) -> Scale:
        """Data are already in the units of the model."""
        return cls(torch.tensor(0.0), torch.tensor(1.0))

    @classmethod
    def fit(
        cls, x: Tensor, space: Space, structure: Tensor | None = None, fields: MixedChannels | None = None
    ) -> Scale:
        """The scale that gives the data zero mean and unit variance for each degree of freedom.

        What the structure excludes, even NaN, counts for nothing.

        Args:
            x: data (N, *shape).
            space: what they live in; decides what the channels are.
            structure: of the N items, where the space has one.
            fields: how a group mixes the channels; then the scale commutes with it, as the module says, and the mean
                is that of what the group leaves alone. None: each channel has its own shift and factor.

        Raises:
            ValueError: every number of the data is the same, a channel has none, or the fields are of another number of
                channels or on a space that has none.

        Example:
            >>> from equigen.groups.plane_groups import SO2
            >>> from equigen.spaces import Euclidean
            >>> from equigen.steerable.field_type import FieldType
            >>> x = torch.tensor([[1.0, 4.0, 0.0], [3.0, 0.0, 3.0]]).reshape(2, 3, 1, 1)
            >>> scale = Scale.fit(x, Euclidean(3, 1, 1), fields=FieldType(SO2(), "1x0e + 1x1"))
            >>> scale.shift.tolist(), scale.factor.tolist()
            ([2.0, 0.0, 0.0], [1.0, 2.5, 2.5])
        """
        space.check(x)
        _require_fields(x, space, fields)
        if isinstance(space, Centred):
            bound, clouds = space.at(structure), x.double()
            shift = torch.tensor(0.0)
            factor = torch.sqrt(bound.inner(clouds, clouds).sum() / bound.ndof.expand(len(x)).sum())
        elif structure is None:
            channels = x.double().transpose(0, 1).flatten(1)
            shift, factor = channels.mean(1), channels.std(1, correction=0)
        else:
            shift, factor = _moments(x, space.at(structure))
        if fields is not None:
            shift, factor = _commuting(shift, factor, fields)
        if not bool((factor > 0).any()):
            raise ValueError("x is constant, but a scale needs data that vary: look at the data.")
        # A channel that never varies is only shifted.
        return cls(shift, torch.where(factor > 0, factor, 1.0))

    def to_model(self, x: Tensor) -> Tensor:
        """(x - shift) / factor for items (B, *shape)."""
        return (x - self._spread(self.shift, x)) / self._spread(self.factor, x)

    def to_data(self, x: Tensor) -> Tensor:
        """shift + factor * x for items (B, *shape)."""
        return self._spread(self.shift, x) + self._spread(self.factor, x) * x

    def _spread(self, value: Tensor, x: Tensor) -> Tensor:
        value = value.to(x)
        return value if value.ndim == 0 else value.reshape(-1, *[1] * (x.ndim - 2))


def _require_fields(x: Tensor, space: Space, fields: MixedChannels | None) -> None:
    if fields is None:
        return
    if isinstance(space, Centred):
        raise ValueError(f"fields is {fields}, but {space} has no channels to mix: leave fields out.")
    if fields.size != x.shape[1]:
        raise ValueError(
            f"fields is {fields} of {fields.size} channels, but the data have {x.shape[1]}: give one of that many."
        )


def _commuting(mean: Tensor, std: Tensor, fields: MixedChannels) -> tuple[Tensor, Tensor]:
    """Shift and factor that commute with a group, of the mean and the standard deviation of each channel, (C,)."""
    columns = fields.invariants().to(mean)
    shift = columns @ (columns.mT @ mean)
    square = std.square() + (mean - shift).square()
    factor = torch.empty_like(square)
    for channels, count, representation in fields.parts():
        each = square[channels].reshape(count, representation.size).mean(1)
        factor[channels] = each.sqrt().repeat_interleave(representation.size)
    return shift, factor


def _moments(x: Tensor, space: BoundSpace) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over the entries that the structure leaves in, (C,) both."""
    within = space.project(torch.ones_like(x))
    counts = _by_channel(within).sum(1)
    if not bool((counts > 0).all()):
        raise ValueError("structure leaves a channel without any entry, but a scale needs some: look at the masks.")
    mean = _by_channel(space.project(x)).sum(1) / counts
    offset = _by_channel(space.project(x.double() - mean.reshape(-1, *[1] * (x.ndim - 2))))
    return mean, torch.sqrt(offset.square().sum(1) / counts)


def _by_channel(x: Tensor) -> Tensor:
    """(C, numbers of that channel), float64."""
    return x.double().transpose(0, 1).flatten(1)
