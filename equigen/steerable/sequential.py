"""Layers one after another, with types that meet and, if a size is given, a promise of exactness."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from equigen.steerable.exact_size import require_exact
from equigen.steerable.grid_step import GridStep, pair_of_pixels
from equigen.steerable.module import SteerableModule

__all__ = ["SteerableSequential"]


class SteerableSequential(SteerableModule):
    """Steerable layers one after another; `sequence[i]`, `len(sequence)` and iteration give the layers.

    Args:
        modules: one or more layers, each taking what the one before gives.
        size: of the maps it will see, pixels or (rows, columns); if given, a layer that breaks the quarter turns or
            flips of its group at its own size is refused, in sequences inside too.

    Raises:
        TypeError: what is no steerable layer.
        ValueError: no layers, types that do not meet, or a layer that is not exact at its size.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.conv import SteerableConv2d
        >>> from equigen.steerable.field_type import FieldType
        >>> image, fields = FieldType(Cyclic(4), "1x0e"), FieldType(Cyclic(4), "2xregular")
        >>> sequence = SteerableSequential(SteerableConv2d(image, fields, 3), size=16)
        >>> sequence.out_type.size, len(sequence), sequence[0].grid_step(16, 16).height
        (8, 1, 14)
    """

    def __init__(self, *modules: SteerableModule, size: int | tuple[int, int] | None = None) -> None:
        if not modules:
            raise ValueError("no layers were given, but a sequence needs one or more: SteerableSequential(layer).")
        for place, module in enumerate(modules):
            _require_layer(module, place)
        for place, (first, second) in enumerate(pairwise(modules)):
            if first.out_type != second.in_type:
                raise ValueError(
                    f"layer {place} ({type(first).__name__}) gives {first.out_type} of {first.out_type.group.name}, "
                    f"but layer {place + 1} ({type(second).__name__}) takes {second.in_type} of "
                    f"{second.in_type.group.name}: build it with in_type=layers[{place}].out_type."
                )
        super().__init__(modules[0].in_type, modules[-1].out_type)
        self.layers = nn.ModuleList(modules)
        if size is not None:
            self._require_exact(*pair_of_pixels(size), "layer ")

    def _require_exact(self, height: int, width: int, prefix: str) -> tuple[int, int]:
        """Refuse a layer that breaks the motions of its group at its own size; the size after the last one."""
        for place, layer in enumerate(self):
            if isinstance(layer, SteerableSequential):
                height, width = layer._require_exact(height, width, f"{prefix}{place}.")
                continue
            name = f"{prefix}{place} ({type(layer).__name__})"
            try:
                layer.grid_step(height, width)
            except ValueError as error:
                raise ValueError(f"{name} is given a map of {height} x {width}: {error}") from error
            step = require_exact(layer, height, width, name)
            height, width = step.height, step.width
        return height, width

    def forward(self, x: Tensor) -> Tensor:
        """The fields after the last layer, (B, out_type.size, H', W')."""
        for layer in self.layers:
            x = layer(x)
        return x

    def plain(self) -> nn.Sequential:
        """The plain layers one after another."""
        return nn.Sequential(*(layer.plain() for layer in self))

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, place: int) -> SteerableModule:
        return self.steps()[place]

    def __iter__(self) -> Iterator[SteerableModule]:
        return iter(self.steps())

    def steps(self) -> list[SteerableModule]:
        """The layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, SteerableModule)]

    def grid_step(self, height: int, width: int) -> GridStep:
        """What the layers together do to a map: exact if each is at its own size."""
        rows = columns = square = True
        limits, reason, repairs = [], "", ()
        for layer in self:
            step = layer.grid_step(height, width)
            rows, columns, square = rows and step.rows, columns and step.columns, square and step.square
            limits += [step.limit] if step.limit and step.limit not in limits else []
            if step.reason and not reason:
                reason, repairs = step.reason, step.repairs
            height, width = step.height, step.width
        return GridStep(height, width, rows, columns, square, "; ".join(limits), reason, repairs)


_ACTIVATIONS = "torch.nn.modules.activation"


def _require_layer(module: Any, place: int) -> None:
    """Refuse what is no steerable layer, with the steerable layer that stands for it."""
    if isinstance(module, SteerableModule):
        return
    if isinstance(module, (list, tuple, nn.Sequential, nn.ModuleList)):
        what = f"layer {place} is a {type(module).__name__} of layers, but they are taken one by one"
        raise TypeError(f"{what}: pass SteerableSequential(*layers).")
    name = type(module).__name__
    known = {
        "Conv": "SteerableConv2d(fields, out_type, kernel_size)",
        "BatchNorm": "BatchNorm(fields)",
        "Dropout": "FieldDropout(fields)",
        "MaxPool": "MaxPool(fields)",
        "AvgPool": "AveragePool(fields)",
    }
    fix = next((code for start, code in known.items() if name.startswith(start)), "a SteerableModule around it")
    if type(module).__module__ == _ACTIVATIONS:
        fix = f"Pointwise(fields, nn.{name}())"
    what = repr(module) if isinstance(module, (str, int, type(None))) else f"a {name}"
    raise TypeError(f"layer {place} is {what}, but a sequence takes steerable layers: pass {fix}.")
