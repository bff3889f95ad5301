"""What an activation is made from: a function of one number, applied to every element of a tensor alike."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["ScalarFunction", "require_scalar_function", "scalar_function_name"]

ScalarFunction = Callable[[Tensor], Tensor]
"""A map of tensors (any shape) to tensors of that shape, element by element: `torch.nn.SiLU()`, `torch.tanh`."""


def scalar_function_name(function: ScalarFunction) -> str:
    """What to call a function where it is shown: "SiLU(inplace=True)" for modules, "tanh" for functions.

    Example:
        >>> scalar_function_name(nn.ELU(0.5)), scalar_function_name(torch.tanh)
        ('ELU(alpha=0.5)', 'tanh')
    """
    return repr(function) if isinstance(function, nn.Module) else getattr(function, "__name__", repr(function))


def require_scalar_function(function: ScalarFunction, layer: str) -> None:
    """Refuse what does not treat every element alike and alone, by trying it on 32 numbers.

    The numbers are permuted across all axes and half of them are replaced: the other half must come out as before. A
    function that mixes elements (softmax), treats them by place (a slope per channel), draws random numbers (dropout)
    or changes the shape (gated linear units) fails. torch's random state is left as it was.

    Args:
        function: to be tried.
        layer: name of the layer that asks, for the message.

    Raises:
        TypeError: it cannot be called, or is a class.
        ValueError: it is no function of one number, or learns more than one value per parameter.
    """
    if isinstance(function, type):
        fix = f"{'nn.' if issubclass(function, nn.Module) else ''}{function.__name__}()"
        raise TypeError(f"activation is the class {function.__name__}, but one made of it is needed: pass {fix}.")
    if not callable(function):
        raise TypeError(f"activation is {function!r}, but a function of tensors is needed: {layer}(..., nn.SiLU()).")
    name = scalar_function_name(function)
    parameters = list(function.parameters()) if isinstance(function, nn.Module) else []
    if any(parameter.numel() > 1 for parameter in parameters):
        raise ValueError(f"{name} has a weight per channel, but a field needs one for all: nn.PReLU().")
    like = parameters[0] if parameters else torch.empty(0, dtype=torch.get_default_dtype(), device="cpu")
    if like.device.type == "meta":
        return  # no numbers to try it on
    x = torch.linspace(-2.0, 2.5, 32, dtype=like.dtype, device=like.device)
    order = torch.arange(32, device=like.device) * 7 % 32
    kept = torch.arange(32, device=like.device) % 2 == 0
    moved = torch.where(kept, x[order], x[order].abs() + 1)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        before = function(x.clone().view(2, 4, 2, 2))
        after = function(moved.view(2, 4, 2, 2))
    good = before.shape == after.shape == (2, 4, 2, 2)
    if not good or not torch.equal(before.flatten()[order][kept], after.flatten()[kept]):
        raise ValueError(f"{name} is no function of one number, but {layer} applies one to each: take nn.SiLU().")
