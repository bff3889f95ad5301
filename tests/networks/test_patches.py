"""Patches: nothing is lost on the way there and back, every patch is a position, and the network keeps any size."""

import pytest
import torch

from equigen.networks.patches import from_patches, to_patches
from equigen.networks.unet import UNet
from tests.networks.shaken import images, noise_levels, shaken


@pytest.mark.parametrize("patch", [1, 2, 3, 4])
@pytest.mark.parametrize("sides", [(8, 8), (9, 13), (1, 5)])
def test_there_and_back_is_the_identity(sides, patch):
    x = images(2, 3, *sides)
    assert torch.equal(from_patches(to_patches(x, patch), patch, *sides), x)


@pytest.mark.parametrize("transpose", [False, True])
def test_a_position_holds_the_pixels_of_its_own_square(transpose):
    x = images(1, 2, 6, 9)
    y = to_patches(x.transpose(2, 3), 3).transpose(2, 3) if transpose else to_patches(x, 3)
    square = x[0, 1, 3:6, 6:9]
    assert torch.equal(y[0, 9:, 1, 2].reshape(3, 3), square) == (not transpose)  # transposed, the order within differs


def test_invalid_pixels_become_zero_and_not_their_patch():
    mask = torch.tensor([[[[True, False], [True, True]]]])
    x = torch.tensor([[[[1.0, torch.nan], [3.0, 4.0]]]])
    assert to_patches(x, 2, mask).flatten().tolist() == [1.0, 0.0, 3.0, 4.0]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 13), (10, 25, 8)])
@pytest.mark.parametrize("patch", [2, 3])
def test_any_size_keeps_its_shape(shape, patch):
    network = UNet(shape, channels=(4, 8), patch=patch)
    assert network(torch.zeros(2, *shape), torch.zeros(2)).shape == (2, *shape)


@torch.no_grad()
def test_on_a_torus_shifts_by_the_coarsest_position_are_kept():
    network = shaken((1, 16, 16), channels=(4, 8), circular=True, patch=2)
    x, levels = images(2, 1, 16, 16), noise_levels(2)

    def error(by):
        moved = network(x.roll(by, (2, 3)), levels)
        return float((moved - network(x, levels).roll(by, (2, 3))).abs().max())

    assert error((4, 8)) < 1e-4 < 1e-2 < error((2, 1))


def test_a_step_is_cheaper_by_the_square_of_the_patch():
    def products(patch):
        network, counted = UNet((1, 32, 32), channels=(8, 8), patch=patch), []
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.register_forward_hook(lambda m, _, y: counted.append(y[0, 0].numel() * m.weight.numel()))
        network(torch.zeros(1, 1, 32, 32), torch.zeros(1))
        return sum(counted)

    assert 3 < products(1) / products(2) < 4.2
