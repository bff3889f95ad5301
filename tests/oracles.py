"""Independent yardsticks that several tests hold results against."""

import math

import torch


def kolmogorov_distance(values, cdf):
    """The largest gap between the empirical distribution function of values (n,) and a known one."""
    ordered = cdf(values.sort().values)
    n = len(ordered)
    grid = torch.arange(n + 1, dtype=ordered.dtype) / n
    return float(torch.maximum(grid[1:] - ordered, ordered - grid[:-1]).max())


def gauss_legendre(f, low, high, pieces=120):
    """The integral of f from low to high, 5 points on each of many pieces that shrink toward both ends."""
    inner, outer = (math.sqrt(5 - 2 * math.sqrt(10 / 7)) / 3, math.sqrt(5 + 2 * math.sqrt(10 / 7)) / 3)
    heavy, light = (322 + 13 * math.sqrt(70)) / 900, (322 - 13 * math.sqrt(70)) / 900
    nodes = torch.tensor([0.0, inner, -inner, outer, -outer], dtype=torch.float64)
    weights = torch.tensor([128 / 225, heavy, heavy, light, light], dtype=torch.float64)
    near = (high - low) * 1e-9 ** torch.linspace(1, 0, pieces, dtype=torch.float64)
    start, end = torch.tensor([low], dtype=torch.float64), torch.tensor([high], dtype=torch.float64)
    edges = torch.cat((start, low + near, high - near, end)).sort().values
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    return float((f(middle[:, None] + half[:, None] * nodes) * weights).sum(1) @ half)


def derivative(f, t):
    """The derivative of an elementwise function, by automatic differentiation."""
    t = t.detach().requires_grad_()
    value = f(t)
    return torch.autograd.grad(value.sum(), t)[0] if value.requires_grad else torch.zeros_like(t)
