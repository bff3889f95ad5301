"""Where schedules and solvers are tried: laws with more than one mode, and times at which a power has settled.

The times of `moderate_schedules` stay away from the stiff ends, so that errors follow their power at a few hundred
steps; `every_schedule` has the times that a user gets.
"""

from __future__ import annotations

import torch

from equigen.diffusion.laws.covariance import Dense
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.schedules.cosine import Cosine
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.diffusion.schedules.rectified_flow import RectifiedFlow
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.schedules.sub_variance_preserving import SubVariancePreserving
from equigen.diffusion.schedules.variance_exploding import VarianceExploding
from equigen.diffusion.schedules.variance_preserving import VariancePreserving
from equigen.store import build
from equigen.table import SCHEDULES

__all__ = ["every_schedule", "line_law", "moderate_schedules", "normal_law", "space_law"]

_TURNED = [[0.5, 0.2, 0.0], [0.2, 0.3, -0.1], [0.0, -0.1, 0.4]]  # a covariance whose axes are those of no coordinate


def line_law() -> GaussianMixture:
    """Two components of unequal weight and width on the line.

    Example:
        >>> line_law().means.flatten().tolist()
        [-1.3, 0.6]
    """
    return GaussianMixture(_float64([0.3, 0.7]), _float64([[-1.3], [0.6]]), _float64([0.09, 0.16]))


def space_law() -> GaussianMixture:
    """Three components in three dimensions, two of them with covariances that are turned against the coordinates."""
    turned = _float64(_TURNED)
    covariances = torch.stack((turned, 0.3 * torch.eye(3, dtype=torch.float64), turned.flip(0, 1)))
    return GaussianMixture(
        _float64([0.2, 0.5, 0.3]), _float64([[-1.0, 0.5, 0.0], [0.8, 0.0, 0.6], [0.0, -0.9, -0.7]]), covariances
    )


def normal_law() -> Gaussian:
    """A normal law in three dimensions, with a covariance that is turned against the coordinates."""
    return Gaussian(_float64([0.5, -1.0, 0.3]), Dense(_float64(_TURNED)))


def moderate_schedules() -> dict[str, Schedule]:
    """Every process of the library, with times at which powers show."""
    return {
        "edm": EDM(t_min=0.05, t_max=3.0),
        "variance-preserving": VariancePreserving(t_min=0.05),
        "rectified-flow": RectifiedFlow(t_min=0.05, t_max=0.9),
        "geometric-noise": GeometricNoise(25.0, t_min=0.1),
        "variance-exploding": VarianceExploding(0.05, 5.0, t_min=0.2),
        "sub-variance-preserving": SubVariancePreserving(t_min=0.05),
        "cosine": Cosine(t_min=0.05, t_max=0.9),
    }


def every_schedule() -> dict[str, Schedule]:
    """Every process of the library, as it is built without a word."""
    return {name: build(name, SCHEDULES) for name in SCHEDULES}


def _float64(values: list) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)
