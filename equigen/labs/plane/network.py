"""Small networks that learn side by side: many members of one shape, each with weights and points of its own."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from equigen import random

__all__ = ["Ensemble"]

_WAVES = 4  # of the noise coordinate that the network sees beside it


class Ensemble(nn.Module):
    """S independent perceptrons F(x, noise) with three hidden layers; a batch of S B points gives B to each in turn.

    What measures a score learned by one member, its spread included, so costs little more than one: errors over
    initialisations and data are the spread over the members.

    Args:
        members: S; member k starts the same in ensembles of any size.
        width: of the hidden layers.
        seed: key of the initial weights.

    Example:
        >>> two = Ensemble(2, width=8, seed=0)
        >>> both = two(torch.ones(6, 2), torch.zeros(6))
        >>> alone = two.member(1)(torch.ones(3, 2), torch.zeros(3))
        >>> torch.allclose(both[3:], alone, atol=1e-6)
        True
    """

    def __init__(self, members: int, width: int, seed: int) -> None:
        super().__init__()
        self.members = members
        sizes = (3 + 2 * _WAVES, width, width, width, 2)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for layer, (low, high) in enumerate(pairwise(sizes)):
            where = {"seed": seed, "stream": random.Stream.INITIALISATION, "item": torch.arange(members), "step": layer}
            self.weights.append(nn.Parameter(random.normal((low, high), **where) / math.sqrt(low)))
            self.biases.append(nn.Parameter(torch.zeros(members, 1, high)))

    def member(self, number: int) -> Ensemble:
        """One member as an ensemble of its own; a copy."""
        alone = Ensemble(1, self.weights[0].shape[-1], 0)
        for mine, theirs in zip(alone.parameters(), self.parameters(), strict=True):
            mine.data = theirs.data[number : number + 1].clone()
        return alone

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The output at points (S B, 2) and noise coordinates (S B,), as (S B, 2).

        Raises:
            ValueError: a batch that the members cannot share evenly.
        """
        if len(x) % self.members:
            raise ValueError(f"a batch has {len(x)} points, but {self.members} members need the same number each.")
        phase = math.pi * noise[:, None] * torch.arange(1, _WAVES + 1, device=x.device, dtype=x.dtype)
        features = torch.cat([x, noise[:, None], phase.cos(), phase.sin()], dim=1)
        hidden = features.reshape(self.members, -1, features.shape[1])
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer + 1 < len(self.weights):
                hidden = nn.functional.silu(hidden)
        return hidden.reshape(-1, 2)
