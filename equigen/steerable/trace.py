"""A run without numbers: which layers of a network are called, on which maps, and what happens to maps in between."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from equigen.groups.plane import PlaneGroup
from equigen.steerable.field_type import FieldType
from equigen.steerable.held import Held, numbers
from equigen.steerable.module import SteerableModule
from equigen.steerable.record import Call, Record
from equigen.steerable.sequential import SteerableSequential
from equigen.steerable.watch import Watch, ordinary

__all__ = ["trace"]


def trace(
    network: nn.Module, size: tuple[int, int], channels: int | None = None, arguments: tuple[Any, ...] = ()
) -> list[Call]:
    """Run a network on maps that have a shape and no numbers, and list the calls of its layers on maps.

    The network runs in evaluation mode and is left as it was: nothing is computed, drawn or kept.

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
    network = getattr(network, "_orig_mod", network)  # a compiled network runs as it was written
    layers = list(_layers(network, ""))
    channels = _channels(network) if channels is None else channels
    steerable = [module for _, module in layers if isinstance(module, SteerableModule)]
    group = steerable[0].in_type.group if steerable else None
    first = _run(network, layers, _Input(size, channels, None, group), arguments)
    if not steerable or not first.watch.asked:
        return first.calls
    given = first.given if first.given is not None else numbers(steerable[0].in_type.group, channels)
    return _run(network, layers, _Input(size, channels, given, group), arguments).calls


@dataclass(frozen=True)
class _Input:
    """The maps that the network is given."""

    size: tuple[int, int]
    channels: int
    fields: FieldType | None
    group: PlaneGroup | None


def _run(network: nn.Module, layers: list[tuple[str, nn.Module]], maps: _Input, arguments: tuple[Any, ...]) -> Record:
    record = Record(Watch(), maps.group)
    hooks = [module.register_forward_pre_hook(record.before(name), with_kwargs=True) for name, module in layers]
    hooks += [
        module.register_forward_hook(record.after(name), with_kwargs=True, prepend=True) for name, module in layers
    ]
    weights = dict(network.named_parameters()) | dict(network.named_buffers())
    floats = [value.dtype for value in weights.values() if value.is_floating_point()]
    dtype = floats[0] if floats else torch.get_default_dtype()
    try:
        with _evaluated(network), _silent(), FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.enable_grad():
            fake: dict[str, Tensor] = {name: mode.from_tensor(value) for name, value in weights.items()}
            more = [mode.from_tensor(value) if isinstance(value, Tensor) else value for value in arguments]
            x = torch.empty(2, maps.channels, *maps.size, dtype=dtype)
            record.start((*fake.values(), *more), x, Held(maps.fields, maps.size, given=maps.fields is None))
            with record.watch:
                out = torch.func.functional_call(network, fake, (x, *more))
            with ordinary():
                record.end(out)
    except RuntimeError as error:
        raise record.refusal(error) from None
    finally:
        for hook in hooks:
            hook.remove()
    return record


@contextlib.contextmanager
def _evaluated(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, without the calls by which layers drop what they keep."""
    modes = [(module, module.training) for module in network.modules()]
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Leave it to the error to say that a layer cannot take a map."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _layers(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The layers that are judged as one; what other modules do between them is watched."""
    if _whole(module):
        yield name, module
        return
    for key, child in module.named_children():
        yield from _layers(child, f"{name}.{key}" if name else key)


def _whole(module: nn.Module) -> bool:
    """Whether a module is a layer: steerable and of nothing steerable, of this package, or of torch with its forward.

    A module that a user composed of layers is none, even where it is steerable by its own word.
    """
    if isinstance(module, SteerableModule):
        holds = any(isinstance(child, SteerableModule) for child in module.modules() if child is not module)
        ours = type(module).__module__.startswith("equigen.") and not isinstance(module, SteerableSequential)
        return not holds or ours
    forward = getattr(module.forward, "__func__", module.forward)
    if forward is nn.Sequential.forward or isinstance(module, nn.ModuleList | nn.ModuleDict):
        return False
    return str(getattr(forward, "__module__", "")).startswith("torch.")


def _channels(network: nn.Module) -> int:
    for module in network.modules():
        if isinstance(module, SteerableModule):
            return module.in_type.size
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            return module.in_channels
    raise ValueError(
        "the network has no layer that tells its channels, but a run needs them: plan(network, 28, channels=1)."
    )
