"""Adam, and the learning rate along a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from equigen.training.config import TrainerConfig

__all__ = ["learning_rate", "load_state", "make_optimiser", "state_tensors"]


def learning_rate(step: int, config: TrainerConfig) -> float:
    """The learning rate of a step: up along a line from 0 to the peak, then constant or down to 0 along half a cosine.

    Args:
        step: counted from 1 to `config.steps`.
        config: peak, warm-up (part of the run) and decay.

    Example:
        >>> config = TrainerConfig(steps=100, learning_rate=1.0, warmup=0.1)
        >>> [round(learning_rate(step, config), 3) for step in (1, 10, 56, 100)]
        [0.1, 1.0, 0.5, 0.0]
    """
    warm = config.warmup * config.steps
    rise = min(1.0, step / warm) if warm > 0 else 1.0
    if config.decay == "constant":
        return config.learning_rate * rise
    progress = max(0.0, step - 1 - warm) / (config.steps - warm)
    return config.learning_rate * rise * 0.5 * (1.0 + math.cos(math.pi * progress))


def make_optimiser(model: nn.Module, config: TrainerConfig) -> torch.optim.Optimizer:
    """Adam over all parameters that take a gradient, as one fused kernel.

    The fused kernel can be told on the device to leave everything as it is (`found_inf`), so that a step whose gradient
    is not finite is never taken and need not be waited for.

    Raises:
        ValueError: the model has nothing to train.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError(f"{type(model).__name__} has no parameter that takes a gradient, but a trainer needs one.")
    return torch.optim.Adam(
        parameters, lr=config.learning_rate, betas=(0.9, config.beta2), eps=config.epsilon, fused=True
    )


def state_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser as tensors, named `parameter number/name`."""
    state: Mapping[int, Mapping[str, Any]] = optimiser.state_dict()["state"]
    return {f"{number}/{name}": value for number, entry in state.items() for name, value in entry.items()}


def load_state(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state_tensors` gave; learning rates and the like stay those of the configuration."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition("/")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    for parameter, entry in optimiser.state.items():
        for name, value in entry.items():
            if value.shape == parameter.shape:
                # A file keeps no strides, but the fused kernel walks through memory: they must be the parameter's.
                entry[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
