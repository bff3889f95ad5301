"""The average of the weights along a run, whose half-life is a fraction of the run.

After step k of K the average moves toward the weights by 1 - 2^(-1/h), h = f min(K, 2 k) steps: in the second half of
the run the half-life is f K, and before that it is shorter, so that what the weights were at the start is soon gone.

Source: T. Karras et al., Elucidating the design space of diffusion-based generative models, 2022, section F.2
(half-life and ramp-up).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["Average", "keep"]


def keep(step: int, steps: int, half_life: float) -> float:
    """The part of the average that a step keeps: 2^(-1/h) with h = half_life min(steps, 2 step).

    Args:
        step: counted from 1.
        steps: of the whole run.
        half_life: as a part of the run, in [0, 1]; 0 keeps nothing: the average is the weights themselves.

    Example:
        >>> keep(100, 100, half_life=0.01)
        0.5
    """
    h = half_life * min(steps, 2 * step)
    return 2.0 ** (-1.0 / h) if h > 0 else 0.0


class Average:
    """A copy of a model whose parameters follow the model's own, smoothed.

    Buffers are copied as they are. The copy takes no gradient and stays in evaluation mode.

    Args:
        model: the model that is trained; its copy is made here.
        steps: of the whole run.
        half_life: as a part of the run.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> average = Average(model, steps=10, half_life=0.0)
        >>> _ = nn.init.ones_(model.weight)
        >>> average.update(1)
        >>> average.model.weight.item()
        1.0
    """

    def __init__(self, model: nn.Module, steps: int, half_life: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.steps, self.half_life = steps, half_life
        self._to: list[Tensor] = list(self.model.parameters())
        self._from: list[Tensor] = list(model.parameters())
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the weights as they are after a step (counted from 1)."""
        part = 1.0 - keep(step, self.steps, self.half_life)
        torch._foreach_lerp_(self._to, self._from, part)  # pyright: ignore[reportPrivateImportUsage]
        for mine, theirs in self._buffers:
            mine.copy_(theirs)
