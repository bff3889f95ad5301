"""The U-Net: sizes, padding, independence, initialisation."""

import pytest
import torch

from equigen.networks.unet import UNet


def shaken(*arguments, **options):
    """A network whose every layer takes part: the branches that start at zero are moved."""
    network, generator = UNet(*arguments, **options), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 13), (10, 32, 17), (1, 28, 28), (2, 255, 8)])
def test_any_size_keeps_its_shape(shape):
    out = shaken(shape, channels=(4, 8, 8))(images(2, *shape), torch.zeros(2))
    assert out.shape == (2, *shape)
    assert out.is_contiguous()


def test_the_largest_size_runs():
    assert UNet((1, 256, 256), channels=(2, 2, 2, 2, 2))(images(1, 1, 256, 256), torch.zeros(1)).shape[-1] == 256


def test_it_starts_as_zero_so_that_training_starts_at_the_linear_denoiser():
    assert bool((UNet((1, 8, 8))(images(2, 1, 8, 8), torch.zeros(2)) == 0).all())


def test_the_initial_weights_are_addressed():
    first, second, third = (UNet((1, 8, 8), channels=(4, 8), seed=s).state_dict() for s in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["inward.weight"], third["inward.weight"])


def test_every_parameter_gets_a_gradient():
    network = shaken((2, 9, 9), channels=(4, 8), blocks=2)
    network(images(3, 2, 9, 9), torch.linspace(-1, 1, 3)).square().sum().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in network.parameters())


@torch.no_grad()
def test_the_noise_level_matters_and_images_are_independent():
    network, x = shaken((1, 8, 8), channels=(8, 16)), images(4, 1, 8, 8)
    noise = torch.tensor([-1.0, -0.3, 0.4, 1.1])
    whole = network(x, noise)
    torch.testing.assert_close(network(x[2:3], noise[2:3]), whole[2:3], rtol=1e-4, atol=1e-5)
    assert float((network(x, noise + 0.1) - whole).abs().max()) > 1e-3


@torch.no_grad()
def shift_error(network, shift):
    x = images(2, 1, 16, 16)
    rolled = network(x.roll(shift, (2, 3)), torch.zeros(2))
    return float((rolled - network(x, torch.zeros(2)).roll(shift, (2, 3))).abs().max())


def test_circular_padding_commutes_with_shifts_by_the_coarsest_pixel():
    torus = shaken((1, 16, 16), channels=(4, 8, 8), circular=True)
    assert shift_error(torus, (4, 8)) < 1e-4
    assert shift_error(torus, (1, 2)) > 1e-2  # strides keep no more than that
    assert shift_error(shaken((1, 16, 16), channels=(4, 8, 8)), (4, 8)) > 1e-2  # the control: zero padding does not


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (((1, 7, 8),), {}),
        (((1, 8, 257),), {}),
        (((0, 8, 8),), {}),
        (((11, 8, 8),), {}),
        (((8, 8),), {}),
        (((1, 8, 8),), {"channels": ()}),
        (((1, 8, 8),), {"channels": (4, 0)}),
        (((1, 8, 8),), {"blocks": 0}),
        (((1, 8, 8),), {"channels": (4, 4, 4, 4, 4)}),
        (((1, 10, 8),), {"channels": (4, 4, 4), "circular": True}),
    ],
)
def test_what_does_not_fit_is_refused_at_construction(arguments, options):
    with pytest.raises(ValueError, match="but"):
        UNet(*arguments, **options)
