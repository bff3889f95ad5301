"""Functions of images that act alike at every pixel: whether they commute with a group is told by a few numbers.

x -> A x + b on the channels of a pixel commutes with (g x)(p) = rho(g) x(g^-1 p) if and only if rho A = A rho and
rho b = b, whatever the angle: no image has to be interpolated.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equigen.symmetry.action import Action
from equigen.symmetry.error import EquivarianceError, rounding
from equigen.symmetry.image_action import ImageAction

__all__ = ["pixelwise_error"]


def pixelwise_error(
    function: Callable[[Tensor], Tensor], x: Tensor, action: Action, elements: Tensor
) -> EquivarianceError | None:
    """The error of a function that is the same affine map of the channels at every pixel.

    With A and b read off at constant images, and checked at the images given,

        error(g) = max(||rho A - A rho|| / ||A||,  ||rho b - b|| / (||A|| + ||b||)).

    Args:
        function: gives one image or more, (k B, C, H, W), for images (B, C, H, W), deterministic, float64.
        x: images (B, C, H, W), float64.
        action: on the images.
        elements: (n, ...), of its group.

    Returns:
        Errors with a floor of 0; None where the function acts on no images, or not alike at every pixel.

    Error: 1e-15 in float64.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> x, turns = torch.arange(16.0, dtype=torch.float64).reshape(1, 1, 4, 4), SO2().sample(3, seed=0)
        >>> pixelwise_error(lambda x: 2 * x + 1, x, ImageAction(SO2()), turns).verdict
        'exact'
        >>> pixelwise_error(lambda x: x * x, x, ImageAction(SO2()), turns) is None
        True
    """
    if not isinstance(action, ImageAction) or x.ndim != 4:
        return None
    found = _affine(function, x)
    if found is None:
        return None
    matrix, shift = found
    mixing = [_mixing(action, g, x.shape[1]) for g in elements]
    errors = [max(_relative(rho @ matrix - matrix @ rho, matrix), _shifted(rho, matrix, shift)) for rho in mixing]
    error = torch.tensor(errors, dtype=torch.float64)
    return EquivarianceError(elements, error, error, torch.zeros_like(error), rounding(torch.float64))


def _affine(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor] | None:
    """A (k, C, C) and b (k, C, 1) of a function that is x -> A x + b at every pixel; None where it is not."""
    channels = x.shape[1]
    zero = function(torch.zeros_like(x))
    if zero.shape[1:] != x.shape[1:] or len(zero) % len(x):
        return None
    constants = torch.eye(channels, dtype=x.dtype, device=x.device)[:, None, :, None, None]
    columns = [function(one.expand(*x.shape)) - zero for one in constants]
    # k copies of the batch, one pixel of one item of each
    at = [part.reshape(-1, *x.shape)[:, 0, :, 0, 0] for part in (zero, *columns)]
    shift, matrix = at[0][:, :, None], torch.stack(at[1:], dim=2)
    said = function(x).reshape(-1, *x.shape).flatten(3)
    goal = torch.einsum("kij,bjp->kbip", matrix, x.flatten(2)) + shift[:, None]
    near = float((said - goal).norm()) <= rounding(x.dtype) * float(goal.norm())
    return (matrix, shift) if near and bool(matrix.any()) else None


def _mixing(action: ImageAction, g: Tensor, channels: int) -> Tensor:
    """rho(g), (C, C)."""
    if action.channels is None:
        return torch.eye(channels, dtype=torch.float64)
    return action.channels.matrix(g).double()


def _shifted(rho: Tensor, matrix: Tensor, shift: Tensor) -> float:
    """How far rho is from leaving the shift alone, relative to the map; of maps about a large mean, to this."""
    return float((rho @ shift - shift).norm() / (matrix.norm() + shift.norm()))


def _relative(apart: Tensor, whole: Tensor) -> float:
    """The largest over the maps."""
    return float((apart.flatten(1).norm(dim=1) / whole.flatten(1).norm(dim=1)).max())
