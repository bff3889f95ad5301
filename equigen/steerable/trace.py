"""A run without numbers: which layers of a network are called, on maps of which size, holding which fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule

__all__ = ["Call", "trace"]


@dataclass(frozen=True)
class Call:
    """One call of one layer on a map.

    Args:
        name: of the layer in the network.
        module: the layer; None for a function between layers that changes the size of a map.
        size: (rows, columns) of what it is given.
        out: of what it gives.
        fields: what it is given, if known.
    """

    name: str
    module: nn.Module | None
    size: tuple[int, int]
    out: tuple[int, int]
    fields: FieldType | None


def trace(
    network: nn.Module, size: tuple[int, int], channels: int | None = None, arguments: tuple[Any, ...] = ()
) -> list[Call]:
    """Run a network on maps that have a shape and no numbers, and list the calls of its layers on maps.

    The network is left as it was: nothing is computed, drawn or kept.

    Args:
        network: any module whose `forward` takes maps (B, C, H, W) first.
        size: (rows, columns).
        channels: C; that of the network's first layer if None.
        arguments: what `forward` takes after the maps, for a batch of 2.

    Raises:
        ValueError: channels is None and the first layer has none, or a layer refuses its map.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2))
        >>> [(call.name, call.size, call.out) for call in trace(network, (8, 8))]
        [('0', (8, 8), (6, 6)), ('1', (6, 6), (3, 3))]
    """
    layers = list(_layers(network, ""))
    channels = _channels(layers) if channels is None else channels
    record = _Record([size])
    hooks = [module.register_forward_hook(record.hook(name)) for name, module in layers]
    hooks += [module.register_forward_pre_hook(_refuse) for _, module in layers]
    weights = dict(network.named_parameters()) | dict(network.named_buffers())
    floats = [value.dtype for value in weights.values() if value.is_floating_point()]
    dtype = floats[0] if floats else torch.get_default_dtype()
    try:
        with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.enable_grad():
            fake: dict[str, Tensor] = {name: mode.from_tensor(value) for name, value in weights.items()}
            x = torch.empty(2, channels, *size, dtype=dtype)
            torch.func.functional_call(network, fake, (x, *arguments))
    finally:
        for hook in hooks:
            hook.remove()
    return record.calls


def _layers(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The layers that are judged: steerable ones that hold no others, and layers of torch that hold nothing."""
    inside = [child for child in module.modules() if child is not module]
    holds = any(isinstance(child, SteerableModule) for child in inside)
    if (isinstance(module, SteerableModule) and not holds) or not inside:
        yield name, module
        return
    for key, child in module.named_children():
        yield from _layers(child, f"{name}.{key}" if name else key)


def _channels(layers: list[tuple[str, nn.Module]]) -> int:
    for _, module in layers:
        if isinstance(module, SteerableModule):
            return module.in_type.size
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            return module.in_channels
    raise ValueError(
        "the network has no layer that tells its channels, but a run needs them: plan(network, 28, channels=1)."
    )


def _refuse(module: nn.Module, given: tuple[Any, ...]) -> None:
    """Let a layer say in its own words that it cannot take a map of that size."""
    if isinstance(module, SteerableModule) and given and given[0].ndim == 4:
        module.grid_step(int(given[0].shape[-2]), int(given[0].shape[-1]))


@dataclass
class _Record:
    """The calls so far, and the maps that came of them with the fields they hold (kept, so that they stay distinct)."""

    sizes: list[tuple[int, int]]
    calls: list[Call] = field(default_factory=list)
    maps: list[tuple[Tensor, FieldType | None]] = field(default_factory=list)

    def hook(self, name: str) -> Any:
        def listen(module: nn.Module, given: tuple[Any, ...], out: Any) -> None:
            x = given[0] if given else None
            if not (isinstance(x, Tensor) and isinstance(out, Tensor) and x.ndim == 4):
                return
            size, end = (int(x.shape[-2]), int(x.shape[-1])), (1, 1)
            if out.ndim == 4:
                end = (int(out.shape[-2]), int(out.shape[-1]))
            elif size == end:  # one pixel becomes a vector
                return
            fields = module.in_type if isinstance(module, SteerableModule) else self._held(x)
            if size not in self.sizes:
                self.calls.append(Call(f"before {name}", None, self.sizes[-1], size, fields))
            self.calls.append(Call(name, module, size, end, fields))
            self.sizes.append(end)
            keeps = not isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and x.shape[1:2] == out.shape[1:2]
            self.maps.append(
                (out, module.out_type if isinstance(module, SteerableModule) else fields if keeps else None)
            )

        return listen

    def _held(self, x: Tensor) -> FieldType | None:
        return next((fields for held, fields in reversed(self.maps) if held is x), None)
