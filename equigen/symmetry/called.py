"""Networks of anybody as functions of images alone: times are given, results are told apart, what draws is refused."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Cyclic
from equigen.symmetry.channel_energy import passages
from equigen.symmetry.error import rounding

__all__ = ["Called", "called", "copies", "require_told", "settled"]

_ENDS = (0.001, 0.999)  # the first and the last of the times that are given
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, eq=False)
class Called:
    """A network as a function of images, f(x), or f(x, t) at times that are given.

    Args:
        module: the network.
        times: (B,), those of the items of a batch; None where it needs none.
        names: of the tensors that its result holds, "" where they have none; empty while they are not known.

    Example:
        >>> x = torch.ones(2, 1, 1, 1)
        >>> [y.flatten().tolist() for y in Called(nn.Identity(), None)(x)]
        [[1.0, 1.0]]
    """

    module: nn.Module
    times: Tensor | None
    names: tuple[str, ...] = ()

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """All tensors that it gives for a batch."""
        return tuple(y for _, y in self.found(x))

    def found(self, x: Tensor) -> list[tuple[str, Tensor]]:
        """The same with their names."""
        found = list(_tensors(self._result(x), "", self.module))
        if not found or (self.names and tuple(name for name, _ in found) != self.names):
            told = f"{len(found)} tensors" + (f", after {len(self.names)} before" if self.names else "")
            raise ValueError(
                f"{type(self.module).__name__} gives {told}, but one or more are compared, the same for all images: "
                "wrap it in a module that gives them."
            )
        return found

    def part(self, k: int) -> Callable[[Tensor], Tensor]:
        """The function that gives the k-th tensor."""
        return lambda x: self(x)[k]

    def which(self, k: int) -> str:
        """Which of several tensors the k-th is; "" where there is one."""
        many = f" (result {k + 1} of {len(self.names)}{', ' * bool(self.names[k])}{self.names[k]})"
        return many if len(self.names) > 1 else ""

    def alone(self, x: Tensor) -> list[tuple[Tensor, ...]]:
        """What it says of each item in a batch of one, at the time that the item has in the batch."""
        times = [None if self.times is None else self.times[k : k + 1] for k in range(len(x))]
        return [replace(self, times=t)(x[k : k + 1]) for k, t in enumerate(times)]

    def _result(self, x: Tensor) -> object:
        """What the network gives; where it fails, a refusal that says on what."""
        try:
            return self.module(x) if self.times is None else self.module(x, self.times)
        except Exception as error:
            first = (str(error).strip() or type(error).__name__).split("\n")[0]
            what = "images" + ("" if self.times is None else " and times (B,)")
            raise ValueError(
                f"{type(self.module).__name__} refuses {what} {tuple(x.shape)} of {x.dtype} ({first}), but is "
                "certified on such: give the shape that it takes, or wrap it in a module that takes this one."
            ) from error


def copies(module: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Copies of a network on the processor, in evaluation mode, without gradients: in float64 and in float32.

    Example:
        >>> [one.weight.dtype for one in copies(nn.Linear(1, 1))]
        [torch.float64, torch.float32]
    """
    double, single = (copy.deepcopy(module) for _ in range(2))
    for weight in (*double.parameters(), *single.parameters()):
        weight.requires_grad_(False)
    return double.cpu().to(torch.float64).eval(), single.cpu().to(torch.float32).eval()


def called(module: nn.Module, x: Tensor) -> Called:
    """The network as a function of images; where it needs times too, those of a batch go from 0.001 to 0.999 evenly.

    Args:
        module: f(x) or f(x, t).
        x: images that it has to take, (B, C, H, W).

    Returns:
        The function, which gives all tensors of a result, whatever they are wrapped in.

    Raises:
        ValueError: the network needs more, refuses the images, or gives another number of results than of images.
        TypeError: its result holds what is no tensor of real numbers.

    Example:
        >>> class Scaled(nn.Module):
        ...     def forward(self, x, t):
        ...         return t[:, None, None, None] * x, {"same": x}
        >>> x = torch.ones(2, 1, 1, 1, dtype=torch.float64)
        >>> function = called(Scaled(), x)
        >>> function.names, [y.flatten().tolist() for y in function(x)]
        (('', 'same'), [[0.001, 0.999], [1.0, 1.0]])
    """
    times = torch.linspace(*_ENDS, len(x), dtype=x.dtype) if _needed(module) == 2 else None
    function = Called(module, times)
    found = function.found(x)
    function = replace(function, names=tuple(name for name, _ in found))
    for k, (_, y) in enumerate(found):
        if y.shape[:1] != x.shape[:1]:
            raise ValueError(
                f"{type(module).__name__} gives {tuple(y.shape)}{function.which(k)} for {len(x)} images, but "
                "one result an image is compared: wrap it in a module that gives them as rows (B, ...)."
            )
    return function


def _tensors(result: object, name: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """All tensors of real numbers in a result, by name, (B,) as (B, 1); anything else in it is refused."""
    if result is None:
        return
    if isinstance(result, Tensor) and result.is_floating_point():
        yield name, result if result.ndim != 1 else result[:, None]
        return
    if isinstance(result, dict):
        entries = [(str(key), value) for key, value in result.items()]
    elif isinstance(result, tuple | list):
        entries = list(zip(getattr(result, "_fields", [""] * len(result)), result, strict=True))
    elif is_dataclass(result):
        entries = [(one.name, getattr(result, one.name)) for one in fields(result)]
    else:
        given = result.dtype if isinstance(result, Tensor) else type(result).__name__
        raise TypeError(
            f"{type(module).__name__} gives {given}{' as ' * bool(name)}{name}, but tensors of real numbers are "
            "compared: wrap it in a module that gives nothing else."
        )
    for key, value in entries:
        yield from _tensors(value, ".".join(word for word in (name, key) if word), module)


def _needed(module: nn.Module) -> int:
    """How many arguments a call needs."""
    if isinstance(module, torch.jit.ScriptModule):
        method: Any = module.forward
        schema = method.schema.arguments[1:]
        needed = [one.name for one in schema if not one.has_default_value() and not one.kwarg_only]
    else:
        parameters = inspect.signature(module.forward).parameters.values()
        needed = [one.name for one in parameters if one.kind in _PLAIN and one.default is one.empty]
    if len(needed) > 2:
        raise ValueError(
            f"{type(module).__name__} needs {len(needed)} arguments ({', '.join(needed)}), but a function of images, "
            "or of images and times, is certified: wrap it in a module that fixes the others."
        )
    return len(needed) or 1


def settled(module: nn.Module, function: Callable[[Tensor], tuple[Tensor, ...]], x: Tensor) -> tuple[Tensor, ...]:
    """What a network says of images, float64.

    Args:
        module: whose layers are watched.
        function: that calls it.
        x: images (B, C, H, W), float64.

    Raises:
        ValueError: it says something else a second time; the message names the layer.

    Example:
        >>> x = torch.ones(2, 1, 4, 4, dtype=torch.float64)
        >>> layer = nn.Dropout().eval()
        >>> settled(layer, lambda x: (layer(x),), x)[0].mean().item()
        1.0
    """
    size = (x.shape[2], x.shape[3])
    (said, first), (again, second) = (passages(module, lambda: function(x), size) for _ in range(2))
    pairs = zip(said, again, strict=True)
    if any(float((b - a).norm()) > rounding(torch.float64) * float(a.norm()) for a, b in pairs):
        calls = zip(first, second, strict=False)
        wrong = next((a for a, b in calls if _same(a.before, b.before) and not _same(a.after, b.after)), None)
        where = "what lies between its layers" if wrong is None else f"{wrong.name} ({wrong.kind})"
        raise ValueError(
            f"the network gives other results on the same images a second time, by {where}, but only one that is "
            "deterministic can be certified: switch off what draws numbers, such as dropout, or keeps a state."
        )
    return tuple(y.double() for y in said)


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))


def require_told(y: Tensor, x: Tensor, group: PlaneGroup | None = None) -> None:
    """Refuse results with a number for each pixel or patch that are not maps: they could have to turn or to stay.

    Args:
        y: results (B, ...).
        x: images (B, C, H, W).
        group: that is to act; None: of which nothing is known.

    Raises:
        ValueError: they are tokens (B, n, C) or (B, C, n) with n = (H / k) (W / k), rows (B, H * W) or (B, C * H * W),
            or maps of any size with another order or number of axes, or maps of square images that are not square
            under quarter turns; the message names how maps are had of them, and how numbers that stay.

    Example:
        >>> require_told(torch.ones(2, 6, 3), torch.ones(2, 1, 2, 2))
        >>> require_told(torch.ones(2, 3, 4), torch.ones(2, 1, 2, 2))
        Traceback (most recent call last):
        ValueError: the network gives (2, 3, 4) on images (2, 1, 2, 2), a number for each pixel or patch that could \
have to turn or to stay: reshape it to maps, y.reshape(len(y), -1, 2, 2), or to numbers that stay, \
y.reshape(len(y), -1, 1, 1).
    """
    if x.shape[2] * x.shape[3] == 1:
        return
    given = f"the network gives {tuple(y.shape)} on images {tuple(x.shape)}"
    stay = "to numbers that stay, y.reshape(len(y), -1, 1, 1)."
    if mends := _as_maps(tuple(y.shape[1:]), (x.shape[1], x.shape[2], x.shape[3])):
        maps = " or ".join(f"y.{mend}" for mend in mends)
        raise ValueError(
            f"{given}, a number for each pixel or patch that could have to turn or to stay: reshape it to maps, "
            f"{maps}, or {stay}"
        )
    turns = group is not None and group.on_grid().has_subgroup(Cyclic(4))
    if turns and x.shape[2] == x.shape[3] and y.ndim == 4 and y.shape[2] != y.shape[3]:
        raise ValueError(
            f"{given}, but maps that turn with square images have as many rows as columns: reshape it to such maps "
            f"(B, C, h, h), or {stay}"
        )


def _as_maps(made: tuple[int, ...], shape: tuple[int, int, int]) -> list[str]:
    """How results of this shape may be written as maps; none where they are maps, or have nothing of pixels."""
    channels, height, width = shape
    flat = f"reshape(len(y), -1, {height}, {width})"
    if len(made) == 1:
        return [flat] if made[0] in (height * width, channels * height * width) else []
    if len(made) == 2:
        return ["unsqueeze(1)"] if made == (height, width) else _of_tokens(made[0], made[1], height, width)
    pairs = [one * width == two * height and one * two > 1 for one, two in pairwise(made)]
    if len(made) == 3:
        is_map = pairs[1] or made[1] * made[2] == 1
        return ["permute(0, 3, 1, 2)"] if pairs[0] and not is_map else []
    if pairs[-1]:
        return [f"reshape(len(y), -1, {made[-2]}, {made[-1]})"]
    if pairs[-2]:
        return [f"movedim(-1, 1).reshape(len(y), -1, {made[-3]}, {made[-2]})"]
    return ["flatten(3).permute(0, 3, 1, 2)"] if pairs[0] else []


def _of_tokens(one: int, two: int, height: int, width: int) -> list[str]:
    """How tokens (B, n, C) or (B, C, n) of patches of k by k pixels are written as maps of them."""
    sizes = [(height // k, width // k) for k in range(1, min(height, width) + 1) if height % k == width % k == 0]
    places = {rows * columns: f"reshape(len(y), -1, {rows}, {columns})" for rows, columns in sizes}
    places.pop(1, None)
    first = [f"mT.{places[one]}"] if one in places else []
    return first + ([places[two]] if two in places else [])
