"""Networks whose every layer takes part, and images for them."""

import torch

from equigen.networks.unet import UNet


def shaken(*arguments, **options):
    """A network whose branches that start at zero are moved."""
    network, generator = UNet(*arguments, **options), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def images(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def noise_levels(items, dtype=torch.float32):
    return torch.linspace(-0.5, 1.0, items, dtype=dtype)
