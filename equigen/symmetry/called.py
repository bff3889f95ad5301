"""Networks of anybody as functions of images alone: times are given, what draws is refused, errors are judged."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.symmetry.channel_energy import passages
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, rounding
from equigen.symmetry.image_action import ImageAction

__all__ = ["Called", "Judged", "called", "require_moved", "settled"]

_MOVED = 1e-3  # images that a motion changes by less are their own
_ENDS = (0.001, 0.999)  # the first and the last of the times that are given


@dataclass(frozen=True, eq=False)
class Called:
    """A network as a function of images, f(x), or f(x, t) at times that are given.

    Args:
        module: the network.
        times: (B,), those of the items of a batch; None where it needs none.
        of: how many tensors of real numbers its result holds, of which the first is read.

    Example:
        >>> x = torch.ones(2, 1, 1, 1)
        >>> Called(nn.Identity(), None)(x).flatten().tolist()
        [1.0, 1.0]
    """

    module: nn.Module
    times: Tensor | None
    of: int = 1

    def __call__(self, x: Tensor) -> Tensor:
        """What it says of a batch."""
        return _tensor(self.result(x), self.module)

    def result(self, x: Tensor) -> object:
        """All that it gives for a batch, in what it is wrapped."""
        if self.times is None:
            return self.module(x)
        return self.module(x, self.times)

    def alone(self, x: Tensor) -> list[Tensor]:
        """What it says of each item in a batch of one, at the time that the item has in the batch."""
        times = [None if self.times is None else self.times[k : k + 1] for k in range(len(x))]
        rows = [replace(self, times=t) for t in times]
        return [_tensor(_accepted(row, x[k : k + 1]), self.module) for k, row in enumerate(rows)]


def called(module: nn.Module, x: Tensor) -> Called:
    """The network as a function of images; where it needs times too, those of a batch go from 0.001 to 0.999 evenly.

    Args:
        module: f(x) or f(x, t).
        x: images that it has to take, (B, C, H, W).

    Returns:
        The function, which gives a tensor: the first one of several results.

    Raises:
        ValueError: the network needs more, refuses the images, or gives another number of results than of images.
        TypeError: its result holds no tensor of real numbers.

    Example:
        >>> class Scaled(nn.Module):
        ...     def forward(self, x, t):
        ...         return t[:, None, None, None] * x, "more"
        >>> x = torch.ones(2, 1, 1, 1, dtype=torch.float64)
        >>> called(Scaled(), x)(x).flatten().tolist()
        [0.001, 0.999]
    """
    times = torch.linspace(*_ENDS, len(x), dtype=x.dtype) if _needed(module) == 2 else None
    function = Called(module, times)
    result = _accepted(function, x)
    first = _tensor(result, module)
    if first.shape[:1] != x.shape[:1]:
        raise ValueError(
            f"{type(module).__name__} gives {tuple(first.shape)} for {len(x)} images, but one result an image is "
            "compared: wrap it in a module that gives them as rows (B, ...)."
        )
    return replace(function, of=_count(result))


def _accepted(function: Called, x: Tensor) -> object:
    """What a network gives; where it fails, a refusal that says on what."""
    try:
        return function.result(x)
    except (RuntimeError, IndexError, ValueError, KeyError, AttributeError, TypeError) as error:
        first = str(error).strip().split("\n")[0]
        what = "images" + ("" if function.times is None else " and times (B,)")
        raise ValueError(
            f"{type(function.module).__name__} refuses {what} {tuple(x.shape)} of {x.dtype} ({first}), but is "
            "certified on such: wrap it in a module that takes them."
        ) from error


def _count(result: object) -> int:
    """How many tensors of real numbers a result holds."""
    if isinstance(result, tuple | list | dict):
        return sum(map(_count, result.values() if isinstance(result, dict) else result))
    return int(isinstance(result, Tensor) and result.is_floating_point())


def _needed(module: nn.Module) -> int:
    """How many arguments a call needs."""
    parameters = inspect.signature(module.forward).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [one for one in parameters if one.kind in plain and one.default is one.empty]
    count = len(needed) or 1
    if count > 2:
        raise ValueError(
            f"{type(module).__name__} needs {count} arguments ({', '.join(one.name for one in needed)}), but a "
            "function of images, or of images and times, is certified: wrap it in a module that fixes the others."
        )
    return count


def _tensor(result: object, module: nn.Module) -> Tensor:
    """The first tensor of real numbers of a result."""
    while isinstance(result, tuple | list | dict) and result:
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    result = getattr(result, "sample", result) if not isinstance(result, Tensor) else result
    if not isinstance(result, Tensor) or not result.is_floating_point():
        given = result.dtype if isinstance(result, Tensor) else type(result).__name__
        raise TypeError(
            f"{type(module).__name__} gives {given}, but a tensor of real numbers is compared: wrap it in a module "
            "that gives one."
        )
    return result


@dataclass(frozen=True)
class Judged:
    """Errors of the whole under motions of the grid, in one precision; `found` is None where it says nothing at all.

    Args:
        found: the errors.
        exact: the largest error that counts as exact.
        rounding: the largest that rounding may have made.
        mute: whether nothing can be told.

    Example:
        >>> Judged(None, exact=1e-12, rounding=1e-10, mute=False).judge(1e-11)
        'not told apart'
    """

    found: EquivarianceError | None
    exact: float
    rounding: float
    mute: bool

    @property
    def largest(self) -> float:
        """The largest error."""
        return 0.0 if self.found is None else self.found.largest

    @property
    def verdict(self) -> str:
        """That on the largest error."""
        return self.judge(self.largest)

    def judge(self, error: float) -> str:
        """The verdict on one error."""
        if error <= self.exact:
            return "not told apart" if self.mute else "exact"
        return "not told apart" if error <= self.rounding else "broken"


def settled(module: nn.Module, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a network says of images, float64.

    Args:
        module: whose layers are watched.
        function: that calls it.
        x: images (B, C, H, W), float64.

    Raises:
        ValueError: it says something else a second time; the message names the layer. Or it gives tokens (B, n, C),
            one for each pixel, which could have to turn or to stay.

    Example:
        >>> x = torch.ones(2, 1, 4, 4, dtype=torch.float64)
        >>> settled(nn.Dropout().eval(), nn.Dropout().eval(), x).mean().item()
        1.0
    """
    size = (x.shape[2], x.shape[3])
    (said, first), (again, second) = (passages(module, lambda: function(x), size) for _ in range(2))
    if float((again - said).norm()) > rounding(torch.float64) * float(said.norm()):
        pairs = zip(first, second, strict=False)
        wrong = next((a for a, b in pairs if _same(a.before, b.before) and not _same(a.after, b.after)), None)
        where = "what lies between its layers" if wrong is None else f"{wrong.name} ({wrong.kind})"
        raise ValueError(
            f"the network gives other results on the same images a second time, by {where}, but only one that is "
            "deterministic can be certified: switch off what draws numbers, such as dropout, or keeps a state."
        )
    if said.ndim == 3 and said.shape[1] == size[0] * size[1] > 1:
        raise ValueError(
            f"the network gives tokens {tuple(said.shape)}, one for each pixel, but what has to turn with the images "
            f"are maps: reshape them to (B, C, H, W), y.mT.reshape(len(y), -1, {size[0]}, {size[1]})."
        )
    return said.double()


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))


def require_moved(x: Tensor, group: PlaneGroup) -> None:
    """Refuse images that a motion of the grid leaves as they are: under it every network is equivariant.

    Args:
        x: images (B, C, H, W).
        group: of the plane.

    Raises:
        ValueError: one of its quarter turns or flips changes them by less than a thousandth.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> require_moved(torch.arange(9.0).reshape(1, 1, 3, 3), Cyclic(4))
    """
    inside = group.on_grid()
    action, size = ImageAction(inside), float(x.norm())
    for g in elements_of(inside)[1:]:
        moved = action(g, x)
        if moved.shape == x.shape and not float((moved - x).norm()) > _MOVED * size:
            angle, flip = g.tolist()
            what = f"turned by {math.degrees(angle):g} degrees" + (" after a flip" if flip else "")
            raise ValueError(
                f"these images are their own quarter turns or flips, or not finite ({what} they change by less than "
                f"{_MOVED:g}), so that nothing would be tested: give others."
            )
