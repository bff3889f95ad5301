"""Images of which some pixels are data: the others are zero, and what was stored there influences nothing.

The structure is a mask that says which pixels are valid: a disc, a tile at the edge of a slide, images of several sizes
on one canvas. All channels of a pixel are valid or none is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.spaces.space import BoundSpace, Space

__all__ = ["Masked"]


@dataclass(frozen=True, init=False)
class Masked(Space):
    """Images (C, H, W) that are zero outside their masks: valid pixels times channels degrees of freedom.

    Args:
        *shape: (C, H, W) of an image.

    Raises:
        ValueError: not three positive sides.

    Example:
        >>> mask = torch.tensor([[[[True, True], [True, False]]]])
        >>> space = Masked(2, 2, 2).at(mask)
        >>> space.ndof.tolist()
        [6.0]
        >>> space.project(torch.tensor([3.0, torch.nan]).repeat(1, 2, 2, 1))[0, 1].tolist()
        [[3.0, nan], [3.0, 0.0]]
    """

    shape: tuple[int, ...]

    def __init__(self, *shape: int) -> None:
        if len(shape) != 3 or not all(isinstance(side, int) and side > 0 for side in shape):
            raise ValueError(
                f"shape is {shape}, but masked images need (channels, height, width), all positive: Masked(1, 28, 28)."
            )
        object.__setattr__(self, "shape", shape)

    def at(self, structure: Tensor | None = None) -> _BoundMasked:
        """Bind a mask for each image.

        Args:
            structure: bool (B, 1, H, W), True where the pixel is valid; None if every pixel is.

        Raises:
            ValueError: another shape or type, or an image without a valid pixel.
        """
        if structure is None:
            return _BoundMasked(self.shape, None)
        needed = (1, *self.shape[1:])
        if structure.dtype != torch.bool or structure.ndim != 4 or tuple(structure.shape[1:]) != needed:
            raise ValueError(
                f"structure is {structure.dtype} of shape {tuple(structure.shape)}, but {self} needs a bool mask "
                f"(B, {', '.join(map(str, needed))}), True where a pixel is valid: structure = valid[:, None] > 0."
            )
        if not bool(structure.flatten(1).any(1).all()):
            raise ValueError(
                "structure has a mask without a valid pixel, but every image needs at least one: drop such images."
            )
        return _BoundMasked(self.shape, structure)


@dataclass(frozen=True)
class _BoundMasked(BoundSpace):
    shape: tuple[int, ...]
    mask: Tensor | None

    def project(self, x: Tensor) -> Tensor:
        return x if self.mask is None else torch.where(self.mask.to(x.device), x, 0.0)

    @property
    def ndof(self) -> Tensor:
        if self.mask is None:
            return torch.tensor(float(math.prod(self.shape)), dtype=torch.float64)
        return self.mask.flatten(1).sum(1).double() * self.shape[0]
