"""Two classes with known laws: exact denoisers with and without the class, to guide by."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.schedules.schedule import Schedule

MEANS = torch.tensor([[-2.0, 0.5], [1.5, 1.0]], dtype=torch.float64)
VARIANCES = torch.tensor([0.2, 0.6], dtype=torch.float64)
SHARES = torch.tensor([0.3, 0.7], dtype=torch.float64)


def log_joint(x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """ln p(x_t, c) of both classes, (B, 2)."""
    v = alpha**2 * VARIANCES.to(x) + sigma**2
    square = (x[:, None] - alpha * MEANS.to(x)).square().sum(2)
    return SHARES.to(x).log() - 0.5 * square / v - torch.log(2.0 * math.pi * v)


class TwoClasses(Denoiser):
    """E[x_0 | x_t, label], and E[x_0 | x_t] where the label is -1."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        alpha, sigma = (per_item(f(t), x_t) for f in (self.schedule.alpha, self.schedule.sigma))
        c, m = VARIANCES.to(x_t)[:, None], MEANS.to(x_t)
        each = m + alpha * c / (alpha**2 * c + sigma**2) * (x_t[:, None] - alpha * m)  # (B, 2 classes, 2)
        share = torch.softmax(log_joint(x_t, alpha, sigma), dim=1)
        known = torch.nn.functional.one_hot(label.clamp_min(0), 2).to(x_t)
        return (torch.where((label < 0)[:, None], share, known)[..., None] * each).sum(1)
