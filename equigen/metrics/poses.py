"""Neighbours modulo a group: a training item that a model turned is a copy, whatever the angle.

A model that keeps a group and has its training data by heart draws every training item in every pose, with equal
probability. So its samples are compared with the orbits of the training items,

    d(x, y) = min over g of |x - g y|,

over the elements g that move pixels onto pixels: of SO(2) and O(2) the quarter turns and flips, since all others
interpolate, and no picture meets its interpolated self exactly. Held-out items are compared in the same way, so that
the floor has as many poses to choose from.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from equigen.metrics.neighbours import Neighbours, Reference, nearest
from equigen.networks.acting import action_of
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_target import OrbitTarget

__all__ = ["nearest_pose", "poses_of"]


def poses_of(model: object) -> ImageAction | None:
    """How the motions of the grid act under which a model draws an item in all poses; None where there are none.

    The group is that of the denoiser, or that of the target it was trained towards, whichever is larger.

    Args:
        model: with a module `.denoiser`, and a `.target` if it has one; anything else has no poses.

    Example:
        >>> from equigen.diffusion import EDM, DiffusionModel, KarrasPreconditioning, NetworkDenoiser
        >>> from equigen.networks.steerable_unet import SteerableUNet
        >>> from equigen.spaces import Euclidean
        >>> network = SteerableUNet("C8", (1, 8, 8), channels=(8, 8))
        >>> model = DiffusionModel(Euclidean(1, 8, 8), NetworkDenoiser(network, EDM(), KarrasPreconditioning()))
        >>> poses_of(model).group.name
        'C4'
    """
    denoiser, target = getattr(model, "denoiser", None), getattr(model, "target", None)
    actions = [
        None if not isinstance(denoiser, torch.nn.Module) else action_of(denoiser),
        target.action if isinstance(target, OrbitTarget) else None,
    ]
    found = [replace(one, group=one.group.on_grid()) for one in actions if isinstance(one, ImageAction)]
    largest = max(found, key=lambda one: one.group.order or 1, default=None)
    return None if largest is None or largest.group.order == 1 else largest


def nearest_pose(x: Tensor, reference: Reference, action: ImageAction) -> Neighbours:
    """The nearest reference item of each item in the nearest of its poses.

    An action that moves pixels keeps distances, |x - g y| = |g^-1 x - y|: the items are turned back, not the reference.

    Args:
        x: (n, C, H, W).
        reference: (N, C, H, W), N >= 1, as for `nearest`.
        action: of a finite group that keeps distances.

    Returns:
        Neighbours with their poses; of two at the same distance the pose that stands first, the identity before all.

    Raises:
        ValueError: as `nearest`.

    Error: as `nearest`; a copy in any pose is at the rounding of the action, 0 where it mixes no channels.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> found = nearest_pose(x.rot90(1, (2, 3)), x, ImageAction(Cyclic(4)))
        >>> found.distance.item(), found.pose[0].div(torch.pi / 2).tolist()
        (0.0, [1.0, 0.0])
    """
    elements = action.group.elements()
    each = [nearest(action.back(g, x), reference) for g in elements]
    distance, which = torch.stack([one.distance for one in each]).min(dim=0)
    index = torch.stack([one.index for one in each]).gather(0, which[None])[0]
    return Neighbours(index, distance, elements[which.cpu()])
