"""Steerable networks whose every layer takes part, and how far a network is from commuting with a group."""

import torch

from equigen.networks.steerable_unet import SteerableUNet
from equigen.symmetry.image_action import ImageAction
from tests.networks.shaken import images, noise_levels


def moved(network, size=0.1):
    """The network in evaluation mode, with all its weights moved: what starts at zero takes part."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(size * torch.randn(parameter.shape, generator=generator).to(parameter))
    return network.eval()


def steerable(symmetry, shape, channels=(8, 16), dtype=torch.float64, **options):
    return moved(SteerableUNet(symmetry, shape, channels=channels, **options)).to(dtype)


@torch.no_grad()
def error(network, action, x=None, elements=None, **given):
    """The largest ||F(g x) - g F(x)|| / ||F(x)|| over elements, those on the grid if none are named."""
    dtype = next(network.parameters()).dtype
    x = images(2, *network.shape, dtype=dtype) if x is None else x
    noise = noise_levels(len(x), dtype)
    start, found = network(x, noise, **given), []
    for g in action.group.on_grid().elements() if elements is None else elements:
        turned = network(action(g, x), noise, **given)
        found.append(float((turned - action(g, start)).norm() / start.norm()))
    return max(found)


def own_error(network, **given):
    """That under the motions of the grid in its own group, acting on the channels as its field type says."""
    return error(network, ImageAction(network.group, network.field_type), **given)
