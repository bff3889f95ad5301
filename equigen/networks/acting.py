"""The action that a model was built for: what a certificate measures it under unless another group is named."""

from __future__ import annotations

from torch import nn

from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.guidance import GuidedDenoiser
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.groups.plane import PlaneGroup
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import Action
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.symmetrised import Symmetrised

__all__ = ["action_of"]


def action_of(model: nn.Module) -> Action | None:
    """The action of a model's group on its data, as its construction promises it; None where it promises none.

    A denoiser that was made symmetric has the action that it was given; one that is averaged over a part of the group
    alone, as over 16 rotations of SO(2), promises nothing. A steerable network moves images by its group,
    g f(p) = rho(g) f(g^-1 p), with rho the representation of its `field_type` on the channels; where that leaves every
    channel alone, images of any number of channels are moved.

    Args:
        model: a `DiffusionModel`, a denoiser, or a network.

    Example:
        >>> from equigen.diffusion import EDM, KarrasPreconditioning
        >>> from equigen.networks.steerable_unet import SteerableUNet
        >>> from equigen.networks.unet import UNet
        >>> def denoiser(network):
        ...     return NetworkDenoiser(network, EDM(), KarrasPreconditioning())
        >>> action_of(denoiser(SteerableUNet("C4", (1, 8, 8), channels=(8, 8)))).group.name
        'C4'
        >>> action_of(denoiser(UNet((1, 8, 8), channels=(8, 8)))) is None
        True
    """
    inner = model.denoiser if isinstance(model, DiffusionModel) else model
    while isinstance(inner, GuidedDenoiser | BoundDenoiser):
        inner = inner.denoiser
    given = getattr(inner, "action", None)
    if isinstance(inner, Denoiser) and isinstance(given, Action):
        whole = not isinstance(inner, Symmetrised) or len(inner.averaged_over) == given.group.order
        return given if whole else None
    network = inner.network if isinstance(inner, NetworkDenoiser) else inner
    group, fields = getattr(network, "group", None), getattr(network, "field_type", None)
    if not isinstance(group, PlaneGroup) or not isinstance(fields, FieldType):
        return None
    alone = all(representation.is_trivial for _, representation in fields.terms)
    return ImageAction(group, None if alone else fields)
