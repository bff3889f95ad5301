"""Masks: invalid pixels influence nothing, and an image on a larger canvas is the image alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from equigen.diffusion import EDM, DiffusionModel, KarrasPreconditioning, NetworkDenoiser
from equigen.networks import attention, unet
from equigen.networks.masked_layers import MaskedConv2d, MaskedGroupNorm, coarser
from equigen.spaces.batch import Batch
from equigen.spaces.masked import Masked
from tests.networks.shaken import images, noise_levels, shaken

OPTIONS = {
    "plain": {},
    "deep": {"blocks": 2},
    "attention": {"attention": True},
    "conditions": {"classes": 3, "values": 2},
    "torus": {"circular": True, "attention": True},
    "patches": {"patch": 2, "channels": (4, 8)},
}


def blobs(items, height, width):
    """Masks without any regularity; one of a single pixel, one of all."""
    mask = torch.rand(items, 1, height, width, generator=torch.Generator().manual_seed(2)) > 0.5
    mask[0], mask[-1] = False, True
    mask[0, 0, height - 1, 2] = True
    return mask


# --- what stands in invalid pixels changes nothing


def influence(network, shape, there):
    """Whether a bit of the output or of a gradient depends on what stands in invalid pixels."""
    mask, x = blobs(4, *shape[1:]), images(4, *shape)
    results = []
    for filled in (torch.where(mask, x, 0.0), torch.where(mask, x, there)):
        network.zero_grad()
        out = network(filled, noise_levels(4), structure=mask)
        out.square().sum().backward()
        results.append([out.detach(), *(p.grad for p in network.parameters())])
    return not all(torch.equal(a, b) and bool(b.isfinite().all()) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("there", [7.0, torch.nan, -torch.inf])
@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 16, 8)])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_invalid_pixels_influence_no_bit(options, shape, there):
    assert not influence(shaken(shape, **{"channels": (4, 8, 8), **options}), shape, there)


@pytest.mark.parametrize("there", [7.0, torch.nan])
def test_invalid_pixels_influence_no_bit_at_odd_sizes(there):
    assert not influence(shaken((1, 9, 13), channels=(4, 8, 8), attention=True), (1, 9, 13), there)


def product(self, input, mask=None):
    return nn.Conv2d.forward(self, input if mask is None else input * mask)


def unmasked_conv(self, input, mask=None):
    return nn.Conv2d.forward(self, input)


@pytest.mark.parametrize(("fault", "there"), [(unmasked_conv, 7.0), (product, torch.nan)])
def test_a_planted_influence_is_found(monkeypatch, fault, there):
    monkeypatch.setattr(MaskedConv2d, "forward", fault)
    assert influence(shaken((1, 8, 8), channels=(4, 8)), (1, 8, 8), there)


def test_invalid_pixels_come_out_as_zero():
    mask = blobs(3, 9, 8)
    out = shaken((2, 9, 8), channels=(4, 8))(images(3, 2, 9, 8), noise_levels(3), structure=mask)
    assert bool((out[~mask.expand_as(out)] == 0).all())
    assert bool((out[mask.expand_as(out)] != 0).all())


@torch.no_grad()
def test_valid_pixels_matter():
    network, mask, x = shaken((1, 8, 8), channels=(4, 8)), blobs(3, 8, 8), images(3, 1, 8, 8)
    first, second = (network(x + shift, noise_levels(3), structure=mask) for shift in (0.0, 0.1 * images(1, 1, 8, 8)))
    assert float((first - second).abs().flatten(1).amax(1).min()) > 1e-4


def test_an_image_without_a_valid_pixel_harms_no_other():
    network, mask = shaken((1, 8, 8), channels=(4, 8), attention=True), blobs(3, 8, 8)
    alone = network(images(3, 1, 8, 8)[1:], noise_levels(3)[1:], structure=mask[1:])
    mask[0] = False
    out = network(images(3, 1, 8, 8), noise_levels(3), structure=mask)
    torch.testing.assert_close(out[1:], alone, rtol=1e-4, atol=1e-5)
    assert bool((out[0] == 0).all())
    out.square().sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters())


def test_every_parameter_gets_a_gradient_through_a_mask():
    network = shaken((2, 9, 9), channels=(4, 8), attention=True, classes=3, values=2)
    given = {"label": torch.tensor([0, 1, 2, -1]), "value": images(4, 2), "structure": blobs(4, 9, 9)}
    network(images(4, 2, 9, 9), noise_levels(4), **given).square().sum().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in network.parameters())


# --- the canvas


@torch.no_grad()
def canvas_error(small, canvas, place=(0, 0), **options):
    """An image alone without a mask, against the same image on a canvas full of other numbers."""
    network = shaken((2, *small), **{"channels": (4, 8, 8), **options}).double()
    x, levels = images(3, 2, *small, dtype=torch.float64), noise_levels(3, torch.float64)
    rows, columns = (slice(start, start + side) for start, side in zip(place, small, strict=True))
    large = 9.0 * torch.ones(3, 2, *canvas, dtype=torch.float64)
    mask = torch.zeros(3, 1, *canvas, dtype=torch.bool)
    large[..., rows, columns], mask[..., rows, columns] = x, True
    return float((network(large, levels, structure=mask)[..., rows, columns] - network(x, levels)).abs().max())


CANVASES = [
    ((8, 8), (16, 12), (0, 0)),
    ((9, 13), (16, 16), (0, 0)),  # odd sides on an even canvas
    ((8, 10), (15, 17), (0, 0)),  # even sides on an odd one
    ((11, 9), (13, 23), (0, 0)),
    ((9, 11), (24, 21), (4, 8)),  # elsewhere, by whole pixels of the coarsest resolution
    ((8, 8), (8, 8), (0, 0)),  # the mask is full
]


@pytest.mark.parametrize(("small", "canvas", "place"), CANVASES)
@pytest.mark.parametrize(
    "options",
    [{}, {"blocks": 2, "attention": True}, {"patch": 2, "channels": (4, 8)}],
    ids=["plain", "attention", "patches"],
)
def test_an_image_on_a_canvas_is_the_image_alone(small, canvas, place, options):
    assert canvas_error(small, canvas, place, **options) < 1e-11


def test_the_canvas_is_seen_where_resolutions_do_not_line_up():
    assert canvas_error((8, 8), (16, 16), (1, 2)) > 1e-3


def plain_norm(self, input, mask=None):
    return nn.GroupNorm.forward(self, input)


def norm_of_zeros(self, input, mask=None):
    return nn.GroupNorm.forward(self, input if mask is None else torch.where(mask, input, 0.0))


def first_conv_only(self, input, mask=None):
    return nn.Conv2d.forward(self, input if mask is None or input.shape[1] > 2 else torch.where(mask, input, 0.0))


def all_valid(mask):
    return torch.ones_like(coarser(mask))


def shifted(mask):
    return coarser(mask.roll(-1, 3))


unmasked_attention = functional.scaled_dot_product_attention


@pytest.mark.parametrize(
    ("where", "name", "fault"),
    [
        (MaskedGroupNorm, "forward", plain_norm),
        (MaskedGroupNorm, "forward", norm_of_zeros),
        (MaskedConv2d, "forward", first_conv_only),
        (unet, "coarser", all_valid),
        (unet, "coarser", shifted),
        (attention.functional, "scaled_dot_product_attention", lambda q, k, v, attn_mask: unmasked_attention(q, k, v)),
    ],
    ids=["plain norm", "norm of zeros", "only the first conv", "coarse ones", "coarse shift", "attention to all"],
)
def test_a_planted_fault_is_seen_on_the_canvas(monkeypatch, where, name, fault):
    monkeypatch.setattr(where, name, fault)
    assert canvas_error((9, 13), (16, 20), attention=True) > 1e-4


@torch.no_grad()
def test_on_a_torus_masks_shift_with_their_images():
    network = shaken((1, 16, 16), channels=(4, 8, 8), circular=True, attention=True).double()
    x, mask, levels = images(3, 1, 16, 16, dtype=torch.float64), blobs(3, 16, 16), noise_levels(3, torch.float64)
    whole = network(x, levels, structure=mask)

    def error(shift):
        rolled = network(x.roll(shift, (2, 3)), levels, structure=mask.roll(shift, (2, 3)))
        return float((rolled - whole.roll(shift, (2, 3))).abs().max())

    assert error((4, 8)) < 1e-11
    assert error((1, 2)) > 1e-3  # the control: strides keep no more than that


# --- coarser masks


@pytest.mark.parametrize("side", [(8, 8), (9, 13), (1, 2)])
def test_a_coarse_pixel_is_valid_if_one_that_it_stands_for_is(side):
    mask = torch.rand(20, 1, *side, generator=torch.Generator().manual_seed(3)) > 0.7
    coarse = coarser(mask)
    parents = functional.interpolate(coarse.float(), size=side, mode="nearest") > 0
    assert not bool((mask & ~parents).any())  # each valid pixel is upsampled from a valid one
    stands_for = functional.conv2d(functional.pad(mask.float(), (0, 1, 0, 1)), torch.ones(1, 1, 2, 2), stride=2) > 0
    assert torch.equal(coarse, stands_for)


# --- together with the space, and what is refused


@pytest.mark.parametrize("there", [5.0, torch.nan])
def test_the_loss_and_its_gradient_know_only_valid_pixels(there):
    mask, x = blobs(4, 8, 8), images(4, 1, 8, 8)
    network = shaken((1, 8, 8), channels=(4, 8), attention=True)
    model = DiffusionModel(Masked(1, 8, 8), NetworkDenoiser(network, EDM(), KarrasPreconditioning()))
    results = []
    for filled in (x, torch.where(mask, x, there)):
        model.zero_grad()
        loss = model.loss(Batch.whole(filled, structure=mask), seed=0, step=0)
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in model.parameters())])
    assert all(torch.equal(a, b) and bool(b.isfinite().all()) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(2, 1, 8, 8),
        torch.ones(2, 8, 8, dtype=torch.bool),
        torch.ones(2, 3, 8, 8, dtype=torch.bool),
        torch.ones(1, 1, 8, 8, dtype=torch.bool),
        torch.ones(2, 1, 8, 9, dtype=torch.bool),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask):
    with pytest.raises(ValueError, match="bool mask"):
        shaken((3, 8, 8), channels=(4,))(images(2, 3, 8, 8), noise_levels(2), structure=mask)
