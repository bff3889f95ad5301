"""What every steerable layer is: a torch module on plain tensors that knows the types of its fields.

Types are checked when layers are put together; `forward` sees tensors alone, so layers compile, export and pickle as
any module of torch does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep

__all__ = ["SteerableModule", "check_channels"]


class SteerableModule(nn.Module, ABC):
    """A layer with f(g x) = g f(x), from fields of one type to fields of another.

    Args:
        in_type: the fields it takes, channels (B, in_type.size, H, W).
        out_type: the fields it gives, under the same group or a subgroup of it.

    Raises:
        TypeError: one of the two is no field type.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.restrict import Restriction
        >>> layer: SteerableModule = Restriction(FieldType(Cyclic(8), "2xregular"), Cyclic(4))
        >>> layer.out_type.group.name, layer.grid_step(9, 9).quarter_turns
        ('C4', True)
    """

    def __init__(self, in_type: FieldType, out_type: FieldType) -> None:
        super().__init__()
        for name, given in (("in_type", in_type), ("out_type", out_type)):
            if not isinstance(given, FieldType):
                fix = f'FieldType(group, "{given}")' if isinstance(given, str) else 'FieldType(group, "8xregular")'
                raise TypeError(f"{name} is {given!r}, but {type(self).__name__} takes a field type: pass {fix}.")
        self.in_type = in_type
        self.out_type = out_type

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Fields of the output type, (B, out_type.size, H', W'), from fields (B, in_type.size, H, W)."""

    @abstractmethod
    def plain(self) -> nn.Module:
        """The plain torch module that equals this layer in evaluation mode, with weights of its own.

        It knows no groups and no types: a module of torch where there is one, else a short one of plain torch code.

        Error: 1e-6 relative (float32).
        """

    def grid_step(self, height: int, width: int) -> GridStep:
        """What the layer does to a map of that many pixels; by default nothing, exactly.

        Raises:
            ValueError: the layer cannot take a map of that size.
        """
        return GridStep(height, width)

    def extra_repr(self) -> str:
        """The types, for printing."""
        return f"{self.in_type} -> {self.out_type}, {self.in_type.group.name}"


def check_channels(x: Tensor, in_type: FieldType, layer: str) -> None:
    """Refuse a tensor that does not hold the fields of a type.

    Args:
        x: meant to be (B, in_type.size, H, W).
        in_type: of the layer.
        layer: its name, for the message.

    Raises:
        ValueError: another number of axes or channels.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> check_channels(torch.zeros(1, 3, 8, 8), FieldType(Cyclic(4), "1xregular"), "Pointwise")
        Traceback (most recent call last):
        ValueError: x has shape (1, 3, 8, 8), but Pointwise takes (B, 4, H, W), the channels of 1xregular: ...
    """
    if x.ndim != 4 or x.shape[1] != in_type.size:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but {layer} takes (B, {in_type.size}, H, W), the channels of {in_type}: "
            "give it the output of a layer of that type."
        )
