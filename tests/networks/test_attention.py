"""Self-attention: against its formula, without order, masked, starting as nothing."""

import math

import pytest
import torch

from equigen.networks.attention import SelfAttention
from equigen.networks.unet import UNet
from tests.networks.shaken import images, noise_levels, shaken


def layer(channels=64):
    attention, generator = SelfAttention(channels).double(), torch.Generator().manual_seed(0)
    for parameter in attention.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return attention


def by_hand(attention, x, mask):
    """One image, one head and one pixel at a time, over the valid pixels."""
    out = x.clone()
    for b in range(len(x)):
        valid = mask[b].flatten().nonzero().flatten()
        pixels = x[b].flatten(1).mT[valid]  # (L, C)
        grouped = pixels.reshape(len(valid), attention.norm.num_groups, -1)
        centred = grouped - grouped.mean((0, 2), keepdim=True)
        grouped = centred / (centred.square().mean((0, 2), keepdim=True) + attention.norm.eps).sqrt()
        normed = grouped.reshape(pixels.shape) * attention.norm.weight + attention.norm.bias
        query, key, value = attention.inward(normed).chunk(3, dim=1)
        heads = []
        for q, k, v in zip(*(part.chunk(attention.heads, dim=1) for part in (query, key, value)), strict=True):
            heads.append(torch.softmax(q @ k.mT / math.sqrt(q.shape[1]), dim=1) @ v)
        out[b].flatten(1)[:, valid] += attention.outward(torch.cat(heads, dim=1)).mT
    return out


@torch.no_grad()
@pytest.mark.parametrize("channels", [6, 64, 96])
def test_it_is_its_formula(channels):
    attention, x = layer(channels), images(3, channels, 3, 5, dtype=torch.float64)
    mask = torch.rand(3, 1, 3, 5, generator=torch.Generator().manual_seed(5)) > 0.4
    mask[2] = True
    expected = by_hand(attention, x, mask)
    valid = mask.expand_as(x)
    torch.testing.assert_close(attention(x, mask)[valid], expected[valid], rtol=0, atol=1e-11)
    torch.testing.assert_close(attention(x[2:]), expected[2:], rtol=0, atol=1e-11)
    assert float((attention(x)[valid] - expected[valid]).abs().max()) > 1e-3  # the control: attention to all


def test_heads_divide_the_channels():
    assert [SelfAttention(c).heads for c in (4, 32, 64, 96, 100, 128)] == [1, 1, 2, 3, 2, 4]


@torch.no_grad()
def test_it_has_no_order_of_pixels():
    attention, x = layer(), images(2, 64, 4, 4, dtype=torch.float64)
    turned = attention(x.rot90(1, (2, 3)))
    torch.testing.assert_close(turned, attention(x).rot90(1, (2, 3)), rtol=0, atol=1e-12)


def test_it_starts_as_the_identity():
    x = images(2, 64, 4, 4)
    assert torch.equal(SelfAttention(64)(x), x)


@torch.no_grad()
def test_a_network_with_attention_sees_far():
    """At the coarsest of few resolutions convolutions end; attention does not."""
    x, levels = images(1, 1, 64, 64, dtype=torch.float64), noise_levels(1, torch.float64)
    changed = x.clone()
    changed[..., 0, 0] += 5.0

    def reach(attention):
        network = shaken((1, 64, 64), channels=(4, 8), attention=attention).double()
        for module in network.modules():  # norms see everything, too
            if isinstance(module, torch.nn.GroupNorm):
                module.forward = lambda x, mask=None: x
        return float((network(x, levels) - network(changed, levels))[..., -1, -1].abs())

    assert reach(attention=False) == 0.0
    assert reach(attention=True) > 0.0


def test_seeded():
    first, second = (UNet((1, 8, 8), channels=(4, 8), attention=True, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
