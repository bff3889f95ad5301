"""Where the fields of a type are, as plain numbers that a module can hold without the type."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.steerable.activations.known import keeps_its_argument
from equigen.steerable.activations.scalar_function import ScalarFunction
from equigen.steerable.field_type import FieldType

__all__ = ["Fields", "applied", "fields_of", "joined"]


@dataclass(frozen=True)
class Fields:
    """Neighbouring channels that hold fields of one kind.

    Args:
        start: first channel.
        count: number of fields.
        size: channels of one field.
        invariant: whether the group leaves every channel alone.

    Example:
        >>> Fields(2, 3, 4).of(torch.zeros(1, 20, 5, 5)).shape
        torch.Size([1, 3, 4, 5, 5])
    """

    start: int
    count: int
    size: int
    invariant: bool = False

    def channels(self, x: Tensor) -> Tensor:
        """The channels of these fields: (B, C, H, W) to (B, count * size, H, W)."""
        return x[:, self.start : self.start + self.count * self.size]

    def of(self, x: Tensor) -> Tensor:
        """The fields one by one: (B, C, H, W) to (B, count, size, H, W)."""
        return self.channels(x).unflatten(1, (self.count, self.size))


def fields_of(type_: FieldType, first: int = 0) -> list[Fields]:
    """The terms of a type, in order of channels.

    Args:
        type_: of the channels.
        first: where they begin.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> fields_of(FieldType(SO2(), "1x0e + 3x1"), first=2)[1]
        Fields(start=3, count=3, size=2, invariant=False)
    """
    return [
        Fields(first + channels.start, count, representation.size, representation.is_trivial)
        for channels, count, representation in type_.parts()
    ]


def joined(parts: list[Tensor]) -> Tensor:
    """Channels side by side; a single part is not copied.

    Example:
        >>> joined([torch.zeros(1, 2, 3, 3), torch.zeros(1, 1, 3, 3)]).shape
        torch.Size([1, 3, 3, 3])
    """
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def applied(function: ScalarFunction, part: Tensor) -> Tensor:
    """The function of some channels, which other fields may share a tensor with: it is not changed in place.

    A copy is made for whatever is not known to keep its argument, and for compilers, which leave it out if they can.

    Args:
        function: of one number.
        part: the channels.

    Example:
        >>> x = torch.tensor([-1.0])
        >>> applied(torch.nn.ReLU(inplace=True), x).item(), x.item()
        (0.0, -1.0)
    """
    if torch.compiler.is_compiling() or not keeps_its_argument(function):
        part = part.clone()
    return function(part)
