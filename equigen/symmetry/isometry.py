"""Whether an action keeps distances: isotropic noise commutes with such actions, and with no others."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.symmetry.action import Action
from equigen.symmetry.elements import elements_of

__all__ = ["isometry_error"]


def isometry_error(action: Action, x: Tensor, elements: Tensor | None = None) -> Tensor:
    """Measure how far an action is from an isometry: 0 where |g x - g y| = |x - y| for all items.

    For each element g the largest of  | |g x_i - g x_j| / |x_i - x_j| - 1 |  over pairs of items, in the Euclidean
    norm over all but the first axis.

    Args:
        action: on the data.
        x: (B, ...), two items at least, all different.
        elements: (n, ...), those of `elements_of` where None.

    Returns:
        (n,), float64.

    Raises:
        ValueError: fewer than two items, or equal ones.

    Error: 1e-15 in float64, 1e-6 in float32; rotations of images between quarter turns lose what interpolation loses.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.symmetry.action import PointsAction
        >>> points = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, -1.0]])
        >>> bool((isometry_error(PointsAction(SO2()), points) < 1e-6).all())
        True
    """
    apart = _distances(x)
    if apart.numel() == 0 or not bool((apart > 0).all()):
        raise ValueError(f"x has {len(x)} items, but distances are compared between two or more different ones.")
    elements = elements_of(action.group) if elements is None else elements
    return torch.stack([(_distances(action(g, x)) / apart - 1.0).abs().max() for g in elements])


def _distances(x: Tensor) -> Tensor:
    """Distances of all pairs of items, float64."""
    return torch.nn.functional.pdist(x.detach().double().flatten(1))
