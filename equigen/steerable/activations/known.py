"""Which activations are known to be functions of a number and nothing else, and so may be called once more."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules import module as modules

from equigen.steerable.activations.scalar_function import ScalarFunction

__all__ = ["WRITTEN_OVER", "keeps_its_argument", "may_be_repeated"]

WRITTEN_OVER = (nn.SiLU, nn.ReLU, nn.ELU)
"""What has a derivative that torch can write over its argument (see `equigen.steerable.activations.in_place`)."""

_KNOWN = frozenset(
    (
        *WRITTEN_OVER,
        *(nn.CELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Identity, nn.LeakyReLU),
        *(nn.LogSigmoid, nn.Mish, nn.ReLU6, nn.SELU, nn.Sigmoid, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh),
        *(nn.Tanhshrink, nn.Threshold),
    )
)


def may_be_repeated(activation: ScalarFunction) -> bool:
    """Whether calling it a few numbers at a time, and once more for a derivative, is the same as calling it once.

    So it is for torch's own functions and modules without weights, buffers or mode, if no hook sees the calls. Of
    anything else it cannot be told: it may learn, count, depend on a mode, or write over its argument.

    Args:
        activation: function of one number.

    Example:
        >>> [may_be_repeated(act) for act in (torch.tanh, nn.SiLU(inplace=True), lambda x: torch.tanh(x), torch.relu_)]
        [True, True, False, False]
    """
    return _known(activation) and (type(activation) in WRITTEN_OVER or not getattr(activation, "inplace", False))


def keeps_its_argument(activation: ScalarFunction) -> bool:
    """Whether it is known not to write over what it is given.

    Args:
        activation: function of one number.

    Example:
        >>> [keeps_its_argument(act) for act in (torch.tanh, nn.SiLU(inplace=True), lambda x: x.relu_(), torch.relu_)]
        [True, False, False, False]
    """
    return _known(activation) and not getattr(activation, "inplace", False)


def _known(activation: ScalarFunction) -> bool:
    """One of torch's own, as torch made it."""
    if isinstance(activation, nn.Module):
        return type(activation) in _KNOWN and not _watched(activation)
    name = getattr(activation, "__name__", "_")
    if name.endswith("_"):  # torch's mark of what writes over its argument
        return False
    return getattr(torch, name, None) is activation or getattr(functional, name, None) is activation


def _watched(module: nn.Module) -> bool:
    """Whether something is called along with the module, or in its place."""
    own = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks
    return any(own) or "forward" in vars(module) or bool(modules._has_any_global_hook())
