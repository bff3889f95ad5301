"""Channel energy: what can be said of the layers of a network whose fields nobody has declared.

Where a layer is equivariant and its fields are mixed by orthogonal matrices, (g y)(p) = rho(g) y(g^-1 p), the energy of
the channels at each pixel moves as a plain picture does, whatever rho is,

    e(p) = sum over channels c of y_c(p)^2,        e[f(g x)](p) = e[f(x)](g^-1 p).

The check is necessary and not sufficient: a layer may permute or flip the signs of its channels differently at each
pixel and keep its energy, and fields in skewed bases may be sound without keeping theirs. Where no pixels are left, or
the places of a result cannot be told, the energy of all of it is compared.

What is read as a map, for images of H x W: (B, C, h, w) with h : w = H : W; (B, h, w, C) of layers that act along the
last axis; tokens (B, n, C) whose number n is that of such a frame. Matrices between tokens, (B, heads, n, n), count as
a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.steerable.module import SteerableModule
from equigen.symmetry.action import Action, TrivialAction
from equigen.symmetry.certificate import CertifiedLayer
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, equivariance_error
from equigen.symmetry.image_action import ImageAction

__all__ = ["NECESSARY", "Passage", "energy_layers", "passages"]

NECESSARY = "by channel energy alone, a necessary check"
"""What is said of every layer that was measured in this way."""

_Result = TypeVar("_Result")
_BETWEEN = 3  # elements off the grid at which each layer is measured
_ALONG_LAST = (nn.Linear, nn.LayerNorm)


@dataclass(frozen=True, eq=False)
class Passage:
    """One call of a layer: the energy of what it was given and of what it gave, float64 (B, 1, h, w).

    Args:
        name: of the layer, as `named_modules` gives it.
        kind: its class.
        size: (rows, columns) of the map that it was given, (1, 1) where it was none.
        before: energy of the first tensor it was given; None where it was given none of real numbers.
        after: energy of the first tensor it gave.

    Example:
        >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
        >>> passages(network, lambda: network(x), (2, 2))[1][0].before[0, 0].tolist()
        [[1.0, 4.0], [9.0, 16.0]]
    """

    name: str
    kind: str
    size: tuple[int, int]
    before: Tensor | None
    after: Tensor | None


def passages(module: nn.Module, run: Callable[[], _Result], size: tuple[int, int]) -> tuple[_Result, list[Passage]]:
    """Run a network and note what goes through its layers.

    Args:
        module: whose layers are watched: modules without children, and those that are used as one; none of TorchScript,
            which runs out of Python's sight.
        run: calls it.
        size: (H, W) of the images that it is given.

    Returns:
        What `run` gave, and the calls of layers in their order.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2))
        >>> _, calls = passages(network, lambda: network(torch.ones(2, 1, 8, 8)), (8, 8))
        >>> [(call.name, call.size, tuple(call.after.shape)) for call in calls]
        [('0', (8, 8), (2, 1, 6, 6)), ('1', (6, 6), (2, 1, 3, 3))]
    """
    calls: list[Passage] = []
    given: dict[nn.Module, list[Tensor | None]] = {}
    names = {one: name for one, name in _layers(module) if one is not module}

    def before(layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        given.setdefault(layer, []).append(_energy((arguments, named), layer, size))

    def after(layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        start = given[layer].pop()
        place = (1, 1) if start is None else (start.shape[2], start.shape[3])
        calls.append(Passage(names[layer], type(layer).__name__, place, start, _energy(result, layer, size)))

    hooks = [one.register_forward_pre_hook(before, with_kwargs=True) for one in names]
    hooks += [one.register_forward_hook(after, with_kwargs=True) for one in names]
    try:
        return run(), calls
    finally:
        for hook in hooks:
            hook.remove()


def energy_layers(
    module: nn.Module, function: Callable[[Tensor], object], group: PlaneGroup, x: Tensor, soft: Tensor
) -> list[CertifiedLayer]:
    """The layers of a network, each held to keep the energy of its channels if what it is given keeps it.

    A layer that is given what is broken already is not measured; where no layer broke it, it was broken between the
    layers, and a row "before NAME" says so.

    Args:
        module: in evaluation mode, float64, deterministic.
        function: calls it on images; what it gives does not count.
        group: that acts.
        x: images (B, C, H, W) on which the motions of the grid are measured, float64.
        soft: images on which the other elements of the group are measured, of a low band, so that these cost little.

    Returns:
        In the order in which the layers run.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> network = nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2), nn.ReLU())
        >>> x = torch.arange(128.0, dtype=torch.float64).reshape(2, 1, 8, 8).sin()
        >>> [(layer.name, layer.verdict) for layer in energy_layers(network, network, Cyclic(4), x, x)]
        [('0', 'exact'), ('1', 'broken'), ('2', 'not measured')]
    """
    grid, between = (_Energies(module, function, images) for images in (x, soft))
    rows: list[CertifiedLayer] = []
    for k in range(len(grid.start)):
        rows += _rows(k, grid, between, group, any(row.verdict == "broken" for row in rows))
    return rows


class _Energies:
    """What goes through the layers on images, and on moved ones, each of which is run once."""

    def __init__(self, module: nn.Module, function: Callable[[Tensor], object], x: Tensor) -> None:
        self.module, self.function, self.x = module, function, x
        self.known: dict[bytes, list[Passage]] = {}
        self.start = self.at(x)

    def at(self, x: Tensor) -> list[Passage]:
        key = x.contiguous().numpy().tobytes()
        if key not in self.known:
            size = (x.shape[2], x.shape[3])
            self.known[key] = passages(self.module, lambda: self.function(x), size)[1]
        return self.known[key]

    def error(self, k: int, after: bool, group: PlaneGroup, elements: Tensor) -> EquivarianceError | None:
        """That of the energy which the k-th call is given, or gives; None where there is none."""
        start = self._part(self.start, k, after)
        if start is None or not bool(start.any()):
            return None
        places = start.shape[2] * start.shape[3]
        made: Action = ImageAction(group) if places > 1 else TrivialAction(group)

        def energy(x: Tensor) -> Tensor:
            found = self._part(self.at(x), k, after)
            return start * torch.nan if found is None else found

        return equivariance_error(energy, self.x, ImageAction(group), made, elements)

    def _part(self, calls: list[Passage], k: int, after: bool) -> Tensor | None:
        if k >= len(calls) or calls[k].name != self.start[k].name:
            raise ValueError(
                f"the network calls other layers on moved images (at {self.start[min(k, len(self.start) - 1)].name}), "
                "but its layers can be compared only where they run in one order: certify a part of it that does."
            )
        return calls[k].after if after else calls[k].before


def _rows(k: int, grid: _Energies, between: _Energies, group: PlaneGroup, known: bool) -> list[CertifiedLayer]:
    """The row of the k-th call, and one before it where the first break lies between the layers."""
    call, inside = grid.start[k], group.on_grid()
    row = CertifiedLayer(call.name, call.kind, call.size, group.name, None, "", None, "not measured")
    if inside.order != 1:
        given = grid.error(k, False, inside, elements_of(inside))
        if given is not None and given.verdict != "exact":
            rest = replace(row, reason="what it is given is broken already")
            if known:
                return [rest]
            reason = f"no layer gave what {call.name} is given, {NECESSARY}"
            where = replace(row, name=f"before {call.name}", kind="function", reason=reason)
            return [replace(where, error=given.largest, verdict="broken"), rest]
        made = grid.error(k, True, inside, elements_of(inside))
        if made is None:
            return [replace(row, reason="it gives zeros only, or nothing with an energy")]
        row = replace(row, reason=NECESSARY, error=made.largest, verdict=made.verdict)
    return [_with_between(row, k, between, group)]


def _with_between(row: CertifiedLayer, k: int, between: _Energies, group: PlaneGroup) -> CertifiedLayer:
    elements = elements_of(group)
    elements = elements[~ImageAction(group).exact_at(elements)]
    if len(elements) == 0:
        return row
    chosen = elements[torch.linspace(0, len(elements) - 1, min(_BETWEEN, len(elements))).round().long()]
    found = between.error(k, True, group, chosen)
    if found is None:
        return row
    return replace(row, reason=NECESSARY, between=found.largest, floor=float(found.floor.max()))


def _layers(module: nn.Module, name: str = "") -> Iterator[tuple[nn.Module, str]]:
    """The modules that are judged as one: without children, of torch and used as one, or steerable by themselves.

    What a steerable layer computes inside, such as samples of its functions on the group, need keep no energy.
    """
    if isinstance(module, torch.jit.ScriptModule):
        return
    steerable = isinstance(module, SteerableModule)
    holds = any(isinstance(child, SteerableModule) for child in module.modules() if child is not module)
    if not any(module.children()) or isinstance(module, nn.MultiheadAttention) or (steerable and not holds):
        yield module, name
        return
    for key, child in module.named_children():
        yield from _layers(child, f"{name}.{key}" if name else key)


def _first(value: Any) -> Tensor | None:
    """The first tensor of real numbers in nested values."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() or value.is_complex() else None
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        return next((found for one in value if (found := _first(one)) is not None), None)
    return None


def _energy(value: Any, layer: nn.Module, size: tuple[int, int]) -> Tensor | None:
    """The energy of the first tensor, at each of its places if they can be told, float64 (B, 1, h, w)."""
    y = _first(value)
    if y is None or y.numel() == 0 or y.ndim == 0:
        return None
    squares = y.detach().abs().double().square()
    if y.ndim == 3 and (frame := _frame(y.shape[1], size)) is not None:
        return squares.sum(2).reshape(len(y), 1, *frame)
    if y.ndim == 4:
        last = isinstance(layer, _ALONG_LAST)
        first, second = (_is_map(y.shape[2:], size), _is_map(y.shape[1:3], size))
        if first and not (last and second):
            return squares.sum(1, keepdim=True)
        if second:
            return squares.sum(3)[:, None]
    return squares.flatten(1).sum(1).reshape(len(y), 1, 1, 1)


def _frame(places: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """(h, w) with h : w as that of the images and no more pixels, where there are so many places."""
    height = math.isqrt(places * size[0] // size[1])
    fits = 0 < height <= size[0] and height * size[1] % size[0] == 0
    frame = (height, height * size[1] // size[0])
    return frame if fits and frame[0] * frame[1] == places else None


def _is_map(shape: torch.Size, size: tuple[int, int]) -> bool:
    """Whether two axes number the pixels of a map, and not the tokens of a matrix."""
    height, width = shape
    if height * size[1] != width * size[0] or height * width == 1:
        return False
    return height <= size[0] or _frame(height, size) is None or height != width
