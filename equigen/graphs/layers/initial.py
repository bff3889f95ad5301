"""How the weights of layers begin."""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = ["glorot"]


def glorot(*shape: int, terms: int = 1) -> nn.Parameter:
    """Weights (*, F_in, F_out), uniform between +-sqrt(6 / (terms F_in + F_out)), by torch's own generator.

    Args:
        shape: of the weights.
        terms: how many products of width F_in are added up in an output.

    Source: X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010, (16).

    Example:
        >>> float(glorot(3, 2, 1, terms=3).detach().abs().max()) <= (6 / 7) ** 0.5
        True
    """
    bound = math.sqrt(6.0 / max(1, terms * shape[-2] + shape[-1]))
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
