"""Every schedule beside the drift f and the diffusion g of its paper, spelled out here once more and independently."""

import math

import torch

from equigen.diffusion import (
    EDM,
    Cosine,
    GeometricNoise,
    RectifiedFlow,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)


def beta(t):
    return 0.1 + 19.9 * t


def zero(t):
    return 0.0 * t


PROCESSES = {
    "geometric 25": (GeometricNoise(25.0, t_min=1e-7), zero, lambda t: 25.0**t),
    "geometric 1/2": (GeometricNoise(0.5, t_min=1e-7), zero, lambda t: 0.5**t),
    "geometric 1": (GeometricNoise(1.0, t_min=1e-7), zero, lambda t: 0.0 * t + 1.0),
    "geometric near 1": (GeometricNoise(1 + 1e-9, t_min=1e-7), zero, lambda t: 0.0 * t + 1.0),
    "ve": (
        VarianceExploding(0.01, 50.0, t_min=1e-7),
        zero,
        lambda t: 0.01 * 5000.0**t * math.sqrt(2 * math.log(5000.0)),
    ),
    "vp": (VariancePreserving(t_min=1e-6), lambda t: -beta(t) / 2, lambda t: torch.sqrt(beta(t))),
    "sub-vp": (
        SubVariancePreserving(t_min=1e-5),
        lambda t: -beta(t) / 2,
        lambda t: torch.sqrt(beta(t) * -torch.expm1(-2 * (0.1 * t + 9.95 * t**2))),
    ),
    "cosine": (
        Cosine(t_min=1e-5),
        lambda t: -math.pi / 2 * torch.tan(math.pi * t / 2),
        lambda t: torch.sqrt(math.pi * torch.tan(math.pi * t / 2)),
    ),
    "edm": (EDM(t_min=1e-4), zero, lambda t: torch.sqrt(2 * t)),
    "rectified flow": (
        RectifiedFlow(t_min=1e-5),
        lambda t: -1 / (1 - t),
        lambda t: torch.sqrt(2 * t / (1 - t)),
    ),
}
ALL_SCHEDULES = {name: process[0] for name, process in PROCESSES.items()}
