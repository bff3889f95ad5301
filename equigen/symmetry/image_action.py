"""Images turn with the plane: pixels move, and the channels at each pixel are mixed by a representation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Dihedral, require_plane_group
from equigen.groups.representation import Representation
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import Action
from equigen.symmetry.rotation import disk_mask, is_quarter_turn, rotate, rotate_back

__all__ = ["ImageAction"]

_RIM = 8.0  # pixels


@dataclass(frozen=True)
class ImageAction(Action):
    """Images (B, C, H, W) are rotated and reflected about the middle of the frame, (g f)(p) = rho(g) f(g^-1 p).

    g = (angle, flip) first flips the picture upside down where flip is 1, then rotates it by the angle. Differentiable
    in the image and in the angle.

    Args:
        group: that acts.
        channels: what mixes the channels, a field type or a representation of the group or of a larger one; None
            leaves them as they are, any number of them.

    Raises:
        TypeError: no group of the plane acts, but its name, say.
        ValueError: channels of another group.

    Error: float rounding at quarter turns and flips, with or without them; that of `rotate` elsewhere. The frame
        of a rectangle turns as that function says.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> ImageAction(Cyclic(4))(Cyclic(4).elements()[1], x)[0, 0].tolist()
        [[1.0, 3.0], [0.0, 2.0]]
    """

    group: PlaneGroup
    channels: Representation | FieldType | None = None

    def __post_init__(self) -> None:
        require_plane_group(self.group)
        of = None if self.channels is None else self.channels.group
        if of is not None and not (isinstance(of, PlaneGroup) and of.has_subgroup(self.group)):
            raise ValueError(
                f"the channels are of {of.name}, but {self.group.name} is to act and is no part of it: give channels "
                f"of {self.group.name}, or let a subgroup of {of.name} act."
            )

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        """The images moved, their channels mixed."""
        self._check_images(g, x)
        return self._mixed(g, rotate(_flipped(x, g), g[..., 0]), inverse=False)

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """The images moved by g^-1, through `rotate_back`."""
        self._check_images(g, x)
        return self._mixed(g, _flipped(rotate_back(x, g[..., 0]), g), inverse=True)

    def exact_at(self, g: Tensor) -> Tensor:
        """Whether the angles are multiples of pi/2."""
        return is_quarter_turn(g[..., 0])

    def window(self, x: Tensor) -> Tensor:
        """The images on the disk, all of them if the group has quarter turns and flips only.

        The rim of the disk, `disk_mask`, is 8 pixels wide, or goes down from the middle on in smaller disks: what is
        measured on it is next to nothing of the rim's own making.
        """
        if Dihedral(4).has_subgroup(self.group):
            return x
        rim = min(_RIM, min(x.shape[-2:]) / 2)
        return x * disk_mask(x.shape[-2], x.shape[-1], rim=rim, dtype=x.dtype, device=x.device)

    def _mixed(self, g: Tensor, x: Tensor, inverse: bool) -> Tensor:
        """The channels times rho(g), or times its inverse, the transpose."""
        if self.channels is None:
            return x
        matrix = self.channels.matrix(g).to(x)
        return ((matrix.mT if inverse else matrix) @ x.flatten(2)).reshape(x.shape)

    def _check_images(self, g: Tensor, x: Tensor) -> None:
        self._check(g, x)
        size = "C" if self.channels is None else self.channels.size
        if x.ndim != 4 or (self.channels is not None and x.shape[1] != size):
            raise ValueError(f"x has shape {tuple(x.shape)}, but the action is on images (B, {size}, H, W).")


def _flipped(x: Tensor, g: Tensor) -> Tensor:
    """The images upside down where the elements flip."""
    return torch.where((g[..., 1] != 0).to(x.device).reshape(-1, 1, 1, 1), x.flip(-2), x)
