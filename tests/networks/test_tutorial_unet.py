"""The tutorial's network: its sizes, its number of parameters, its fixed frequencies, its layers one by one."""

import math

import pytest
import torch
from torch.nn import functional

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


def written_out(network, x, t):
    """The tutorial's forward pass, a line for each of its layers; what it does after dividing by sigma(t) aside."""
    act, norm, conv, transposed = functional.silu, functional.group_norm, functional.conv2d, functional.conv_transpose2d
    angle = t[:, None] * network.frequencies[None] * 2 * math.pi
    embedding = act(network.embedding(torch.cat((torch.sin(angle), torch.cos(angle)), dim=-1)))
    time = [dense(embedding)[..., None, None] for dense in network.times]
    w, n = [layer.weight for layer in (*network.down, *network.up)], network.norms
    h1 = act(norm(conv(x, w[0]) + time[0], 4, n[0].weight, n[0].bias))
    h2 = act(norm(conv(h1, w[1], stride=2) + time[1], 32, n[1].weight, n[1].bias))
    h3 = act(norm(conv(h2, w[2], stride=2) + time[2], 32, n[2].weight, n[2].bias))
    h4 = act(norm(conv(h3, w[3], stride=2) + time[3], 32, n[3].weight, n[3].bias))
    assert [h.shape[-1] for h in (h1, h2, h3, h4)] == [26, 12, 5, 2]
    assert [h.shape[1] for h in (h1, h2, h3, h4)] == [32, 64, 128, 256]
    h = act(norm(transposed(h4, w[4], stride=2) + time[4], 32, n[4].weight, n[4].bias))
    h = transposed(torch.cat((h, h3), dim=1), w[5], stride=2, output_padding=1) + time[5]
    h = act(norm(h, 32, n[5].weight, n[5].bias))
    h = transposed(torch.cat((h, h2), dim=1), w[6], stride=2, output_padding=1) + time[6]
    h = act(norm(h, 32, n[6].weight, n[6].bias))
    return transposed(torch.cat((h, h1), dim=1), network.outward.weight, network.outward.bias)


@torch.no_grad()
def test_it_is_the_tutorial_layer_by_layer():
    network, generator = TutorialUNet((1, 28, 28)).double(), torch.Generator().manual_seed(0)
    x, t = torch.randn(2, 1, 28, 28, generator=generator).double(), torch.tensor([0.2, 0.7]).double()
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    expected = written_out(network, x, t)
    torch.testing.assert_close(network(x, t), expected, rtol=1e-12, atol=1e-12)
    network.norms[2].num_groups = 4  # the control: another grouping
    assert float((network(x, t) - expected).abs().max()) > 1e-3


@pytest.mark.parametrize(
    "given",
    [{"label": torch.zeros(1).long()}, {"value": torch.zeros(1, 1)}, {"structure": torch.ones(1, 1, 20, 20).bool()}],
)
def test_conditions_are_refused(given):
    network, x = TutorialUNet((1, 20, 20)), torch.zeros(1, 1, 20, 20)
    with pytest.raises(ValueError, match=f"{next(iter(given))} given, but .* take UNet"):
        network(x, torch.ones(1), **given)
    assert torch.equal(network(x, torch.ones(1), **dict.fromkeys(given)), network(x, torch.ones(1)))
