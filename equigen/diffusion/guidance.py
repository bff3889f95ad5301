"""Classifier-free guidance: a condition counts more, or less, than the denoiser has learned.

    D_w = D_free + w (D_given - D_free)

w = 1 is the conditional denoiser, w = 0 the free one. In scores it is the gradient of ln p(x) + w ln p(c | x): for
w > 1 the samples crowd where the condition is plain, and their law is no longer that of the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from equigen.diffusion.conditions import withheld
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.network_denoiser import NetworkDenoiser

__all__ = ["GuidedDenoiser", "require_guidable"]


class GuidedDenoiser(Denoiser):
    """D_free + w (D_given - D_free), in one evaluation for w = 1 and w = 0 and in two otherwise.

    The free denoiser is the same one with its conditions withheld (label -1, value NaN); the structure stays. Two calls
    and not one of double size: an item then meets the same batch with guidance as without, and memory stays the same.

    Args:
        denoiser: the conditional one, which has also been trained without conditions.
        guidance: w.

    Raises:
        ValueError: a guidance that is not finite.

    Source: J. Ho, T. Salimans, Classifier-free diffusion guidance, 2022, equation 6, whose w is this one less 1.

    Example:
        >>> from equigen.diffusion import EDM
        >>> class Labelled(Denoiser):                              # class c is the point c, and all of them 0
        ...     schedule = EDM()
        ...     def forward(self, x_t, t, label):
        ...         return label.clamp_min(0).to(x_t)[:, None].expand_as(x_t)
        >>> D = GuidedDenoiser(Labelled(), guidance=2.0)
        >>> D(torch.zeros(2, 1), torch.tensor(1.0), label=torch.tensor([3, -1])).tolist()
        [[6.0], [0.0]]
    """

    def __init__(self, denoiser: Denoiser, guidance: float) -> None:
        super().__init__()
        if not math.isfinite(guidance):
            raise ValueError(f"guidance is {guidance}, but must be a finite number: guidance=1.0 is the plain model.")
        self.denoiser = denoiser
        self.schedule = denoiser.schedule
        self.guidance = guidance

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """D_w at x_t; without any condition it is the free denoiser."""
        structure = {name: value for name, value in condition.items() if name == "structure"}
        free = withheld({name: value for name, value in condition.items() if name != "structure"})
        if self.guidance == 1.0 or not free:
            return self.denoiser(x_t, t, **condition)
        without = self.denoiser(x_t, t, **structure, **free)
        if self.guidance == 0.0:
            return without
        return torch.lerp(without, self.denoiser(x_t, t, **condition), self.guidance)

    def at(self, seed: int, item: Tensor) -> GuidedDenoiser:
        """The same with what is wrapped bound to those items: both of its calls draw the same."""
        inner = self.denoiser.at(seed, item)
        return self if inner is self.denoiser else GuidedDenoiser(inner, self.guidance)


def require_guidable(denoiser: Denoiser, guidance: float, condition: Mapping[str, Tensor], dropout: float) -> None:
    """Refuse a guidance other than 1 where there is nothing to guide by, or no free denoiser.

    Args:
        denoiser: of the model.
        guidance: w.
        condition: of the samples.
        dropout: share of items whose conditions were withheld when the model was trained.

    Raises:
        ValueError: no condition, or a network that never met items without one.
    """
    if guidance == 1.0:
        return
    if not condition:
        raise ValueError(
            f"guidance is {guidance:g}, but no condition is given: condition={{'label': labels}}, on a model that was "
            "trained with labels or values."
        )
    if isinstance(denoiser, NetworkDenoiser) and dropout == 0.0:
        raise ValueError(
            f"guidance is {guidance:g}, but this model was trained with condition_dropout=0 and knows no denoiser "
            "without conditions: train with condition_dropout=0.1, or take guidance=1."
        )
