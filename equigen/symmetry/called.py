"""Networks of anybody as functions of images alone: times are given, results are read, what draws is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from equigen.symmetry.channel_energy import passages
from equigen.symmetry.error import rounding

__all__ = ["called", "settled"]


def called(module: nn.Module, x: Tensor) -> Callable[[Tensor], Tensor]:
    """The network as a function of images; where it needs times too, item i of B has (i + 1/2) / B.

    Args:
        module: f(x) or f(x, t).
        x: images that it has to take, (B, C, H, W).

    Returns:
        The function, which gives a tensor: the first one of several results.

    Raises:
        ValueError: the network needs more, or refuses the images.
        TypeError: its result holds no tensor of real numbers.

    Example:
        >>> class Scaled(nn.Module):
        ...     def forward(self, x, t):
        ...         return t[:, None, None, None] * x, "more"
        >>> x = torch.ones(2, 1, 1, 1)
        >>> called(Scaled(), x)(x).flatten().tolist()
        [0.25, 0.75]
    """
    times = (torch.arange(len(x), dtype=x.dtype) + 0.5) / len(x)
    more = (times,) if _needed(module) == 2 else ()

    def function(x: Tensor) -> Tensor:
        return _tensor(module(x, *more), module)

    name = type(module).__name__
    try:
        function(x)
    except (RuntimeError, IndexError, ValueError, KeyError, AttributeError) as error:
        first = str(error).strip().split("\n")[0]
        what = "images" + (" and times (B,)" if more else "")
        raise ValueError(
            f"{name} refuses {what} {tuple(x.shape)} of {x.dtype} ({first}), but is certified on such: wrap it in a "
            "module that takes them."
        ) from error
    return function


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


def settled(module: nn.Module, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a network says of images, float64.

    Args:
        module: whose layers are watched.
        function: that calls it.
        x: images (B, C, H, W), float64.

    Raises:
        ValueError: it says something else a second time; the message names the layer.

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
    return said.double()


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))
