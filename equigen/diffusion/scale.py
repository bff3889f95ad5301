"""The scale of the data is part of the model: an affine map for each channel between data and unit-variance units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equigen.spaces.centred import Centred
from equigen.spaces.space import BoundSpace, Space

__all__ = ["Scale"]


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
    def fit(cls, x: Tensor, space: Space, structure: Tensor | None = None) -> Scale:
        """The scale that gives the data zero mean and unit variance for each degree of freedom.

        What the structure excludes, even NaN, counts for nothing.

        Args:
            x: data (N, *shape).
            space: what they live in; decides what the channels are.
            structure: of the N items, where the space has one.

        Raises:
            ValueError: every number of the data is the same, or a channel has none.
        """
        space.check(x)
        if isinstance(space, Centred):
            bound, clouds = space.at(structure), x.double()
            shift = torch.tensor(0.0)
            factor = torch.sqrt(bound.inner(clouds, clouds).sum() / bound.ndof.expand(len(x)).sum())
        elif structure is None:
            channels = x.double().transpose(0, 1).flatten(1)
            shift, factor = channels.mean(1), channels.std(1, correction=0)
        else:
            shift, factor = _moments(x, space.at(structure))
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
