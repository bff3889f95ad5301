"""Watching a run: which functions of torch touch the maps between the layers, and what is known of every tensor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from equigen.steerable.commuting import Operation, outcome
from equigen.steerable.held import Fixed, Lost, State
from equigen.steerable.modes import outside_modes

__all__ = ["Watch", "ordinary"]

_Key = tuple[int, int, tuple[int, ...], tuple[int, ...], torch.dtype]


@contextmanager
def ordinary() -> Iterator[None]:
    """Let tensors made inside have numbers, though a run without them goes on."""
    with _disable_current_modes(), outside_modes():
        yield


class Watch(TorchDispatchMode):
    """What is known of the tensors of a run without numbers; while `inside` a layer, functions pass unseen.

    A tensor is told by the memory that it shows and how, so that views that show the same map are the same map.

    Example:
        >>> from torch._subclasses.fake_tensor import FakeTensorMode
        >>> from equigen.steerable.held import Held
        >>> with FakeTensorMode(), Watch() as watch:
        ...     x = torch.zeros(2, 1, 8, 8)
        ...     watch.learn(x, Held(None, (8, 8)))
        ...     watch.known(x * 2), watch.known(x.roll(1, 2)).reason
        (Held(fields=None, size=(8, 8), given=False), 'roll between layers is not known to commute with the group')
    """

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.asked = False
        self._known: dict[_Key, State] = {}
        self._kept: list[Tensor] = []

    def known(self, x: Tensor) -> State:
        """What is known of a tensor; one with numbers in it was there before the run."""
        if is_functorch_wrapped_tensor(x):
            return Lost("a transformed function is not looked into", _pixels(x))
        if not isinstance(x, FakeTensor):
            return Fixed()
        return self._known.get(_key(x), Lost("a function that the run does not see", _pixels(x)))

    def learn(self, x: Tensor, state: State) -> None:
        """Keep what is known of a tensor."""
        if not is_functorch_wrapped_tensor(x):
            self._known[_key(x)] = state
            self._kept.append(x)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.inside:
            return func(*args, **kwargs)
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        operands = tuple((x, self.known(x)) for x in tensors)
        self.asked |= any(getattr(state, "given", False) for _, state in operands)
        schema = func._schema
        given = dict(zip((argument.name for argument in schema.arguments), args, strict=False)) | kwargs
        out = func(*args, **kwargs)
        name = schema.name.partition("::")[2]
        written = [
            given.get(argument.name)
            for argument in schema.arguments
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        if written:
            name = name.removesuffix("_") if schema.arguments[0].alias_info is not None else f"{name} into another"
        with ordinary():
            self._follow(Operation(name, given, operands), tree_leaves(written), tree_leaves(out))
        return out

    def _follow(self, operation: Operation, written: list[Any], out: list[Any]) -> None:
        changed = [(x, outcome(operation, x)) for x in written if isinstance(x, Tensor)]
        for x, _ in changed:
            self._lose(x, operation.name)
        for x, state in changed:
            self.learn(x, state)
        first = 0
        for x in out:
            if isinstance(x, FakeTensor):
                if _key(x) not in self._known:
                    self.learn(x, outcome(operation, x, first))
                first += x.shape[1] if x.ndim > 1 else 0

    def _lose(self, x: Tensor, name: str) -> None:
        """What shows memory that was written to is no longer what it was."""
        memory = _key(x)[0]
        for key in [key for key in self._known if key[0] == memory]:
            self._known[key] = Lost(f"{name} writes to a part of it", _pixels(x))


def _key(x: Tensor) -> _Key:
    return (x.untyped_storage()._cdata, int(x.storage_offset()), tuple(x.shape), x.stride(), x.dtype)


def _pixels(x: Tensor) -> tuple[int, int]:
    return (x.shape[-2], x.shape[-1]) if x.ndim == 4 else (1, 1)
