"""What every steerable layer is: a torch module on plain tensors that knows the types of its fields.

Types are checked when layers are put together; `forward` sees tensors alone, so layers compile, export and pickle as
any module of torch does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep

__all__ = ["SteerableModule", "check_channels", "require_field_type"]


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
            require_field_type(given, name, type(self).__name__)
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
        """The types and the group, for printing; both groups where a part of the group is given up."""
        before, after = self.in_type.group.name, self.out_type.group.name
        return f"{self.in_type} -> {self.out_type}, {before if before == after else f'{before} -> {after}'}"


def require_field_type(given: Any, name: str, layer: str) -> None:
    """Refuse what is no field type; called before anything is read off it.

    Args:
        given: meant to be a `FieldType`.
        name: of the argument.
        layer: whose argument it is, for the message.

    Raises:
        TypeError: it is none.

    Example:
        >>> require_field_type("8xregular", "in_type", "Pointwise")
        Traceback (most recent call last):
        TypeError: in_type is '8xregular', but Pointwise takes a field type: pass FieldType(group, "8xregular").
    """
    if not isinstance(given, FieldType):
        whole = isinstance(given, int) and not isinstance(given, bool) and given > 0
        terms = given if isinstance(given, str) else f"{given}x0e" if whole else "8xregular"
        what = repr(given) if isinstance(given, (str, int, float, tuple, type(None))) else f"a {type(given).__name__}"
        raise TypeError(f'{name} is {what}, but {layer} takes a field type: pass FieldType(group, "{terms}").')


def check_channels(x: Tensor, in_type: FieldType, layer: str) -> None:
    """Refuse what does not hold the fields of a type.

    Args:
        x: meant to be (B, in_type.size, H, W), real numbers in floating point.
        in_type: of the layer.
        layer: its name, for the message.

    Raises:
        TypeError: no tensor, or no tensor in floating point.
        ValueError: another number of axes or channels.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> check_channels(torch.zeros(1, 3, 8, 8), FieldType(Cyclic(4), "1xregular"), "Pointwise")
        Traceback (most recent call last):
        ValueError: x has shape (1, 3, 8, 8), but Pointwise takes (B, 4, H, W), the channels of 1xregular: ...
    """
    if not isinstance(x, Tensor):
        array = type(x).__name__ == "ndarray"
        what, fix = ("numpy array", "from_numpy(x)") if array else (type(x).__name__, "as_tensor(x)")
        raise TypeError(f"x is a {what}, but {layer} takes a tensor: pass torch.{fix}.")
    if not x.is_floating_point():
        kind, fix = str(x.dtype).removeprefix("torch."), "x.real" if x.is_complex() else "x.float()"
        raise TypeError(f"x is {kind}, but {layer} takes real numbers in floating point: pass {fix}.")
    if x.ndim != 4 or x.shape[1] != in_type.size:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but {layer} takes (B, {in_type.size}, H, W), the channels of {in_type}: "
            "give it the output of a layer of that type."
        )
