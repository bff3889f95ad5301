"""Restriction: from here on, only a subgroup acts."""

from __future__ import annotations

from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule, check_channels, require_field_type

__all__ = ["Restriction"]


class Restriction(SteerableModule):
    """The same channels, of which later layers need to respect a subgroup only.

    Args:
        in_type: type of the fields that come in.
        subgroup: of the group of `in_type`.

    Raises:
        TypeError: `in_type` is no field type, or `subgroup` no group of the plane.
        ValueError: it is no subgroup.

    Source: M. Weiler, G. Cesa, General E(2)-Equivariant Steerable CNNs, 2019, section 2.7.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic, Dihedral
        >>> layer = Restriction(FieldType(Dihedral(4), "2x1 + 1x0o"), Cyclic(4))
        >>> str(layer.out_type.group), layer.out_type.size
        ('C4', 5)
    """

    def __init__(self, in_type: FieldType, subgroup: PlaneGroup) -> None:
        require_field_type(in_type, "in_type", "Restriction")
        super().__init__(in_type, in_type.restrict(subgroup))

    def forward(self, x: Tensor) -> Tensor:
        """`x` itself, (B, C, H, W)."""
        check_channels(x, self.in_type, "Restriction")
        return x

    def plain(self) -> nn.Module:
        """`torch.nn.Identity`."""
        return nn.Identity().train(self.training)
