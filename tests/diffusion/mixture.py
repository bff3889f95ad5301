"""Two normal components on the line: exact denoiser, and the quantile map that its probability flow is."""

import math

import torch

from equigen.diffusion.denoiser import Denoiser, per_item

WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)
MEANS = torch.tensor([-1.3, 0.6], dtype=torch.float64)
VARIANCES = torch.tensor([0.09, 0.16], dtype=torch.float64)


class MixtureDenoiser(Denoiser):
    """The posterior mean, by the responsibilities of the components, for items (B, 1)."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule

    def forward(self, x_t, t, **condition):
        alpha, sigma = per_item(self.schedule.alpha(t), x_t), per_item(self.schedule.sigma(t), x_t)
        means, variances = MEANS.to(x_t), VARIANCES.to(x_t)
        variance = alpha**2 * variances + sigma**2
        offset = x_t - alpha * means
        share = torch.softmax(WEIGHTS.to(x_t).log() - 0.5 * variance.log() - 0.5 * offset**2 / variance, -1)
        return (share * (means + alpha * variances / variance * offset)).sum(-1, keepdim=True)


def cdf(schedule, x, t):
    """P(x_t <= x), for x of any shape."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    std = torch.sqrt(alpha**2 * VARIANCES + sigma**2)
    return (WEIGHTS * 0.5 * torch.erfc((alpha * MEANS - x[..., None]) / (std * math.sqrt(2)))).sum(-1)


def density(schedule, x, t):
    """The density of x_t."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    variance = alpha**2 * VARIANCES + sigma**2
    return (
        WEIGHTS * torch.exp(-0.5 * (x[..., None] - alpha * MEANS) ** 2 / variance) / (2 * math.pi * variance).sqrt()
    ).sum(-1)


def quantile(schedule, q, t):
    """The inverse of `cdf`, by bisection to the last bit."""
    reach = 10.0 * (schedule.alpha(t) * 2.0 + schedule.sigma(t))
    low, high = (-reach).expand(q.shape), reach.expand(q.shape)
    for _ in range(100):
        middle = 0.5 * (low + high)
        below = cdf(schedule, middle, t) < q
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return 0.5 * (low + high)


LEVELS = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)


def ends(schedule, times):
    """Where the flow through 25 quantiles begins and ends, (25, 1) each."""
    return tuple(quantile(schedule, LEVELS, times[k])[:, None] for k in (0, -1))
