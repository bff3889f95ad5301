"""The U-Net: sizes, padding, independence, initialisation, the names that stored models know."""

import pytest
import torch

from equigen.networks.unet import UNet
from tests.networks.shaken import images, shaken


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


def test_options_leave_the_other_initial_weights_as_they_are():
    plain, rich = UNet((1, 8, 8), (4, 8)), UNet((1, 8, 8), (4, 8), classes=3, values=2, attention=True)
    for name, value in plain.state_dict().items():
        assert torch.equal(rich.state_dict()[name], value)
        assert rich.state_dict()[name].stride() == value.stride()
    assert not torch.equal(plain.inward.weight, UNet((1, 8, 8), (4, 8), seed=1, classes=3).inward.weight)  # the control


def test_stored_models_find_their_names():
    """The names and shapes of format 1: what a model on disk holds."""
    kinds = {
        "conv_1": ["weight", "bias"],
        "conv_2": ["weight", "bias"],
        "identity": ["weight", "bias"],
        "modulation": ["weight", "bias"],
        "norm_1": ["weight", "bias"],
        "norm_2": ["weight", "bias"],
    }

    def block(name, identity):
        return [f"{name}.{k}.{part}" for k, parts in kinds.items() for part in parts if identity or k != "identity"]

    expected = [f"{name}.{part}" for part in ("weight", "bias") for name in ("embedding.dense.0", "embedding.dense.2")]
    expected += [f"{name}.{part}" for part in ("weight", "bias") for name in ("inward", "outward.0", "outward.2")]
    expected += [f"{name}.conv.{part}" for part in ("weight", "bias") for name in ("down.1", "up.2")]
    expected += [*block("down.0", False), *block("down.2", True), *block("middle", False)]
    expected += [name for k in (0, 1, 3, 4) for name in block(f"up.{k}", True)]
    state = UNet((1, 8, 8), channels=(4, 8)).state_dict()
    assert sorted(state) == sorted(expected)
    assert state["up.3.conv_1.weight"].shape == (4, 12, 3, 3)
    options = set(UNet((1, 8, 8), channels=(4, 8), classes=3, values=2, attention=True).state_dict()) - set(state)
    assert {name.split(".")[0] for name in options} == {"label_embedding", "value_embedding", "self_attention"}


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
        (((1, 8, 8),), {"classes": -1}),
        (((1, 8, 8),), {"values": -2}),
        (((1, 8, 8),), {"patch": 0}),
        (((1, 8, 8),), {"patch": 4}),  # two positions cannot be halved twice
        (((1, 12, 12),), {"channels": (4, 4), "patch": 4, "circular": True}),
    ],
)
def test_what_does_not_fit_is_refused_at_construction(arguments, options):
    with pytest.raises(ValueError, match="but"):
        UNet(*arguments, **options)
