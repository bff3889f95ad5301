"""Measured equivariance of any module on maps of fields, under the motions that map the grid of pixels onto itself."""

from __future__ import annotations

import math
from functools import cache

import torch

__all__ = ["asymmetry", "commutator", "motions", "moved", "noise"]


@cache
def _matrix(fields, angle, flip):
    return fields.matrix(torch.tensor([angle, flip], dtype=torch.float64))


def noise(channels, size, *, seed=0, dtype=torch.float64):
    """White noise (2, channels, rows, columns)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, *size, generator=generator, dtype=torch.float64).to(dtype)


def moved(fields, x, g):
    """(g x)(p) = rho(g) x(g^-1 p) for one element of the grid's own group; fields None stands for numbers."""
    turns, flip = round(float(g[0]) / (math.pi / 2)), bool(g[1])
    x = x if fields is None else torch.einsum("ij,bjhw->bihw", _matrix(fields, *g.tolist()).to(x.dtype), x)
    return torch.rot90(x.flip(-2) if flip else x, turns, (-2, -1))


def motions(group):
    """The grid's generators in a group, and their inverses: a quarter turn of a rectangle flips one axis alone."""
    group = group.on_grid()
    return torch.cat((group.generators(), group.inverse(group.generators())))


def commutator(layer, x, elements, in_type=None, out_type=None):
    """The largest ||f(g x) - g f(x)|| / ||f(x)|| over the batch; types are the layer's own unless given."""
    in_type, out_type = getattr(layer, "in_type", in_type), getattr(layer, "out_type", out_type)
    worst = 0.0
    with torch.no_grad():
        here = layer(x)
        for g in elements:
            there = layer(moved(in_type, x, g))
            worst = max(worst, float((there - moved(out_type, here, g)).norm() / here.norm()))
    return worst


def asymmetry(layer, size, *, group=None, in_type=None, out_type=None, dtype=torch.float64, channels=1):
    """The largest relative error of a layer under the motions of the grid, on white noise."""
    fields = getattr(layer, "in_type", in_type)
    group = fields.group if group is None else group
    x = noise(channels if fields is None else fields.size, size, dtype=dtype)
    return commutator(layer, x, motions(group), in_type, out_type)
