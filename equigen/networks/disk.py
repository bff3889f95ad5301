"""The part of an image that no rotation carries out of its frame."""

from __future__ import annotations

from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.module import SteerableModule, check_channels
from equigen.symmetry.rotation import disk_mask

__all__ = ["Disk", "PlainDisk"]


class Disk(SteerableModule):
    """y(p) = m(|p|) x(p): keeps the largest disk of a frame, with a soft rim, on maps of any size.

    m is `equigen.symmetry.disk_mask`. Numbers beyond the rim become 0, which is what convolutions with zero padding see
    outside the frame: the map has a round border, which every rotation leaves alone, and no corners.

    Args:
        in_type: the fields; also the output type.

    Error: quarter turns and flips of square maps exactly; other angles as the image under the mask.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import SO2
        >>> disk = Disk(FieldType(SO2(), "1x0e"))
        >>> disk(torch.ones(1, 1, 9, 9))[0, 0, 4].mul(100).round().int().tolist()
        [15, 85, 100, 100, 100, 100, 100, 85, 15]
    """

    def __init__(self, in_type: FieldType) -> None:
        super().__init__(in_type, in_type)
        self.body = PlainDisk()

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B, C, H, W) within the disk.

        Raises:
            ValueError: another number of channels.
        """
        check_channels(x, self.in_type, "Disk")
        return self.body(x)

    def grid_step(self, height: int, width: int) -> GridStep:
        """The same map; a disk has no corners, and its rim is as smooth as two pixels allow."""
        return GridStep(height, width, limit="a rim of two pixels")

    def plain(self) -> nn.Module:
        """The same function."""
        return PlainDisk().train(self.training)


class PlainDisk(nn.Module):
    """Images times the mask of their largest disk.

    Example:
        >>> import torch
        >>> PlainDisk()(torch.ones(1, 1, 2, 2)).flatten().mul(100).round().int().tolist()
        [5, 5, 5, 5]
    """

    def forward(self, x: Tensor) -> Tensor:
        """`x` (B, C, H, W) within the disk."""
        return x * disk_mask(x.shape[-2], x.shape[-1], dtype=x.dtype, device=x.device)
