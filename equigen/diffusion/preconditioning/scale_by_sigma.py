"""The tutorial's division: the network's output over sigma is the score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.preconditioning.preconditioning import Coefficients, Preconditioning
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["ScaleBySigma"]


@dataclass(frozen=True)
class ScaleBySigma(Preconditioning):
    """score = F(x, t) / sigma, so D = (x + sigma F) / alpha.

    The network predicts the negated noise, of unit scale at every time; its error in the score grows as 1 / sigma.
    It is given the raw x_t and the raw time.

    Source: Y. Song's public tutorial on score-based generative modeling, 2021; NCSNv2, Song, Ermon 2020.

    Example:
        >>> from equigen.diffusion import EDM
        >>> [c.item() for c in ScaleBySigma()(EDM(), torch.tensor(2.0))]
        [1.0, 2.0, 1.0, 2.0]
    """

    def __call__(self, schedule: Schedule, t: Tensor) -> Coefficients:
        """The coefficients at times t."""
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        return Coefficients(1.0 / alpha, sigma / alpha, torch.ones_like(t), t)
