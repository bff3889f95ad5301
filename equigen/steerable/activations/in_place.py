"""An activation, and its derivative, written over their arguments where torch can."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.activations.scalar_function import ScalarFunction

__all__ = ["act_in_place", "pull_back"]

_ATEN = torch.ops.aten


def act_in_place(activation: ScalarFunction, values: Tensor) -> Tensor:
    """act(values), in the memory of `values` where torch can, without a derivative.

    Args:
        activation: function of one number.
        values: any shape; what it holds afterwards is not said.

    Example:
        >>> values = torch.tensor([-1.0, 1.0])
        >>> act_in_place(nn.ReLU(), values) is values, act_in_place(torch.tanh, values) is values
        (True, False)
    """
    kind = type(activation)
    if kind is nn.SiLU:
        return functional.silu(values, inplace=True)
    if kind is nn.ReLU:
        return torch.relu_(values)
    if isinstance(activation, nn.ELU) and kind is nn.ELU:
        return functional.elu(values, activation.alpha, inplace=True)
    return activation(values)


def pull_back(activation: ScalarFunction, values: Tensor, slopes: Tensor) -> Tensor:
    """act'(values) slopes, in the memory of `slopes` where torch can.

    Args:
        activation: function of one number that may be repeated.
        values: any shape.
        slopes: of that shape; what it holds afterwards is not said.

    Example:
        >>> pull_back(torch.square, torch.tensor([3.0]), torch.tensor([1.0])), pull_back(
        ...     nn.ReLU(), torch.tensor([3.0, -3.0]), torch.tensor([1.0, 1.0]))
        (tensor([6.]), tensor([1., 0.]))
    """
    kind = type(activation)
    if kind is nn.SiLU:
        return _ATEN.silu_backward.grad_input(slopes, values, grad_input=slopes)
    if kind is nn.ReLU:
        return _ATEN.threshold_backward.grad_input(slopes, values, 0, grad_input=slopes)
    if isinstance(activation, nn.ELU) and kind is nn.ELU:
        return _ATEN.elu_backward.grad_input(slopes, activation.alpha, 1, 1, False, values, grad_input=slopes)
    with torch.enable_grad():
        values = values.detach().requires_grad_()
        out = activation(values)
    return torch.autograd.grad(out, values, slopes)[0] if out.requires_grad else slopes.zero_()
