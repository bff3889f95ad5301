"""The record of a run without numbers: the calls of layers on maps, and what between them is not known to commute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from equigen.groups.plane import PlaneGroup
from equigen.steerable.commuting import settled
from equigen.steerable.field_type import FieldType
from equigen.steerable.held import Fixed, Held, Lost, State, meets, numbers, still
from equigen.steerable.module import SteerableModule
from equigen.steerable.plain_step import keeps_fields, plain_fields
from equigen.steerable.watch import Watch, ordinary

__all__ = ["Call", "Record"]

_STANDS = "what comes does not move with the map"


@dataclass(frozen=True)
class Call:
    """One call of one layer on a map, or what is not known of a map between two layers.

    Args:
        name: of the layer in the network.
        module: the layer; None for what happens between layers.
        size: (rows, columns) of what it is given.
        out: of what it gives.
        fields: what it is given, if known.
        doubt: why it is not known to commute, "" if nothing but the layer itself decides that.
        mismatch: why the layer cannot commute on what it is given, "" if it can.
        invariant: whether it is given what the group leaves alone, on which everything commutes.

    Example:
        >>> Call("pool", None, (8, 8), (4, 4), None).mismatch
        ''
    """

    name: str
    module: nn.Module | None
    size: tuple[int, int]
    out: tuple[int, int]
    fields: FieldType | None
    doubt: str = ""
    mismatch: str = ""
    invariant: bool = False


@dataclass
class Record:
    """The calls so far, in order.

    Args:
        watch: what is known of the tensors.
        group: of the network's first steerable layer, if there is one.
        given: what a layer says that the network is given, None until one does.
        calls: so far.
    """

    watch: Watch
    group: PlaneGroup | None
    given: FieldType | None = None
    calls: list[Call] = field(default_factory=list)
    _reported: set[Lost] = field(default_factory=set)
    _inputs: list[tuple[Tensor, State]] = field(default_factory=list)
    _running: tuple[str, nn.Module] | None = None

    def start(self, fixed: Iterable[Any], x: Tensor, held: Held) -> None:
        """Before the run: what stands still, and the maps."""
        for value in fixed:
            if isinstance(value, Tensor):
                self.watch.learn(value, Fixed())
        self.watch.learn(x, held)

    def before(self, name: str) -> Any:
        """The hook before a layer's forward, which lets a layer say in its own words that a map is too small."""

        def listen(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            self.watch.inside += 1
            if self.watch.inside > 1:
                return
            self._running = (name or type(module).__name__, module)
            with ordinary():
                self._inputs = [(x, self.watch.known(x)) for x in _tensors((given, named))]
                if isinstance(module, SteerableModule) and self._inputs and self._inputs[0][0].ndim == 4:
                    module.grid_step(*_pixels(self._inputs[0][0]))

        return listen

    def after(self, name: str) -> Any:
        """The hook after a layer's forward; a steerable layer that gives its map as it is gives a copy of it.

        What the two hold can differ: a restriction's copy has a smaller group than the map, which may still be used.
        """

        def listen(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], out: Any) -> Any:
            if (
                self.watch.inside == 1
                and isinstance(module, SteerableModule)
                and any(out is x for x, _ in self._inputs)
            ):
                out = out.clone()
            self.watch.inside -= 1
            if self.watch.inside == 0:
                self._running = None
                with ordinary():
                    self._note(name or type(module).__name__, module, _tensors(out))
            return out

        return listen

    def end(self, out: Any) -> None:
        """After the run: what the network gives moves with the map, or it is said that it does not."""
        for x in _tensors(out):
            state = self.watch.known(x)
            if isinstance(state, Fixed) and x.ndim == 4 and not (state.even or still(x, 2)):
                state = Lost(_STANDS, _pixels(x))
            if isinstance(state, Lost):
                self._doubt("after the last layer", state, x)

    def refusal(self, error: RuntimeError) -> Exception:
        """The error of a layer that cannot take its map, in one sentence; others as they are."""
        if self._running is None or not self._inputs:
            return error
        name, module = self._running
        rows, columns = _pixels(self._inputs[0][0])
        said = str(error).strip().split("\n")[0].rstrip(".")
        return ValueError(
            f"{name} ({type(module).__name__}) is given a map of {rows} x {columns}, but it refuses it ({said}): "
            f"take larger maps, plan(network, 28)."
        )

    def _doubt(self, name: str, lost: Lost, x: Tensor) -> None:
        if lost not in self._reported:
            self._reported.add(lost)
            self.calls.append(Call(name, None, lost.size, _pixels(x), None, doubt=lost.reason))

    def _note(self, name: str, module: nn.Module, out: list[Tensor]) -> None:
        inputs = self._inputs
        for x, state in inputs:
            if isinstance(state, Fixed) and isinstance(module, SteerableModule) and x.ndim == 4:
                state = state if state.even or still(x, 2) else Lost(_STANDS, _pixels(x))
            if isinstance(state, Lost):
                self._doubt(f"before {name}", state, x)
        moving = [(x, state) for x, state in inputs if not isinstance(state, Fixed)]
        if isinstance(module, SteerableModule) and inputs and inputs[0][0].ndim == 4:
            self._steerable(name, module, (moving or inputs)[0], len(moving), out)
        elif not moving:
            self._invariant(name, module, inputs, out)
        else:
            self._plain(name, module, moving[0], len(moving), out)

    def _invariant(self, name: str, module: nn.Module, inputs: list[tuple[Tensor, State]], out: list[Tensor]) -> None:
        made = [x for x, state in inputs if isinstance(state, Fixed) and state.invariant]
        if made and out:
            self.calls.append(Call(name, module, _pixels(made[0]), _pixels(out[0]), None, invariant=True))
        for y in out:
            self.watch.learn(y, Fixed(invariant=bool(made)))

    def _steerable(
        self, name: str, module: SteerableModule, given: tuple[Tensor, State], count: int, out: list[Tensor]
    ) -> None:
        (x, state), taken, mismatch = given, module.in_type, ""
        held = numbers(taken.group, x.shape[1]) if isinstance(state, Fixed) else getattr(state, "fields", None)
        if isinstance(state, Held) and state.given and self.given is None:
            self.given = taken
        if held is not None and not meets(held, taken):
            mismatch = f"it is given {held} of {held.group.name}, but takes {taken}"
            mismatch += f" of {taken.group.name}" if held.group != taken.group else ""
        doubt = f"it is given {count} maps" if count > 1 else ""
        end = _pixels(out[0]) if out else (1, 1)
        self.calls.append(Call(name, module, _pixels(x), end, taken, doubt, mismatch))
        self._learn(out, module.out_type, name)

    def _plain(self, name: str, module: nn.Module, given: tuple[Tensor, State], count: int, out: list[Tensor]) -> None:
        x, state = given
        if not isinstance(state, Held) and x.ndim != 4:  # its doubt is told
            for y in out:
                self.watch.learn(y, state)
            return
        self.watch.asked |= isinstance(state, Held) and state.given
        fields = state.fields if isinstance(state, Held) else None
        doubt = f"it is given {count} maps" if count > 1 else ""
        end = _pixels(out[0]) if out else (1, 1)
        size = state.size if isinstance(state, Held) else _pixels(x)
        if x.ndim != 4 and size != (1, 1):
            doubt = "it is given the pixels of a map in a row"
        self.calls.append(Call(name, module, size, end, fields, doubt))
        open_still = isinstance(state, Held) and state.given and keeps_fields(module)
        kept = plain_fields(module, fields, out[0].shape[1]) if len(out) == 1 and out[0].ndim > 1 else None
        row = len(out) == 1 and x.ndim == 4 and out[0].ndim == 2 and size != (1, 1)
        self._learn(out, None if doubt else kept, name, given=open_still, row=row)

    def _learn(
        self, out: list[Tensor], fields: FieldType | None, name: str, *, given: bool = False, row: bool = False
    ) -> None:
        lost = Lost(f"{name} gives more than a map", (1, 1))
        if row:  # what the layer does to the order of pixels is told
            self._reported.add(lost)
        for y in out:
            whole = len(out) == 1 and y.ndim in (2, 4) and not row
            self.watch.learn(y, settled(fields, _pixels(y), given=given) if whole else lost)


def _tensors(values: Any) -> list[Tensor]:
    return [x for x in tree_leaves(values) if isinstance(x, Tensor)]


def _pixels(x: Tensor) -> tuple[int, int]:
    return (int(x.shape[-2]), int(x.shape[-1])) if x.ndim == 4 else (1, 1)
