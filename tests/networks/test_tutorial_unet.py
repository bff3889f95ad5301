"""The tutorial's network: its sizes, its number of parameters, its fixed frequencies."""

import pytest
import torch

from equigen.networks.tutorial_unet import TutorialUNet


@pytest.mark.parametrize("side", [20, 28, 36])
def test_the_sizes_that_fit(side):
    assert TutorialUNet((1, side, side))(torch.zeros(2, 1, side, side), torch.ones(2)).shape == (2, 1, side, side)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 12, 12), (1, 27, 28), (1, 32, 32), (28, 28)])
def test_the_sizes_that_do_not_are_refused_at_construction(shape):
    with pytest.raises(ValueError, match="8 d"):
        TutorialUNet(shape)


def test_the_number_of_parameters_layer_by_layer():
    """Convolutions without bias but the last, a norm and a bias of the time for each, one dense layer of the time."""
    a, b, c, d, e = 32, 64, 128, 256, 256
    convolutions = 9 * (a + a * b + b * c + c * d + d * c + 2 * c * b + 2 * b * a + 2 * a) + 1
    per_width = sum(2 * width + (e + 1) * width for width in (a, b, c, d, c, b, a))
    expected = convolutions + per_width + (e + 1) * e
    assert sum(p.numel() for p in TutorialUNet((1, 28, 28)).parameters()) == expected == 1115297


def test_frequencies_are_fixed_and_gaussian():
    network = TutorialUNet((1, 28, 28), seed=1)
    assert network.frequencies.shape == (128,)
    assert not network.frequencies.requires_grad
    assert 24 < float(network.frequencies.std()) < 36
    assert torch.equal(network.frequencies, TutorialUNet((1, 28, 28), seed=1).frequencies)
    assert not torch.equal(network.frequencies, TutorialUNet((1, 28, 28), seed=2).frequencies)


@torch.no_grad()
def test_time_matters_and_images_are_independent():
    network, x = TutorialUNet((1, 20, 20)), torch.randn(3, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.1, 0.5, 0.9])
    whole = network(x, t)
    torch.testing.assert_close(network(x[1:2], t[1:2]), whole[1:2], rtol=1e-4, atol=1e-5)
    assert float((network(x, t + 0.1) - whole).abs().max()) > 1e-3
