"""Training towards the average over an orbit: the same mean gradient, with less variance.

If the pose of an item is uniform, x_0 = g y with y its orbit, the noised item x_t does not tell the pose but

    p(g | x_t, orbit) = softmax over g of  -|x_t - alpha g y|^2 / (2 sigma^2),

and E[x_0 | x_t, orbit] is the sum of these weights times the poses. By the tower property its mean given x_t is that
of x_0, so the optimum and the mean gradient are as before; what x_0 varies about it is gone from the gradient. The
optimum on finite data is the exact denoiser of the data closed under the group.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import per_item
from equigen.diffusion.loss import Target
from equigen.spaces.space import BoundSpace
from equigen.symmetry.action import Action
from equigen.symmetry.averaging import averaging_elements
from equigen.symmetry.symmetrised import require_alike

__all__ = ["OrbitTarget"]


@dataclass(frozen=True)
class OrbitTarget(Target):
    """E[g x_0 | x_t, the orbit of x_0] for a uniform element g.

    For data whose poses are uniform, or a denoiser that commutes with the group: then the mean gradient is that of
    x_0. A denoiser that does not commute, on data in one pose, is drawn to other poses at noise that hides the pose.

    Args:
        action: on the items, in the units of the denoiser; of an infinite group 16 rotations count.

    Error: rounding; weights in the dtype of the items.

    Source: the posterior mean over one orbit, as T. Karras et al. 2022, equation 57, has it over a data set.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> from equigen.symmetry.action import PointsAction
        >>> target, x_0, one = OrbitTarget(PointsAction(Cyclic(2))), torch.tensor([[1.0, 0.0]]), torch.tensor(1.0)
        >>> x_t = torch.tensor([[0.5, 3.0]])
        >>> round(target(x_0, x_t, one, one, Euclidean(2).at())[0, 0].item(), 4)              # tanh(x)
        0.4621
    """

    action: Action

    def __call__(self, x_0: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor, space: BoundSpace) -> Tensor:
        """The weighted mean of the poses of x_0.

        Raises:
            ValueError: items with structures of their own.
        """
        require_alike(space)
        poses = torch.stack([self.action(g, x_0) for g in averaging_elements(self.action.group)])
        apart = x_t - per_item(alpha, x_0) * poses
        distance = torch.stack([space.inner(one, one) for one in apart])
        weight = torch.softmax(-0.5 * distance / sigma**2, dim=0)
        return (weight.reshape(*weight.shape, *[1] * (x_0.ndim - 1)) * poses).sum(0)
