"""A steerable layer that is a plain module behind a check of its types."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule, check_channels

__all__ = ["Wrapped"]

_Body = TypeVar("_Body", bound=nn.Module)


class Wrapped(SteerableModule, Generic[_Body]):
    """A plain module that commutes with the group, with the types of what it takes and gives.

    Args:
        in_type: the fields it takes.
        out_type: the fields it gives.
        body: the plain module; it becomes a part of the layer.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> numbers = FieldType(Cyclic(4), "2x0e")
        >>> layer = Wrapped(numbers, numbers, nn.ReLU())
        >>> layer(torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)).flatten().tolist(), layer.plain()
        ([1.0, 0.0], ReLU())
    """

    def __init__(self, in_type: FieldType, out_type: FieldType, body: _Body) -> None:
        super().__init__(in_type, out_type)
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """What the plain module makes of the fields.

        Args:
            x: (B, in_type.size, H, W).

        Returns:
            (B, out_type.size, H', W').

        Raises:
            TypeError: no tensor in floating point.
            ValueError: another number of channels.
        """
        check_channels(x, self.in_type, type(self).__name__)
        return self.body(x)

    def plain(self) -> nn.Module:
        """A copy of the plain module, with weights of its own."""
        return copy.deepcopy(self.body)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"
